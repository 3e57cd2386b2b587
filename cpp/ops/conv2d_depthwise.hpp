// Convolutions without a sum over channels, each output plane a filtered input plane, and their gradients:
// how the planes are spread over threads, and which shapes the kernels take.
//
// Every output and input gradient is one sum in an order that depends on the kernel's size alone. The weight
// gradient of few large planes is summed in chunks, which depend on the shape alone.
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

// The same for the gradients, which take at most two outputs per channel (dx: one).
template <class T>
bool suits_backward_input(const kernels::Conv2dShape& shape, const kernels::DepthwiseKernels<T>& kernels);
template <class T>
void backward_input(const kernels::Conv2dShape& shape, const kernels::DepthwiseKernels<T>& kernels,
                    const kernels::Conv2dKernels<T>& repair, const kernels::Images<const T>& dy, const T* w,
                    const T* b, T* dx, double nanoseconds);

template <class T>
bool suits_backward_weight(const kernels::Conv2dShape& shape, const kernels::DepthwiseKernels<T>& kernels);
template <class T>
void backward_weight(const kernels::Conv2dShape& shape, const kernels::DepthwiseKernels<T>& kernels,
                     const kernels::Images<const T>& x, const kernels::Images<const T>& dy, T* dw,
                     double nanoseconds);

template <class T>
void describe_forward(const kernels::Conv2dShape& shape, const kernels::DepthwiseKernels<T>& kernels,
                      double nanoseconds, Plan& plan);
template <class T>
void describe_backward_input(const kernels::Conv2dShape& shape, const kernels::DepthwiseKernels<T>& kernels,
                             double nanoseconds, Plan& plan);
template <class T>
void describe_backward_weight(const kernels::Conv2dShape& shape, const kernels::DepthwiseKernels<T>& kernels,
                              double nanoseconds, Plan& plan);

}  // namespace rushlight::depthwise
