// Batch normalisation and its gradient: the operators that the bindings call. Arrays (N, C, ...) are
// contiguous; outputs are allocated by the caller. Numbers per channel are double.
#pragma once

#include "core/tensor.hpp"

namespace rushlight {

// Throws std::runtime_error unless x is a floating point array of two or more dimensions, and unless there
// are as many numbers per channel as channels.
void check_batch_norm(const TensorView& x, Index per_channel);
// grad_output and input: same sizes and dtype; else std::runtime_error.
void check_batch_norm_backward(const TensorView& dy, const TensorView& x);

// The numbers per channel of a forward pass; `weight` and `bias` may be null (1 and 0).
struct BatchNormForward {
    const double *weight, *bias;
    double eps;
    bool training;            // mean and variance are those of x, and are written; else they are read
    double *mean, *variance;  // variance: divided by the number of elements
};

// y = (x - mean) / sqrt(variance + eps) * weight + bias.
void batch_norm_forward(const TensorView& x, const BatchNormForward& channels, void* y);

// The numbers per channel of the gradient: `slope` is weight / sqrt(variance + eps), `scale` the same without
// the weight.
struct BatchNormBackward {
    const double *mean, *scale, *slope;
    bool training;
    double *total, *product;  // written: sums of dy and of dy * (x - mean)
};

// dx = (dy - (total + (x - mean) * scale^2 * product) / n) * slope, without the subtraction if not `training`
// (the mean was a constant then); dx may be null.
void batch_norm_backward(const TensorView& dy, const TensorView& x, const BatchNormBackward& channels,
                         void* dx);

}  // namespace rushlight
