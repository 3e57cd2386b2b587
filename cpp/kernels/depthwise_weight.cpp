// Weight gradient of a depthwise convolution: dw[r][s] = sum over pixels of dy[oh][ow] * x[oh * stride + r -
// pad][ow * stride + s - pad], straight from the user's images.
//
// Pixels lie in the lanes, and every weight has a vector of sums. A 3 x 3 kernel keeps its nine in registers
// while a band of dy rows goes by, so that every row of x is loaded once for all its products; other kernels
// take up to eight taps of a row at a time. Rows that do not exist are a row of zeros, which is why results
// that are not finite are looked at again (NOTE [ NaN and padding ] in conv2d.cpp).
//
// The order of the sums: blocks of rows, whose size depends on the width alone; in a block lane by lane; then
// the lanes.
#define RUSHLIGHT_NARROW_VECTORS
#include "conv2d_tile.hpp"
#include "conv2d_weight_repair.hpp"
#include "depthwise_band.hpp"
#include "lane_sums.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {

void add_depthwise_weight(KernelTable& table) noexcept;

namespace {

// Pixels whose products are added lane by lane before the lanes are added up: long enough to hide the cost of
// that, short enough to round little.
constexpr Index kBlockPixels = 8192;
constexpr Index kMostBlockRows = 64;
constexpr int kMostTapsAtOnce = 8;
// Rows of dy that a 3 x 3 kernel's nine sums leave registers for.
constexpr int kGradRows = kMaskedStores ? kBandRows : 2;

inline Index block_rows(const Conv2dShape& p) {
    const Index rows = min_of(kBlockPixels / max_of(p.OW, 1), kMostBlockRows);
    return max_of(rows / kBandRows * kBandRows, kBandRows);
}
RUSHLIGHT_INLINE Index block_source_rows(const Conv2dShape& p) {
    return (block_rows(p) - 1) * p.stride_h + p.R;
}

// Rows of a plane, their pixels side by side.
template <class T>
struct Plane {
    const T* data;
    Index row;
};

// Columns of a block: rows of dy, and of x those that the first of some kernel rows meets in them.
template <class T>
struct Columns {
    Plane<T> x, dy;
    const T* zeros;     // a row that does not exist
    Range rows;         // of dy
    Index above, H;     // row oh * stride - above of x is met, if it is one of H
    Index col, W;       // where the first tap meets the first output, and the width of x
    Index ow, vectors;  // the first output, and how many vectors of them
    Index last;         // Clipped: the lanes of dy that take part
};

// sums[r * sums_row + t] += products of kernel row r < Rows and tap t < Taps, `Band` rows of dy at a time.
template <class T, int Rows, int Taps, int Step, int Band, bool Clipped>
__attribute__((noinline)) void add_products(const Columns<T>& p, Index sums_row, Vec<T>* memory) {
    Vec<T> sums[Rows * Taps];
    RUSHLIGHT_UNROLL for (int r = 0; r < Rows; ++r) RUSHLIGHT_UNROLL for (int t = 0; t < Taps; ++t)
        sums[r * Taps + t] = memory[r * sums_row + t];
    // Those of a clipped vector, for all taps, and of its outputs.
    LaneMask<T> in[Taps + Step - 1][Step];
    RUSHLIGHT_UNROLL for (int t = 0; t < Taps; t += Step) {
        RUSHLIGHT_UNROLL for (int v = 0; v < Step; ++v) in[t][v] =
            lanes_inside<T>(p.col + t + v * lanes<T>, p.W);
    }
    const LaneMask<T> outputs(0, p.last);
    constexpr int kSources = (Band - 1) * Step + Rows;
    for (Index oh = p.rows.begin; oh < p.rows.end; oh += Band) {
        const T *x_rows[kSources], *dy_rows[Band];
        RUSHLIGHT_UNROLL for (int i = 0; i < kSources; ++i) {
            const Index ih = oh * Step - p.above + i;
            x_rows[i] = ih >= 0 && ih < p.H ? p.x.data + ih * p.x.row : p.zeros;
        }
        RUSHLIGHT_UNROLL for (int o = 0; o < Band; ++o) dy_rows[o] =
            oh + o < p.rows.end ? p.dy.data + (oh + o) * p.dy.row : p.zeros;
        Index col = p.col, ow = p.ow;
        for (Index v = 0; v < (Clipped ? 1 : p.vectors); ++v, ow += lanes<T>, col += Step * lanes<T>) {
            Vec<T> dy[Band];
            RUSHLIGHT_UNROLL for (int o = 0; o < Band; ++o) dy[o] =
                Clipped ? outputs.load(dy_rows[o] + ow) : load(dy_rows[o] + ow);
            if constexpr (Step == 2) {
                RUSHLIGHT_UNROLL for (int o = 0; o < Band; ++o) dy[o] =
                    outputs_in_blocks<T>(dy[o], AllLanes<T>{});
            }
            RUSHLIGHT_UNROLL for (int t = 0; t < Taps; t += Step) {
                RUSHLIGHT_UNROLL for (int i = 0; i < kSources; ++i) {
                    Vec<T> x[Step];
                    load_pixels<T, Step, Clipped>(x_rows[i] + col + t, in[t], t + Step <= Taps ? Step : 1, x);
                    RUSHLIGHT_UNROLL for (int u = 0; u < Step; ++u) {
                        if (t + u == Taps) break;
                        RUSHLIGHT_UNROLL for (int o = 0; o < Band; ++o) {
                            const int r = i - o * Step;
                            if (r >= 0 && r < Rows)
                                sums[r * Taps + t + u] = multiply_add<T>(dy[o], x[u], sums[r * Taps + t + u]);
                        }
                    }
                }
            }
        }
    }
    RUSHLIGHT_UNROLL for (int r = 0; r < Rows; ++r) RUSHLIGHT_UNROLL for (int t = 0; t < Taps; ++t)
        memory[r * sums_row + t] = sums[r * Taps + t];
}

// From run-time to compile-time numbers of taps.
template <class T, int Step, bool Clipped, int Taps = kMostTapsAtOnce>
RUSHLIGHT_INLINE void add_taps(const Columns<T>& p, Index taps, Vec<T>* sums) {
    if (taps == Taps) return add_products<T, 1, Taps, Step, 1, Clipped>(p, 0, sums);
    if constexpr (Taps > 1) add_taps<T, Step, Clipped, Taps - 1>(p, taps, sums);
}

// All taps' products.
template <class T, int Step, bool Is3x3, bool Clipped>
RUSHLIGHT_INLINE void add_columns(const Conv2dShape& shape, Columns<T> p, Vec<T>* sums) {
    if constexpr (Is3x3) return add_products<T, 3, 3, Step, kGradRows, Clipped>(p, 3, sums);
    const Index col = p.col;
    for (Index r = 0; r < shape.R; ++r)
        for (Index s = 0; s < shape.S; s += kMostTapsAtOnce) {
            p.above = shape.pad_top - r;
            p.col = col + s;
            add_taps<T, Step, Clipped>(p, min_of(kMostTapsAtOnce, shape.S - s), sums + r * shape.S + s);
        }
}

// sums += what `rows` of dy contribute.
template <class T, int Step, bool Is3x3>
void add_rows(const Conv2dShape& p, const Plane<T>& x, const Plane<T>& dy, const T* zeros, Range rows,
              Vec<T>* sums) {
    // Outputs whose pixels all lie inside x, in whole vectors; the other half of every second pixel included.
    const Index touched = (p.S - 1) / Step * Step + Step * lanes<T>;
    const Index last = min_of(floor_div(p.W - touched + p.pad_left, Step), p.OW - lanes<T>);
    const Index left = round_up((p.pad_left + Step - 1) / Step, lanes<T>);
    const Index inside = left <= last ? (last - left) / lanes<T> + 1 : 0;
    Columns<T> columns{x, dy, zeros + p.pad_left, rows, p.pad_top, p.H, 0, p.W, 0, 0, 0};
    for (Index ow = 0; ow < p.OW; ow += columns.vectors * lanes<T>) {
        columns.ow = ow;
        columns.col = ow * Step - p.pad_left;
        if (ow == left && inside) {
            columns.vectors = inside;
            add_columns<T, Step, Is3x3, false>(p, columns, sums);
        } else {
            columns.vectors = 1;
            columns.last = min_of(lanes<T>, p.OW - ow);
            add_columns<T, Step, Is3x3, true>(p, columns, sums);
        }
    }
}

// dw += the lanes of the sums, added up.
template <class T>
RUSHLIGHT_INLINE void add_sums(Vec<T>* sums, Index count, T* dw) {
    for (Index i = 0; i < count; i += lanes<T>) {
        for (Index j = count; j < i + lanes<T>; ++j) sums[j] = Vec<T>{};
        T totals[lanes<T>];
        store(totals, add_lanes<T>(sums + i));
        for (Index j = 0; j < min_of(lanes<T>, count - i); ++j) dw[i + j] += totals[j];
    }
}

// The row of zeros serves x, from its padding to the end of its last vector, and dy.
template <class T>
RUSHLIGHT_INLINE Index zero_elements(const Conv2dShape& p) {
    return max_of(p.W, p.OW * p.stride_w) + p.pad_left + p.S + 2 * lanes<T>;
}

// Scratch memory: the row of zeros, and a block's rows of x and dy where pixels are not side by side.
template <class T>
Index backward_weight_workspace(const Conv2dShape& p) noexcept {
    return zero_elements<T>(p) + block_source_rows(p) * p.W + block_rows(p) * p.OW;
}

// `rows` of a plane with their pixels side by side, copied if need be.
template <class T>
Plane<T> side_by_side(const T* plane, Index stride_h, Index stride_w, Range rows, Index width, T* to) {
    if (stride_w == 1) return Plane<T>{plane, stride_h};
    for (Index i = rows.begin; i < rows.end; ++i)
        copy_row(plane + i * stride_h, stride_w, to + (i - rows.begin) * width, width);
    return Plane<T>{to - rows.begin * width, width};
}

template <class T, int Step, bool Is3x3>
void add_images(const Conv2dShape& p, const DepthwiseBackwardWeight<T>& tile, Index k, T* dw, T* workspace) {
    T *const zeros = workspace, *const packed_x = zeros + zero_elements<T>(p);
    T* const packed_dy = packed_x + block_source_rows(p) * p.W;
    Vec<T> sums[kMostDepthwiseTaps + lanes<T>];
    for (Index n = tile.batch.begin; n < tile.batch.end; ++n) {
        const T* x = tile.x.data + n * tile.x.stride_n + k / (p.K / p.groups) * tile.x.stride_c;
        const T* dy = tile.dy.data + n * tile.dy.stride_n + k * tile.dy.stride_c;
        for (Index row = tile.rows.begin; row < tile.rows.end; row += block_rows(p)) {
            const Range rows{row, min_of(row + block_rows(p), tile.rows.end)};
            const Index last = min_of((rows.end - 1) * Step - p.pad_top + p.R, p.H);
            const Range source{min_of(max_of(rows.begin * Step - p.pad_top, 0), last), last};
            for (Index i = 0; i < p.R * p.S; ++i) sums[i] = Vec<T>{};
            add_rows<T, Step, Is3x3>(
                p, side_by_side(x, tile.x.stride_h, tile.x.stride_w, source, p.W, packed_x),
                side_by_side(dy, tile.dy.stride_h, tile.dy.stride_w, rows, p.OW, packed_dy), zeros, rows,
                sums);
            add_sums(sums, p.R * p.S, dw);
        }
    }
}

template <class T>
void backward_weight(const Conv2dShape& p, const DepthwiseBackwardWeight<T>& tile, T* workspace) noexcept {
    const Index Kg = p.K / p.groups, taps = p.R * p.S;
    const bool is_3x3 = p.R == 3 && p.S == 3;
    fill_zero(workspace, zero_elements<T>(p));
    for (Index k = tile.filters.begin; k < tile.filters.end; ++k) {
        T* dw = tile.dw + k * taps;
        fill_zero(dw, taps);
        if (p.stride_h == 1 && is_3x3)
            add_images<T, 1, true>(p, tile, k, dw, workspace);
        else if (p.stride_h == 1)
            add_images<T, 1, false>(p, tile, k, dw, workspace);
        else if (is_3x3)
            add_images<T, 2, true>(p, tile, k, dw, workspace);
        else
            add_images<T, 2, false>(p, tile, k, dw, workspace);
        const Range channel{k % Kg, k % Kg + 1};
        repair_backward_weight(p, Conv2dBackwardWeight<T>{tile.x, tile.dy, tile.dw, k / Kg, channel,
                                                          Range{0, 1}, tile.batch, tile.rows});
    }
}

template <class T>
void add(DepthwiseKernels<T>& kernels) {
    kernels.backward_weight_workspace = backward_weight_workspace<T>;
    kernels.backward_weight = backward_weight<T>;
}

}  // namespace

void add_depthwise_weight(KernelTable& table) noexcept {
    add(table.depthwise_f32);
    if (kRareTypes) add(table.depthwise_f64);
}

}  // namespace rushlight::kernels::RUSHLIGHT_ISA
