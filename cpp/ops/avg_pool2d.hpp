// avg_pool2d and its gradient: the operators that the bindings call. Outputs are allocated by the caller,
// C-contiguous.
#pragma once

#include "core/tensor.hpp"
#include "kernels/kernels.hpp"
#include "ops/pool2d_shape.hpp"

namespace rushlight {

struct AvgPool2dOptions {
    Pool2dOptions windows;  // dilation 1
    bool count_include_pad;
    bool has_divisor;
    Index divisor;
};

// All checks, then the sizes of the pooling. Throws std::runtime_error, NotImplemented on dtypes.
kernels::AvgPool2dShape check_avg_pool2d_forward(const TensorView& x, const AvgPool2dOptions& options);
// input_size: what forward was called with; grad_output must be what it returned.
kernels::AvgPool2dShape check_avg_pool2d_backward(const TensorView& grad_output, const Index* input_size,
                                                  int ndim, const AvgPool2dOptions& options);

// x: any strides. dy: contiguous.
void avg_pool2d_forward(const kernels::AvgPool2dShape& shape, const TensorView& x, void* y);
void avg_pool2d_backward(const kernels::AvgPool2dShape& shape, const TensorView& dy, void* dx);
// Estimated one-thread time of either direction.
double avg_pool2d_nanoseconds(const kernels::AvgPool2dShape& shape, DType dtype);

}  // namespace rushlight
