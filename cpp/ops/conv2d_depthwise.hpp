// Convolutions without a sum over channels, each output plane a filtered input plane: how the planes are
// spread over threads, and which shapes the kernels take.
//
// Every output is one sum in an order that depends on the kernel's size alone, so nothing here decides a bit.
#pragma once

#include "core/tensor.hpp"
#include "kernels/kernels.hpp"
#include "ops/plan.hpp"

namespace rushlight::depthwise {

template <class T>
bool suits_forward(const kernels::Conv2dShape& shape, const kernels::DepthwiseKernels<T>& kernels);

// `repair` is the ISA's direct convolution, whose definition replaces what padding made NaN.
template <class T>
void forward(const kernels::Conv2dShape& shape, const kernels::DepthwiseKernels<T>& kernels,
             const kernels::Conv2dKernels<T>& repair, const kernels::Images<const T>& x, const T* w,
             const T* b, T* y, double nanoseconds);

template <class T>
void describe_forward(const kernels::Conv2dShape& shape, const kernels::DepthwiseKernels<T>& kernels,
                      double nanoseconds, Plan& plan);

}  // namespace rushlight::depthwise
