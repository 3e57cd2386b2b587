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
    Index tiles;
    T* y;  // output k, tile t: y[k * row + t]
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

// Tiles beyond the last whole vector that are multiplied with the outputs in the lanes, where M outputs are
// half a panel: up to so many. Half a vector of one output's tiles would cost as much as eight of them.
constexpr Index kMostFewTiles = 4;
template <class T>
constexpr bool kFewTiles = kHalfVectors && lanes<T> == 2 * product_rows<T>;

// V vectors of tiles from t on and, after them, `count` <= Few tiles, of product_rows outputs from k on.
template <class T, Index V, Index Few>
void product_few(const Products<T>& p, Index k, Index t, Index count) {
    constexpr Index M = product_rows<T>;
    Vec<T> sum[M][V];
    HalfVec<T> few[Few];
    RUSHLIGHT_UNROLL for (Index i = 0; i < M; ++i) RUSHLIGHT_UNROLL for (Index j = 0; j < V; ++j) sum[i][j] =
        Vec<T>{};
    RUSHLIGHT_UNROLL for (Index j = 0; j < Few; ++j) few[j] = HalfVec<T>{};
    const T* u = p.u + k / lanes<T> * p.panel + k % lanes<T>;
    const T* const end = u + p.channels * lanes<T>;
    const T* v = p.v + t;
    const Index pitch = p.pitch;
    for (; u != end; u += lanes<T>, v += pitch) {
        __builtin_prefetch(u + kAhead * lanes<T>);
        Vec<T> tiles[V];
        RUSHLIGHT_UNROLL for (Index j = 0; j < V; ++j) tiles[j] = load(v + j * lanes<T>);
        RUSHLIGHT_UNROLL for (Index i = 0; i < M; ++i) {
            const Vec<T> weight = broadcast(u[i]);
            RUSHLIGHT_UNROLL for (Index j = 0; j < V; ++j) sum[i][j] =
                multiply_add<T>(weight, tiles[j], sum[i][j]);
        }
        const HalfVec<T> weights = load_half(u);
        RUSHLIGHT_UNROLL for (Index j = 0; j < Few; ++j) few[j] = weights * v[V * lanes<T> + j] + few[j];
    }
    RUSHLIGHT_UNROLL for (Index i = 0; i < M; ++i) {
        T* to = p.y + (k + i) * p.row + t;
        RUSHLIGHT_UNROLL for (Index j = 0; j < V; ++j, to += lanes<T>)
            store(to, p.accumulate ? sum[i][j] + load(to) : sum[i][j]);
        RUSHLIGHT_UNROLL for (Index j = 0; j < Few; ++j) if (j < count) to[j] =
            p.accumulate ? few[j][i] + to[j] : few[j][i];
    }
}

// Tiles from t on: whole vectors, and what is left after them, nothing but in the last block.
struct Block {
    Index t, vectors, left;
};

// From run-time to compile-time sizes.
template <class T, Index V = kProductCols>
RUSHLIGHT_INLINE void product_few_cols(const Products<T>& p, Index k, const Block& block) {
    if (block.vectors == V) {
        if (block.left == 1) return product_few<T, V, 1>(p, k, block.t, 1);
        if (block.left == 2) return product_few<T, V, 2>(p, k, block.t, 2);
        return product_few<T, V, kMostFewTiles>(p, k, block.t, block.left);
    }
    if constexpr (V > 1) product_few_cols<T, V - 1>(p, k, block);
}
template <class T, Index M, Index V = kProductCols>
RUSHLIGHT_INLINE void product_cols(const Products<T>& p, Index k, const Block& block) {
    if (block.vectors + (block.left > 0) == V) {
        if constexpr (kHalfVectors)
            if (block.left > 0 && block.left <= lanes<T> / 2)
                return product_registers<T, M, V - 1, true>(p, k, block.t);
        return product_registers<T, M, V, false>(p, k, block.t);
    }
    if constexpr (V > 1) product_cols<T, M, V - 1>(p, k, block);
}

// Rows that are no whole tile are made up of powers of two.
template <class T, Index M>
RUSHLIGHT_INLINE void product_rest(const Products<T>& p, Index k, const Block& block) {
    if (k + M <= p.outputs) {
        product_cols<T, M>(p, k, block);
        k += M;
    }
    if constexpr (M > 1) product_rest<T, M / 2>(p, k, block);
}

// A block of tiles, which stays in the first-level cache, meets all outputs from k on.
template <class T>
RUSHLIGHT_INLINE void product_block(const Products<T>& p, Index k, const Block& block) {
    constexpr Index M = product_rows<T>;
    if constexpr (lanes<T> >= 2 * M)
        if (block.vectors + (block.left > 0) == 1)
            for (; k + 2 * M <= p.outputs; k += 2 * M) product_cols<T, 2 * M, 1>(p, k, block);
    for (; k + M <= p.outputs; k += M) product_cols<T, M>(p, k, block);
    if constexpr (M > 1) product_rest<T, M / 2>(p, k, block);
}

// The same where few tiles are left. Rows that are no whole tile take the whole vectors first: with what is
// left they might be too many.
template <class T>
RUSHLIGHT_INLINE void product_few_block(const Products<T>& p, const Block& block) {
    constexpr Index M = product_rows<T>;
    Index k = 0;
    for (; k + M <= p.outputs; k += M) product_few_cols<T>(p, k, block);
    if (k == p.outputs) return;
    product_block(p, k, Block{block.t, block.vectors, 0});
    product_block(p, k, Block{block.t + block.vectors * lanes<T>, 0, block.left});
}

template <class T>
inline void multiply(const Products<T>& p) {
    const Index whole = p.tiles / lanes<T>, left = p.tiles % lanes<T>;
    const bool few = kFewTiles<T> && whole > 0 && left > 0 && left <= kMostFewTiles;
    const Index vectors = few ? whole : whole + (left > 0);
    const Index blocks = (vectors + kProductCols - 1) / kProductCols;
    for (Index block = 0; block < blocks; ++block) {  // dealt out evenly: 4 vectors = 2 + 2, not 3 + 1
        const Index t0 = vectors * block / blocks, t1 = vectors * (block + 1) / blocks;
        const Block b{t0 * lanes<T>, min_of(t1, whole) - t0, t1 == vectors ? left : 0};
        if constexpr (kFewTiles<T>)
            if (few && b.left) {
                product_few_block(p, b);
                continue;
            }
        product_block(p, 0, b);
    }
}

}  // namespace
}  // namespace rushlight::kernels::RUSHLIGHT_ISA
