// Vectors for kernels: Vec<T> and the functions on it, under the same names for every ISA.
//
// Vec<T> is a compiler vector (GCC and clang: `vector_size`), so + - * < & | and lane access are the
// language's own. What differs between ISAs is in simd_<isa>.hpp: the width, a fused multiply-add, stores of
// some lanes, and the tile sizes that its register file allows. Everything is in an anonymous namespace:
// nothing here may become a symbol.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#define RUSHLIGHT_INLINE inline __attribute__((always_inline))
#define RUSHLIGHT_NOINLINE __attribute__((noinline))
#define RUSHLIGHT_UNROLL _Pragma("GCC unroll 64")

// A file whose loads are seldom aligned defines RUSHLIGHT_NARROW_VECTORS first.
#if defined(RUSHLIGHT_ISA_avx512) && defined(RUSHLIGHT_NARROW_VECTORS)
#include "simd_avx512_narrow.hpp"
#elif defined(RUSHLIGHT_ISA_avx512)
#include "simd_avx512.hpp"
#elif defined(RUSHLIGHT_ISA_avx2)
#include "simd_avx2.hpp"
#else
#include "simd_baseline.hpp"
#endif

namespace rushlight::kernels::RUSHLIGHT_ISA {
namespace {

template <class T>
struct VecOf {
    typedef T type __attribute__((vector_size(kVectorBytes)));
    typedef T unaligned __attribute__((vector_size(kVectorBytes), aligned(alignof(T)), may_alias));
};
template <class T>
using Vec = typename VecOf<T>::type;

template <class T>
constexpr Index lanes = kVectorBytes / Index(sizeof(T));

template <class T>
RUSHLIGHT_INLINE Vec<T> load(const T* p) {
    return *reinterpret_cast<const typename VecOf<T>::unaligned*>(p);
}

template <class T>
RUSHLIGHT_INLINE void store(T* p, Vec<T> v) {
    *reinterpret_cast<typename VecOf<T>::unaligned*>(p) = v;
}

template <class T>
RUSHLIGHT_INLINE Vec<T> broadcast(T value) {
    return value - Vec<T>{};  // x - 0 keeps NaN and -0.0; compilers make it one broadcast
}

// a * b + c; rounded once where the ISA has a fused multiply-add.
template <class T>
RUSHLIGHT_INLINE Vec<T> multiply_add(Vec<T> a, Vec<T> b, Vec<T> c) {
    if constexpr (sizeof(T) == 4 && T(0.5) != T(0))
        return fma_f32(a, b, c);
    else if constexpr (sizeof(T) == 8 && T(0.5) != T(0))
        return fma_f64(a, b, c);
    else
        return a * b + c;
}

// p[i] = v[i] for first <= i < last. p may point before the array: the other lanes are not touched.
template <class T>
RUSHLIGHT_INLINE void store_lanes(T* p, Vec<T> v, Index first, Index last) {
    if constexpr (kMaskedStores && sizeof(T) == 4) {
        store_lanes_32(p, v, first, last);
    } else if constexpr (kMaskedStores && sizeof(T) == 8) {
        store_lanes_64(p, v, first, last);
    } else {
        T lane[lanes<T>];
        store(lane, v);
        for (Index i = first; i < last; ++i) p[i] = lane[i];
    }
}

// The even ones of them alone.
template <class T>
RUSHLIGHT_INLINE void store_even_lanes(T* p, Vec<T> v, Index first, Index last) {
    if constexpr (kMaskedEvenStores && sizeof(T) == 4) {
        store_even_lanes_32(p, v, first, last);
    } else if constexpr (kMaskedEvenStores && sizeof(T) == 8) {
        store_even_lanes_64(p, v, first, last);
    } else {
        T lane[lanes<T>];
        store(lane, v);
        for (Index i = first + first % 2; i < last; i += 2) p[i] = lane[i];
    }
}

// v[i] = p[i] for first <= i < last, 0 elsewhere, without touching the other elements.
template <class T>
RUSHLIGHT_INLINE Vec<T> load_lanes(const T* p, Index first, Index last) {
    if constexpr (kMaskedStores && sizeof(T) == 4) {
        return Vec<T>(load_lanes_32(p, first, last));
    } else if constexpr (kMaskedStores && sizeof(T) == 8) {
        return Vec<T>(load_lanes_64(p, first, last));
    } else if constexpr (lanes<T> == 4) {
        // Not through memory, where the load would have to wait for four stores.
        if (last - first == lanes<T>) return load(p);
        return Vec<T>{first <= 0 && 0 < last ? p[0] : T(0), first <= 1 && 1 < last ? p[1] : T(0),
                      first <= 2 && 2 < last ? p[2] : T(0), first <= 3 && 3 < last ? p[3] : T(0)};
    } else {
        T lane[lanes<T>] = {};
        for (Index i = first; i < last; ++i) lane[i] = p[i];
        return load(lane);
    }
}

// The lane numbers 0, 1, 2, ... as a type, for shuffles whose pattern is computed.
template <int... Lane>
struct LaneNumbers {};
template <int Count, int... Lane>
struct MakeLaneNumbers : MakeLaneNumbers<Count - 1, Count - 1, Lane...> {};
template <int... Lane>
struct MakeLaneNumbers<0, Lane...> {
    typedef LaneNumbers<Lane...> type;
};
template <class T>
using AllLanes = typename MakeLaneNumbers<int(lanes<T>)>::type;

RUSHLIGHT_INLINE Index min_of(Index a, Index b) {
    return a < b ? a : b;
}
RUSHLIGHT_INLINE Index max_of(Index a, Index b) {
    return a > b ? a : b;
}
RUSHLIGHT_INLINE Index round_up(Index n, Index multiple) {
    return (n + multiple - 1) / multiple * multiple;
}

// Rounded towards minus infinity (the language rounds towards zero). b > 0.
RUSHLIGHT_INLINE Index floor_div(Index a, Index b) {
    return a >= 0 ? a / b : -((-a + b - 1) / b);
}

}  // namespace
}  // namespace rushlight::kernels::RUSHLIGHT_ISA
