// The other inner loop of the direct convolution: output channels side by side in the lanes, pixels one by
// one.
//
// conv2d_sweep.hpp has pixels in the lanes and computes, with every row, a few that nobody wants; on narrow
// images, wide kernels and large dilations they are many. Here two vectors of channels meet up to
// kChannelTilePixels broadcast pixels, and none is wasted; nor are taps, next to the border, that would read
// nothing but padding. The price: a block of weights is transposed first, and the results are transposed
// back. Both loops add the same products in the same order (but for zeros), so they give the same bits, and
// whichever is quicker may run.
#pragma once

#include "conv2d_channel_weights.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {
namespace {

constexpr Index kChannelVectors = 2;
template <class T>
constexpr Index channel_block = kChannelVectors * lanes<T>;

// Pixels of a register tile with V vectors of channels. One vector alone has room for more.
template <Index V>
constexpr Index most_pixels =
    V < kChannelVectors && kChannelTilePixels < 12 ? 2 * kChannelTilePixels : kChannelTilePixels;

// Pixels whose results wait, a vector of channels after the other, to be transposed together.
constexpr Index kBandPixels = 1024;

// Elements of scratch memory: the transposed weights of a block of channels, and a band of their results.
template <class T>
inline Index channel_sweep_elements(Index taps, Index pixels) {
    return (packed_taps<T>(taps) + min_of(pixels, kBandPixels)) * channel_block<T>;
}

// A sweep, and what else this loop wants to know of it. Taps are sorted by source channel, kernel row, kernel
// column.
template <class T>
struct ChannelSweep {
    Sweep<T> sweep;
    WeightOrder order;
    Axis h, w;                  // tap t of output i reads source row (column) base + i * step + t * delta ...
    Index H, W;                 // ... which is padding outside [0, H)
    PackedWeights<T> prepared;  // weights that stay put; vector is 0 where there are none
};

// Taps first .. first + length - 1 of every `period`; `count` times.
struct TapRuns {
    Index count, first, length, period;
};

// The taps along one direction that find pixels for output i.
inline Range find_taps(const Axis& axis, Index size, Index i) {
    const Index at = axis.base + i * axis.step;
    const Index first = at >= 0 ? 0 : min_of(axis.count, (-at + axis.delta - 1) / axis.delta);
    return {first, max_of(first, min_of(axis.count, floor_div(size - 1 - at, axis.delta) + 1))};
}
inline Index count_taps(const Axis& axis, Index size, Index i) {
    const Range taps = find_taps(axis, size, i);
    return taps.end - taps.begin;
}

// The outputs, of `outputs`, that need all taps; empty at the end if none does.
inline Range find_interior(const Axis& axis, Index size, Index outputs) {
    Range all{0, outputs};
    while (all.begin < outputs && count_taps(axis, size, all.begin) < axis.count) ++all.begin;
    while (all.end > all.begin && count_taps(axis, size, all.end - 1) < axis.count) --all.end;
    return all;
}

// NOTE [ Padding is not multiplied ]
// Register tiles whose pixels need the same taps leave out the others. Outputs of one row have their kernel
// rows in common. Next to the left and right border, tiles run down the columns instead (their pixels are
// `pitch` apart), but only in rows that need all kernel rows, and only if that saves something.
struct Interior {
    Range rows, cols;  // that need all kernel rows; and columns; cols is everything where it is not cut
    double taps;       // products per output channel and source channel
};

// A register tile of few pixels waits for its own sums.
constexpr double tile_price(Index pixels) {
    return pixels == 0 || pixels >= 4 ? double(pixels) : 4.0;
}

// Joins rows without gaps if they need the same taps.
template <class T>
inline Interior find_interior(ChannelSweep<T>& c) {
    const Index rows = c.sweep.rows, cols = c.sweep.cols;
    Interior in{find_interior(c.h, c.H, rows), find_interior(c.w, c.W, cols), 0};
    const Index inner_rows = in.rows.end - in.rows.begin, inner_cols = in.cols.end - in.cols.begin;
    const double width = double(c.w.count), height = double(c.h.count);
    double edges = 0, sides = 0;
    for (Index i = 0; i < rows; ++i)
        if (i < in.rows.begin || i >= in.rows.end) edges += double(count_taps(c.h, c.H, i));
    for (Index j = 0; j < cols; ++j)
        if (j < in.cols.begin || j >= in.cols.end) sides += double(count_taps(c.w, c.W, j));
    const double whole = height * width * double(inner_rows) * tile_price(cols);
    const double cut =
        height * (width * double(inner_rows) * tile_price(inner_cols) + sides * tile_price(inner_rows));
    const bool pays = cut < 0.985 * whole && c.sweep.y_col == 1;
    if (!pays) in.cols = {0, cols};
    in.taps = edges * width * tile_price(cols) + (pays ? cut : whole);
    if (inner_rows == rows && in.cols.end - in.cols.begin == cols) {
        c.sweep = without_gaps(c.sweep);
        in = {{0, c.sweep.rows}, {0, c.sweep.cols}, 0};
        in.taps = height * width * double(c.sweep.rows) * tile_price(c.sweep.cols);
    }
    return in;
}

// Where the weights and pixels of a register tile come from, and where its sums go.
template <class T>
struct ChannelTile {
    const Tap* taps;
    TapRuns runs;
    PackedWeights<T> packed;
    const T* tile;  // pixel i of tap t: tile[t.tile + i * step]
    Index step;
    T* results;  // pixel i, vector v: results[i * results_step + v * lanes]
    Index results_step;
};

// P pixels times V vectors of channels.
template <class T, Index V, Index P>
void sweep_channel_registers(const ChannelTile<T>& c) {
    Vec<T> sum[V][P];
    RUSHLIGHT_UNROLL for (Index v = 0; v < V; ++v) RUSHLIGHT_UNROLL for (Index i = 0; i < P; ++i) sum[v][i] =
        Vec<T>{};

    const T* weight = c.packed.data + c.runs.first * lanes<T>;
    const Tap* tap = c.taps + c.runs.first;
    const T* const tile = c.tile;
    const Index step = c.step, length = c.runs.length, gap = c.runs.period - length;
    const Index vector = c.packed.vector;
    for (Index run = c.runs.count; run > 0; --run, tap += gap, weight += gap * lanes<T>)
        for (const Tap* end = tap + length; tap != end; ++tap, weight += lanes<T>) {
            Vec<T> w[V];
            RUSHLIGHT_UNROLL for (Index v = 0; v < V; ++v) w[v] = load(weight + v * vector);
            // Four at a time: more multiples of the step than that would not fit the registers.
            const T* pixel = tile + tap->tile;
            RUSHLIGHT_UNROLL for (Index i = 0; i < P; ++i) {
                const Vec<T> x = broadcast(pixel[i % 4 * step]);
                RUSHLIGHT_UNROLL for (Index v = 0; v < V; ++v) sum[v][i] =
                    multiply_add<T>(w[v], x, sum[v][i]);
                if (i % 4 == 3) pixel += 4 * step;
            }
        }
    RUSHLIGHT_UNROLL for (Index i = 0; i < P; ++i) RUSHLIGHT_UNROLL for (Index v = 0; v < V; ++v)
        store(c.results + i * c.results_step + v * lanes<T>, sum[v][i]);
}

// From run-time to compile-time sizes.
template <class T, Index V, Index P = most_pixels<V>>
RUSHLIGHT_INLINE void sweep_channel_tile(const ChannelTile<T>& c, Index pixels) {
    if (pixels == P) return sweep_channel_registers<T, V, P>(c);
    if constexpr (P > 1) sweep_channel_tile<T, V, P - 1>(c, pixels);
}

// Any number of pixels, dealt out evenly: 28 = 14 + 14.
template <class T, Index V>
inline void sweep_channel_line(const ChannelTile<T>& line, Index pixels) {
    const Index parts = (pixels + most_pixels<V> - 1) / most_pixels<V>;
    for (Index part = 0; part < parts; ++part) {
        const Index begin = pixels * part / parts, end = pixels * (part + 1) / parts;
        ChannelTile<T> tile = line;
        tile.tile += begin * line.step;
        tile.results += begin * line.results_step;
        sweep_channel_tile<T, V>(tile, end - begin);
    }
}

// A row of results of the channels from m on, `vectors` vectors per pixel, to y, which is where the first of
// them goes.
template <class T>
RUSHLIGHT_NOINLINE void finish_channels(const Sweep<T>& s, const T* results, Index vectors, Index pixels,
                                        Index m, T* y) {
    for (Index v = 0; v < vectors; ++v) {
        const Index first = m + v * lanes<T>, channels = min_of(lanes<T>, s.channels - first);
        for (Index j = 0; j < pixels; j += lanes<T>) {
            const Run run{0, 0, min_of(lanes<T>, pixels - j), j * s.y_col};
            Vec<T> rows[lanes<T>];
            load_transposed(results + (j * vectors + v) * lanes<T>, vectors * lanes<T>, run.last, lanes<T>,
                            rows);
            if (channels == lanes<T> && run.last == lanes<T> && s.y_col == 1) {
                RUSHLIGHT_UNROLL for (Index i = 0; i < lanes<T>; ++i) {
                    T* to = y + (first + i) * s.y_channel + j;
                    const Vec<T> other = s.accumulate ? load(to)
                                         : s.bias     ? broadcast(s.bias[first + i])
                                                      : Vec<T>{};
                    store(to, rows[i] + other);
                }
                continue;
            }
            alignas(kVectorBytes) T square[lanes<T>][lanes<T>];
            RUSHLIGHT_UNROLL for (Index i = 0; i < lanes<T>; ++i) store(square[i], rows[i]);
            for (Index i = 0; i < channels; ++i) {
                const Vec<T> bias = s.bias && !s.accumulate ? broadcast(s.bias[first + i]) : Vec<T>{};
                finish_run(s, run, load(square[i]), bias, y + (first + i) * s.y_channel);
            }
        }
    }
}

// Rows and columns of a tile whose results are transposed together.
struct Band {
    Range rows, cols;
};

// A band, times V vectors of channels from m on.
template <class T, Index V>
inline void sweep_channel_band(const ChannelSweep<T>& c, const Interior& in, const Band& band, Index m,
                               const PackedWeights<T>& packed, T* results) {
    const Sweep<T>& s = c.sweep;
    const Index width = band.cols.end - band.cols.begin, area = c.h.count * c.w.count;
    const auto line = [&](const TapRuns& runs, Index i, Index j, Index step, Index results_step,
                          Index pixels) {
        T* out = results + ((i - band.rows.begin) * width + j - band.cols.begin) * V * lanes<T>;
        sweep_channel_line<T, V>({s.taps, runs, packed, s.tile + i * s.pitch + j, step, out, results_step},
                                 pixels);
    };
    for (Index i = band.rows.begin; i < band.rows.end; ++i) {
        const Range taps = find_taps(c.h, c.H, i);
        const bool inside = taps.end - taps.begin == c.h.count;
        const TapRuns all{1, 0, s.tap_count, s.tap_count};
        const TapRuns some{s.tap_count / area, taps.begin * c.w.count, (taps.end - taps.begin) * c.w.count,
                           area};
        const Index begin = inside ? max_of(band.cols.begin, in.cols.begin) : band.cols.begin;
        const Index end = inside ? min_of(band.cols.end, in.cols.end) : band.cols.end;
        line(inside ? all : some, i, begin, 1, V * lanes<T>, end - begin);
    }
    const Index top = max_of(band.rows.begin, in.rows.begin), bottom = min_of(band.rows.end, in.rows.end);
    for (Index j = band.cols.begin; j < band.cols.end && top < bottom; ++j) {
        if (j >= in.cols.begin && j < in.cols.end) continue;
        const Range taps = find_taps(c.w, c.W, j);
        line({s.tap_count / c.w.count, taps.begin, taps.end - taps.begin, c.w.count}, top, j, s.pitch,
             width * V * lanes<T>, bottom - top);
    }
    const bool gaps = s.y_row != width * s.y_col;
    const Index lines = gaps ? band.rows.end - band.rows.begin : 1;
    const Index pixels = gaps ? width : (band.rows.end - band.rows.begin) * width;
    T* y = s.y + band.rows.begin * s.y_row + band.cols.begin * s.y_col;
    for (Index i = 0; i < lines; ++i)
        finish_channels(s, results + i * width * V * lanes<T>, V, pixels, m, y + i * s.y_row);
}

// All pixels, times V vectors of channels from m on.
template <class T, Index V>
inline void sweep_channel_block(const ChannelSweep<T>& c, const Interior& in, Index m, T* scratch) {
    const Sweep<T>& s = c.sweep;
    const Index vector = packed_taps<T>(s.tap_count) * lanes<T>;
    for (Index v = 0; v < V && c.prepared.vector == 0; ++v) {
        const Index first = m + v * lanes<T>, count = min_of(max_of(s.channels - first, 0), lanes<T>);
        if (c.order == WeightOrder::taps)
            pack_weights(s.w + first * s.w_channel + s.taps[0].weight, s.w_channel, count, s.tap_count,
                         scratch + v * vector);
        else
            pack_neighbours(s, c.h.count * c.w.count, first, count, scratch + v * vector);
    }
    PackedWeights<T> packed{scratch, vector};
    if (c.prepared.vector > 0)
        packed = {c.prepared.data + m / lanes<T> * c.prepared.vector, c.prepared.vector};
    T* const results = scratch + V * vector;
    const Index col_parts = (s.cols + kBandPixels - 1) / kBandPixels;
    const Index most_rows = kBandPixels / ((s.cols + col_parts - 1) / col_parts);  // of a band
    const Index row_parts = (s.rows + most_rows - 1) / most_rows;
    for (Index i = 0; i < row_parts; ++i)
        for (Index j = 0; j < col_parts; ++j)
            sweep_channel_band<T, V>(c, in,
                                     {{s.rows * i / row_parts, s.rows * (i + 1) / row_parts},
                                      {s.cols * j / col_parts, s.cols * (j + 1) / col_parts}},
                                     m, packed, results);
}

// scratch: channel_sweep_elements.
template <class T>
RUSHLIGHT_NOINLINE void sweep_channels(ChannelSweep<T> c, T* scratch) {
    const Interior in = find_interior(c);
    for (Index m = 0; m < c.sweep.channels; m += channel_block<T>) {
        if (c.sweep.channels - m > lanes<T>)
            sweep_channel_block<T, kChannelVectors>(c, in, m, scratch);
        else
            sweep_channel_block<T, 1>(c, in, m, scratch);
    }
}

// What the other loop's multiply-adds cost. With 16 registers it waits for the loads of its weights.
constexpr double kSweepPrice = kChannelTilePixels < 12 ? 1.16 : 0.984;

// Whether sweep_channels is the quicker one: both are priced in vector multiply-adds per tap, what they waste
// included.
template <class T>
RUSHLIGHT_NOINLINE bool prefers_channels(ChannelSweep<T> c) {
    const Sweep<T> s = c.sweep;
    if (s.tap_count < 4 * lanes<T>) return false;
    const double pixels = find_interior(c).taps / double(c.h.count * c.w.count);
    const Index rest = s.channels % channel_block<T>;
    const double vectors =
        double(s.channels / channel_block<T> * kChannelVectors + (rest > lanes<T> ? kChannelVectors : 0));
    // One vector of channels alone is bound by the loads of pixels if few fit into the registers.
    const double alone = rest == 0 || rest > lanes<T> ? 0 : kChannelTilePixels < 12 ? 1.2 : 1.0;
    // A square of weights costs as much as 5 multiply-adds per lane. It holds a vector for each of as many
    // taps, or the weights of one source channel, of which only the phase's taps are wanted.
    const Index squares = (s.w_channel + lanes<T> - 1) / lanes<T>;
    const double weights = c.prepared.vector > 0 ? 0.0
                           : c.order == WeightOrder::taps || s.w_channel == 1
                               ? 5.0
                               : 5.0 * double(lanes<T> * squares) / double(c.h.count * c.w.count);
    // A vector of results costs 6, or 12 if they are not neighbours.
    const double results = (s.y_col == 1 ? 6.0 : 12.0) * double(s.rows * s.cols) / double(s.tap_count);
    const double by_channels = (vectors + alone) * (pixels + results + weights);
    const Sweep<T> rows = without_gaps(s);
    const Index swept = min_of(count_vectors(rows), count_row_vectors(rows));
    return by_channels < kSweepPrice * double(swept) * double(s.channels);
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
