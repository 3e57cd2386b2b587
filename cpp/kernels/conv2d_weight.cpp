// Weight gradient of the direct convolution: dw[k][tap] = sum over pixels q of dy[k][q] * tile[tap + q], on
// forward's own tiles.
//
// Here the sum runs over pixels, which lie in vector lanes: each (k, tap) pair keeps a vector of partial sums
// while a tile's pixels go by, and the lanes are added up at the end of the tile. The outputs between the
// rows, which nobody wants, get dy = 0.
#include "conv2d_tile.hpp"
#include "conv2d_weight_repair.hpp"
#include "lane_sums.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {

void add_conv2d_weight(KernelTable& table) noexcept;

namespace {

constexpr Index kSums = kWeightRows * kWeightTaps;

// The operands of one tile: M rows of dy (pitch apart, zero between the image's rows), x shifted by V taps.
template <class T>
struct Products {
    const T* dy;
    Index dy_row;
    const T* tile;
    Index
        pixels;  // a multiple of lanes<T>; what lies past the tile's own pixels is zero in dy and finite in x
};

// dw[m * dw_row + t] += sum over q of dy[m][q] * tile[offsets[t] + q], for M rows and V taps.
template <class T, Index M, Index V>
void multiply_rows(const Products<T>& p, const Index* offsets, T* dw, Index dw_row) {
    static_assert(kSums % lanes<T> == 0, "add_lanes takes whole vectors of sums");
    Vec<T> sums[kSums] = {};
    for (Index q = 0; q < p.pixels; q += lanes<T>) {
        Vec<T> x[V];
        RUSHLIGHT_UNROLL for (Index t = 0; t < V; ++t) x[t] = load(p.tile + offsets[t] + q);
        RUSHLIGHT_UNROLL for (Index m = 0; m < M; ++m) {
            const Vec<T> dy = load(p.dy + m * p.dy_row + q);
            RUSHLIGHT_UNROLL for (Index t = 0; t < V; ++t) {
                Vec<T>& sum = sums[m * kWeightTaps + t];
                sum = multiply_add<T>(dy, x[t], sum);
            }
        }
    }
    T totals[kSums];
    RUSHLIGHT_UNROLL for (Index i = 0; i < kSums; i += lanes<T>) store(totals + i, add_lanes<T>(sums + i));
    for (Index m = 0; m < M; ++m)
        for (Index t = 0; t < V; ++t) dw[m * dw_row + t] += totals[m * kWeightTaps + t];
}

// From run-time to compile-time sizes.
template <class T, Index M, Index V = kWeightTaps>
RUSHLIGHT_INLINE void multiply_taps(const Products<T>& p, Index taps, const Index* offsets, T* dw,
                                    Index dw_row) {
    if (taps == V) return multiply_rows<T, M, V>(p, offsets, dw, dw_row);
    if constexpr (V > 1) multiply_taps<T, M, V - 1>(p, taps, offsets, dw, dw_row);
}
template <class T, Index M = kWeightRows>
RUSHLIGHT_INLINE void multiply(const Products<T>& p, Index rows, Index taps, const Index* offsets, T* dw,
                               Index dw_row) {
    if (rows == M) return multiply_taps<T, M>(p, taps, offsets, dw, dw_row);
    if constexpr (M > 1) multiply<T, M - 1>(p, rows, taps, offsets, dw, dw_row);
}

inline TileLayout input_layout(const Conv2dShape& p, Range rows, Range cols, Index lane_count) {
    const Axis h = make_axis(0, 1, p.R, rows.begin * p.stride_h - p.pad_top, p.stride_h, p.dilation_h,
                             rows.end - rows.begin);
    const Axis w = make_axis(0, 1, p.S, cols.begin * p.stride_w - p.pad_left, p.stride_w, p.dilation_w,
                             cols.end - cols.begin);
    return make_layout(h, w, lane_count);
}

// Outputs of a tile with this pitch, in whole vectors.
template <class T>
inline Index padded_outputs(const TileLayout& layout) {
    return round_up(layout.h.outputs * layout.pitch, lanes<T>);
}

template <class T>
inline Index offset_elements(Index taps) {
    return round_up(taps * Index(sizeof(Index)), 64) / Index(sizeof(T));
}

// Scratch memory: the tap offsets, k rows of dy, c channels of x and what is read past their end.
template <class T>
Index backward_weight_workspace(const Conv2dShape& p, const Conv2dBlocking& blocking, Index k,
                                Index c) noexcept {
    const TileLayout layout = input_layout(p, Range{0, blocking.rows}, Range{0, blocking.cols}, lanes<T>);
    return offset_elements<T>(c * p.R * p.S) + k * padded_outputs<T>(layout) +
           c * most_elements(layout, lanes<T>) + padded_outputs<T>(layout);
}

// One output channel's pixels, pitch apart, zero between the rows and after them.
template <class T>
inline void pack_grad_output(const T* plane, const Images<const T>& dy, const TileLayout& layout, Index count,
                             T* to) {
    const Index cols = layout.w.outputs;
    for (Index i = 0; i < layout.h.outputs; ++i, to += layout.pitch) {
        copy_row(plane + i * dy.stride_h, dy.stride_w, to, cols);
        fill_zero(to + cols, layout.pitch - cols);
    }
    fill_zero(to, count - layout.h.outputs * layout.pitch);
}

// Adds to dw what one tile of one image contributes.
template <class T>
void add_tile(const Conv2dShape& p, const Conv2dBackwardWeight<T>& tile, Index n, Range rows, Range cols,
              T* dw, T* workspace) {
    const Index Cg = p.C / p.groups, Kg = p.K / p.groups, RS = p.R * p.S;
    const Index channels = tile.c.end - tile.c.begin, kernels = tile.k.end - tile.k.begin,
                taps = channels * RS;
    const TileLayout layout = input_layout(p, rows, cols, lanes<T>);
    const Index outputs = padded_outputs<T>(layout);
    Index* offsets = reinterpret_cast<Index*>(workspace);
    T* grads = workspace + offset_elements<T>(taps);
    T* pixels = grads + kernels * outputs;

    for (Index c = 0; c < channels; ++c) {
        const T* plane =
            tile.x.data + n * tile.x.stride_n + (tile.g * Cg + tile.c.begin + c) * tile.x.stride_c;
        pack_channel(Source<T>{plane, tile.x.stride_h, tile.x.stride_w, p.H, p.W}, layout,
                     pixels + c * layout.channel);
        for (Index r = 0; r < p.R; ++r)
            for (Index s = 0; s < p.S; ++s)
                offsets[c * RS + r * p.S + s] =
                    c * layout.channel + tap_row_offset(layout, r) + tap_col_offset(layout, s);
    }
    fill_zero(pixels + channels * layout.channel, outputs);
    for (Index k = 0; k < kernels; ++k) {
        const T* plane =
            tile.dy.data + n * tile.dy.stride_n + (tile.g * Kg + tile.k.begin + k) * tile.dy.stride_c;
        pack_grad_output(plane + rows.begin * tile.dy.stride_h + cols.begin * tile.dy.stride_w, tile.dy,
                         layout, outputs, grads + k * outputs);
    }

    for (Index k = 0; k < kernels; k += kWeightRows) {
        const Products<T> products{grads + k * outputs, outputs, pixels, outputs};
        for (Index t = 0; t < taps; t += kWeightTaps)
            multiply(products, min_of(kWeightRows, kernels - k), min_of(kWeightTaps, taps - t), offsets + t,
                     dw + k * Cg * RS + t, Cg * RS);
    }
}

template <class T>
void backward_weight(const Conv2dShape& p, const Conv2dBlocking& blocking,
                     const Conv2dBackwardWeight<T>& tile, T* workspace) noexcept {
    const Index Cg = p.C / p.groups, Kg = p.K / p.groups, RS = p.R * p.S;
    const Index k0 = tile.g * Kg + tile.k.begin, kernels = tile.k.end - tile.k.begin;
    T* dw = tile.dw + (k0 * Cg + tile.c.begin) * RS;
    for (Index k = 0; k < kernels; ++k) fill_zero(dw + k * Cg * RS, (tile.c.end - tile.c.begin) * RS);

    for (Index n = tile.batch.begin; n < tile.batch.end; ++n)
        for (Index i = tile.rows.begin; i < tile.rows.end; i += blocking.rows)
            for (Index j = 0; j < p.OW; j += blocking.cols)
                add_tile(p, tile, n, Range{i, min_of(i + blocking.rows, tile.rows.end)},
                         Range{j, min_of(j + blocking.cols, p.OW)}, dw, workspace);

    repair_backward_weight(p, tile);
}

template <class T>
void add(Conv2dKernels<T>& kernels) {
    kernels.backward_weight_workspace = backward_weight_workspace<T>;
    kernels.backward_weight = backward_weight<T>;
}

}  // namespace

void add_conv2d_weight(KernelTable& table) noexcept {
    add(table.conv2d_f32);
    add(table.conv2d_f64);
}

}  // namespace rushlight::kernels::RUSHLIGHT_ISA
