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

// The pixels of `Rows` rows side by side: tile t of a row reads from `first` + t * m on. Null: a row of
// zeros.
template <class T, class F, Index Rows>
RUSHLIGHT_INLINE void deal_out_rows(const T* const* rows, Index first, Index W, Vec<T>* d) {
    constexpr Index m = F::m, each = m / Rows;  // vectors of a row
    RUSHLIGHT_UNROLL for (Index p = 0; p < m; ++p) {
        const T* row = rows[p / each];
        d[p] = row ? load_clipped(row, first + p % each * lanes<T>, W) : Vec<T>{};
    }
    deal_out<T, int(m)>(d);
}

// One row of pixels: to[j * plane + col], j < m + 2. Tile col reads pixels from first + col * m on.
template <class T, class F>
inline void transform_row(const T* row, Index first, Index W, Index cols, T* to, Index plane) {
    constexpr Index m = F::m, L = lanes<T>;
    for (Index col = 0; col < cols; col += L, first += m * L) {
        Vec<T> d[2 * m], half[F::size];
        deal_out_rows<T, F, 1>(&row, first, W, d);
        deal_out_rows<T, F, 1>(&row, first + m, W, d + m);
        F::input(d, half);
        RUSHLIGHT_UNROLL for (Index j = 0; j < F::size; ++j) store(to + j * plane + col, half[j]);
    }
}

// Part I of a vector cut into Parts, and those after it, at `line` and `cols` apart; not more than `count`.
template <class T, Index Parts, Index I, int... Lane>
RUSHLIGHT_INLINE void store_shares(Vec<T> v, Index count, Index cols, T* line, LaneNumbers<Lane...> lane) {
    constexpr Index share = lanes<T> / Parts;
    const auto values = __builtin_shufflevector(v, v, (I * share + Lane)...);
    __builtin_memcpy(line, &values, sizeof values);
    if constexpr (I + 1 < Parts)
        if (I + 1 < count) store_shares<T, Parts, I + 1>(v, count, cols, line + cols, lane);
}

// Narrow images: `Rows` rows in one vector, each with as many lanes, of which it needs `cols`. `count` of
// them are stored, one after the other, in ascending order: see NOTE [ Ascending stores ].
template <class T, class F, Index Rows>
inline void transform_narrow_rows(const T* const* rows, Index count, Index first, Index W, Index cols, T* to,
                                  Index plane) {
    constexpr Index m = F::m, share = lanes<T> / Rows;
    Vec<T> d[2 * m], half[F::size];
    deal_out_rows<T, F, Rows>(rows, first, W, d);
    deal_out_rows<T, F, Rows>(rows, first + m, W, d + m);
    F::input(d, half);
    RUSHLIGHT_UNROLL for (Index j = 0; j < F::size; ++j) {
        T* line = to + j * plane;
        if (cols == share && count == Rows) {
            store(line, half[j]);
            continue;
        }
        store_shares<T, Rows, 0>(half[j], count, cols, line, typename MakeLaneNumbers<int(share)>::type{});
    }
}

// Where the rows of one channel go that some rows of tiles read: `count` of them, from row `top` of the image
// on.
template <class T>
struct HalfPlanes {
    T* data;
    Index plane, top, count;
};

// Those i that are m apart share a plane, one after the other there.
template <class T, class F, Index Rows>
inline void transform_narrow(const WinogradShape& p, const Source<T>& source, const HalfPlanes<T>& half) {
    constexpr Index m = F::m;
    for (Index rest = 0; rest < m; ++rest)
        for (Index i = rest; i < half.count; i += Rows * m) {
            const T* rows[Rows] = {};
            Index here = 0;
            for (; here < Rows && i + here * m < half.count; ++here) {
                const Index y = half.top + i + here * m;
                if (y >= 0 && y < p.H) rows[here] = source.data + y * source.stride_h;
            }
            T* to = half.data + rest * F::size * half.plane + i / m * p.tile_cols;
            transform_narrow_rows<T, F, Rows>(rows, here, -p.pad_left, p.W, p.tile_cols, to, half.plane);
        }
}

// The general way; stride_w 1, or else a row is copied to `line`.
template <class T, class F>
inline void transform_wide(const WinogradShape& p, const Source<T>& source, const HalfPlanes<T>& half,
                           T* line) {
    for (Index i = 0; i < half.count; ++i) {
        const Index y = half.top + i;
        T* to = half.data + i % F::m * F::size * half.plane + i / F::m * p.tile_cols;
        if (y < 0 || y >= p.H) {
            for (Index j = 0; j < F::size; ++j) fill_zero(to + j * half.plane, p.tile_cols);
            continue;
        }
        const T* row = source.data + y * source.stride_h;
        if (source.stride_w != 1) {
            copy_row(row, source.stride_w, line, p.W);
            row = line;
        }
        transform_row<T, F>(row, -p.pad_left, p.W, p.tile_cols, to, half.plane);
    }
}

// Rows that share a vector: at least four lanes for each.
template <class T, class F, Index Rows>
constexpr bool kShares = F::m % Rows == 0 && lanes<T> / Rows >= 4;

template <class T, class F>
inline void transform_rows(const WinogradShape& p, const Source<T>& source, const HalfPlanes<T>& half,
                           T* line) {
    if (source.stride_w == 1) {
        if constexpr (kShares<T, F, 4>)
            if (p.tile_cols <= lanes<T> / 4) return transform_narrow<T, F, 4>(p, source, half);
        if constexpr (kShares<T, F, 2>)
            if (p.tile_cols <= lanes<T> / 2) return transform_narrow<T, F, 2>(p, source, half);
    }
    transform_wide<T, F>(p, source, half, line);
}

// v[(i * (m + 2) + j) * v_plane + tile], for `tiles` tiles; there is room for `room` of them. Column by
// column of the tiles: the pointers of all of them at once would not fit in registers.
template <class T, class F>
inline void transform_columns(const T* half, Index plane, Index cols, Index tiles, T* v, Index v_plane,
                              Index room) {
    for (Index j = 0; j < F::size; ++j, half += plane, v += v_plane)
        for (Index q = 0; q < tiles; q += lanes<T>) {
            Vec<T> d[F::size], result[F::size];
            RUSHLIGHT_UNROLL for (Index i = 0; i < F::size; ++i) d[i] =
                load(half + i % F::m * F::size * plane + i / F::m * cols + q);
            F::input(d, result);
            const bool whole = q + lanes<T> <= room;
            RUSHLIGHT_UNROLL for (Index i = 0; i < F::size; ++i) {
                T* to = v + i * F::size * v_plane + q;
                if (whole)
                    store(to, result[i]);
                else
                    store_lanes(to, result[i], 0, tiles - q);
            }
        }
}

template <class T, class F>
void input(const WinogradShape& p, const Images<const T>& source, Range strips, Range channels,
           const WinogradBlock<T>& v, T* workspace) noexcept {
    for (Index s = strips.begin;
         s < strips.end;) {  // image by image: what overruns the first, the next mends
        const Index n = s / p.tile_rows, row = s % p.tile_rows;
        const Index count = min_of(p.tile_rows - row, strips.end - s);
        const Index plane = half_plane<T>(count, p.tile_cols);
        const Index tile = (s - strips.begin) * p.tile_cols;
        for (Index c = channels.begin; c < channels.end; ++c) {
            const T* image = source.data + n * source.stride_n + c * source.stride_c;
            const HalfPlanes<T> half{workspace, plane, row * F::m - p.pad_top, (count - 1) * F::m + F::size};
            transform_rows<T, F>(p, Source<T>{image, source.stride_h, source.stride_w, p.H, p.W}, half,
                                 workspace + F::m * F::size * plane);
            transform_columns<T, F>(workspace, plane, p.tile_cols, count * p.tile_cols,
                                    v.data + c * v.tiles + tile, v.plane, v.tiles - tile);
        }
        s += count;
    }
}

}  // namespace
}  // namespace rushlight::kernels::RUSHLIGHT_ISA
