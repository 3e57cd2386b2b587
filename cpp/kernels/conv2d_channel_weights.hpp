// Blocks of weights for conv2d_channels.hpp, transposed: channels side by side, tap after tap.
#pragma once

#include "channel_lanes.hpp"
#include "conv2d_sweep.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {
namespace {

// How weights lie: a channel's taps side by side, in their order (forward); or the channels next to each
// other, R * S apart (input gradient).
enum class WeightOrder { taps, channels };

// Tap t of a vector of channels: data[t * lanes]; of the next vector, `vector` elements further on.
template <class T>
struct PackedWeights {
    const T* data;
    Index vector;
};

// Room for this many taps of a vector of channels: whole squares are stored, the first of which may be cut
// short.
template <class T>
inline Index packed_taps(Index taps) {
    return round_up(taps, lanes<T>) + lanes<T>;
}

// Weights are many where pixels are few, and then come from far: while a vector of channels is transposed and
// computed with, the next one, which is transposed next, is on its way. (Prefetching may leave the array.)
template <class T>
RUSHLIGHT_INLINE void prefetch_next_vector(const T* from, Index w_channel) {
    RUSHLIGHT_UNROLL for (Index i = 0; i < lanes<T>; ++i)
        __builtin_prefetch(from + (lanes<T> + i) * w_channel, 0, 2);
}

// packed[t][i] = weight t of channel i, for `count` channels that lie w_channel apart; zero for the other
// lanes.
template <class T>
RUSHLIGHT_NOINLINE void pack_weights(const T* from, Index w_channel, Index count, Index taps, T* packed) {
    // Weights are read in whole cache lines: if channels lie a multiple of 4 KiB apart, their lines compete
    // and a second look at one would miss.
    const Index lead = Index(-reinterpret_cast<std::size_t>(from) % kVectorBytes / sizeof(T));
    for (Index t = 0, next = lead > 0 ? lead : lanes<T>; t < taps; t = next, next += lanes<T>) {
        Vec<T> rows[lanes<T>];
        load_transposed(from + t, w_channel, count, min_of(next, taps) - t, rows);
        RUSHLIGHT_UNROLL for (Index i = 0; i < lanes<T>; ++i) store(packed + (t + i) * lanes<T>, rows[i]);
    }
}

// The same for channels from `first` on that lie next to each other, w_channel weights each, of which the
// `area` taps of a source channel are some, in any order.
template <class T>
RUSHLIGHT_NOINLINE void pack_neighbours(const Sweep<T>& s, Index area, Index first, Index count, T* packed) {
    if (s.w_channel == 1) {
        for (Index t = 0; t < s.tap_count; ++t) {
            const T* weights = s.w + s.taps[t].weight + first;
            __builtin_prefetch(weights + lanes<T>, 0, 2);
            store(packed + t * lanes<T>, count == lanes<T> ? load(weights) : load_lanes(weights, 0, count));
        }
        return;
    }
    for (Index t0 = 0; t0 < s.tap_count; t0 += area) {
        // The first tap of a source channel says where its weights begin.
        const Index begin = s.taps[t0].weight - s.taps[0].weight;
        for (Index chunk = 0; chunk < s.w_channel; chunk += lanes<T>) {
            alignas(kVectorBytes) T square[lanes<T>][lanes<T>];
            Vec<T> rows[lanes<T>];
            const T* from = s.w + first * s.w_channel + begin + chunk;
            prefetch_next_vector(from, s.w_channel);
            // Whole vectors, which are quicker, where they stay among this source channel's weights.
            const bool inside =
                (first + lanes<T> - 1) * s.w_channel + chunk + lanes<T> <= s.channels * s.w_channel;
            load_transposed(from, s.w_channel, count, inside ? lanes<T> : s.w_channel - chunk, rows);
            RUSHLIGHT_UNROLL for (Index i = 0; i < lanes<T>; ++i) store(square[i], rows[i]);
            for (Index t = t0; t < t0 + area; ++t) {
                const Index i = s.taps[t].weight - begin - chunk;
                if (i >= 0 && i < lanes<T>) store(packed + t * lanes<T>, load(square[i]));
            }
        }
    }
}

}  // namespace
}  // namespace rushlight::kernels::RUSHLIGHT_ISA
