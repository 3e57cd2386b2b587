// max_pool2d and its gradient: the operators that the bindings call. They check the meaning of the arguments
// with torch's texts, cut the planes into tiles and run them. Outputs are allocated by the caller,
// C-contiguous.
#pragma once

#include "core/tensor.hpp"
#include "kernels/kernels.hpp"
#include "ops/plan.hpp"
#include "ops/pool2d_shape.hpp"

namespace rushlight {

using MaxPool2dOptions = Pool2dOptions;

// All checks, then the sizes of the pooling. x is (N, C, H, W) or (C, H, W), which counts as N = 1. Kernels
// and dilations come back reduced to the taps that some window can use. Throws std::runtime_error,
// NotImplemented on dtypes.
kernels::MaxPool2dShape check_max_pool2d_forward(const TensorView& x, const MaxPool2dOptions& options);

// x: any strides. indices: int64 like y, or null if nobody wants them, which is faster.
void max_pool2d_forward(const kernels::MaxPool2dShape& shape, const TensorView& x, void* y,
                        std::int64_t* indices);
double max_pool2d_nanoseconds(const kernels::MaxPool2dShape& shape, DType dtype);
// What a call would do now.
Plan max_pool2d_plan(const kernels::MaxPool2dShape& shape, DType dtype, bool indices);

// grad_output and indices have one size, (N, C, OH, OW) or (C, OH, OW), and fit input_size. Values of the
// indices are not looked at yet.
void check_max_pool2d_backward(const TensorView& grad_output, const TensorView& indices,
                               const Index* input_size, int ndim);

// All contiguous. An index outside its plane: std::runtime_error, and dx is incomplete.
void max_pool2d_backward(const TensorView& dy, const TensorView& indices, const Index* input_size, void* dx);
double max_pool2d_backward_nanoseconds(const TensorView& dy, const Index* input_size);

}  // namespace rushlight
