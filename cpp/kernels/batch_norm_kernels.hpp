// The contract of the kernels of batch normalisation. Part of kernels.hpp.
#pragma once

#include "types.hpp"

namespace rushlight::kernels {

// The most channels that one call takes; their sums are on the stack.
constexpr Index kMostChannels = 64;

// Neighbouring channels of a contiguous (N, C, pixels): side by side in each of `planes` images, whose
// channels lie `stride` elements after those of the image before.
struct ChannelPlanes {
    Index planes, stride, channels, pixels;
};

// The sum over a channel, and that of the squares of the distances from its mean.
struct BatchNormMoments {
    double sum, squares;
};

// The sums over a channel of dy and of dy * (x - centre).
struct BatchNormSums {
    double dy, dy_x;
};

// A channel's map: of x, (x - centre) * slope + offset; of dy and x, dy * slope + (x - centre) * curve +
// offset.
template <class T>
struct BatchNormMap {
    T centre, slope, curve, offset;
};

// Arrays of results and maps have an entry for every channel. Floating point only.
template <class T>
struct BatchNormKernels {
    void (*moments)(const T* x, const ChannelPlanes&, BatchNormMoments*) noexcept;
    void (*scale)(const T* x, T* y, const ChannelPlanes&, const BatchNormMap<T>*) noexcept;
    // Of the maps, only the centres are read.
    void (*products)(const T* dy, const T* x, const ChannelPlanes&, const BatchNormMap<T>*,
                     BatchNormSums*) noexcept;
    void (*combine)(const T* dy, const T* x, T* dx, const ChannelPlanes&, const BatchNormMap<T>*) noexcept;
};

}  // namespace rushlight::kernels
