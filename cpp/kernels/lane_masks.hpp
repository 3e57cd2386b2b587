// Loads of some lanes whose mask is made once, ahead of a loop: making it costs several times the load. For
// files with RUSHLIGHT_NARROW_VECTORS.
#pragma once

#include "simd.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {
namespace {

#if defined(RUSHLIGHT_ISA_baseline)

template <class T>
struct LaneMask {
    Index first, last;
    LaneMask() = default;
    RUSHLIGHT_INLINE LaneMask(Index begin, Index end) : first(begin), last(end) {}
    // Number by number: too much code to be repeated at every use.
    RUSHLIGHT_NOINLINE Vec<T> load(const T* p) const { return load_lanes(p, first, last); }
};

#else

template <class T>
struct LaneMask {
    decltype(lane_mask_32(0, 0)) mask;
    LaneMask() = default;
    RUSHLIGHT_INLINE LaneMask(Index first, Index last)
        : mask(sizeof(T) == 4 ? lane_mask_32(first, last) : lane_mask_64(first, last)) {}
    RUSHLIGHT_INLINE Vec<T> load(const T* p) const {
        if constexpr (sizeof(T) == 4)
            return Vec<T>(load_masked_32(p, mask));
        else
            return Vec<T>(load_masked_64(p, mask));
    }
};

#endif

// The lanes of pixels col, col + 1, ... that lie in [0, W).
template <class T>
RUSHLIGHT_INLINE LaneMask<T> lanes_inside(Index col, Index W) {
    const Index first = min_of(max_of(-col, 0), lanes<T>);
    return LaneMask<T>(first, max_of(first, min_of(W - col, lanes<T>)));
}

}  // namespace
}  // namespace rushlight::kernels::RUSHLIGHT_ISA
