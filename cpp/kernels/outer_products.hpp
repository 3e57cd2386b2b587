// The inner loop of weight gradients: sums[m][k] (+)= sum over pixels q of source[m][q] * grads[q][k].
//
// Output channels k lie side by side in the lanes, so nothing is added across lanes, and a source value is
// broadcast from where it lies: any stride, no copy. Register tile: M rows of the source x V vectors of
// channels stay in registers while the pixels go by. Grads of a block of pixels (V vectors each, side by
// side) should fit the first-level cache, because every row of the source meets them.
#pragma once

#include "simd.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {
namespace {

// Pixels that lie in step in both operands: number i is source[row + step * i + source] and grads[grad + i].
struct PixelRun {
    Index source, grad, count;
};

template <class T>
struct OuterProducts {
    const T* source;
    const Index* rows;  // where each row of the source begins
    Index row_count, step;
    const T* grads;  // (pixels, V * lanes)
    Index vectors;   // V
    const PixelRun* runs;
    Index run_count;
    T* sums;  // row m at sums + m * sums_row
    Index sums_row;
    bool accumulate;  // sums +=, instead of sums =
};

template <class T, Index M, Index V>
void multiply_registers(const OuterProducts<T>& p, Index first) {
    Vec<T> sum[M][V];
    const T* row[M];
    RUSHLIGHT_UNROLL for (Index m = 0; m < M; ++m) {
        row[m] = p.source + p.rows[first + m];
        RUSHLIGHT_UNROLL for (Index v = 0; v < V; ++v) sum[m][v] = Vec<T>{};
    }
    const Index step = p.step;
    for (const PixelRun *run = p.runs, *end = run + p.run_count; run != end; ++run) {
        const T* grad = p.grads + run->grad * V * lanes<T>;
        Index at = run->source;
        for (Index left = run->count; left > 0; --left, at += step, grad += V * lanes<T>) {
            Vec<T> dy[V];
            RUSHLIGHT_UNROLL for (Index v = 0; v < V; ++v) dy[v] = load(grad + v * lanes<T>);
            RUSHLIGHT_UNROLL for (Index m = 0; m < M; ++m) {
                const Vec<T> x = broadcast(row[m][at]);
                RUSHLIGHT_UNROLL for (Index v = 0; v < V; ++v) sum[m][v] =
                    multiply_add<T>(x, dy[v], sum[m][v]);
            }
        }
    }
    T* sums = p.sums + first * p.sums_row;
    RUSHLIGHT_UNROLL for (Index m = 0; m < M; ++m, sums += p.sums_row) {
        RUSHLIGHT_UNROLL for (Index v = 0; v < V; ++v) {
            T* to = sums + v * lanes<T>;
            store(to, p.accumulate ? load(to) + sum[m][v] : sum[m][v]);
        }
    }
}

// Most rows of a register tile that is V vectors wide. Narrow tiles make up for it with rows, or they would
// wait for their own sums.
constexpr Index outer_tile_rows(Index vectors) {
    return vectors < 3 && kOuterVectors > 2 ? kOuterRows + 2 : kOuterRows;
}

// From run-time to compile-time sizes.
template <class T, Index V, Index M = outer_tile_rows(V)>
RUSHLIGHT_INLINE void outer_rows(const OuterProducts<T>& p, Range rows) {
    if (rows.end - rows.begin == M) return multiply_registers<T, M, V>(p, rows.begin);
    if constexpr (M > 1) outer_rows<T, V, M - 1>(p, rows);
}
template <class T, Index V = kOuterVectors>
RUSHLIGHT_INLINE void outer_vectors(const OuterProducts<T>& p, Range rows) {
    if (p.vectors == V) return outer_rows<T, V>(p, rows);
    if constexpr (V > 1) outer_vectors<T, V - 1>(p, rows);
}

// How many register tiles the rows make, and the rows of number i: dealt out evenly, 64 = 9 * 6 + 2 * 5.
template <class T>
RUSHLIGHT_INLINE Index outer_tiles(const OuterProducts<T>& p) {
    const Index most = outer_tile_rows(p.vectors);
    return (p.row_count + most - 1) / most;
}
template <class T>
RUSHLIGHT_INLINE Range outer_tile(const OuterProducts<T>& p, Index i) {
    const Index tiles = outer_tiles(p);
    return Range{p.row_count * i / tiles, p.row_count * (i + 1) / tiles};
}

// The rows of one register tile.
template <class T>
inline void multiply_outer(const OuterProducts<T>& p, Range rows) {
    outer_vectors(p, rows);
}

}  // namespace
}  // namespace rushlight::kernels::RUSHLIGHT_ISA
