// The inner loop of the direct convolution: y[m][q] (+)= sum over taps of weight[m, tap] * tile[tap + q].
//
// Register tile: kTileRows output channels x kTileCols vectors of pixels stay in registers while all taps go
// by; each tap costs kTileCols loads of pixels and kTileRows broadcasts of weights for rows * cols
// multiply-adds. Weights are read where they lie: a table of offsets serves (K, C, R, S) for forward and its
// transpose for the input gradient alike, without a packed copy.
#pragma once

#include "conv2d_tile.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {
namespace {

// Where tap t's weight lies in a channel's row of weights, and where its pixels begin in the tile.
struct Tap {
    Index weight, tile;
};

// The taps of `channels` channels that lie weight_channel apart in the weights, tile_channel apart in the
// tile. rows and cols say which kernel rows and columns there are (row i is first + i * every); the first
// channel's offsets serve the others.
inline Index fill_taps(const TileLayout& layout, Index channels, Index S, Index weight_channel,
                       Index tile_channel, Tap* taps) {
    const Axis &h = layout.h, &w = layout.w;
    const Index area = h.count * w.count;
    for (Index i = 0; i < h.count; ++i) {
        const Index weight_row = (h.first + i * h.every) * S, tile_row = tap_row_offset(layout, i);
        for (Index j = 0; j < w.count; ++j) {
            // The first row is its own column offsets: row 0 of a kernel begins at offset 0 of the tile.
            const Index tile_col = i == 0 ? tap_col_offset(layout, j) : taps[j].tile;
            taps[i * w.count + j] = Tap{weight_row + w.first + j * w.every, tile_row + tile_col};
        }
    }
    for (Index t = area; t < channels * area; ++t)
        taps[t] = Tap{taps[t - area].weight + weight_channel, taps[t - area].tile + tile_channel};
    return channels * area;
}

template <class T>
struct Sweep {
    const T* w;  // channel m, tap t: w[m * w_channel + taps[t].weight]
    Index w_channel;
    const T* tile;
    Index pitch;
    const Tap* taps;
    Index tap_count;
    T* y;  // channel m, pixel (i, j): y[m * y_channel + i * y_row + j * y_col]
    Index y_channel, y_row, y_col;
    Index channels, rows, cols;
    const T* bias;           // per channel, or null
    bool accumulate;         // y += sum, instead of y = bias + sum
    Index apart = lanes<T>;  // between vectors of pixels: neighbours; or `pitch`, each vector one row
};

// Register tile sizes by type: integers, which no figure is asked of, make do with small ones.
template <class T>
constexpr bool is_real = T(0.5) != T(0);
template <class T>
constexpr Index tile_rows = is_real<T> ? kTileRows : 2;
template <class T>
constexpr Index tile_cols = is_real<T> ? kTileCols : 2;

// A run of wanted outputs within one vector: lane i goes to y[offset + i * y_col].
struct Run {
    Index vector, first, last, offset;
};

// The wanted outputs of some vectors from number v0 on, as runs; returns how many. `whole`: each vector is
// one full run of neighbours.
template <class T>
inline Index find_runs(const Sweep<T>& s, Index v0, Index vectors, Run* runs, bool& whole) {
    if (s.apart != lanes<T>) {
        for (Index v = 0; v < vectors; ++v) runs[v] = Run{v, 0, s.cols, (v0 + v) * s.y_row};
        whole = s.y_col == 1 && s.cols == lanes<T>;
        return vectors;
    }
    const Index q = v0 * lanes<T>;
    if (s.rows == 1) {
        for (Index v = 0; v < vectors; ++v)
            runs[v] = Run{v, 0, min_of(lanes<T>, s.cols - q - v * lanes<T>), (q + v * lanes<T>)*s.y_col};
        whole = s.y_col == 1 && q + vectors * lanes<T> <= s.cols;
        return vectors;
    }
    Index count = 0, row = q / s.pitch, col = q % s.pitch;
    for (Index v = 0; v < vectors; ++v)
        for (Index lane = 0; lane < lanes<T> && row < s.rows;) {
            const Index wanted = min_of(s.cols - col, lanes<T> - lane);
            if (wanted > 0)
                runs[count++] = Run{v, lane, lane + wanted, row * s.y_row + (col - lane) * s.y_col};
            const Index step = min_of(s.pitch - col, lanes<T> - lane);
            lane += step;
            col += step;
            if (col == s.pitch) {
                col = 0;
                ++row;
            }
        }
    whole = s.y_col == 1 && count == vectors;
    for (Index i = 0; i < count; ++i) whole = whole && runs[i].last - runs[i].first == lanes<T>;
    return count;
}

// to[2 * i] (+)= v[i] for those of first <= i < last that lie in this half of the two vectors which they
// fill; the elements between them stay what they are.
template <class T, int Half>
RUSHLIGHT_INLINE void finish_spread(T* to, Vec<T> v, Index first, Index last, bool accumulate) {
    const Index begin = max_of(2 * first - Half * lanes<T>, 0);
    const Index end = min_of(2 * last - 1 - Half * lanes<T>, lanes<T>);
    if (begin >= end) return;
    Vec<T> wide = in_turns<T, Half>(v, v, AllLanes<T>{});
    if (accumulate) wide += load_lanes(to + Half * lanes<T>, begin, end);
    store_even_lanes(to + Half * lanes<T>, wide, begin, end);
}

// One run of one channel from `sum`, the vector it lies in, to y.
template <class T>
RUSHLIGHT_INLINE void finish_run(const Sweep<T>& s, const Run& run, Vec<T> sum, Vec<T> bias, T* y) {
    T* to = y + run.offset;
    if (s.y_col == 1) {
        if (s.accumulate) sum += load_lanes(to, run.first, run.last);
        store_lanes(to, sum + bias, run.first, run.last);
    } else if (kMaskedEvenStores && sizeof(T) >= 4 && s.y_col == 2) {
        finish_spread<T, 0>(to, sum + bias, run.first, run.last, s.accumulate);
        finish_spread<T, 1>(to, sum + bias, run.first, run.last, s.accumulate);
    } else {
        T lane[lanes<T>];
        store(lane, sum + bias);
        for (Index i = run.first; i < run.last; ++i)
            to[i * s.y_col] = s.accumulate ? T(to[i * s.y_col] + lane[i]) : lane[i];
    }
}

// M channels from m on, V vectors from q on.
template <class T, Index M, Index V>
void sweep_registers(const Sweep<T>& s, Index m, Index q, const Run* runs, Index run_count, bool whole) {
    Vec<T> sum[M][V];
    RUSHLIGHT_UNROLL for (Index i = 0; i < M; ++i) RUSHLIGHT_UNROLL for (Index v = 0; v < V; ++v) sum[i][v] =
        Vec<T>{};

    const T* w = s.w + m * s.w_channel;
    const T* tile = s.tile + q;
    const Tap* const end = s.taps + s.tap_count;
    const Index w_channel = s.w_channel, apart = s.apart;
    for (const Tap* tap = s.taps; tap != end; ++tap) {
        const T* weight = w + tap->weight;
        const T* pixel = tile + tap->tile;
        Vec<T> pixels[V];
        RUSHLIGHT_UNROLL for (Index v = 0; v < V; ++v) pixels[v] = load(pixel + v * apart);
        RUSHLIGHT_UNROLL for (Index i = 0; i < M; ++i) {
            const Vec<T> a = broadcast(weight[i * w_channel]);
            RUSHLIGHT_UNROLL for (Index v = 0; v < V; ++v) sum[i][v] =
                multiply_add<T>(a, pixels[v], sum[i][v]);
        }
    }

    T* y = s.y + m * s.y_channel;
    if (whole) {
        RUSHLIGHT_UNROLL for (Index i = 0; i < M; ++i) {
            const Vec<T> bias = s.bias ? broadcast(s.bias[m + i]) : Vec<T>{};
            RUSHLIGHT_UNROLL for (Index v = 0; v < V; ++v) {
                T* to = y + i * s.y_channel + runs[v].offset;
                store(to, s.accumulate ? sum[i][v] + load(to) : sum[i][v] + bias);
            }
        }
        return;
    }
    alignas(kVectorBytes) T sums[M][V][lanes<T>];
    RUSHLIGHT_UNROLL for (Index i = 0; i < M; ++i) RUSHLIGHT_UNROLL for (Index v = 0; v < V; ++v)
        store(sums[i][v], sum[i][v]);
    for (Index i = 0; i < M; ++i) {
        const Vec<T> bias = s.bias && !s.accumulate ? broadcast(s.bias[m + i]) : Vec<T>{};
        for (const Run* run = runs; run != runs + run_count; ++run)
            finish_run(s, *run, load(sums[i][run->vector]), bias, y + i * s.y_channel);
    }
}

// From run-time to compile-time sizes.
template <class T, Index M, Index V = tile_cols<T>>
RUSHLIGHT_INLINE void sweep_cols(const Sweep<T>& s, Index m, Index q, Index vectors, const Run* runs,
                                 Index run_count, bool whole) {
    if (vectors == V) return sweep_registers<T, M, V>(s, m, q, runs, run_count, whole);
    if constexpr (V > 1) sweep_cols<T, M, V - 1>(s, m, q, vectors, runs, run_count, whole);
}
template <class T, Index M = tile_rows<T>>
RUSHLIGHT_INLINE void sweep_rows(const Sweep<T>& s, Index m, Index channels, Index q, Index vectors,
                                 const Run* runs, Index run_count, bool whole) {
    if (channels == M) return sweep_cols<T, M>(s, m, q, vectors, runs, run_count, whole);
    if constexpr (M > 1) sweep_rows<T, M - 1>(s, m, channels, q, vectors, runs, run_count, whole);
}

// A sweep reads up to this many elements past a tile's last pixel (and drops what it makes of them).
template <class T>
constexpr Index sweep_overread = tile_cols<T> * lanes<T>;

// Weights up to this size stay in the second-level cache while block after block of pixels sweeps over all of
// them.
constexpr Index kResidentWeightBytes = 256 * 1024;

// Weights from this size on leave the first-level cache meanwhile. That costs more than reading the pixels
// again if taps are few and results so many that they leave the second-level cache.
constexpr Index kNearWeightBytes = 24 * 1024, kFewTaps = 256, kResidentResultBytes = 512 * 1024;

// Rows that follow each other without gaps, here and in y, are one long row.
template <class T>
inline Sweep<T> without_gaps(Sweep<T> s) {
    if (s.pitch == s.cols && s.y_row == s.cols * s.y_col) {
        s.pitch = s.cols = s.rows * s.cols;
        s.rows = 1;
    }
    return s;
}

// Vectors of the tile's pixels, the gaps between rows included.
template <class T>
inline Index count_vectors(const Sweep<T>& s) {
    return ((s.rows - 1) * s.pitch + s.cols + lanes<T> - 1) / lanes<T>;
}
// The same if each row begins with a vector of its own.
template <class T>
inline Index count_row_vectors(const Sweep<T>& s) {
    return s.rows * ((s.cols + lanes<T> - 1) / lanes<T>);
}

// All vectors. Usually a block of pixels (they stay in the first-level cache) sweeps over all channels; where
// weights or results are too many for that, a block of channels sweeps over all pixels.
template <class T>
RUSHLIGHT_NOINLINE void sweep_vectors(const Sweep<T>& s) {
    const Index vectors = s.apart == lanes<T> ? count_vectors(s) : s.rows;
    const Index blocks = (vectors + tile_cols<T> - 1) / tile_cols<T>;
    const Index channel_blocks = (s.channels + tile_rows<T> - 1) / tile_rows<T>;
    const Index weight_bytes = s.channels * s.tap_count * Index(sizeof(T));
    const bool many_weights = weight_bytes > kResidentWeightBytes;
    const bool many_results = weight_bytes > kNearWeightBytes && s.tap_count <= kFewTaps &&
                              s.channels * vectors * kVectorBytes > kResidentResultBytes;
    const Index outer = many_weights || many_results ? channel_blocks : 1;
    Run runs[tile_cols<T> * lanes<T>];
    for (Index part = 0; part < outer; ++part) {
        const Index first = channel_blocks * part / outer, last = channel_blocks * (part + 1) / outer;
        for (Index block = 0; block < blocks; ++block) {  // dealt out evenly: 4 vectors = 2 + 2, not 3 + 1
            const Index v0 = vectors * block / blocks, v1 = vectors * (block + 1) / blocks;
            bool whole;
            const Index run_count = find_runs(s, v0, v1 - v0, runs, whole);
            for (Index b = first; b < last; ++b) {
                const Index m0 = s.channels * b / channel_blocks, m1 = s.channels * (b + 1) / channel_blocks;
                sweep_rows(s, m0, m1 - m0, v0 * s.apart, v1 - v0, runs, run_count, whole);
            }
        }
    }
}

// The whole tile: one long row, gaps and all, or strips of the columns, a vector wide, where that saves more
// than their scattered results cost.
template <class T>
inline void sweep(const Sweep<T>& given) {
    const Sweep<T> s = without_gaps(given);
    if (64 * count_row_vectors(s) > 63 * count_vectors(s)) return sweep_vectors(s);
    for (Index col = 0; col < s.cols; col += lanes<T>) {
        Sweep<T> strip = s;
        strip.apart = s.pitch;
        strip.tile += col;
        strip.y += col * s.y_col;
        strip.cols = min_of(lanes<T>, s.cols - col);
        sweep_vectors(strip);
    }
}

}  // namespace
}  // namespace rushlight::kernels::RUSHLIGHT_ISA
