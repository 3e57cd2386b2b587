// conv_transpose2d: conv2d's directions with their roles exchanged. Checks and sizes only; conv2d computes.
//
// The transposed convolution of x (N, C, H, W) with w (C, K, R, S) is the input gradient of a convolution
// with the same w (from K channels to C) whose output x would be. So its forward is conv2d_backward_input,
// its input gradient conv2d_forward, its weight gradient conv2d_backward_weight with x for dy and dy for x,
// its bias gradient conv2d_backward_bias. Nothing else may live here: no tiles, no threads.
#pragma once

#include "ops/conv2d.hpp"

namespace rushlight {

// Conv2dOptions of the convolution, and the rows and columns that the output has beyond the least that the
// convolution could have come from. All four sides are padded alike: padding.bottom and .right are not read.
struct ConvTranspose2dOptions {
    Conv2dOptions conv;
    Pair output_padding;
};

// All checks that concern shapes, in torch's order; then the sizes of the *convolution*: shape.K, OH, OW are
// the channels and size of x, shape.C, H, W those of the output. x is (N, C, H, W) or (C, H, W). Shared by
// all directions. Throws std::runtime_error.
kernels::Conv2dShape conv_transpose2d_shape(const Index* x, int x_ndim, const Index* weight, int weight_ndim,
                                            const ConvTranspose2dOptions& options);

// x, w and bias (null: none) as conv_transpose2d_shape wants them, all of one dtype, float32, float64 or
// int64; bias (K). Throws std::runtime_error on sizes and mixed dtypes, NotImplemented on other dtypes.
kernels::Conv2dShape check_conv_transpose2d_forward(const TensorView& x, const TensorView& w,
                                                    const TensorView* bias,
                                                    const ConvTranspose2dOptions& options);
// grad_output must have the output's sizes; floating point only.
void check_conv_transpose2d_backward(const kernels::Conv2dShape& shape, const TensorView& grad_output,
                                     const TensorView& other, const char* other_name);

}  // namespace rushlight
