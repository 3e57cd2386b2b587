// Winograd convolution F(m x m, 3 x 3) in three kernels: transform weights, transform source pixels, multiply
// and transform back.
//
// Tiles lie side by side in vector lanes, from the source pixels (winograd_source.hpp) to the results (here).
// In between, each of the (m + 2)^2 planes is a matrix product  outputs x channels  by  channels x tiles
// (winograd_products.hpp), with weights transformed by winograd_weights.hpp. The transforms' matrices:
// winograd_transforms.hpp.
// Who calls what in which order, and where the planes live: ops/conv2d_winograd.cpp.
#include "winograd_products.hpp"
#include "winograd_source.hpp"
#include "winograd_weights.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {

void add_winograd(KernelTable& table) noexcept;

namespace {

// Elements between the planes of products; see NOTE [ 4 KiB aliasing ].
template <class T>
inline Index product_plane(Index outputs, Index tiles) {
    return outputs * round_up(tiles, lanes<T>) + lanes<T>;
}

template <class T, class F>
Index output_workspace(Index outputs, Index tiles) noexcept {
    return F::size * F::size * product_plane<T>(outputs, tiles);
}

// Elements first .. last - 1 of M vectors side by side; y is where element 0 would go.
template <class T, Index M>
RUSHLIGHT_INLINE void store_run(const Vec<T>* v, T* y, Index first, Index last) {
    RUSHLIGHT_UNROLL for (Index j = 0; j < M; ++j) {
        const Index from = max_of(first - j * lanes<T>, 0), to = min_of(last - j * lanes<T>, lanes<T>);
        if (to - from == lanes<T>)
            store(y + j * lanes<T>, v[j]);
        else if (to > from)
            store_lanes(y + j * lanes<T>, v[j], from, to);
    }
}

// One vector of tiles of one output channel from the planes of products (plane apart) to y, that channel of
// the first image.
template <class T, class F>
inline void transform_products(const WinogradShape& p, const T* products, Index plane, Index tile,
                               Index tile_count, Index first_strip, T bias, T* y) {
    constexpr Index m = F::m;
    Vec<T> in[F::size * F::size], out[m * m];
    RUSHLIGHT_UNROLL for (Index xi = 0; xi < F::size * F::size; ++xi) in[xi] =
        load(products + xi * plane + tile);
    transform_2d<T, F::size, m>(in, out, F::output);

    RUSHLIGHT_UNROLL for (Index i = 0; i < m; ++i) {
        RUSHLIGHT_UNROLL for (Index j = 0; j < m; ++j) out[i * m + j] += broadcast(bias);
        collect<T, int(m)>(out + i * m);
    }
    const Index end = min_of(tile + lanes<T>, tile_count);
    for (Index t = tile; t < end;) {
        const Index strip = first_strip + t / p.tile_cols, col = t % p.tile_cols;
        const Index run = min_of(p.tile_cols - col, end - t);
        const Index row = strip % p.tile_rows * m, width = min_of(run * m, p.OW - col * m);
        const Index first = (t - tile) * m;
        T* to = y + strip / p.tile_rows * p.result_image + row * p.result_row + col * m * p.result_col;
        RUSHLIGHT_UNROLL for (Index i = 0; i < m; ++i) {
            if (row + i >= p.OH) break;
            if (p.result_col == 1) {
                store_run<T, m>(out + i * m, to + i * p.result_row - first, first, first + width);
            } else {
                alignas(kVectorBytes) T pixels[m * lanes<T>];
                store_run<T, m>(out + i * m, pixels, 0, m * lanes<T>);
                for (Index j = 0; j < width; ++j) to[i * p.result_row + j * p.result_col] = pixels[first + j];
            }
        }
        t += run;
    }
}

template <class T, class F>
void products(const T* u, Index u_plane, const WinogradBlock<const T>& v, Index outputs, Range channels,
              Index count, T* workspace) noexcept {
    const Index padded = round_up(count, lanes<T>), plane = product_plane<T>(outputs, count);
    for (Index xi = 0; xi < F::size * F::size; ++xi) {
        for (Index c = channels.begin; c < channels.end; c += kChannelsPerSum) {
            Products<T> s;
            s.u = u + xi * u_plane + (c - channels.begin) * lanes<T>;
            s.panel = (channels.end - channels.begin) * lanes<T>;
            s.v = v.data + xi * v.plane + c * v.tiles;
            s.pitch = v.tiles;
            s.channels = min_of(kChannelsPerSum, channels.end - c);
            s.outputs = outputs;
            s.tiles = count;
            s.y = workspace + xi * plane;
            s.row = padded;
            s.accumulate = c > 0;
            multiply(s);
        }
    }
}

template <class T, class F>
void output(const WinogradShape& p, Range strips, Range outputs, const T* b, T* y,
            const T* workspace) noexcept {
    const Index tiles = (strips.end - strips.begin) * p.tile_cols, padded = round_up(tiles, lanes<T>);
    const Index rows = outputs.end - outputs.begin, plane = product_plane<T>(rows, tiles);
    for (Index k = 0; k < rows; ++k) {
        const Index channel = outputs.begin + k;
        for (Index tile = 0; tile < tiles; tile += lanes<T>)
            transform_products<T, F>(p, workspace + k * padded, plane, tile, tiles, strips.begin,
                                     b ? b[channel] : T(0), y + channel * p.result_channel);
    }
}

template <class T, template <class> class F>
WinogradKernels<T> kernels() {
    return WinogradKernels<T>{F<T>::m,
                              lanes<T>,
                              kChannelsPerSum,
                              weights<T, F<T>>,
                              input_workspace<T, F<T>>,
                              input<T, F<T>>,
                              output_workspace<T, F<T>>,
                              products<T, F<T>>,
                              output<T, F<T>>};
}

}  // namespace

void add_winograd(KernelTable& table) noexcept {
    table.winograd2_f32 = kernels<float, F2>();
    table.winograd4_f32 = kernels<float, F4>();
    table.winograd2_f64 = kernels<double, F2>();
}

}  // namespace rushlight::kernels::RUSHLIGHT_ISA
