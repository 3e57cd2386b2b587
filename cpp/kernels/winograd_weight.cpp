// Winograd's weight gradient F(3 x 3, m x m): transform tiles of x and of dy, multiply, transform the sums
// back.
//
// Channels lie side by side in vector lanes from the start to the end: pixels are transposed as they are
// read, so that a tile is some whole vectors, transformed without a shuffle and stored as the matrix products
// want them. In between, each of the (m + 2)^2 points is a matrix product channels x tiles  by  tiles x
// outputs, done by outer_products.hpp. Who calls what in which order, and where the planes live:
// ops/conv2d_winograd_weight.cpp.
#include "channel_lanes.hpp"
#include "conv2d_tile.hpp"
#include "conv2d_weight_repair.hpp"
#include "outer_products.hpp"
#include "winograd_transforms.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {

void add_winograd_weight(KernelTable& table) noexcept;

namespace {

// ---------------------------------------------------------------- tiles

// One vector of channels of an image that tiles are cut from, and where the first tile begins.
template <class T>
struct Plane {
    const T* data;
    Index stride_c, stride_h, stride_w;
    Index H, W, channels;
    Index row0, col0;
};

// to[i][j] = pixel (row0 + i, col0 + j) of all channels, zero outside the image.
template <class T>
void pack_band(const Plane<T>& from, Index rows, Index cols, T* to) {
    const Index left = min_of(cols, max_of(-from.col0, 0));
    const Index right = max_of(left, min_of(cols, from.W - from.col0));
    for (Index i = 0; i < rows; ++i, to += cols * lanes<T>) {
        const Index row = from.row0 + i;
        if (row < 0 || row >= from.H) {
            fill_zero(to, cols * lanes<T>);
            continue;
        }
        fill_zero(to, left * lanes<T>);
        pack_lanes(from.data + row * from.stride_h + (from.col0 + left) * from.stride_w, from.stride_c,
                   from.stride_w, from.channels, right - left, to + left * lanes<T>, lanes<T>);
        fill_zero(to + right * lanes<T>, (cols - right) * lanes<T>);
    }
}

// What is cut into tiles: size x size pixels each, step apart, transformed to points x points.
template <class F>
struct SourceTiles {
    static constexpr Index size = F::size, step = F::m, points = F::size;
    typedef typename F::V V;
    RUSHLIGHT_INLINE static void transform(const V* d, V* v) { F::input(d, v); }
};
template <class F>
struct GradientTiles {
    static constexpr Index size = F::m, step = F::m, points = F::size;
    typedef typename F::V V;
    RUSHLIGHT_INLINE static void transform(const V* g, V* u) { F::grad_output(g, u); }
};

// `rows` x `cols` tiles of a band of packed pixels.
template <class T, class Tiles>
void transform_band(const T* band, Index rows, Index cols, T* to, const WinogradChannels<T>& layout) {
    constexpr Index size = Tiles::size, points = Tiles::points;
    const Index width = (cols - 1) * Tiles::step + size;
    for (Index i = 0; i < rows; ++i)
        for (Index j = 0; j < cols; ++j, to += layout.row) {
            const T* pixels = band + (i * width + j) * Tiles::step * lanes<T>;
            Vec<T> in[size * size], out[points * points];
            RUSHLIGHT_UNROLL for (Index a = 0; a < size; ++a)
                RUSHLIGHT_UNROLL for (Index b = 0; b < size; ++b) in[a * size + b] =
                    load(pixels + (a * width + b) * lanes<T>);
            transform_2d<T, size, points>(in, out, Tiles::transform);
            RUSHLIGHT_UNROLL for (Index xi = 0; xi < points * points; ++xi)
                store(to + xi * layout.plane, out[xi]);
        }
}

// Strips whose pixels are packed together; neighbouring strips share some.
constexpr Index kBandBytes = 160 * 1024;

template <class T, class Tiles>
inline Index band_strips(const WinogradShape& p) {
    const Index width = (p.tile_cols - 1) * Tiles::step + Tiles::size;
    const Index rows = kBandBytes / (width * lanes<T> * Index(sizeof(T)));
    return min_of(p.tile_rows, max_of(1, (rows - Tiles::size) / Tiles::step + 1));
}

// Pixels of a band in one direction, of so many tiles.
template <class Tiles>
inline Index band_pixels(Index tiles) {
    return (tiles - 1) * Tiles::step + Tiles::size;
}
template <class T, class Tiles>
inline Index band_elements(const WinogradShape& p) {
    return band_pixels<Tiles>(band_strips<T, Tiles>(p)) * band_pixels<Tiles>(p.tile_cols) * lanes<T>;
}

// The strips' tiles of some channels of `images`, whose first tile begins at (-pad_top, plane.col0).
template <class T, class Tiles>
void transform_strips(const WinogradShape& p, const Images<const T>& images, Plane<T> plane, Index pad_top,
                      Range strips, Range channels, const WinogradChannels<T>& to, T* workspace) {
    const Index most = band_strips<T, Tiles>(p);
    for (Index c = channels.begin; c < channels.end; c += lanes<T>) {
        plane.channels = min_of(lanes<T>, channels.end - c);
        T* first = to.data + c - channels.begin;
        for (Index s = strips.begin; s < strips.end;) {
            const Index n = s / p.tile_rows, row = s % p.tile_rows;
            const Index count = min_of(min_of(most, p.tile_rows - row), strips.end - s);
            plane.data = images.data + n * images.stride_n + c * images.stride_c;
            plane.row0 = row * Tiles::step - pad_top;
            pack_band(plane, band_pixels<Tiles>(count), band_pixels<Tiles>(p.tile_cols), workspace);
            transform_band<T, Tiles>(workspace, count, p.tile_cols, first, to);
            first += count * p.tile_cols * to.row;
            s += count;
        }
    }
}

template <class T, class F>
Index workspace(const WinogradShape& p) noexcept {
    return max_of(band_elements<T, SourceTiles<F>>(p), band_elements<T, GradientTiles<F>>(p));
}

template <class T, class F>
void source(const WinogradShape& p, const Images<const T>& x, Range strips, Range channels,
            const WinogradChannels<T>& v, T* workspace) noexcept {
    const Plane<T> plane{nullptr, x.stride_c, x.stride_h, x.stride_w, p.H, p.W, 0, 0, -p.pad_left};
    transform_strips<T, SourceTiles<F>>(p, x, plane, p.pad_top, strips, channels, v, workspace);
}

template <class T, class F>
void gradient(const WinogradShape& p, const Images<const T>& dy, Range strips, Range channels,
              const WinogradChannels<T>& u, T* workspace) noexcept {
    const Plane<T> plane{nullptr, dy.stride_c, dy.stride_h, dy.stride_w, p.OH, p.OW, 0, 0, 0};
    transform_strips<T, GradientTiles<F>>(p, dy, plane, 0, strips, channels, u, workspace);
}

// ---------------------------------------------------------------- products

// Tiles whose products are added up in registers before they reach memory: short chains round less.
constexpr Index kTilesPerSum = 112;

constexpr Index kNeighbours[] = {0, 1, 2, 3, 4, 5, 6, 7};
static_assert(outer_tile_rows(1) <= 8 && outer_tile_rows(kOuterVectors) <= 8, "more neighbours");

template <class T>
void products(const T* v, Index v_row, Index channels, const T* u, Index outputs, Index tiles, T* sums,
              Index sums_row, bool accumulate) noexcept {
    PixelRun run{0, 0, 0};
    OuterProducts<T> p{};
    p.rows = kNeighbours;
    p.row_count = channels;
    p.step = v_row;
    p.grads = u;
    p.vectors = round_up(outputs, lanes<T>) / lanes<T>;
    p.runs = &run;
    p.run_count = 1;
    p.sums_row = sums_row;
    p.accumulate = accumulate;
    const Index parts = (tiles + kTilesPerSum - 1) / kTilesPerSum;
    for (Index part = 0; part < parts; ++part, p.accumulate = true) {
        run.grad = tiles * part / parts;
        run.count = tiles * (part + 1) / parts - run.grad;
        for (Index i = 0; i < outer_tiles(p); ++i) {
            const Range rows = outer_tile(p, i);
            p.source = v + run.grad * v_row + rows.begin;
            p.sums = sums + rows.begin * sums_row;
            multiply_outer(p, Range{0, rows.end - rows.begin});
        }
    }
}

// ---------------------------------------------------------------- weights

constexpr Index kChannelsAtOnce = 16;  // nine weights of each, transposed back: whole vectors

template <class T>
Index weights_workspace(Index outputs) noexcept {
    return kChannelsAtOnce * 9 * round_up(outputs, lanes<T>);
}

// Nine weights of one input channel and a vector of output channels; returns them times zero.
template <class T, class F>
RUSHLIGHT_INLINE Vec<T> transform_sums(const WinogradSums<const T>& sums, Index first, T* to, Index row) {
    constexpr Index points = F::size * F::size;
    Vec<T> in[points], out[9], nothing = {};
    const T* from = sums.data + first;
    RUSHLIGHT_UNROLL for (Index xi = 0; xi < points; ++xi) in[xi] = load(from + xi * sums.plane);
    for (Index i = 1; i < sums.segments; ++i) {
        from += sums.segment;
        RUSHLIGHT_UNROLL for (Index xi = 0; xi < points; ++xi) in[xi] += load(from + xi * sums.plane);
    }
    transform_2d<T, F::size, 3>(in, out, F::grad_weight);
    RUSHLIGHT_UNROLL for (Index tap = 0; tap < 9; ++tap) {
        store(to + tap * row, out[tap]);
        nothing = multiply_add<T>(out[tap], Vec<T>{}, nothing);
    }
    return nothing;
}

template <class T, class F>
bool weights(const WinogradSums<const T>& sums, Index channels, Index outputs, T* dw, Index dw_row,
             T* workspace) noexcept {
    const Index width = round_up(outputs, lanes<T>);
    Vec<T> nothing = {};
    for (Index first = 0; first < channels; first += kChannelsAtOnce) {
        const Index count = min_of(kChannelsAtOnce, channels - first);
        for (Index c = 0; c < count; ++c)
            for (Index k = 0; k < width; k += lanes<T>)
                nothing += transform_sums<T, F>(sums, (first + c) * sums.row + k,
                                                workspace + c * 9 * width + k, width);
        for (Index k = 0; k < outputs; k += lanes<T>)
            unpack_lanes(workspace + k, width, count * 9, min_of(lanes<T>, outputs - k),
                         dw + k * dw_row + first * 9, dw_row);
    }
    T lane[lanes<T>], total = 0;
    store(lane, nothing);
    for (Index i = 0; i < lanes<T>; ++i) total += lane[i];
    return total == T(0);
}

template <class T, template <class> class F>
WinogradWeightKernels<T> kernels() {
    return WinogradWeightKernels<T>{F<T>::m,
                                    lanes<T>,
                                    kOuterVectors * lanes<T>,
                                    workspace<T, F<T>>,
                                    source<T, F<T>>,
                                    gradient<T, F<T>>,
                                    products<T>,
                                    weights_workspace<T>,
                                    weights<T, F<T>>,
                                    repair_backward_weight<T>};
}

}  // namespace

void add_winograd_weight(KernelTable& table) noexcept {
    table.winograd2_weight_f32 = kernels<float, F2>();
    table.winograd4_weight_f32 = kernels<float, F4>();
    table.winograd2_weight_f64 = kernels<double, F2>();
}

}  // namespace rushlight::kernels::RUSHLIGHT_ISA
