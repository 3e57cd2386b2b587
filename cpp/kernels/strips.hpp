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

// Pixels col .. col + lanes - 1 of a row of W; outside it, `outside`.
template <bool Edge, class T>
RUSHLIGHT_INLINE Vec<T> pixels(const T* row, Index col, Index W, T outside) {
    if constexpr (!Edge) {
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

template <class T>
RUSHLIGHT_INLINE void store_some(T* to, Vec<T> v, Index count) {
    if (count >= lanes<T>)
        store(to, v);
    else if (count > 0)
        store_lanes(to, v, 0, count);
}

}  // namespace
}  // namespace rushlight::kernels::RUSHLIGHT_ISA
