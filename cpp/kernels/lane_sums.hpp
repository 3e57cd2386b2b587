// Sums over the lanes of one vector, and of several at once.
#pragma once

#include "simd.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {
namespace {

// One halving step of add_lanes: lane i of the result is x[i] + x[i + Half] where bit Half of i is clear, y[i
// - Half] + y[i] where it is set.
template <class T, int Half, int... Lane>
RUSHLIGHT_INLINE Vec<T> merge_lanes(Vec<T> x, Vec<T> y, LaneNumbers<Lane...>) {
    constexpr int L = int(lanes<T>);
    return __builtin_shufflevector(x, y, (Lane & Half ? L + Lane - Half : Lane)...) +
           __builtin_shufflevector(x, y, (Lane & Half ? L + Lane : Lane + Half)...);
}

// Sums the lanes of `lanes<T>` vectors at once: lane i of the result is the sum of sums[i]. Destroys sums.
template <class T, int Half = int(lanes<T>) / 2>
RUSHLIGHT_INLINE Vec<T> add_lanes(Vec<T>* sums) {
    RUSHLIGHT_UNROLL for (Index i = 0; i < Half; ++i) sums[i] =
        merge_lanes<T, Half>(sums[i], sums[i + Half], AllLanes<T>{});
    if constexpr (Half > 1)
        return add_lanes<T, Half / 2>(sums);
    else
        return sums[0];
}

// The sum of one vector's lanes.
template <int Half, class V, int... Lane>
RUSHLIGHT_INLINE V add_upper_half(V v, LaneNumbers<Lane...>) {
    return v + __builtin_shufflevector(v, v, (Lane % Half + Half)...);
}
template <class T, int Half = int(lanes<T>) / 2>
RUSHLIGHT_INLINE T sum_of_lanes(Vec<T> v) {
    v = add_upper_half<Half>(v, AllLanes<T>{});
    if constexpr (Half > 1)
        return sum_of_lanes<T, Half / 2>(v);
    else
        return v[0];
}

}  // namespace
}  // namespace rushlight::kernels::RUSHLIGHT_ISA
