// Winograd convolution's source pixels: from images to transformed tiles, which lie side by side.
//
// A tile of m x m outputs reads (m + 2)^2 pixels, m apart from its neighbour's. Rows first: the pixels of a
// row of the image are dealt out, so that lane t has what tile t reads, and transformed along the row, once
// for the two rows of tiles that may share it. What comes of row i is kept in plane i % m, with the rows of a
// plane one after the other: then tile q, counted across the rows, reads its column from q on in each of
// them, whatever the width of the image, and the columns are transformed in whole vectors.
#pragma once

#include "conv2d_tile.hpp"
#include "winograd_transforms.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {
namespace {

// Elements between the planes of transformed rows; see NOTE [ 4 KiB aliasing ].
template <class T>
inline Index half_plane(Index rows, Index cols) {
    const Index plane = round_up((rows + 1) * cols, lanes<T>) + lanes<T>;  // stores may overrun the last row
    return plane % 256 == 0 ? plane + lanes<T> : plane;
}

template <class T, class F>
Index input_workspace(const WinogradShape& p, Index strips) noexcept {
    return F::m * F::size * half_plane<T>(min_of(strips, p.tile_rows), p.tile_cols) + round_up(p.W, lanes<T>);
}

// One row of pixels: to[j * plane + col], j < m + 2. Tile col reads pixels from first + col * m on.
template <class T, class F>
inline void transform_row(const T* row, Index first, Index W, Index cols, T* to, Index plane) {
    constexpr Index m = F::m, L = lanes<T>;
    for (Index col = 0; col < cols; col += L, first += m * L) {
        Vec<T> d[2 * m], half[F::size];
        RUSHLIGHT_UNROLL for (Index p = 0; p < m; ++p) {
            d[p] = load_clipped(row, first + p * L, W);
            d[m + p] = load_clipped(row, first + m + p * L, W);
        }
        deal_out<T, int(m)>(d);
        deal_out<T, int(m)>(d + m);
        F::input(d, half);
        RUSHLIGHT_UNROLL for (Index j = 0; j < F::size; ++j) store(to + j * plane + col, half[j]);
    }
}

// The rows of one channel that `rows` of tiles read; stride_w 1, or else the row is copied to `line`.
template <class T, class F>
inline void transform_rows(const WinogradShape& p, const Source<T>& source, Range rows, T* half, Index plane,
                           T* line) {
    const Index count = (rows.end - rows.begin - 1) * F::m + F::size;
    for (Index i = 0; i < count; ++i) {
        const Index y = rows.begin * F::m - p.pad_top + i;
        T* to = half + i % F::m * F::size * plane + i / F::m * p.tile_cols;
        if (y < 0 || y >= p.H) {
            for (Index j = 0; j < F::size; ++j) fill_zero(to + j * plane, p.tile_cols);
            continue;
        }
        const T* row = source.data + y * source.stride_h;
        if (source.stride_w != 1) {
            copy_row(row, source.stride_w, line, p.W);
            row = line;
        }
        transform_row<T, F>(row, -p.pad_left, p.W, p.tile_cols, to, plane);
    }
}

// v[(i * (m + 2) + j) * v_plane + tile], for `tiles` tiles; there is room for `room` of them.
template <class T, class F>
inline void transform_columns(const T* half, Index plane, Index cols, Index tiles, T* v, Index v_plane,
                              Index room) {
    for (Index q = 0; q < tiles; q += lanes<T>) {
        const bool whole = q + lanes<T> <= room;
        RUSHLIGHT_UNROLL for (Index j = 0; j < F::size; ++j) {
            Vec<T> d[F::size], result[F::size];
            RUSHLIGHT_UNROLL for (Index i = 0; i < F::size; ++i) d[i] =
                load(half + (i % F::m * F::size + j) * plane + i / F::m * cols + q);
            F::input(d, result);
            RUSHLIGHT_UNROLL for (Index i = 0; i < F::size; ++i) {
                T* to = v + (i * F::size + j) * v_plane + q;
                if (whole)
                    store(to, result[i]);
                else
                    store_lanes(to, result[i], 0, tiles - q);
            }
        }
    }
}

template <class T, class F>
void input(const WinogradShape& p, const Images<const T>& source, Range strips, Range channels,
           const WinogradBlock<T>& v, T* workspace) noexcept {
    for (Index s = strips.begin;
         s < strips.end;) {  // image by image: what overruns the first, the next mends
        const Index n = s / p.tile_rows, row = s % p.tile_rows;
        const Range rows{row, min_of(p.tile_rows, row + strips.end - s)};
        const Index count = rows.end - rows.begin, plane = half_plane<T>(count, p.tile_cols);
        const Index tile = (s - strips.begin) * p.tile_cols;
        for (Index c = channels.begin; c < channels.end; ++c) {
            const T* image = source.data + n * source.stride_n + c * source.stride_c;
            transform_rows<T, F>(p, Source<T>{image, source.stride_h, source.stride_w, p.H, p.W}, rows,
                                 workspace, plane, workspace + F::m * F::size * plane);
            transform_columns<T, F>(workspace, plane, p.tile_cols, count * p.tile_cols,
                                    v.data + c * v.tiles + tile, v.plane, v.tiles - tile);
        }
        s += count;
    }
}

}  // namespace
}  // namespace rushlight::kernels::RUSHLIGHT_ISA
