// Max and average pooling, as kernels.hpp: what one tile is, and the functions that every ISA has.
#pragma once

#include "types.hpp"

namespace rushlight::kernels {

// ---------------------------------------------------------------- max pooling

struct MaxPool2dShape {
    Index N, C, H, W;
    Index OH, OW;
    Index kernel_h, kernel_w;
    Index stride_h, stride_w;
    Index pad_top, pad_left;  // at most half a kernel; the bottom and right paddings are implied by OH and OW
    Index dilation_h, dilation_w;
};

// y[rows, cols] of one plane and, where wanted, the flat position h * W + w of each maximum in that plane.
template <class T>
struct MaxPool2dForward {
    const T* x;  // one plane (H, W) of any strides
    Index stride_h, stride_w;
    T* y;                   // one plane (OH, OW), contiguous
    std::int64_t* indices;  // as y, or null
    Range rows, cols;
};

// dx = 0, then dx[indices] += dy in ascending order, plane by plane. Written whole.
template <class T>
struct MaxPool2dBackward {
    const T* dy;                    // (planes, OH * OW)
    const std::int64_t* indices;    // (planes, OH * OW)
    T* dx;                          // (planes, H * W)
    Index planes, outputs, inputs;  // outputs = OH * OW, inputs = H * W
};

template <class T>
struct MaxPool2dKernels {
    // Bytes of scratch memory that `forward` wants for tiles of at most this many rows and columns.
    Index (*forward_workspace)(const MaxPool2dShape&, Index rows, Index cols, bool indices) noexcept;
    void (*forward)(const MaxPool2dShape&, const MaxPool2dForward<T>&, void* workspace) noexcept;

    // Returns how many outputs come before the first index that lies outside its plane: if not all of them,
    // dx is incomplete. Two planes at once are faster than one. Floating point only.
    Index (*backward)(const MaxPool2dBackward<T>&) noexcept;
};

// ---------------------------------------------------------------- average pooling

struct AvgPool2dShape {
    Index N, C, H, W;
    Index OH, OW;
    Index kernel_h, kernel_w;
    Index stride_h, stride_w;
    Index pad_top, pad_bottom, pad_left, pad_right;  // at most half a kernel
    bool count_include_pad;
    Index divisor;  // 0: the number of pixels that count
};

// y[rows, cols] of one plane.
template <class T>
struct AvgPool2dForward {
    const T* x;  // one plane (H, W) of any strides
    Index stride_h, stride_w;
    T* y;  // one plane (OH, OW), contiguous
    Range rows, cols;
};

// dx[rows, :] of one plane, written, never added to.
template <class T>
struct AvgPool2dBackward {
    const T* dy;  // one plane (OH, OW), contiguous
    T* dx;        // one plane (H, W), contiguous
    Range rows;
};

// Elements of scratch memory for tiles of at most so many rows; integers have `forward` alone.
template <class T>
struct AvgPool2dKernels {
    Index (*forward_workspace)(const AvgPool2dShape&, Index rows) noexcept;
    void (*forward)(const AvgPool2dShape&, const AvgPool2dForward<T>&, T* workspace) noexcept;
    Index (*backward_workspace)(const AvgPool2dShape&, Index rows) noexcept;
    void (*backward)(const AvgPool2dShape&, const AvgPool2dBackward<T>&, T* workspace) noexcept;
};

}  // namespace rushlight::kernels
