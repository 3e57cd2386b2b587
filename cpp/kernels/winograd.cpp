// Winograd convolution F(m x m, 3 x 3) in three kernels: transform weights, transform source pixels, multiply
// and transform back.
//
// Tiles lie side by side in vector lanes. A tile of m x m outputs reads (m + 2)^2 pixels, m apart from its
// neighbour's: that is the tile of conv2d_tile.hpp for a kernel of m + 2 taps with stride m, so padding, odd
// sizes and strides in memory are its business. In between, each of the (m + 2)^2 planes is a matrix product
// outputs x channels  by  channels x tiles, done by conv2d_sweep.hpp. Transforms: winograd_transforms.hpp.
// Who calls what in which order, and where the planes live: ops/conv2d_winograd.cpp.
#include "conv2d_sweep.hpp"
#include "conv2d_tile.hpp"
#include "shuffles.hpp"
#include "winograd_transforms.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {

void add_winograd(KernelTable& table) noexcept;

namespace {

// ---------------------------------------------------------------- weights

// Nine vectors of neighbouring weights: the kernels of `lanes` input channels, as one vector for each of the
// nine positions.
template <class T, int Tap = 0>
RUSHLIGHT_INLINE void sort_weights(const Vec<T>* nine, bool flip, Vec<T>* g) {
    g[flip ? 8 - Tap : Tap] = every_ninth<T, Tap>(nine, AllLanes<T>{});
    if constexpr (Tap < 8) sort_weights<T, Tap + 1>(nine, flip, g);
}

template <class T, class F>
void weights(const T* w, Index C, Range rows, Range columns, bool flip, T* u, Index plane,
             Index row) noexcept {
    const Index count = columns.end - columns.begin;
    for (Index k = rows.begin; k < rows.end; ++k, u += row) {
        for (Index c = 0; c < count; c += lanes<T>) {
            const Index here = min_of(lanes<T>, count - c);
            const T* kernels = w + (k * C + columns.begin + c) * 9;
            Vec<T> nine[9], g[9], result[F::size * F::size];
            RUSHLIGHT_UNROLL for (Index i = 0; i < 9; ++i) {
                const Index last = min_of(max_of(9 * here - i * lanes<T>, 0), lanes<T>);
                nine[i] = last == lanes<T> ? load(kernels + i * lanes<T>)
                                           : load_lanes(kernels + i * lanes<T>, 0, last);
            }
            sort_weights<T>(nine, flip, g);
            transform_2d<T, 3, F::size>(g, result, F::weights);
            RUSHLIGHT_UNROLL for (Index xi = 0; xi < F::size * F::size; ++xi) {
                T* to = u + xi * plane + c;
                if (here == lanes<T>)
                    store(to, result[xi]);
                else
                    store_lanes(to, result[xi], 0, here);
            }
        }
    }
}

// ---------------------------------------------------------------- source pixels

template <class F>
inline TileLayout source_layout(const WinogradShape& p, Range tile_rows, Index lane_count) {
    const Axis h = make_axis(0, 1, F::size, tile_rows.begin * F::m - p.pad_top, F::m, 1,
                             tile_rows.end - tile_rows.begin);
    const Axis w = make_axis(0, 1, F::size, -p.pad_left, F::m, 1, p.tile_cols);
    return make_layout(h, w, lane_count);
}

template <class T, class F>
Index input_workspace(const WinogradShape& p, Index strips) noexcept {
    const TileLayout layout = source_layout<F>(p, Range{0, min_of(strips, p.tile_rows)}, lanes<T>);
    return most_elements(layout, lanes<T>) + lanes<T>;
}

// Transforms the tiles of one channel that lie in one image; v points at the first of them.
template <class T, class F>
inline void transform_source(const TileLayout& layout, const T* pixels, T* v, Index plane) {
    constexpr Index points = F::size * F::size;
    Index offsets[points];
    for (Index i = 0; i < F::size; ++i)
        for (Index j = 0; j < F::size; ++j)
            offsets[i * F::size + j] = tap_row_offset(layout, i) + tap_col_offset(layout, j);

    const Index cols = layout.w.outputs, rows = layout.h.outputs;
    const Index count = (rows - 1) * layout.pitch + cols;
    for (Index q = 0; q < count; q += lanes<T>) {
        Vec<T> d[points], result[points];
        RUSHLIGHT_UNROLL for (Index i = 0; i < points; ++i) d[i] = load(pixels + offsets[i] + q);
        transform_2d<T, F::size, F::size>(d, result, F::input);
        // The tiles between the rows are dropped here, so that the products see none of them.
        Index row = q / layout.pitch, col = q % layout.pitch;
        for (Index lane = 0; lane < lanes<T> && row < rows; lane += layout.pitch - col, col = 0, ++row) {
            const Index last = min_of(lane + cols - col, lanes<T>);
            T* to = v + row * cols + col - lane;
            if (last - lane == lanes<T>) {
                RUSHLIGHT_UNROLL for (Index xi = 0; xi < points; ++xi) store(to + xi * plane, result[xi]);
            } else if (last > lane) {
                RUSHLIGHT_UNROLL for (Index xi = 0; xi < points; ++xi)
                    store_lanes(to + xi * plane, result[xi], lane, last);
            }
        }
    }
}

template <class T, class F>
void input(const WinogradShape& p, const Images<const T>& source, Range strips, Range channels,
           const WinogradBlock<T>& v, T* workspace) noexcept {
    for (Index s = strips.begin; s < strips.end;) {
        const Index n = s / p.tile_rows, row = s % p.tile_rows;
        const Range rows{row, min_of(p.tile_rows, row + strips.end - s)};
        const TileLayout layout = source_layout<F>(p, rows, lanes<T>);
        for (Index c = channels.begin; c < channels.end; ++c) {
            const T* plane = source.data + n * source.stride_n + c * source.stride_c;
            pack_channel(Source<T>{plane, source.stride_h, source.stride_w, p.H, p.W}, layout, workspace);
            transform_source<T, F>(layout, workspace, v.data + c * v.tiles + (s - strips.begin) * p.tile_cols,
                                   v.plane);
        }
        s += rows.end - rows.begin;
    }
}

// ---------------------------------------------------------------- products and results

// Channels whose products are added up in registers before they reach memory: short chains round less.
constexpr Index kChannelsPerSum = 128;

template <class T, class F>
Index output_workspace(const WinogradShape& p, Index outputs, Index tiles) noexcept {
    const Index taps = min_of(p.channels, kChannelsPerSum) * Index(sizeof(Tap)) / Index(sizeof(T));
    return round_up(taps, 64) + F::size * F::size * (outputs * round_up(tiles, lanes<T>) + lanes<T>);
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

    alignas(kVectorBytes) T pixels[m][m * lanes<T>];
    RUSHLIGHT_UNROLL for (Index i = 0; i < m; ++i) {
        RUSHLIGHT_UNROLL for (Index j = 0; j < m; ++j) out[i * m + j] += broadcast(bias);
        collect<T, int(m)>(out + i * m);
        RUSHLIGHT_UNROLL for (Index j = 0; j < m; ++j) store(pixels[i] + j * lanes<T>, out[i * m + j]);
    }
    const Index end = min_of(tile + lanes<T>, tile_count);
    for (Index t = tile; t < end;) {
        const Index strip = first_strip + t / p.tile_cols, col = t % p.tile_cols;
        const Index run = min_of(p.tile_cols - col, end - t);
        const Index row = strip % p.tile_rows * m, width = min_of(run * m, p.OW - col * m);
        T* to = y + strip / p.tile_rows * p.result_image + row * p.result_row + col * m * p.result_col;
        for (Index i = 0; i < min_of(m, p.OH - row); ++i, to += p.result_row) {
            const T* from = pixels[i] + (t - tile) * m;
            if (p.result_col == 1)
                copy_row(from, 1, to, width);
            else
                for (Index j = 0; j < width; ++j) to[j * p.result_col] = from[j];
        }
        t += run;
    }
}

template <class T, class F>
void output(const WinogradShape& p, const T* u, Index u_plane, Index u_row, Index u_channel,
            const WinogradBlock<const T>& v, Range strips, Range outputs, const T* b, T* y,
            T* workspace) noexcept {
    constexpr Index points = F::size * F::size;
    const Index tiles = (strips.end - strips.begin) * p.tile_cols, padded = round_up(tiles, lanes<T>);
    const Index rows = outputs.end - outputs.begin;
    Tap* taps = reinterpret_cast<Tap*>(workspace);
    const Index chunk = min_of(p.channels, kChannelsPerSum);
    for (Index c = 0; c < chunk; ++c) taps[c] = Tap{c * u_channel, c * v.tiles};
    T* products = workspace + round_up(chunk * Index(sizeof(Tap)) / Index(sizeof(T)), 64);
    const Index plane = rows * padded + lanes<T>;  // see NOTE [ 4 KiB aliasing ]

    for (Index xi = 0; xi < points; ++xi) {
        for (Index c = 0; c < p.channels; c += chunk) {
            Sweep<T> s;
            s.w = u + xi * u_plane + c * u_channel;
            s.w_channel = u_row;
            s.tile = v.data + xi * v.plane + c * v.tiles;
            s.pitch = padded;
            s.taps = taps;
            s.tap_count = min_of(chunk, p.channels - c);
            s.y = products + xi * plane;
            s.y_channel = padded;
            s.y_row = padded;
            s.y_col = 1;
            s.channels = rows;
            s.rows = 1;
            s.cols = padded;
            s.bias = nullptr;
            s.accumulate = c > 0;
            sweep(s);
        }
    }
    for (Index k = 0; k < rows; ++k) {
        const Index channel = outputs.begin + k;
        for (Index tile = 0; tile < tiles; tile += lanes<T>)
            transform_products<T, F>(p, products + k * padded, plane, tile, tiles, strips.begin,
                                     b ? b[channel] : T(0), y + channel * p.result_channel);
    }
}

template <class T, template <class> class F>
WinogradKernels<T> kernels() {
    return WinogradKernels<T>{F<T>::m,        weights<T, F<T>>,          input_workspace<T, F<T>>,
                              input<T, F<T>>, output_workspace<T, F<T>>, output<T, F<T>>};
}

}  // namespace

void add_winograd(KernelTable& table) noexcept {
    table.winograd2_f32 = kernels<float, F2>();
    table.winograd4_f32 = kernels<float, F4>();
    table.winograd2_f64 = kernels<double, F2>();
}

}  // namespace rushlight::kernels::RUSHLIGHT_ISA
