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
    Index vectors;  // of tiles
    T* y;           // output k, tile t: y[k * row + t]
    Index row;
    bool accumulate;  // y +=
};

// A register tile must not reach from one panel into the next.
template <class T>
constexpr Index product_rows = kProductRows < lanes<T> ? kProductRows : lanes<T>;

// M outputs from k on, V vectors of tiles from t on.
template <class T, Index M, Index V>
void product_registers(const Products<T>& p, Index k, Index t) {
    Vec<T> sum[M][V];
    RUSHLIGHT_UNROLL for (Index i = 0; i < M; ++i) RUSHLIGHT_UNROLL for (Index j = 0; j < V; ++j) sum[i][j] =
        Vec<T>{};
    const T* u = p.u + k / lanes<T> * p.panel + k % lanes<T>;
    const T* const end = u + p.channels * lanes<T>;
    const T* v = p.v + t;
    const Index pitch = p.pitch;
    for (; u != end; u += lanes<T>, v += pitch) {
        Vec<T> tiles[V];
        RUSHLIGHT_UNROLL for (Index j = 0; j < V; ++j) tiles[j] = load(v + j * lanes<T>);
        RUSHLIGHT_UNROLL for (Index i = 0; i < M; ++i) {
            const Vec<T> weight = broadcast(u[i]);
            RUSHLIGHT_UNROLL for (Index j = 0; j < V; ++j) sum[i][j] =
                multiply_add<T>(weight, tiles[j], sum[i][j]);
        }
    }
    T* y = p.y + k * p.row + t;
    RUSHLIGHT_UNROLL for (Index i = 0; i < M; ++i) RUSHLIGHT_UNROLL for (Index j = 0; j < V; ++j) {
        T* to = y + i * p.row + j * lanes<T>;
        store(to, p.accumulate ? sum[i][j] + load(to) : sum[i][j]);
    }
}

// From run-time to compile-time sizes.
template <class T, Index M, Index V = kProductCols>
RUSHLIGHT_INLINE void product_cols(const Products<T>& p, Index k, Index t, Index vectors) {
    if (vectors == V) return product_registers<T, M, V>(p, k, t);
    if constexpr (V > 1) product_cols<T, M, V - 1>(p, k, t, vectors);
}
template <class T, Index M = product_rows<T>>
RUSHLIGHT_INLINE void product_rows_of(const Products<T>& p, Index k, Index rows, Index t, Index vectors) {
    if (rows == M) return product_cols<T, M>(p, k, t, vectors);
    if constexpr (M > 1) product_rows_of<T, M - 1>(p, k, rows, t, vectors);
}

// A block of tiles, which stay in the first-level cache, meets all outputs.
template <class T>
inline void multiply(const Products<T>& p) {
    const Index blocks = (p.vectors + kProductCols - 1) / kProductCols;
    for (Index block = 0; block < blocks; ++block) {  // dealt out evenly: 4 vectors = 2 + 2, not 3 + 1
        const Index t0 = p.vectors * block / blocks, t1 = p.vectors * (block + 1) / blocks;
        for (Index k = 0; k < p.outputs; k += product_rows<T>)
            product_rows_of<T>(p, k, min_of(product_rows<T>, p.outputs - k), t0 * lanes<T>, t1 - t0);
    }
}

}  // namespace
}  // namespace rushlight::kernels::RUSHLIGHT_ISA
