// Vectors of neighbouring outputs ("strips"), for kernels that read their pixels straight from the image.
#pragma once

#include "shuffles.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {
namespace {

// Positions in lanes as wide as the values'; and what the compiler wants a mask
// to choose between.
template <Index Bytes>
struct PositionOf {
    typedef std::int32_t type;
};
template <>
struct PositionOf<8> {
    typedef std::int64_t type;
};
template <class T>
using Position = typename PositionOf<Index(sizeof(T))>::type;
template <class T>
using Positions = decltype(Vec<T>{} < Vec<T>{});

template <class T, int... Lane>
RUSHLIGHT_INLINE Vec<Position<T>> lane_numbers(LaneNumbers<Lane...>) {
    return Vec<Position<T>>{Position<T>(Lane)...};
}

// Pixels col .. col + lanes - 1 of a row of W; outside it, `outside`. Masked = false: all lie inside.
template <bool Masked, class T>
RUSHLIGHT_INLINE Vec<T> pixels(const T* row, Index col, Index W, T outside) {
    if constexpr (!Masked) {
        return load(row + col);
    } else {
        const Index begin = min_of(max_of(-col, 0), lanes<T>);
        const Index end = max_of(begin, min_of(W - col, lanes<T>));
        const Vec<Position<T>> lane = lane_numbers<T>(AllLanes<T>{});
        const Positions<T> inside =
            (lane >= broadcast(Position<T>(begin))) & (lane < broadcast(Position<T>(end)));
        return inside ? load_lanes(row + col, begin, end) : broadcast(outside);
    }
}

// What the windows of a strip read, if it is not all there: columns col0 .. col0 + width - 1 of rows of W,
// one row after the other at `to`; what lies outside is `outside`. width: whole vectors.
template <class T>
inline void pack_strip(const T* x, Index stride_h, Index W, Index col0, Index width, Range rows, T outside,
                       T* to) {
    const Index begin = min_of(max_of(-col0, 0), width);
    const Index count = max_of(0, min_of(W - col0, width) - begin);
    for (Index h = rows.begin; h < rows.end; ++h, to += width) {
        const T* from = x + h * stride_h + col0 + begin;
        for (Index j = 0; j < width; j += lanes<T>) store(to + j, broadcast(outside));
        for (Index j = 0; j + lanes<T> <= count; j += lanes<T>) store(to + begin + j, load(from + j));
        if (count >= lanes<T>)
            store(to + begin + count - lanes<T>, load(from + count - lanes<T>));
        else
            store_lanes(to + begin, load_lanes(from, 0, count), 0, count);
    }
}

// Columns from a strip's first pixel to the end of its last load.
template <Index Stride, class T>
RUSHLIGHT_INLINE Index strip_width(Index taps) {
    return Stride == 1 ? taps - 1 + lanes<T> : (taps - 1) / 2 * 2 + 2 * lanes<T>;
}

template <class T>
RUSHLIGHT_INLINE void store_some(T* to, Vec<T> v, Index count) {
    if (count >= lanes<T>)
        store(to, v);
    else if (count > 0)
        store_lanes(to, v, 0, count);
}

}  // namespace
}  // namespace rushlight::kernels::RUSHLIGHT_ISA
