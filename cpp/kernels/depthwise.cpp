// Depthwise convolution: planes filtered one by one, band after band (depthwise_band.hpp), straight from the
// user's image.
#define RUSHLIGHT_NARROW_VECTORS
#include "conv2d_tile.hpp"
#include "depthwise_band.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {

void add_depthwise(KernelTable& table) noexcept;

namespace {

// Output rows whose pixels are copied together where the pixels of a row are not neighbours in memory.
constexpr Index kPackedRows = 16;

// Rows whose left and right ends are filtered before the next rows' are, so that they are still in a cache.
constexpr Index kRowsAtOnce = 64;

// Source rows or columns that `outputs` outputs read.
RUSHLIGHT_INLINE Index source_extent(Index outputs, Index stride, Index taps) {
    return (outputs - 1) * stride + taps;
}
// Source columns that vectors of `cols` output columns touch.
template <class T>
RUSHLIGHT_INLINE Index source_cols(const DepthwiseShape& p, Index cols) {
    return max_of(cols, lanes<T>) * p.stride + p.S;
}

// Scratch memory: a flipped filter, the row of zeros, and rows of pixels copied.
template <class T>
Index forward_workspace(const DepthwiseShape& p, Index cols) noexcept {
    return kMostDepthwiseTaps +
           source_cols<T>(p, cols) * (1 + source_extent(min_of(kPackedRows, p.OH), p.stride, p.R));
}

// A source plane whose rows have their pixels side by side, and rows x cols of the result.
template <class T>
struct PlaneTile {
    const T* x;
    Index x_row;
    const T* zeros;  // to be read at the columns of a source row
    const T* w;
    T bias;
    T* y;
    const T* y_end;  // all before it are written later, or not by us
    Range rows, cols;
};

template <class T, int Outputs, int Step, class Weights>
RUSHLIGHT_INLINE void start_band(const DepthwiseShape& p, const PlaneTile<T>& tile, Index oh, Band<T>& band) {
    const Index ih = oh * Step - p.pad_top, count = source_extent(Outputs, Step, Weights::rows(p));
    if (ih >= 0 && ih + count <= p.H)
        for (Index i = 0; i < count; ++i) band.rows[i] = tile.x + (ih + i) * tile.x_row;
    else
        for (Index i = 0; i < count; ++i)
            band.rows[i] = ih + i >= 0 && ih + i < p.H ? tile.x + (ih + i) * tile.x_row : tile.zeros;
}

// The bands' first output rows: the last band overlaps the one before it, unless there is no other.
RUSHLIGHT_INLINE Index band_begin(const Range& rows, Index row, Index outputs) {
    return max_of(rows.begin, min_of(row, rows.end - outputs));
}

// NOTE [ Rows narrower than a vector ]
// are stored in whole vectors: what they spoil is the begin of the next row, which is written later. The last
// rows of all, before y_end, are stored lane by lane.

// One vector of output columns that needs pixels beyond the plane, or has fewer outputs than lanes.
template <class T, int Outputs, int Step, class Weights>
__attribute__((noinline)) void filter_edge(const DepthwiseShape& shape, const PlaneTile<T>& plane,
                                           const Range rows, const Index ow) {
    const DepthwiseShape p = shape;  // copies: a store through a vector pointer might change the originals
    const PlaneTile<T> tile = plane;
    const Index col = ow * Step - p.pad_left;
    const Weights w(tile.w);
    const Vec<T> bias = broadcast(tile.bias);
    Band<T> band{{}, p.W, p.R, p.S};
    const Index cols = min_of(lanes<T>, tile.cols.end - ow);
    for (Index row = rows.begin; row < rows.end; row += Outputs) {
        const Index oh = band_begin(rows, row, Outputs);
        start_band<T, Outputs, Step, Weights>(p, tile, oh, band);
        Vec<T> sums[Outputs];
        sum_kernel<T, Outputs, Step, true>(band, w, bias, col, sums);
        T* y = tile.y + oh * p.OW + ow;
        if (oh + Outputs <= rows.end && y + (Outputs - 1) * p.OW + lanes<T> <= tile.y_end) {
            RUSHLIGHT_UNROLL for (int o = 0; o < Outputs; ++o) store(y + o * p.OW, sums[o]);
            continue;
        }
        RUSHLIGHT_UNROLL for (int o = 0; o < Outputs; ++o, y += p.OW) {
            if (oh + o >= rows.end) break;
            if (y + lanes<T> <= tile.y_end)
                store(y, sums[o]);
            else
                store_lanes(y, sums[o], 0, cols);
        }
    }
}

template <class T, int Step, class Weights>
RUSHLIGHT_INLINE void filter_edges(const DepthwiseShape& p, const PlaneTile<T>& tile, const Range& rows,
                                   Index ow) {
    if (Weights::is_3x3 && (rows.end - rows.begin) % kTallBandRows == 0)
        filter_edge<T, kTallBandRows, Step, Weights>(p, tile, rows, ow);
    else
        filter_edge<T, kBandRows, Step, Weights>(p, tile, rows, ow);
}

// Vectors of output columns from ow on, whose pixels lie inside the plane. At least kBandRows rows.
template <class T, int Step, class Weights>
__attribute__((noinline)) void filter_inside(const DepthwiseShape& shape, const PlaneTile<T>& plane,
                                             const Range rows, const Index ow, const Index vectors) {
    const DepthwiseShape p = shape;
    const PlaneTile<T> tile = plane;
    const Weights w(tile.w);
    const Vec<T> bias = broadcast(tile.bias);
    Band<T> band{{}, p.W, p.R, p.S};
    for (Index row = rows.begin; row < rows.end; row += kBandRows) {
        const Index oh = band_begin(rows, row, kBandRows);
        start_band<T, kBandRows, Step, Weights>(p, tile, oh, band);
        T* y = tile.y + oh * p.OW + ow;
        Index col = ow * Step - p.pad_left;
        for (Index v = 0; v < vectors; ++v, y += lanes<T>, col += Step * lanes<T>) {
            Vec<T> sums[kBandRows];
            sum_kernel<T, kBandRows, Step, false>(band, w, bias, col, sums);
            RUSHLIGHT_UNROLL for (int o = 0; o < kBandRows; ++o) store(y + o * p.OW, sums[o]);
        }
    }
}

template <class T, int Step, class Weights>
void filter_plane(const DepthwiseShape& p, const PlaneTile<T>& tile) {
    const Range cols = tile.cols;
    // Whole vectors for every tap, and the other half of every second pixel, must lie in [0, W).
    const Index touched =
        Weights::is_3x3 && Step == 2 ? 1 + 2 * lanes<T> : (p.S - 1) / Step * Step + Step * lanes<T>;
    const Index last = min_of(floor_div(p.W - touched + p.pad_left, Step), cols.end - lanes<T>);
    Index left = cols.begin;
    while (left * Step < p.pad_left && left < cols.end) left += lanes<T>;
    const bool band = tile.rows.end - tile.rows.begin >= kBandRows;
    const Index vectors = band && left <= last ? (last - left) / lanes<T> + 1 : 0;
    for (Index row = tile.rows.begin; row < tile.rows.end; row += kRowsAtOnce) {
        Range rows{row, min_of(row + kRowsAtOnce, tile.rows.end)};
        if (band) rows.begin = min_of(rows.begin, rows.end - kBandRows);
        if (vectors) filter_inside<T, Step, Weights>(p, tile, rows, left, vectors);
        for (Index ow = cols.begin; ow < cols.end; ow += lanes<T>) {
            if (ow >= left && ow < left + vectors * lanes<T>) continue;
            const Index at = max_of(cols.begin, min_of(ow, cols.end - lanes<T>));
            if (vectors && at >= left && at <= last)
                filter_inside<T, Step, Weights>(p, tile, rows, at, 1);
            else
                filter_edges<T, Step, Weights>(p, tile, rows, at);
        }
    }
}

template <class T, int Step>
RUSHLIGHT_INLINE void filter_plane(const DepthwiseShape& p, const PlaneTile<T>& tile) {
    if (p.R == 3 && p.S == 3)
        filter_plane<T, Step, NineWeights<T>>(p, tile);
    else
        filter_plane<T, Step, WeightsInMemory<T>>(p, tile);
}
template <class T>
RUSHLIGHT_INLINE void filter_plane(const DepthwiseShape& p, const PlaneTile<T>& tile) {
    if (p.stride == 1)
        filter_plane<T, 1>(p, tile);
    else
        filter_plane<T, 2>(p, tile);
}

// The same for pixels that are not side by side: some rows at a time are copied first.
template <class T>
void filter_strided(const DepthwiseShape& p, PlaneTile<T> tile, const T* x, Index stride_h, Index stride_w,
                    T* packed) {
    const Range rows = tile.rows;
    const Index col0 = tile.cols.begin * p.stride - p.pad_left;
    const Index left = min_of(max_of(col0, 0), p.W);
    const Index width =
        max_of(0, min_of(p.W, col0 + source_cols<T>(p, tile.cols.end - tile.cols.begin)) - left);
    for (Index oh = rows.begin; oh < rows.end; oh += kPackedRows) {
        tile.rows = Range{oh, min_of(oh + kPackedRows, rows.end)};
        const Index first = max_of(oh * p.stride - p.pad_top, 0);
        const Index last = min_of((tile.rows.end - 1) * p.stride - p.pad_top + p.R, p.H);
        for (Index ih = first; ih < last; ++ih)
            copy_row(x + ih * stride_h + left * stride_w, stride_w, packed + (ih - first) * width, width);
        tile.x = packed - first * width - left;
        tile.x_row = width;
        filter_plane(p, tile);
    }
}

template <class T>
void forward(const DepthwiseShape& p, const DepthwiseForward<T>& tile, T* workspace) noexcept {
    const Index cols = source_cols<T>(p, tile.cols.end - tile.cols.begin), taps = p.R * p.S;
    T *flipped = workspace, *zeros = flipped + kMostDepthwiseTaps, *packed = zeros + cols;
    fill_zero(zeros, cols);
    const bool whole = tile.rows.begin == 0 && tile.rows.end == p.OH;
    PlaneTile<T> plane;
    plane.zeros = zeros - (tile.cols.begin * p.stride - p.pad_left);
    plane.rows = tile.rows;
    plane.cols = tile.cols;
    Index n = tile.planes.begin / p.filters, k = tile.planes.begin % p.filters;
    for (Index i = tile.planes.begin; i < tile.planes.end; ++i, ++k) {
        if (k == p.filters) k = 0, ++n;
        const Index c = p.multiplier == 1 ? k : k / p.multiplier;
        const T* x = tile.x.data + n * tile.x.stride_n + c * tile.x.stride_c;
        plane.w = tile.w + k * taps;
        if (tile.flip) {
            for (Index t = 0; t < taps; ++t) flipped[t] = plane.w[taps - 1 - t];
            plane.w = flipped;
        }
        plane.bias = tile.b ? tile.b[k] : T(0);
        plane.y = tile.y + i * p.OH * p.OW;
        plane.y_end = whole ? tile.y + tile.planes.end * p.OH * p.OW
                            : plane.y + (tile.rows.end - 1) * p.OW + tile.cols.end;
        if (tile.x.stride_w == 1) {
            plane.x = x;
            plane.x_row = tile.x.stride_h;
            filter_plane(p, plane);
        } else {
            filter_strided(p, plane, x, tile.x.stride_h, tile.x.stride_w, packed);
        }
    }
}

template <class T>
void add(DepthwiseKernels<T>& kernels) {
    kernels.forward_workspace = forward_workspace<T>;
    kernels.forward = forward<T>;
}

}  // namespace

void add_depthwise(KernelTable& table) noexcept {
    add(table.depthwise_f32);
    if (kRareTypes) add(table.depthwise_f64);
}

}  // namespace rushlight::kernels::RUSHLIGHT_ISA
