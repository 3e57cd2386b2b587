// The input gradient's phases: which taps there are for which pixels of dx, and which pixels of dy they read.
// Sizes alone; conv2d.cpp packs and sweeps.
#pragma once

#include "conv2d_tile.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {
namespace {

// dx pixels ih with (ih + pad) % stride == phase form a grid, ih + pad = u * stride + phase, on which the
// gradient is a convolution of dy with stride 1: taps r with r * dilation = phase (mod stride) read dy at u +
// (phase - r * dilation) / stride. They are taken from the last r to the first, so that the pixels ascend.
struct Phase {
    Index begin, count;  // dx coordinates begin, begin + stride, ...
    Axis axis;
};

// Grid of the phase of dx coordinate `begin`, as far as `end`.
inline Phase input_phase(Index begin, Index end, Index taps, Index pad, Index stride, Index dilation) {
    const Index phase = (begin + pad) % stride, u = (begin + pad) / stride;
    const Index every = stride / greatest_common_divisor(dilation, stride);
    Index first = 0;
    while (first < min_of(every, taps) && (first * dilation - phase) % stride != 0) ++first;
    const Index count = first < min_of(every, taps) ? (taps - first + every - 1) / every : 0;
    const Index last = first + (count - 1) * every;
    const Index outputs = (end - begin + stride - 1) / stride;
    const Index base = count ? u + (phase - last * dilation) / stride : u;
    return Phase{begin, outputs, make_axis(last, -every, count, base, 1, every * dilation / stride, outputs)};
}

// Phase number i of a range of dx coordinates.
inline Phase row_phase(const Conv2dShape& p, Range rows, Index i) {
    return input_phase(rows.begin + i, rows.end, p.R, p.pad_top, p.stride_h, p.dilation_h);
}
inline Phase col_phase(const Conv2dShape& p, Range cols, Index i) {
    return input_phase(cols.begin + i, cols.end, p.S, p.pad_left, p.stride_w, p.dilation_w);
}

// NOTE [ Phases share a tile ]
// All phases of a range read nearly the same pixels of dy: these, side by side. They are packed once, and
// each phase's taps are offsets into them. Unless a dilation drives the taps far apart: then each phase packs
// a tile of its own.
struct Reach {
    Index begin, end;  // empty: no phase has a tap
    bool shared;
};

inline Axis plain_axis(Index begin, Index end) {
    return make_axis(0, 1, 1, begin, 1, 1, end - begin);
}
inline Index most_shared(Index outputs, Index taps) {
    return outputs + taps;
}

inline Reach input_reach(Range range, Index taps, Index pad, Index stride, Index dilation) {
    Reach reach{0, 0, true};
    for (Index i = range.begin; i < min_of(range.end, range.begin + stride); ++i) {
        const Axis axis = input_phase(i, range.end, taps, pad, stride, dilation).axis;
        if (axis.count == 0) continue;
        const bool first = reach.begin == reach.end;
        reach.begin = first ? axis.base : min_of(reach.begin, axis.base);
        reach.end = first ? axis.base + axis.extent : max_of(reach.end, axis.base + axis.extent);
        reach.shared = reach.shared && axis.period == 1;
    }
    // A phase without taps may have one output more than the others; the tile's rows must hold that, too.
    const Index outputs = (range.end - range.begin + stride - 1) / stride;
    if (reach.begin < reach.end) reach.end = max_of(reach.end, reach.begin + outputs);
    reach.shared =
        reach.shared && reach.begin < reach.end && reach.end - reach.begin <= most_shared(outputs, taps);
    return reach;
}

// Taps of the largest phase, of one channel.
inline Index most_phase_taps(const Conv2dShape& p) {
    const Index every_h = p.stride_h / greatest_common_divisor(p.dilation_h, p.stride_h);
    const Index every_w = p.stride_w / greatest_common_divisor(p.dilation_w, p.stride_w);
    return ((p.R + every_h - 1) / every_h) * ((p.S + every_w - 1) / every_w);
}

// The largest tile that a phase of its own can need, and the largest that phases share.
inline Axis largest_phase(Index pixels, Index taps, Index stride, Index dilation) {
    const Index every = stride / greatest_common_divisor(dilation, stride);
    return make_axis(0, 1, (taps + every - 1) / every, 0, 1, every * dilation / stride,
                     (pixels + stride - 1) / stride);
}
inline Axis largest_shared(Index pixels, Index taps, Index stride) {
    return plain_axis(0, most_shared((pixels + stride - 1) / stride, taps));
}

}  // namespace
}  // namespace rushlight::kernels::RUSHLIGHT_ISA
