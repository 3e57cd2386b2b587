// Between (channels, pixels), as arrays lie in memory, and (pixels, channels), with channels side by side in
// the lanes: squares of lanes x lanes are transposed in registers.
#pragma once

#include "shuffles.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {
namespace {

// A block is 16 bytes, in which every ISA moves lanes cheaply.
template <class T>
constexpr Index block_lanes = 16 / Index(sizeof(T));

template <class T, Index Bytes>
struct Blocks {
    typedef T type __attribute__((vector_size(Bytes)));
    typedef T unaligned __attribute__((vector_size(Bytes), aligned(alignof(T)), may_alias));
    typedef typename MakeLaneNumbers<int(Bytes / sizeof(T))>::type Lanes;
};
template <class V, class Half, int... Lane>
RUSHLIGHT_INLINE V join(Half low, Half high, LaneNumbers<Lane...>) {
    return __builtin_shufflevector(low, high, Lane...);
}

// A vector of blocks that are `apart` elements from each other in memory.
template <class T, Index Bytes = kVectorBytes>
RUSHLIGHT_INLINE typename Blocks<T, Bytes>::type load_blocks(const T* from, Index apart) {
    using Type = Blocks<T, Bytes>;
    if constexpr (Bytes == 16)
        return *reinterpret_cast<const typename Type::unaligned*>(from);
    else
        return join<typename Type::type>(load_blocks<T, Bytes / 2>(from, apart),
                                         load_blocks<T, Bytes / 2>(from + Bytes / 32 * apart, apart),
                                         typename Type::Lanes{});
}

// Lanes of x and y in turns, block by block: the lower (Upper = 0) or upper half of each.
template <class T, int Upper, int... Lane>
RUSHLIGHT_INLINE Vec<T> block_turns(Vec<T> x, Vec<T> y, LaneNumbers<Lane...>) {
    constexpr int n = int(block_lanes<T>);
    return __builtin_shufflevector(x, y,
                                   (Lane / n * n + (Lane % n + Upper * n) / 2 + (Lane % 2 ? L<T> : 0))...);
}

// Up to `lanes` rows of up to `lanes` neighbours, transposed: v[i] lane c = from[c * row + i], zero outside.
// Vectors are put together from blocks of rows that lie block_lanes apart, which the loads do, so that
// shuffles are left to do within blocks only. Rows are read one after the other: they may all compete for one
// set of the cache.
template <class T>
RUSHLIGHT_INLINE void load_transposed(const T* from, Index row, Index rows, Index count, Vec<T>* v) {
    constexpr Index n = block_lanes<T>;
    alignas(kVectorBytes) T square[lanes<T>][lanes<T>];
    if (rows < lanes<T> || count < lanes<T>) {
        for (Index c = 0; c < lanes<T>; ++c)
            store(square[c], c < rows ? load_lanes(from + c * row, 0, min_of(count, lanes<T>)) : Vec<T>{});
        from = square[0];
        row = lanes<T>;
    }
    RUSHLIGHT_UNROLL for (Index i = 0; i < n; ++i) RUSHLIGHT_UNROLL for (Index q = 0; q < lanes<T>; q += n)
        v[q + i] = load_blocks(from + i * row + q, n * row);
    RUSHLIGHT_UNROLL for (Index q = 0; q < lanes<T>; q += n)
        RUSHLIGHT_UNROLL for (Index step = 1; step < n; step *= 2) {
        Vec<T> next[n];
        RUSHLIGHT_UNROLL for (Index i = 0; i < n / 2; ++i) {
            next[2 * i] = block_turns<T, 0>(v[q + i], v[q + i + n / 2], AllLanes<T>{});
            next[2 * i + 1] = block_turns<T, 1>(v[q + i], v[q + i + n / 2], AllLanes<T>{});
        }
        RUSHLIGHT_UNROLL for (Index i = 0; i < n; ++i) v[q + i] = next[i];
    }
}

// A vector of channels of pixels in a row: to[j * pixel + c] = from[c * stride_c + j * stride_w] for
// j < count, c < channels <= lanes; zero in the other lanes. The pixels that follow in memory are fetched
// ahead: most often they come next.
template <class T>
inline void pack_lanes(const T* from, Index stride_c, Index stride_w, Index channels, Index count, T* to,
                       Index pixel) {
    const Index ahead = count;
    Index j = 0;
    if (stride_w == 1) {
        for (; j < count && count >= lanes<T> && channels == lanes<T>; j += lanes<T>) {
            j = min_of(j, count - lanes<T>);  // the last square overlaps the one before
            Vec<T> v[lanes<T>];
            RUSHLIGHT_UNROLL for (Index c = 0; c < lanes<T>; ++c)
                __builtin_prefetch(from + c * stride_c + j + ahead, 0, 2);
            load_transposed(from + j, stride_c, lanes<T>, lanes<T>, v);
            RUSHLIGHT_UNROLL for (Index i = 0; i < lanes<T>; ++i) store(to + (j + i) * pixel, v[i]);
        }
        for (; j < count; j += lanes<T>) {
            Vec<T> v[lanes<T>];
            load_transposed(from + j, stride_c, channels, count - j, v);
            RUSHLIGHT_UNROLL for (Index i = 0; i < lanes<T>; ++i) if (j + i < count)
                store(to + (j + i) * pixel, v[i]);
        }
    } else if (stride_c == 1) {
        for (; j < count; ++j) store(to + j * pixel, load_lanes(from + j * stride_w, 0, channels));
    } else {
        for (; j < count; ++j) {
            store(to + j * pixel, Vec<T>{});
            for (Index c = 0; c < channels; ++c) to[j * pixel + c] = from[c * stride_c + j * stride_w];
        }
    }
}

// The way back: to[c * to_row + i] = from[i * from_row + c], for i < rows and channels c < channels <= lanes.
// Whole vectors may be read from `from`; nothing else is written.
template <class T>
inline void unpack_lanes(const T* from, Index from_row, Index rows, Index channels, T* to, Index to_row) {
    for (Index i = 0; i < rows; i += lanes<T>) {
        const Index count = min_of(lanes<T>, rows - i);
        Vec<T> v[lanes<T>];
        load_transposed(from + i * from_row, from_row, count, lanes<T>, v);
        if (channels == lanes<T> && count == lanes<T>) {
            RUSHLIGHT_UNROLL for (Index c = 0; c < lanes<T>; ++c) store(to + c * to_row + i, v[c]);
        } else {
            RUSHLIGHT_UNROLL for (Index c = 0; c < lanes<T>; ++c) if (c < channels)
                store_lanes(to + c * to_row + i, v[c], 0, count);
        }
    }
}

}  // namespace
}  // namespace rushlight::kernels::RUSHLIGHT_ISA
