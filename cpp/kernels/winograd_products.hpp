// Winograd convolution's products: in each plane, y[output][tile] = sum over channels of u[output][channel] *
// v[channel][tile], with tiles side by side in the lanes and weights in panels (winograd_weights.hpp).
#pragma once

#include "simd.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {
namespace {

// Channels whose products are added up in registers before they reach memory: short chains round less.
constexpr Index kChannelsPerSum = 128;

// One plane, some channels of it.
template <class T>
struct Products {
    const T* u;   // the first panel
    Index panel;  // between panels
    const T* v;   // channel c, tile t: v[c * pitch + t]
    Index pitch;
    Index channels, outputs;
    Index vectors;   // of tiles
    bool half_last;  // the last vector's upper half holds none
    T* y;            // output k, tile t: y[k * row + t]
    Index row;
    bool accumulate;  // y +=
};

// Vectors of weights that are asked for before they are needed: they come from far away, panel by panel.
constexpr Index kAhead = 16;

// Half a vector, where CPUs take half as long for it: those that split 64-byte instructions.
constexpr bool kHalfVectors = kVectorBytes == 64;
template <class T>
struct HalfOf {
    typedef T type __attribute__((vector_size(kVectorBytes / 2)));
    typedef T unaligned __attribute__((vector_size(kVectorBytes / 2), aligned(alignof(T)), may_alias));
};
template <class T>
using HalfVec = typename HalfOf<T>::type;
template <class T>
RUSHLIGHT_INLINE HalfVec<T> load_half(const T* p) {
    return *reinterpret_cast<const typename HalfOf<T>::unaligned*>(p);
}
template <class T>
RUSHLIGHT_INLINE void store_half(T* p, HalfVec<T> v) {
    *reinterpret_cast<typename HalfOf<T>::unaligned*>(p) = v;
}

// A register tile must not reach from one panel into the next.
template <class T>
constexpr Index product_rows = kProductRows < lanes<T> ? kProductRows : lanes<T>;

// M outputs from k on, V vectors of tiles from t on and, after them, half of one.
template <class T, Index M, Index V, bool Half>
void product_registers(const Products<T>& p, Index k, Index t) {
    Vec<T> sum[M][V ? V : 1];
    HalfVec<T> half[M];
    RUSHLIGHT_UNROLL for (Index i = 0; i < M; ++i) {
        RUSHLIGHT_UNROLL for (Index j = 0; j < V; ++j) sum[i][j] = Vec<T>{};
        half[i] = HalfVec<T>{};
    }
    const T* u = p.u + k / lanes<T> * p.panel + k % lanes<T>;
    const T* const end = u + p.channels * lanes<T>;
    const T* v = p.v + t;
    const Index pitch = p.pitch;
    for (; u != end; u += lanes<T>, v += pitch) {
        __builtin_prefetch(u + kAhead * lanes<T>);
        Vec<T> tiles[V ? V : 1];
        HalfVec<T> last{};
        RUSHLIGHT_UNROLL for (Index j = 0; j < V; ++j) tiles[j] = load(v + j * lanes<T>);
        if constexpr (Half) last = load_half(v + V * lanes<T>);
        RUSHLIGHT_UNROLL for (Index i = 0; i < M; ++i) {
            const Vec<T> weight = broadcast(u[i]);
            RUSHLIGHT_UNROLL for (Index j = 0; j < V; ++j) sum[i][j] =
                multiply_add<T>(weight, tiles[j], sum[i][j]);
            if constexpr (Half) half[i] = u[i] * last + half[i];  // rounded once, by -ffp-contract=fast
        }
    }
    T* y = p.y + k * p.row + t;
    RUSHLIGHT_UNROLL for (Index i = 0; i < M; ++i) {
        T* to = y + i * p.row;
        RUSHLIGHT_UNROLL for (Index j = 0; j < V; ++j, to += lanes<T>)
            store(to, p.accumulate ? sum[i][j] + load(to) : sum[i][j]);
        if constexpr (Half) store_half(to, p.accumulate ? half[i] + load_half(to) : half[i]);
    }
}

// Vectors of tiles from t on; half: of the last one, the lower half alone.
struct Block {
    Index t, vectors;
    bool half;
};

// From run-time to compile-time sizes; other numbers of rows are made up of powers of two.
template <class T, Index M, Index V = kProductCols>
RUSHLIGHT_INLINE void product_cols(const Products<T>& p, Index k, const Block& block) {
    if (block.vectors == V) {
        if constexpr (kHalfVectors)
            if (block.half) return product_registers<T, M, V - 1, true>(p, k, block.t);
        return product_registers<T, M, V, false>(p, k, block.t);
    }
    if constexpr (V > 1) product_cols<T, M, V - 1>(p, k, block);
}
template <class T, Index M>
RUSHLIGHT_INLINE void product_rest(const Products<T>& p, Index k, const Block& block) {
    if (k + M <= p.outputs) {
        product_cols<T, M>(p, k, block);
        k += M;
    }
    if constexpr (M > 1) product_rest<T, M / 2>(p, k, block);
}

// A block of tiles, which stays in the first-level cache, meets all outputs.
template <class T>
RUSHLIGHT_INLINE void product_block(const Products<T>& p, const Block& block) {
    constexpr Index M = product_rows<T>;
    Index k = 0;
    if constexpr (lanes<T> >= 2 * M)
        if (block.vectors == 1)
            for (; k + 2 * M <= p.outputs; k += 2 * M) product_cols<T, 2 * M, 1>(p, k, block);
    for (; k + M <= p.outputs; k += M) product_cols<T, M>(p, k, block);
    if constexpr (M > 1) product_rest<T, M / 2>(p, k, block);
}

template <class T>
inline void multiply(const Products<T>& p) {
    const Index blocks = (p.vectors + kProductCols - 1) / kProductCols;
    for (Index block = 0; block < blocks; ++block) {  // dealt out evenly: 4 vectors = 2 + 2, not 3 + 1
        const Index t0 = p.vectors * block / blocks, t1 = p.vectors * (block + 1) / blocks;
        product_block(p, Block{t0 * lanes<T>, t1 - t0, p.half_last && t1 == p.vectors});
    }
}

}  // namespace
}  // namespace rushlight::kernels::RUSHLIGHT_ISA
