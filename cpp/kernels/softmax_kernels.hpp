// The contract of the kernels of softmax and sigmoid. Part of kernels.hpp.
#pragma once

#include "types.hpp"

namespace rushlight::kernels {

// A contiguous (classes, columns), whose classes are normalised for each column by itself.
struct SoftmaxShape {
    Index classes, columns;
    bool logarithm;  // of the result
};

// Floating point only.
template <class T>
struct SoftmaxKernels {
    // y = exp(x) / sum of exp(x) over the classes, or its logarithm, for some of the columns.
    void (*forward)(const SoftmaxShape&, Range columns, const T* x, T* y) noexcept;
    // dx = y * (dy - sum of dy * y); of the logarithm, dy - exp(y) * sum of dy.
    void (*backward)(const SoftmaxShape&, Range columns, const T* dy, const T* y, T* dx) noexcept;
    // y = 1 / (1 + exp(-x)).
    void (*sigmoid)(const T* x, T* y, Index count) noexcept;
};

}  // namespace rushlight::kernels
