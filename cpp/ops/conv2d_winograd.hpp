// Winograd convolution of 3 x 3 kernels with stride 1: the order in which its kernels run, and where the
// transformed planes live.
#pragma once

#include "core/tensor.hpp"
#include "kernels/kernels.hpp"
#include "ops/plan.hpp"
#include "ops/prepared_weights.hpp"

namespace rushlight::winograd {

// Whether the shape is one that these algorithms compute, 3 x 3, stride 1, with enough channels
// in a group and enough tiles of m x m in an image that the transforms pay.
bool suits(const kernels::Conv2dShape& shape, Index m, Index least_tiles);

// `repair` is the ISA's direct convolution, whose definition replaces results that are not finite.
template <class T>
void forward(const kernels::Conv2dShape& shape, const kernels::WinogradKernels<T>& kernels,
             const kernels::Conv2dKernels<T>& repair, const kernels::Images<const T>& x, const Weights<T>& w,
             const T* b, T* y, double nanoseconds);

template <class T>
void backward_input(const kernels::Conv2dShape& shape, const kernels::WinogradKernels<T>& kernels,
                    const kernels::Conv2dKernels<T>& repair, const kernels::Images<const T>& dy, const T* w,
                    const T* b, T* dx, double nanoseconds);

// What the two would do.
template <class T>
void describe_forward(const kernels::Conv2dShape& shape, const kernels::WinogradKernels<T>& kernels,
                      double nanoseconds, Plan& plan);
template <class T>
void describe_backward_input(const kernels::Conv2dShape& shape, const kernels::WinogradKernels<T>& kernels,
                             double nanoseconds, Plan& plan);

}  // namespace rushlight::winograd
