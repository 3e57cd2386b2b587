// A tile: the pixels that one block of outputs reads, copied into scratch memory so that every tap of the
// kernel is a plain offset.
//
// The idea that forward, input gradient and weight gradient share. Number the outputs of the block row after
// row with a fixed pitch: q = i * pitch + j. Copy the source so that tap t reads its pixel for output q at
// `tile[offset[t] + q]`, for every stride, dilation and padding. Then a convolution is   y[m][q] = sum over t
// of weight[m, t] * tile[offset[t] + q]   with pixels side by side in vector lanes, no division, no bounds,
// no im2col. (Dukhan, The Indirect Convolution Algorithm, arXiv:1907.02129, has the table of offsets; here it
// is one table per tile, not per pixel.) Between the rows lie pitch - cols outputs that nobody wants: they
// are computed and dropped, a few per cent on wide images.
//
// Along one direction, tap i of output o reads source pixel  base + o * step + i * delta. Forward: step =
// stride, delta = dilation. Input gradient: the outputs of one phase of the stride, step = 1. Where step > 1,
// pixels are sorted into planes by their residue, so that neighbouring outputs read neighbouring pixels.
#pragma once

#include "shuffles.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {
namespace {

// One direction of a tile. Tap number i is kernel row (or column) first + i * every.
struct Axis {
    Index first, every, count;
    Index base, step, delta;
    Index outputs;  // of this tile
    Index period;   // planes; tap i reads plane i % period ...
    Index hop;      // ... beginning at pixel (i / period) * hop
    Index extent;   // pixels of a plane along this direction
};

RUSHLIGHT_INLINE Index greatest_common_divisor(Index a, Index b) {
    while (b != 0) {
        const Index rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

// delta > 0. Taps share planes where that makes the tile smaller; a large dilation gives each tap a plane of
// its own.
inline Axis make_axis(Index first, Index every, Index count, Index base, Index step, Index delta,
                      Index outputs) {
    Axis axis{first, every, count, base, step, delta, outputs, 1, 0, outputs};
    if (count == 0) return axis;
    const Index residues = step / greatest_common_divisor(delta, step);
    const Index shared = min_of(residues, count);
    const Index hop = residues * delta / step;
    const Index extent = outputs + (count - 1) / residues * hop;
    if (shared * extent <= count * outputs) {
        axis.period = shared;
        axis.hop = hop;
        axis.extent = extent;
    } else {
        axis.period = count;
    }
    return axis;
}

// Source pixels from the first to the last that `outputs` outputs read.
inline Range read_range(const Axis& axis, Index outputs) {
    return {axis.base, axis.base + (outputs - 1) * axis.step + (axis.count - 1) * axis.delta + 1};
}

struct TileLayout {
    Axis h, w;
    Index pitch;    // between rows
    Index plane;    // between planes
    Index channel;  // between channels: h.period * w.period planes
};

// NOTE [ 4 KiB aliasing ]
// Planes a multiple of 4096 bytes apart compete for the same sets of the first-level cache; a few elements
// between them do not.
inline TileLayout make_layout(const Axis& h, const Axis& w, Index lane_count) {
    TileLayout layout{h, w, w.extent, h.extent * w.extent, 0};
    if (layout.plane % 256 == 0) layout.plane += lane_count;
    layout.channel = h.period * w.period * layout.plane;
    return layout;
}

// Enough elements for a channel of this tile and of any with fewer outputs. Those may have gaps between their
// planes where this one has none, and more planes, up to one for each tap.
inline Index most_elements(const TileLayout& layout, Index lane_count) {
    return layout.channel + max_of(layout.h.count, 1) * max_of(layout.w.count, 1) * lane_count;
}

// Where tap (i, j) of a channel reads its pixel for output 0: the sum of a part by rows and a part by
// columns.
RUSHLIGHT_INLINE Index tap_row_offset(const TileLayout& layout, Index i) {
    return i % layout.h.period * layout.w.period * layout.plane +
           i / layout.h.period * layout.h.hop * layout.pitch;
}
RUSHLIGHT_INLINE Index tap_col_offset(const TileLayout& layout, Index j) {
    return j % layout.w.period * layout.plane + j / layout.w.period * layout.w.hop;
}

// The pixels of one channel: a plane in memory and its bounds.
template <class T>
struct Source {
    const T* data;
    Index stride_h, stride_w;
    Index H, W;
};

template <class T>
RUSHLIGHT_INLINE void fill_zero(T* to, Index count) {
    Index j = 0;
    for (; j + lanes<T> <= count; j += lanes<T>) store(to + j, Vec<T>{});
    if (j < count) store_lanes(to + j, Vec<T>{}, 0, count - j);
}

// to[j] = from[j * stride], j < count. Touches nothing else.
template <class T>
RUSHLIGHT_INLINE void copy_row(const T* from, Index stride, T* to, Index count) {
    if (stride == 1) {
        Index j = 0;
        for (; j + lanes<T> <= count; j += lanes<T>) store(to + j, load(from + j));
        if (j < count) store_lanes(to + j, load_lanes(from + j, 0, count - j), 0, count - j);
    } else if (stride == 2) {
        Index j = 0;
        for (; j + lanes<T> < count; j += lanes<T>)
            store(to + j,
                  every_second<T, 0>(load(from + 2 * j), load(from + 2 * j + lanes<T>), AllLanes<T>{}));
        if (j < count) {
            const T* last = from + 2 * j;
            const Index pixels = 2 * (count - j) - 1, more = max_of(pixels - lanes<T>, 0);
            const Vec<T> low = load_lanes(last, 0, min_of(pixels, lanes<T>)),
                         high = load_lanes(last + lanes<T>, 0, more);
            store_lanes(to + j, every_second<T, 0>(low, high, AllLanes<T>{}), 0, count - j);
        }
    } else {
        for (Index j = 0; j < count; ++j) to[j] = from[j * stride];
    }
}

// Pixels col .. col + lanes - 1 of a row of W neighbours, zero outside it.
template <class T>
RUSHLIGHT_INLINE Vec<T> load_clipped(const T* row, Index col, Index W) {
    if (col >= 0 && col + lanes<T> <= W) return load(row + col);
    const Index first = min_of(max_of(-col, 0), lanes<T>);
    return load_lanes(row + col, first, max_of(first, min_of(W - col, lanes<T>)));
}

// NOTE [ Ascending stores ]
// Rows are stored in whole vectors that may run over the end of the row: what they spoil is written later,
// because rows, planes and channels are packed in ascending order. After the last one comes the tile's spare
// room.

// One plane: pixel (i, j) is source (row0 + i * step_h, col0 + j * step_w), zero outside the image.
template <class T>
inline void pack_plane(const Source<T>& source, Index row0, Index step_h, Index col0, Index step_w,
                       Index rows, Index cols, T* to) {
    // Columns [left, right) lie inside the image.
    const Index left = min_of(cols, col0 >= 0 ? 0 : (-col0 + step_w - 1) / step_w);
    const Index right = max_of(left, min_of(cols, floor_div(source.W - 1 - col0, step_w) + 1));
    for (Index i = 0; i < rows; ++i, to += cols) {
        const Index row = row0 + i * step_h;
        if (row < 0 || row >= source.H) {
            fill_zero(to, cols);
            continue;
        }
        const T* from = source.data + row * source.stride_h;
        if (step_w == 1 && source.stride_w == 1) {
            for (Index j = 0; j < cols; j += lanes<T>) store(to + j, load_clipped(from, col0 + j, source.W));
        } else {
            fill_zero(to, left);
            copy_row(from + (col0 + left * step_w) * source.stride_w, step_w * source.stride_w, to + left,
                     right - left);
            fill_zero(to + right, cols - right);
        }
    }
}

// M planes of every M-th column at once: rows are read once, M vectors at a time, and dealt out in registers.
template <class T, int M>
inline void pack_dealt(const Source<T>& source, Index row0, const TileLayout& layout, T* to) {
    const Index extent = layout.w.extent;
    for (Index i = 0; i < layout.h.extent; ++i, to += extent) {
        const Index row = row0 + i * layout.h.step;
        if (row < 0 || row >= source.H) {
            for (int p = 0; p < M; ++p) fill_zero(to + p * layout.plane, extent);
            continue;
        }
        const T* from = source.data + row * source.stride_h;
        for (Index j = 0; j < extent; j += lanes<T>) {
            Vec<T> v[M];
            RUSHLIGHT_UNROLL for (int p = 0; p < M; ++p) v[p] =
                load_clipped(from, layout.w.base + j * M + p * lanes<T>, source.W);
            deal_out<T, M>(v);
            const Index room =
                (layout.h.extent - i) * extent - j;  // the next plane is packed at the same time
            RUSHLIGHT_UNROLL for (int p = 0; p < M; ++p) {
                T* out = to + p * layout.plane + j;
                if (room >= lanes<T>)
                    store(out, v[p]);
                else
                    store_lanes(out, v[p], 0, room);
            }
        }
    }
}

// All planes of one channel, and zeros in the gaps between them.
template <class T>
RUSHLIGHT_NOINLINE void pack_channel(const Source<T>& source, const TileLayout& layout, T* to) {
    const Index step = layout.w.step;
    if (source.stride_w == 1 && layout.w.delta == 1 && layout.w.period == step && (step == 2 || step == 4)) {
        for (Index i = 0; i < layout.h.period; ++i, to += layout.w.period * layout.plane) {
            const Index row0 = layout.h.base + i * layout.h.delta, pixels = layout.h.extent * layout.w.extent;
            if (step == 2)
                pack_dealt<T, 2>(source, row0, layout, to);
            else
                pack_dealt<T, 4>(source, row0, layout, to);
            for (Index p = 0; p < step; ++p) fill_zero(to + p * layout.plane + pixels, layout.plane - pixels);
        }
        return;
    }
    for (Index i = 0; i < layout.h.period; ++i)
        for (Index j = 0; j < layout.w.period; ++j, to += layout.plane) {
            const Index pixels = layout.h.extent * layout.w.extent;
            pack_plane(source, layout.h.base + i * layout.h.delta, layout.h.step,
                       layout.w.base + j * layout.w.delta, layout.w.step, layout.h.extent, layout.w.extent,
                       to);
            fill_zero(to + pixels, layout.plane - pixels);
        }
}

}  // namespace
}  // namespace rushlight::kernels::RUSHLIGHT_ISA
