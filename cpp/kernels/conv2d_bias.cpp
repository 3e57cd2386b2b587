// The gradient of a convolution for the bias: the sum of dy over each channel.
#include "channel_sums.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {

void add_conv2d_bias(KernelTable& table) noexcept;

namespace {

// A piece side by side: where it is, or copied there. So strides change no bit of a sum.
template <class T>
inline const T* side_by_side(const Conv2dBackwardBias<T>& tile, const Piece& piece, T* copies) {
    const Images<const T>& dy = tile.dy;
    const T* plane = dy.data + piece.plane * dy.stride_n + (tile.k.begin + piece.channel) * dy.stride_c;
    if (dy.stride_w == 1 && dy.stride_h == tile.OW) return plane + piece.begin;
    for (Index i = 0; i < piece.length; ++i) {
        const Index pixel = piece.begin + i;
        copies[i] = plane[pixel / tile.OW * dy.stride_h + pixel % tile.OW * dy.stride_w];
    }
    return copies;
}

template <class T>
void backward_bias(const Conv2dBackwardBias<T>& tile) noexcept {
    T copies[kRun];
    double sums_of_channels[kMostChannels] = {};
    const ChannelPlanes planes{tile.N, 0, tile.k.end - tile.k.begin, tile.OH * tile.OW};
    sum_channels<T, 1>(
        planes,
        [&](const Piece& piece) {
            return [p = side_by_side(tile, piece, copies)](auto& sums, int v, Index i, Index count) {
                sums[0][v] += load_some(p + i, count);
            };
        },
        [&](Index k, const RunSize&, const double (&totals)[1]) { sums_of_channels[k] += totals[0]; });
    for (Index k = 0; k < planes.channels; ++k) tile.db[tile.k.begin + k] = T(sums_of_channels[k]);
}

}  // namespace

void add_conv2d_bias(KernelTable& table) noexcept {
    table.conv2d_f32.backward_bias = backward_bias<float>;
    table.conv2d_f64.backward_bias = backward_bias<double>;
}

}  // namespace rushlight::kernels::RUSHLIGHT_ISA
