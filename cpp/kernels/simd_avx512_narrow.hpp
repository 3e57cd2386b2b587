// AVX-512 with 32-byte vectors: its masks and 32 registers, without 64-byte loads, which cross a cache line
// whenever they are not aligned. Included by simd.hpp alone.
#pragma once

#include <immintrin.h>

#include "kernels.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {
namespace {

constexpr Index kVectorBytes = 32;
constexpr bool kRareTypes = false;  // see NOTE [ Rare types ] in table.cpp
constexpr bool kMaskedStores = true;
constexpr bool kMaskedEvenStores = false;

typedef float F32 __attribute__((vector_size(32)));
typedef double F64 __attribute__((vector_size(32)));

RUSHLIGHT_INLINE F32 fma_f32(F32 a, F32 b, F32 c) {
    return _mm256_fmadd_ps(a, b, c);
}
RUSHLIGHT_INLINE F64 fma_f64(F64 a, F64 b, F64 c) {
    return _mm256_fmadd_pd(a, b, c);
}

// Bits first .. last - 1.
RUSHLIGHT_INLINE __mmask8 lane_mask_32(Index first, Index last) {
    return __mmask8((1u << last) - (1u << first));
}
RUSHLIGHT_INLINE __mmask8 lane_mask_64(Index first, Index last) {
    return lane_mask_32(first, last);
}

template <class T, class V>
RUSHLIGHT_INLINE void store_lanes_32(T* p, V v, Index first, Index last) {
    _mm256_mask_storeu_epi32(p, lane_mask_32(first, last), __m256i(v));
}
template <class T, class V>
RUSHLIGHT_INLINE void store_lanes_64(T* p, V v, Index first, Index last) {
    _mm256_mask_storeu_epi64(p, lane_mask_64(first, last), __m256i(v));
}
template <class T>
RUSHLIGHT_INLINE __m256i load_masked_32(const T* p, __mmask8 mask) {
    return _mm256_maskz_loadu_epi32(mask, p);
}
template <class T>
RUSHLIGHT_INLINE __m256i load_masked_64(const T* p, __mmask8 mask) {
    return _mm256_maskz_loadu_epi64(mask, p);
}
template <class T>
RUSHLIGHT_INLINE __m256i load_lanes_32(const T* p, Index first, Index last) {
    return load_masked_32(p, lane_mask_32(first, last));
}
template <class T>
RUSHLIGHT_INLINE __m256i load_lanes_64(const T* p, Index first, Index last) {
    return load_masked_64(p, lane_mask_64(first, last));
}

}  // namespace
}  // namespace rushlight::kernels::RUSHLIGHT_ISA
