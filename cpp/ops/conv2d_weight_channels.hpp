// The direct weight gradient with output channels in the lanes: when it pays, how it is cut into tiles and
// spread over threads.
#pragma once

#include "core/tensor.hpp"
#include "kernels/kernels.hpp"
#include "ops/plan.hpp"

namespace rushlight::weight_channels {

// Whether it beats the weight gradient with pixels in the lanes (conv2d_direct.hpp): a matter of how many
// lanes each of them wastes. From the shape and the ISA alone.
template <class T>
bool suits(const kernels::Conv2dShape& shape, const kernels::Conv2dWeightChannelsKernels<T>& kernels);

template <class T>
void backward_weight(const kernels::Conv2dShape& shape,
                     const kernels::Conv2dWeightChannelsKernels<T>& kernels,
                     const kernels::Images<const T>& x, const kernels::Images<const T>& dy, T* dw,
                     double nanoseconds);

template <class T>
void describe_backward_weight(const kernels::Conv2dShape& shape,
                              const kernels::Conv2dWeightChannelsKernels<T>& kernels, double nanoseconds,
                              Plan& plan);

}  // namespace rushlight::weight_channels
