// Winograd's weight gradient of 3 x 3 kernels with stride 1: the order in which its kernels run, and where
// the transformed planes live.
#pragma once

#include "core/tensor.hpp"
#include "kernels/kernels.hpp"
#include "ops/plan.hpp"

namespace rushlight::winograd_weight {

// Whether the shape is one that these algorithms compute, 3 x 3, stride 1, no dilation, with enough channels
// and enough tiles of m x m that the transforms pay.
bool suits(const kernels::Conv2dShape& shape, Index m);

template <class T>
void backward_weight(const kernels::Conv2dShape& shape, const kernels::WinogradWeightKernels<T>& kernels,
                     const kernels::Images<const T>& x, const kernels::Images<const T>& dy, T* dw,
                     double nanoseconds);

template <class T>
void describe_backward_weight(const kernels::Conv2dShape& shape,
                              const kernels::WinogradWeightKernels<T>& kernels, double nanoseconds,
                              Plan& plan);

}  // namespace rushlight::winograd_weight
