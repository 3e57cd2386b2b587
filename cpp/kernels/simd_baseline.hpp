// The vector code that every CPU has: 16-byte vectors, no intrinsics. SSE2 on x86-64, NEON on aarch64,
// whatever the compiler makes of it elsewhere. Included by simd.hpp alone.
#pragma once

#include "kernels.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {
namespace {

constexpr Index kVectorBytes = 16;
constexpr bool kRareTypes = true;  // see NOTE [ Rare types ] in table.cpp
constexpr bool kMaskedStores = false;
constexpr bool kMaskedEvenStores = false;

// Register tiles for 16 registers (aarch64 has 32), as in the other simd_*.hpp.
#if defined(__aarch64__)
constexpr Index kTileRows = 8, kTileCols = 3;
constexpr Index kChannelTilePixels = 12;
constexpr Index kProductRows = 8, kProductCols = 3;
constexpr Index kWeightRows = 4, kWeightTaps = 4;
constexpr Index kOuterRows = 6, kOuterVectors = 4;
#else  // without a fused multiply-add, products need registers of their own
constexpr Index kTileRows = 4, kTileCols = 2;
constexpr Index kChannelTilePixels = 6;
constexpr Index kProductRows = 4, kProductCols = 2;
constexpr Index kWeightRows = 4, kWeightTaps = 2;
constexpr Index kOuterRows = 4, kOuterVectors = 3;
#endif

typedef float F32 __attribute__((vector_size(16)));
typedef double F64 __attribute__((vector_size(16)));

// Contracted to a fused multiply-add by the compiler (-ffp-contract=fast) where the CPU's base instruction
// set has one.
RUSHLIGHT_INLINE F32 fma_f32(F32 a, F32 b, F32 c) {
    return a * b + c;
}
RUSHLIGHT_INLINE F64 fma_f64(F64 a, F64 b, F64 c) {
    return a * b + c;
}

// Ordinary stores: the language has no others.
template <class T, class V>
RUSHLIGHT_INLINE void store_past_caches(T* p, V v) {
    *reinterpret_cast<V*>(p) = v;
}
RUSHLIGHT_INLINE void order_stores() {}

}  // namespace
}  // namespace rushlight::kernels::RUSHLIGHT_ISA
