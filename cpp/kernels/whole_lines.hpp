// Writing neighbouring results of any function as fast as memory takes them.
//
// Results are stored on whole cache lines, because a store across two of them counts as two (NumPy's large
// arrays begin 16 bytes after a line). Several vectors are read before the first is written: output and input
// often lie a multiple of 4096 bytes apart, and then a load looks as if it had to wait for the store just
// before it. Arrays that no cache holds are stored past the caches, which saves reading lines that are about
// to be overwritten.
#pragma once

#include "simd.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {
namespace {

constexpr Index kTogether = 4;

template <class T>
RUSHLIGHT_INLINE Vec<T> load_some(const T* p, Index count) {
    return count == lanes<T> ? load(p) : load_lanes(p, 0, count);
}

// y[i] = value(i, n)[0 .. n - 1] for neighbouring vectors; n < lanes at the two ends.
template <bool PastCaches, class T, class Value>
RUSHLIGHT_INLINE void write(T* y, Index count, const Value& value) {
    const auto some = [&](Index i, Index n) { store_lanes(y + i, value(i, n), 0, n); };
    const Index beyond = Index(reinterpret_cast<std::size_t>(y) % kVectorBytes);
    Index i = beyond ? min_of(count, (kVectorBytes - beyond) / Index(sizeof(T))) : 0;
    if (i) some(0, i);
    for (; i + kTogether * lanes<T> <= count; i += kTogether * lanes<T>) {
        Vec<T> v[kTogether];
        RUSHLIGHT_UNROLL for (Index k = 0; k < kTogether; ++k) v[k] = value(i + k * lanes<T>, lanes<T>);
        RUSHLIGHT_UNROLL for (Index k = 0; k < kTogether; ++k) {
            if constexpr (PastCaches)
                store_past_caches(y + i + k * lanes<T>, v[k]);
            else
                store(y + i + k * lanes<T>, v[k]);
        }
    }
    for (; i < count; i += lanes<T>) some(i, min_of(lanes<T>, count - i));
    if constexpr (PastCaches) order_stores();
}

template <class T, class Value>
RUSHLIGHT_INLINE void write(T* y, Index count, bool past_caches, const Value& value) {
    if (past_caches)
        write<true>(y, count, value);
    else
        write<false>(y, count, value);
}

}  // namespace
}  // namespace rushlight::kernels::RUSHLIGHT_ISA
