// The contract of the depthwise kernels: convolutions without a sum over channels. Part of kernels.hpp.
#pragma once

#include "types.hpp"

namespace rushlight::kernels {

constexpr Index kMostDepthwiseRows = 32, kMostDepthwiseTaps = 256;

// Planes filtered one by one: result plane i is the convolution of source plane i / multiplier with filter
// i % filters. Stride 1 or 2 (the same for rows and columns), no dilation, R at most kMostDepthwiseRows,
// R * S at most kMostDepthwiseTaps.
struct DepthwiseShape {
    Index H, W;    // of a source plane
    Index OH, OW;  // of a result plane
    Index R, S;
    Index stride;
    Index pad_top, pad_left;  // may be negative
    Index filters;            // result planes per image
    Index multiplier;         // result planes per source plane
};

// Result planes `planes` of all images', and of each of them rows x cols.
template <class T>
struct DepthwiseForward {
    Images<const T> x;
    const T* w;  // (filters, R, S), contiguous
    const T* b;  // (filters) or null
    T* y;        // (images, filters, OH, OW), contiguous
    Range planes, rows, cols;
    bool flip;  // turn the filters by 180 degrees: stride 1's input gradient is such a convolution of dy
};

// Planes n * C + c of dx, and of each of them the `rows`. Stride 2, one filter per channel.
template <class T>
struct DepthwiseBackwardInput {
    Images<const T> dy;
    const T* w;  // (C, R, S), contiguous
    const T* b;  // (C) or null, as in Conv2dBackwardInput
    T* dx;       // (N, C, H, W), contiguous
    Range planes, rows;
};

// The part of dw[filters] that images `batch` and output rows `rows` contribute; written, never added to.
template <class T>
struct DepthwiseBackwardWeight {
    Images<const T> x;
    Images<const T> dy;
    T* dw;  // (K, R, S), contiguous
    Range filters;
    Range batch, rows;
};

template <class T>
struct DepthwiseKernels {
    // Elements of scratch memory for tiles of at most so many columns.
    Index (*forward_workspace)(const DepthwiseShape&, Index cols) noexcept;
    void (*forward)(const DepthwiseShape&, const DepthwiseForward<T>&, T* workspace) noexcept;

    Index (*backward_input_workspace)(const Conv2dShape&) noexcept;
    void (*backward_input)(const Conv2dShape&, const DepthwiseBackwardInput<T>&, T* workspace) noexcept;

    Index (*backward_weight_workspace)(const Conv2dShape&) noexcept;
    void (*backward_weight)(const Conv2dShape&, const DepthwiseBackwardWeight<T>&, T* workspace) noexcept;
};

}  // namespace rushlight::kernels
