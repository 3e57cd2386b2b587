// AVX2 with FMA: 32-byte vectors, 16 registers. Included by simd.hpp alone.
#pragma once

#include <immintrin.h>

#include "kernels.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {
namespace {

constexpr Index kVectorBytes = 32;
constexpr bool kRareTypes = true;  // see NOTE [ Rare types ] in table.cpp
constexpr bool kMaskedStores = true;
constexpr bool kMaskedEvenStores = false;  // slow on many CPUs that have no more than AVX2

// Register tiles. Convolution: rows x columns of accumulators + columns of pixels + one weight <= 16
// registers.
constexpr Index kTileRows = 6, kTileCols = 2;
// The same with output channels in the lanes: pixels x two vectors of channels.
constexpr Index kChannelTilePixels = 6;
// Winograd: rows of broadcast weights x vectors of tiles.
constexpr Index kProductRows = 4, kProductCols = 3;
// Weight gradient: rows x taps accumulators, rows + taps operands.
constexpr Index kWeightRows = 4, kWeightTaps = 2;
// Outer products: rows of broadcast values x vectors of channels.
constexpr Index kOuterRows = 6, kOuterVectors = 2;

typedef float F32 __attribute__((vector_size(32)));
typedef double F64 __attribute__((vector_size(32)));

RUSHLIGHT_INLINE F32 fma_f32(F32 a, F32 b, F32 c) {
    return _mm256_fmadd_ps(a, b, c);
}
RUSHLIGHT_INLINE F64 fma_f64(F64 a, F64 b, F64 c) {
    return _mm256_fmadd_pd(a, b, c);
}

// All ones in the lanes first .. last - 1: lane numbers compared with the two ends.
RUSHLIGHT_INLINE __m256i lane_mask_32(Index first, Index last) {
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_andnot_si256(_mm256_cmpgt_epi32(_mm256_set1_epi32(int(first)), lane),
                               _mm256_cmpgt_epi32(_mm256_set1_epi32(int(last)), lane));
}
RUSHLIGHT_INLINE __m256i lane_mask_64(Index first, Index last) {
    const __m256i lane = _mm256_setr_epi64x(0, 1, 2, 3);
    return _mm256_andnot_si256(_mm256_cmpgt_epi64(_mm256_set1_epi64x(first), lane),
                               _mm256_cmpgt_epi64(_mm256_set1_epi64x(last), lane));
}

template <class T, class V>
RUSHLIGHT_INLINE void store_lanes_32(T* p, V v, Index first, Index last) {
    _mm256_maskstore_epi32(reinterpret_cast<int*>(p), lane_mask_32(first, last), __m256i(v));
}
template <class T, class V>
RUSHLIGHT_INLINE void store_lanes_64(T* p, V v, Index first, Index last) {
    _mm256_maskstore_epi64(reinterpret_cast<long long*>(p), lane_mask_64(first, last), __m256i(v));
}
template <class T>
RUSHLIGHT_INLINE __m256i load_masked_32(const T* p, __m256i mask) {
    return _mm256_maskload_epi32(reinterpret_cast<const int*>(p), mask);
}
template <class T>
RUSHLIGHT_INLINE __m256i load_masked_64(const T* p, __m256i mask) {
    return _mm256_maskload_epi64(reinterpret_cast<const long long*>(p), mask);
}
template <class T>
RUSHLIGHT_INLINE __m256i load_lanes_32(const T* p, Index first, Index last) {
    return load_masked_32(p, lane_mask_32(first, last));
}
template <class T>
RUSHLIGHT_INLINE __m256i load_lanes_64(const T* p, Index first, Index last) {
    return load_masked_64(p, lane_mask_64(first, last));
}

// Without reading the line first, and without keeping it. p is a multiple of kVectorBytes.
template <class T, class V>
RUSHLIGHT_INLINE void store_past_caches(T* p, V v) {
    _mm256_stream_si256(reinterpret_cast<__m256i*>(p), __m256i(v));
}
// Such stores happen before all later ones.
RUSHLIGHT_INLINE void order_stores() {
    _mm_sfence();
}

}  // namespace
}  // namespace rushlight::kernels::RUSHLIGHT_ISA
