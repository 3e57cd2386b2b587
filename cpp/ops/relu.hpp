// relu and its gradient: the operators that the bindings call. All arrays are contiguous; outputs are
// allocated by the caller.
#pragma once

#include "core/tensor.hpp"
#include "ops/plan.hpp"

namespace rushlight {

// Throws std::runtime_error for bool, NotImplemented for other dtypes that relu does not take.
void check_relu_forward(const TensorView& x);
// grad_output and output: same sizes, same floating point dtype; else std::runtime_error or NotImplemented.
void check_relu_backward(const TensorView& grad_output, const TensorView& output);

// y may be x's own memory.
void relu_forward(const TensorView& x, void* y);
void relu_backward(const TensorView& dy, const TensorView& y, void* dx);

// Estimated one-thread time of either direction.
double relu_nanoseconds(const TensorView& x);
// What the forward pass would do now; x needs no data.
Plan relu_plan(const TensorView& x);

}  // namespace rushlight
