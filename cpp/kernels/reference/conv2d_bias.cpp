// The plain bias gradient: one pixel after the other.
#include "../kernels.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {

void add_conv2d_bias(KernelTable& table) noexcept;

namespace {

template <class T>
void backward_bias(const Conv2dBackwardBias<T>& tile) noexcept {
    for (Index k = tile.k.begin; k < tile.k.end; ++k) {
        T sum = T(0);
        for (Index n = 0; n < tile.N; ++n)
            for (Index oh = 0; oh < tile.OH; ++oh) {
                const T* row =
                    tile.dy.data + n * tile.dy.stride_n + k * tile.dy.stride_c + oh * tile.dy.stride_h;
                for (Index ow = 0; ow < tile.OW; ++ow) sum += row[ow * tile.dy.stride_w];
            }
        tile.db[k] = sum;
    }
}

}  // namespace

void add_conv2d_bias(KernelTable& table) noexcept {
    table.conv2d_f32.backward_bias = backward_bias<float>;
    table.conv2d_f64.backward_bias = backward_bias<double>;
}

}  // namespace rushlight::kernels::RUSHLIGHT_ISA
