// conv2d and its gradients: the operators that the bindings call. They check the meaning of the arguments
// with torch's texts, choose an algorithm and run it. Outputs are allocated by the caller, C-contiguous, with
// the shape that conv2d_shape returns.
#pragma once

#include "core/tensor.hpp"
#include "kernels/kernels.hpp"
#include "ops/plan.hpp"
#include "ops/prepared_weights.hpp"

namespace rushlight {

struct Conv2dOptions {
    Pair stride;
    Padding padding;
    Pair dilation;
    Index groups;
};

// All checks that concern shapes, in torch's order; then the sizes of the convolution. x is (N, C, H, W) or
// (C, H, W), which counts as N = 1; weight is (K, C / groups, R, S). Shared by all directions: the gradients
// pass the sizes of what they are the gradient of. Throws std::runtime_error.
kernels::Conv2dShape conv2d_shape(const Index* x, int x_ndim, const Index* weight, int weight_ndim,
                                  const Conv2dOptions& options);

// x, w and bias (null: none) as conv2d_shape wants them, all of one dtype, float32, float64 or an integer;
// bias (K). Throws std::runtime_error on sizes and mixed dtypes, NotImplemented on other dtypes.
kernels::Conv2dShape check_conv2d_forward(const TensorView& x, const TensorView& w, const TensorView* bias,
                                          const Conv2dOptions& options);
// The same of x (N, C, W) or (C, W) and w (K, C / groups, S): images and kernels of one row. The gradients of
// conv1d are those of conv2d.
kernels::Conv2dShape check_conv1d_forward(const TensorView& x, const TensorView& w, const TensorView* bias,
                                          const Conv2dOptions& options);
// grad_output must have the output's sizes; floating point only.
void check_conv2d_backward(const kernels::Conv2dShape& shape, const TensorView& grad_output,
                           const TensorView& other, const char* other_name);

// x, dy: any strides; w, bias, y, dx, dw, db: contiguous. prepared: what was made of w in earlier calls; the
// result has the same bits without it.
void conv2d_forward(const kernels::Conv2dShape& shape, const TensorView& x, const TensorView& w,
                    const TensorView* bias, void* y, PreparedWeights* prepared = nullptr);
// Also conv_transpose2d's forward, hence the bias (C) or null, and int64.
void conv2d_backward_input(const kernels::Conv2dShape& shape, const TensorView& dy, const TensorView& w,
                           const TensorView* bias, void* dx);
void conv2d_backward_weight(const kernels::Conv2dShape& shape, const TensorView& dy, const TensorView& x,
                            void* dw);
void conv2d_backward_bias(const TensorView& dy, void* db);

// Multiply-adds of a forward pass or a gradient; what bindings and parallel_for estimate time from.
double conv2d_multiply_adds(const kernels::Conv2dShape& shape);
// Estimated one-thread time of one direction with the active kernels.
double conv2d_nanoseconds(const kernels::Conv2dShape& shape, DType dtype);

// What a call would do now. The shape has been checked; floating point only, but for forward.
enum class Conv2dDirection { forward, backward_input, backward_weight };
Plan conv2d_plan(Conv2dDirection direction, const kernels::Conv2dShape& shape, DType dtype, bool bias);

}  // namespace rushlight
