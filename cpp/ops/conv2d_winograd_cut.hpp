// Winograd convolution: how a problem is cut up. Sizes alone, no data: what conv2d_winograd.cpp runs by, and
// what a plan tells. Private to these files.
#pragma once

#include "core/tensor.hpp"
#include "kernels/kernels.hpp"

namespace rushlight::winograd {

using kernels::Conv2dShape;
using kernels::Range;
using kernels::WinogradShape;

// Outputs whose products wait for the inverse transform in the second-level cache.
constexpr Index kOutputsPerBlock = 32;
// Outputs whose weights are transformed at a time; few tiles: they stay in that cache. Whole panels of any
// ISA.
constexpr Index kOutputsPerTask = 16;
// Tiles of a block; half as many where those fit into the second-level cache and these do not.
constexpr Index kTilesPerBlock = 112;
constexpr Index kSecondLevelBytes = 1 << 20;
// Channels of pixels that one task transforms.
constexpr Index kChannelsPerTask = 16;
// At least any ISA's lanes: planes are whole vectors, and a little apart (4 KiB aliasing).
constexpr Index kVector = 16;

// One side of the convolution: the source that is summed over, or the result.
struct Side {
    Index channels, H, W;
};

// NOTE [ Dilation ]
// With a dilation of d, outputs that are d apart read pixels that are d apart: d * d undilated convolutions
// on interleaved pixels, each with its own view of source and result. Output a + d * i reads source pixels a
// - pad + d * (i + r); with a - pad = rho + d * q that is pixel i + r + q of the view that begins at rho.
// Undilated is d = 1.
struct View {
    Index source, H, pad;  // first pixel, number of pixels, padding of the view of the source
    Index result, OH;      // of the result
};

View make_view(Index phase, Index pad, Index dilation, Index H, Index OH);

// One group's convolution on one pair of views.
WinogradShape view_shape(const Conv2dShape& p, const Side& source, const Side& result, const View& h,
                         const View& w, Index m);

inline Index count_strips(const WinogradShape& p) {
    return p.N * p.tile_rows;
}

enum class Way { own, shared_weights, shared_tiles };  // see the top of conv2d_winograd.cpp

// How one convolution is cut up; by the number of threads too, for nothing here decides a bit.
struct Cut {
    Way way;
    Index blocks;   // of strips
    Index parts;    // of the outputs of a block: each one task
    Index tiles;    // in a plane of transformed pixels
    Index v_plane;  // transformed pixels between planes
    Index u_plane;  // transformed weights between planes
};

// `tile_bytes`: of one channel of a transformed tile; `sum`: of the kernels.
Cut make_cut(const WinogradShape& p, Index tile_bytes, Index sum, double nanoseconds);

// Block number i: nearly equal numbers of strips, the greater ones first, so that threads end together.
Range strips_of(const WinogradShape& p, const Cut& cut, Index i);

}  // namespace rushlight::winograd
