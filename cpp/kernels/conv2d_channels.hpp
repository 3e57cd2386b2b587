// The other inner loop of the direct convolution: output channels side by side in the lanes, pixels one by
// one.
//
// conv2d_sweep.hpp has pixels in the lanes and computes, with every row, a few that nobody wants; on narrow
// images, wide kernels and large dilations they are many. Here two vectors of channels meet
// kChannelTilePixels broadcast pixels, and none is wasted. The price: a block of weights is transposed first,
// and the results are transposed back. Both loops add the same products in the same order, so they give the
// same bits, and whichever is quicker may run.
#pragma once

#include "conv2d_sweep.hpp"
#include "shuffles.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {
namespace {

constexpr Index kChannelVectors = 2;
template <class T>
constexpr Index channel_block = kChannelVectors * lanes<T>;

// Elements of scratch memory for the transposed weights of one block of channels.
template <class T>
inline Index channel_sweep_elements(Index taps) {
    return round_up(taps, lanes<T>) * channel_block<T>;
}

// packed[t][i] = weight of channel m + i and tap t, V vectors of them; zero for channels that do not exist.
template <class T, Index V>
inline void pack_weights(const Sweep<T>& s, Index m, T* packed) {
    for (Index v = 0; v < V; ++v) {
        const Index first = m + v * lanes<T>, count = min_of(max_of(s.channels - first, 0), lanes<T>);
        for (Index t = 0; t < s.tap_count; t += lanes<T>) {
            const Index taps = min_of(lanes<T>, s.tap_count - t);
            Vec<T> rows[lanes<T>];
            RUSHLIGHT_UNROLL for (Index i = 0; i < lanes<T>; ++i) {
                const T* row = s.w + (first + i) * s.w_channel + s.taps[t].weight;
                rows[i] = i >= count ? Vec<T>{} : taps == lanes<T> ? load(row) : load_lanes(row, 0, taps);
            }
            transpose<T>(rows);
            RUSHLIGHT_UNROLL for (Index i = 0; i < lanes<T>; ++i)
                store(packed + ((t + i) * V + v) * lanes<T>, rows[i]);
        }
    }
}

// P pixels of each of R rows (pitch apart) from q on, times V vectors of channels from m on; y is where the
// first of them goes.
template <class T, Index V, Index R, Index P>
void sweep_channel_registers(const Sweep<T>& s, const T* packed, Index m, Index q, T* y) {
    static_assert(P <= lanes<T>, "the results are transposed as squares");
    Vec<T> sum[V][R][lanes<T>];
    RUSHLIGHT_UNROLL for (Index v = 0; v < V; ++v) RUSHLIGHT_UNROLL for (Index r = 0; r < R; ++r)
        RUSHLIGHT_UNROLL for (Index i = 0; i < P; ++i) sum[v][r][i] = Vec<T>{};

    const T* tile = s.tile + q;
    const T* weight = packed;
    const Index pitch = s.pitch;
    const Tap* const end = s.taps + s.tap_count;
    for (const Tap* tap = s.taps; tap != end; ++tap, weight += V * lanes<T>) {
        const T* pixel = tile + tap->tile;
        Vec<T> w[V];
        RUSHLIGHT_UNROLL for (Index v = 0; v < V; ++v) w[v] = load(weight + v * lanes<T>);
        RUSHLIGHT_UNROLL for (Index r = 0; r < R; ++r) RUSHLIGHT_UNROLL for (Index i = 0; i < P; ++i) {
            const Vec<T> x = broadcast(pixel[r * pitch + i]);
            RUSHLIGHT_UNROLL for (Index v = 0; v < V; ++v) sum[v][r][i] =
                multiply_add<T>(w[v], x, sum[v][r][i]);
        }
    }

    const Run run{0, 0, P, 0};
    RUSHLIGHT_UNROLL for (Index v = 0; v < V; ++v) RUSHLIGHT_UNROLL for (Index r = 0; r < R; ++r) {
        RUSHLIGHT_UNROLL for (Index i = P; i < lanes<T>; ++i) sum[v][r][i] = Vec<T>{};
        transpose<T>(sum[v][r]);
        const Index first = m + v * lanes<T>;
        RUSHLIGHT_UNROLL for (Index i = 0; i < lanes<T>; ++i) {
            if (first + i >= s.channels) break;
            const Vec<T> bias = s.bias && !s.accumulate ? broadcast(s.bias[first + i]) : Vec<T>{};
            finish_run(s, run, sum[v][r][i], bias, y + (first + i) * s.y_channel + r * s.y_row);
        }
    }
}

template <class T>
constexpr Index most_pixels = kChannelTilePixels < lanes<T> ? kChannelTilePixels : lanes<T>;

// From run-time to compile-time sizes.
template <class T, Index V, Index R, Index P = most_pixels<T>>
RUSHLIGHT_INLINE void sweep_channel_pixels(const Sweep<T>& s, const T* packed, Index m, Index q, Index pixels,
                                           T* y) {
    if (pixels == P) return sweep_channel_registers<T, V, R, P>(s, packed, m, q, y);
    if constexpr (P > 1) sweep_channel_pixels<T, V, R, P - 1>(s, packed, m, q, pixels, y);
}

// All pixels, times V vectors of channels from m on. One vector alone would be bound by the loads of pixels:
// it takes two rows at a time.
template <class T, Index V>
inline void sweep_channel_block(const Sweep<T>& s, Index m, T* scratch) {
    constexpr Index step = kChannelVectors / V;
    const Index parts = (s.cols + most_pixels<T> - 1) / most_pixels<T>;
    pack_weights<T, V>(s, m, scratch);
    for (Index i = 0; i < s.rows; i += step)
        for (Index part = 0; part < parts; ++part) {  // dealt out evenly: 28 = 14 + 14
            const Index j = s.cols * part / parts, pixels = s.cols * (part + 1) / parts - j,
                        q = i * s.pitch + j;
            T* y = s.y + i * s.y_row + j * s.y_col;
            if (i + step <= s.rows)
                sweep_channel_pixels<T, V, step>(s, scratch, m, q, pixels, y);
            else
                sweep_channel_pixels<T, V, 1>(s, scratch, m, q, pixels, y);
        }
}

// Weights must lie side by side in the order of the taps (forward's do).
template <class T>
inline void sweep_channels(const Sweep<T>& given, T* scratch) {
    const Sweep<T> s = without_gaps(given);
    for (Index m = 0; m < s.channels; m += channel_block<T>) {
        if (s.channels - m > lanes<T>)
            sweep_channel_block<T, kChannelVectors>(s, m, scratch);
        else
            sweep_channel_block<T, 1>(s, m, scratch);
    }
}

// Whether sweep_channels is the quicker one: both are priced in vector multiply-adds per tap, what they waste
// included.
template <class T>
inline bool prefers_channels(const Sweep<T>& given) {
    const Sweep<T> s = without_gaps(given);
    const Index parts = (s.cols + most_pixels<T> - 1) / most_pixels<T>;
    const double run = double(s.cols) / double(parts), pixels = double(s.rows * s.cols);
    if (run < 4 || s.tap_count < 4 * lanes<T>) return false;

    const Index rest = s.channels % channel_block<T>;
    const double vectors =
        double(s.channels / channel_block<T> * kChannelVectors + (rest > lanes<T> ? kChannelVectors : 0));
    // One vector of channels alone is bound by the loads of pixels.
    const double alone = rest > 0 && rest <= lanes<T> ? (2 * run + 3) / (2 * run) : 0;
    // Transposing costs about two multiply-adds a vector of weights, and a vector of results as much as a
    // dozen.
    const double by_channels = (vectors + alone) * (pixels * (1 + 12.0 / double(s.tap_count)) + 4);
    const Index swept = round_up((s.rows - 1) * s.pitch + s.cols, lanes<T>) / lanes<T>;
    return by_channels < 0.97 * double(swept) * double(s.channels);
}

// scratch: channel_sweep_elements.
template <class T>
inline void sweep_best(const Sweep<T>& s, T* scratch) {
    if constexpr (is_real<T>)
        if (prefers_channels(s)) return sweep_channels(s, scratch);
    sweep(s);
}

}  // namespace
}  // namespace rushlight::kernels::RUSHLIGHT_ISA
