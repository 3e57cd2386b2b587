// The other inner loop of the direct convolution: output channels side by side in the lanes, pixels one by
// one.
//
// conv2d_sweep.hpp has pixels in the lanes and computes, with every row, a few that nobody wants; on narrow
// images, wide kernels and large dilations they are many. Here two vectors of channels meet
// kChannelTilePixels broadcast pixels, and none is wasted; nor are taps, in rows next to the border, that
// would read nothing but padding. The price: a block of weights is transposed first, and the results are
// transposed back. Both loops add the same products in the same order (but for zeros), so they give the same
// bits, and whichever is quicker may run.
#pragma once

#include "channel_lanes.hpp"
#include "conv2d_sweep.hpp"

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

// How weights lie: a channel's taps side by side, in their order (forward); or the channels next to each
// other, R * S apart (input gradient).
enum class WeightOrder { taps, channels };

// A sweep, and what else this loop wants to know of it. Taps are sorted by source channel, then kernel row.
template <class T>
struct ChannelSweep {
    Sweep<T> sweep;
    WeightOrder order;
    Axis h;       // kernel row r of output row i reads source row h.base + i * h.step + r * h.delta ...
    Index H;      // ... which is padding outside [0, H)
    Index width;  // taps of a kernel row
};

// Taps first .. first + length - 1 of each source channel, which has `area` of them.
struct TapRuns {
    Index count, first, length, area;
};

// The taps that output rows i .. i + rows - 1 need. (Without gaps between its rows, a tile is one long row,
// which needs them all.)
template <class T>
inline TapRuns find_tap_runs(const ChannelSweep<T>& c, Index i, Index rows) {
    const Index all = c.sweep.tap_count, area = c.h.count * c.width;
    const Index top = c.h.base + i * c.h.step, bottom = top + (rows - 1) * c.h.step;
    const Index first = bottom >= 0 ? 0 : min_of(c.h.count, (-bottom + c.h.delta - 1) / c.h.delta);
    const Index last = max_of(first, min_of(c.h.count, floor_div(c.H - 1 - top, c.h.delta) + 1));
    if (last - first == c.h.count) return TapRuns{1, 0, all, all};
    return TapRuns{all / area, first * c.width, (last - first) * c.width, area};
}

// Weights are many where pixels are few, and then come from far: while a vector of channels is transposed and
// computed with, the next one, which is transposed next, is on its way. (Prefetching may leave the array.)
template <class T>
RUSHLIGHT_INLINE void prefetch_next_vector(const T* from, Index w_channel) {
    RUSHLIGHT_UNROLL for (Index i = 0; i < lanes<T>; ++i)
        __builtin_prefetch(from + (lanes<T> + i) * w_channel, 0, 2);
}

// packed[t][i] = weight of channel m + i and tap t, V vectors of them; zero for channels that do not exist.
template <class T, Index V>
inline void pack_weights(const Sweep<T>& s, Index m, T* packed) {
    for (Index v = 0; v < V; ++v) {
        const Index first = m + v * lanes<T>, count = min_of(max_of(s.channels - first, 0), lanes<T>);
        for (Index t = 0; t < s.tap_count; t += lanes<T>) {
            Vec<T> rows[lanes<T>];
            load_transposed(s.w + first * s.w_channel + s.taps[t].weight, s.w_channel, count, s.tap_count - t,
                            rows);
            RUSHLIGHT_UNROLL for (Index i = 0; i < lanes<T>; ++i)
                store(packed + ((t + i) * V + v) * lanes<T>, rows[i]);
        }
    }
}

// The same for channels that lie next to each other, w_channel weights each, of which the `area` taps of a
// source channel are some, in any order.
template <class T, Index V>
inline void pack_neighbours(const Sweep<T>& s, Index area, Index m, T* packed) {
    for (Index v = 0; v < V; ++v) {
        const Index first = m + v * lanes<T>, count = min_of(max_of(s.channels - first, 0), lanes<T>);
        if (s.w_channel == 1) {
            for (Index t = 0; t < s.tap_count; ++t) {
                const T* weights = s.w + s.taps[t].weight + first;
                __builtin_prefetch(weights + lanes<T>, 0, 2);
                store(packed + (t * V + v) * lanes<T>,
                      count == lanes<T> ? load(weights) : load_lanes(weights, 0, count));
            }
            continue;
        }
        for (Index t0 = 0; t0 < s.tap_count; t0 += area) {
            // The first tap of a source channel says where its weights begin.
            const Index begin = s.taps[t0].weight - s.taps[0].weight;
            for (Index chunk = 0; chunk < s.w_channel; chunk += lanes<T>) {
                alignas(kVectorBytes) T square[lanes<T>][lanes<T>];
                Vec<T> rows[lanes<T>];
                const T* from = s.w + first * s.w_channel + begin + chunk;
                prefetch_next_vector(from, s.w_channel);
                load_transposed(from, s.w_channel, count, s.w_channel - chunk, rows);
                RUSHLIGHT_UNROLL for (Index i = 0; i < lanes<T>; ++i) store(square[i], rows[i]);
                for (Index t = t0; t < t0 + area; ++t) {
                    const Index i = s.taps[t].weight - begin - chunk;
                    if (i >= 0 && i < lanes<T>) store(packed + (t * V + v) * lanes<T>, load(square[i]));
                }
            }
        }
    }
}

// Sums of `pixels` neighbours, each a vector of channels from `first` on, into y. Not inlined: every size of
// a register tile would bring its own copy of some thousand shuffles.
template <class T>
RUSHLIGHT_NOINLINE void finish_channels(const Sweep<T>& s, Index pixels, const T* sums, Index first, T* y) {
    Vec<T> rows[lanes<T>];
    RUSHLIGHT_UNROLL for (Index i = 0; i < lanes<T>; ++i) rows[i] =
        i < pixels ? load(sums + i * lanes<T>) : Vec<T>{};
    transpose<T>(rows);
    alignas(kVectorBytes) T square[lanes<T>][lanes<T>];
    RUSHLIGHT_UNROLL for (Index i = 0; i < lanes<T>; ++i) store(square[i], rows[i]);
    const Run run{0, 0, pixels, 0};
    for (Index i = 0; i < min_of(lanes<T>, s.channels - first); ++i) {
        const Vec<T> bias = s.bias && !s.accumulate ? broadcast(s.bias[first + i]) : Vec<T>{};
        finish_run(s, run, load(square[i]), bias, y + (first + i) * s.y_channel);
    }
}

// P pixels of each of R rows (pitch apart) from q on, times V vectors of channels from m on; y is where the
// first of them goes.
template <class T, Index V, Index R, Index P>
void sweep_channel_registers(const Sweep<T>& s, const TapRuns& runs, const T* packed, Index m, Index q,
                             T* y) {
    static_assert(P <= lanes<T>, "the results are transposed as squares");
    Vec<T> sum[V][R][P];
    RUSHLIGHT_UNROLL for (Index v = 0; v < V; ++v) RUSHLIGHT_UNROLL for (Index r = 0; r < R; ++r)
        RUSHLIGHT_UNROLL for (Index i = 0; i < P; ++i) sum[v][r][i] = Vec<T>{};

    const T* tile = s.tile + q;
    const T* weight = packed + runs.first * V * lanes<T>;
    const Tap* tap = s.taps + runs.first;
    const Index pitch = s.pitch, gap = runs.area - runs.length;
    for (Index run = 0; run < runs.count; ++run, tap += gap, weight += gap * V * lanes<T>)
        for (const Tap* end = tap + runs.length; tap != end; ++tap, weight += V * lanes<T>) {
            const T* pixel = tile + tap->tile;
            Vec<T> w[V];
            RUSHLIGHT_UNROLL for (Index v = 0; v < V; ++v) w[v] = load(weight + v * lanes<T>);
            RUSHLIGHT_UNROLL for (Index r = 0; r < R; ++r) RUSHLIGHT_UNROLL for (Index i = 0; i < P; ++i) {
                const Vec<T> x = broadcast(pixel[r * pitch + i]);
                RUSHLIGHT_UNROLL for (Index v = 0; v < V; ++v) sum[v][r][i] =
                    multiply_add<T>(w[v], x, sum[v][r][i]);
            }
        }

    alignas(kVectorBytes) T sums[V][R][P][lanes<T>];
    RUSHLIGHT_UNROLL for (Index v = 0; v < V; ++v) RUSHLIGHT_UNROLL for (Index r = 0; r < R; ++r)
        RUSHLIGHT_UNROLL for (Index i = 0; i < P; ++i) store(sums[v][r][i], sum[v][r][i]);
    for (Index v = 0; v < V; ++v)
        for (Index r = 0; r < R; ++r) finish_channels(s, P, sums[v][r][0], m + v * lanes<T>, y + r * s.y_row);
}

template <class T>
constexpr Index most_pixels = kChannelTilePixels < lanes<T> ? kChannelTilePixels : lanes<T>;

// From run-time to compile-time sizes.
template <class T, Index V, Index R, Index P = most_pixels<T>>
RUSHLIGHT_INLINE void sweep_channel_pixels(const Sweep<T>& s, const TapRuns& runs, const T* packed, Index m,
                                           Index q, Index pixels, T* y) {
    if (pixels == P) return sweep_channel_registers<T, V, R, P>(s, runs, packed, m, q, y);
    if constexpr (P > 1) sweep_channel_pixels<T, V, R, P - 1>(s, runs, packed, m, q, pixels, y);
}

// All pixels, times V vectors of channels from m on. One vector alone would be bound by the loads of pixels:
// it takes two rows at a time.
template <class T, Index V>
inline void sweep_channel_block(const ChannelSweep<T>& c, Index m, T* scratch) {
    constexpr Index step = kChannelVectors / V;
    const Sweep<T>& s = c.sweep;
    const Index parts = (s.cols + most_pixels<T> - 1) / most_pixels<T>;
    if (c.order == WeightOrder::taps)
        pack_weights<T, V>(s, m, scratch);
    else
        pack_neighbours<T, V>(s, c.h.count * c.width, m, scratch);
    for (Index i = 0; i < s.rows; i += step) {
        const TapRuns runs = find_tap_runs(c, i, min_of(step, s.rows - i));
        for (Index part = 0; part < parts; ++part) {  // dealt out evenly: 28 = 14 + 14
            const Index j = s.cols * part / parts, pixels = s.cols * (part + 1) / parts - j,
                        q = i * s.pitch + j;
            T* y = s.y + i * s.y_row + j * s.y_col;
            if (i + step <= s.rows)
                sweep_channel_pixels<T, V, step>(s, runs, scratch, m, q, pixels, y);
            else
                sweep_channel_pixels<T, V, 1>(s, runs, scratch, m, q, pixels, y);
        }
    }
}

// Kernel rows that the output rows need, all together.
template <class T>
inline Index needed_kernel_rows(const ChannelSweep<T>& c) {
    Index needed = 0;
    for (Index i = 0; i < c.sweep.rows; ++i) {
        const TapRuns runs = find_tap_runs(c, i, 1);
        needed += runs.count == 1 ? c.h.count : runs.length / c.width;
    }
    return needed;
}

// As without_gaps, unless rows differ in what they need.
template <class T>
inline ChannelSweep<T> without_gaps(ChannelSweep<T> c) {
    if (needed_kernel_rows(c) == c.sweep.rows * c.h.count) c.sweep = without_gaps(c.sweep);
    return c;
}

// scratch: channel_sweep_elements.
template <class T>
inline void sweep_channels(const ChannelSweep<T>& given, T* scratch) {
    const ChannelSweep<T> c = without_gaps(given);
    for (Index m = 0; m < c.sweep.channels; m += channel_block<T>) {
        if (c.sweep.channels - m > lanes<T>)
            sweep_channel_block<T, kChannelVectors>(c, m, scratch);
        else
            sweep_channel_block<T, 1>(c, m, scratch);
    }
}

// Whether sweep_channels is the quicker one: both are priced in vector multiply-adds per tap, what they waste
// included.
template <class T>
inline bool prefers_channels(const ChannelSweep<T>& given) {
    if (given.sweep.tap_count < 4 * lanes<T>) return false;
    const ChannelSweep<T> c = without_gaps(given);
    const Sweep<T>& s = c.sweep;
    const Index parts = (s.cols + most_pixels<T> - 1) / most_pixels<T>;
    const double run = double(s.cols) / double(parts), pixels = double(s.rows * s.cols);
    if (run < 4) return false;
    const Index rest = s.channels % channel_block<T>;
    const double vectors =
        double(s.channels / channel_block<T> * kChannelVectors + (rest > lanes<T> ? kChannelVectors : 0));
    // One vector of channels alone is bound by the loads of pixels.
    const double alone = rest > 0 && rest <= lanes<T> ? (2 * run + 3) / (2 * run) : 0;
    const double needed = double(needed_kernel_rows(c)) / double(s.rows * c.h.count);
    // Transposing a vector of weights costs as much as 5 multiply-adds, and a vector of results as 9.
    const double by_channels = (vectors + alone) * (pixels * (needed + 9.0 / double(s.tap_count)) + 5);
    const Sweep<T> rows = without_gaps(given.sweep);
    const Index swept = min_of(count_vectors(rows), count_row_vectors(rows));
    return by_channels < 0.984 * double(swept) * double(s.channels);
}

// Integers, which no figure is asked of, have one loop.
template <class T>
inline bool suits_channels(const ChannelSweep<T>& c) {
    if constexpr (is_real<T>) return prefers_channels(c);
    return false;
}
template <class T>
inline void sweep_either(const ChannelSweep<T>& c, bool by_channels, T* scratch) {
    if constexpr (is_real<T>)
        if (by_channels) return sweep_channels(c, scratch);
    sweep(c.sweep);
}

}  // namespace
}  // namespace rushlight::kernels::RUSHLIGHT_ISA
