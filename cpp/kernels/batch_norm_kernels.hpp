// The contract of the kernels of batch normalisation. Part of kernels.hpp.
#pragma once

#include "types.hpp"

namespace rushlight::kernels {

// One channel of a contiguous (N, C, pixels): `planes` runs of `pixels` elements, `stride` elements apart.
struct ChannelPlanes {
    Index planes, stride, pixels;
};

// The sums over a channel of dy and of dy * (x - centre).
struct BatchNormSums {
    double dy, dy_x;
};

// All over one channel. Floating point only.
template <class T>
struct BatchNormKernels {
    double (*sum)(const T* x, const ChannelPlanes&) noexcept;
    // The sum of (x - centre)^2.
    double (*squares)(const T* x, const ChannelPlanes&, T centre) noexcept;
    // y = (x - centre) * slope + offset.
    void (*scale)(const T* x, T* y, const ChannelPlanes&, T centre, T slope, T offset) noexcept;
    BatchNormSums (*products)(const T* dy, const T* x, const ChannelPlanes&, T centre) noexcept;
    // dx = dy * slope + (x - centre) * curve + offset.
    void (*combine)(const T* dy, const T* x, T* dx, const ChannelPlanes&, T centre, T slope, T curve,
                    T offset) noexcept;
};

}  // namespace rushlight::kernels
