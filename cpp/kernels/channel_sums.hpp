// Sums over the pixels of channels, each channel's by themselves. Memory is read in its own order, because
// walking it channel by channel halves the bandwidth: pieces of a channel lie far apart.
//
// Sums run in vectors of T over about kRun pixels, and such sums are added up in double, so that neither a
// large batch nor a large image costs digits. Which pixels meet in a lane follows from the sizes of one
// channel alone. What is summed is the includer's business.
#pragma once

#include "whole_lines.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {
namespace {

constexpr Index kRun = 1024;
constexpr int kSums = 4;  // enough to hide the latency of an addition

// Calls add(v, i, count) for the vectors of `pixels` neighbouring pixels, of which the last may not be full;
// v < kSums tells which sum a vector belongs to.
template <class T, class Add>
RUSHLIGHT_INLINE void for_each_vector(Index pixels, const Add& add) {
    Index i = 0;
    for (; i + kSums * lanes<T> <= pixels; i += kSums * lanes<T>)
        RUSHLIGHT_UNROLL for (int v = 0; v < kSums; ++v) add(v, i + v * lanes<T>, lanes<T>);
    for (; i + lanes<T> <= pixels; i += lanes<T>) add(0, i, lanes<T>);
    if (i < pixels) add(1, i, pixels - i);
}

// `value` in the first `count` lanes, zeros after them.
template <class T>
RUSHLIGHT_INLINE Vec<T> first_of(T value, Index count) {
    if (count == lanes<T>) return broadcast(value);
    T lane[lanes<T>];
    store(lane, broadcast(value));
    return load_lanes(lane, 0, count);
}

template <class T>
RUSHLIGHT_INLINE Vec<T> joined(const Vec<T> (&sums)[kSums]) {
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

template <class T>
RUSHLIGHT_INLINE double total(Vec<T> sums) {
    T lane[lanes<T>];
    store(lane, sums);
    double parts[2] = {};
    RUSHLIGHT_UNROLL for (Index i = 0; i < lanes<T>; ++i) parts[i % 2] += double(lane[i]);
    return parts[0] + parts[1];
}

// Neighbouring pixels of a plane, that belong to a run: all of it, or one of several planes'.
struct Piece {
    Index plane, channel, begin, length;
    bool first;  // of its run
};

// Counts of pixels of one channel: those of all earlier runs, and those of this one.
struct RunSize {
    double before, pixels;
};

// Sums up Count quantities. For every piece, in memory's order, add = source(piece), and then for its vectors
// add(sums, v, i, count), which adds to sums[quantity][v] from pixel i of the piece on; at the end of every
// run finish(channel, RunSize, totals), where totals[quantity] is a double.
template <class T, int Count, class Source, class Finish>
RUSHLIGHT_INLINE void sum_channels(const ChannelPlanes& p, const Source& source, const Finish& finish) {
    Vec<T> kept[kMostChannels][Count];
    const Index together = max_of(1, kRun / max_of(1, p.pixels));  // planes of a run
    const auto add_piece = [&](const Piece& piece, Index run_planes, bool last) {
        Vec<T> sums[Count][kSums] = {};
        const auto add = source(piece);
        for_each_vector<T>(piece.length, [&](int v, Index i, Index count) { add(sums, v, i, count); });
        double totals[Count];
        for (int q = 0; q < Count; ++q) {
            const Vec<T> sum = joined<T>(sums[q]);
            Vec<T>& all = kept[piece.channel][q];
            all = piece.first ? sum : all + sum;
            if (last) totals[q] = total<T>(all);
        }
        if (!last) return;
        const Index first_plane = piece.plane + 1 - run_planes;
        finish(piece.channel,
               RunSize{double(first_plane * p.pixels + piece.begin), double(run_planes * piece.length)},
               totals);
    };
    for (Index n = 0; n < p.planes; ++n) {
        const Index first = n / together * together, end = min_of(first + together, p.planes);
        for (Index c = 0; c < p.channels; ++c)
            for (Index i = 0; i < p.pixels; i += kRun)
                add_piece(Piece{n, c, i, min_of(kRun, p.pixels - i), n == first}, end - first, n == end - 1);
    }
}

}  // namespace
}  // namespace rushlight::kernels::RUSHLIGHT_ISA
