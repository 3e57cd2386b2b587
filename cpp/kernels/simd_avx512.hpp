// AVX-512 (F, BW, DQ, VL): 64-byte vectors, 32 registers. Included by simd.hpp alone.
#pragma once

#include <immintrin.h>

#include "kernels.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {
namespace {

constexpr Index kVectorBytes = 64;
constexpr bool kRareTypes = false;  // see NOTE [ Rare types ] in table.cpp
constexpr bool kMaskedStores = true;
constexpr bool kMaskedEvenStores = true;

// Register tiles. Convolution: rows x columns of accumulators + columns of pixels + one weight <= 32
// registers.
constexpr Index kTileRows = 8, kTileCols = 3;
// The same with output channels in the lanes: pixels x two vectors of channels.
constexpr Index kChannelTilePixels = 14;
// Winograd: rows of broadcast weights x vectors of tiles.
constexpr Index kProductRows = 8, kProductCols = 3;
// Weight gradient: rows x taps accumulators, rows + taps operands.
constexpr Index kWeightRows = 4, kWeightTaps = 4;
// Outer products: rows of broadcast values x vectors of channels.
constexpr Index kOuterRows = 6, kOuterVectors = 4;

typedef float F32 __attribute__((vector_size(64)));
typedef double F64 __attribute__((vector_size(64)));

RUSHLIGHT_INLINE F32 fma_f32(F32 a, F32 b, F32 c) {
    return _mm512_fmadd_ps(a, b, c);
}
RUSHLIGHT_INLINE F64 fma_f64(F64 a, F64 b, F64 c) {
    return _mm512_fmadd_pd(a, b, c);
}

// Bits first .. last - 1.
RUSHLIGHT_INLINE unsigned lane_mask(Index first, Index last) {
    return (1u << last) - (1u << first);
}

template <class T, class V>
RUSHLIGHT_INLINE void store_lanes_32(T* p, V v, Index first, Index last) {
    _mm512_mask_storeu_epi32(p, __mmask16(lane_mask(first, last)), __m512i(v));
}
template <class T, class V>
RUSHLIGHT_INLINE void store_lanes_64(T* p, V v, Index first, Index last) {
    _mm512_mask_storeu_epi64(p, __mmask8(lane_mask(first, last)), __m512i(v));
}
template <class T, class V>
RUSHLIGHT_INLINE void store_even_lanes_32(T* p, V v, Index first, Index last) {
    _mm512_mask_storeu_epi32(p, __mmask16(lane_mask(first, last) & 0x5555), __m512i(v));
}
template <class T, class V>
RUSHLIGHT_INLINE void store_even_lanes_64(T* p, V v, Index first, Index last) {
    _mm512_mask_storeu_epi64(p, __mmask8(lane_mask(first, last) & 0x55), __m512i(v));
}
template <class T>
RUSHLIGHT_INLINE __m512i load_lanes_32(const T* p, Index first, Index last) {
    return _mm512_maskz_loadu_epi32(__mmask16(lane_mask(first, last)), p);
}
template <class T>
RUSHLIGHT_INLINE __m512i load_lanes_64(const T* p, Index first, Index last) {
    return _mm512_maskz_loadu_epi64(__mmask8(lane_mask(first, last)), p);
}

// Without reading the line first, and without keeping it. p is a multiple of kVectorBytes.
template <class T, class V>
RUSHLIGHT_INLINE void store_past_caches(T* p, V v) {
    _mm512_stream_si512(reinterpret_cast<__m512i*>(p), __m512i(v));
}
// Such stores happen before all later ones.
RUSHLIGHT_INLINE void order_stores() {
    _mm_sfence();
}

}  // namespace
}  // namespace rushlight::kernels::RUSHLIGHT_ISA
