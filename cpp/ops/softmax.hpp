// Softmax, its logarithm, their gradients, sigmoid, and the sum that nll_loss takes of scores: the operators
// that the bindings call. Floating point, contiguous; outputs are allocated by the caller, of the input's
// size.
#pragma once

#include "core/tensor.hpp"

namespace rushlight {

// Whether there is something to compute along `dim`, which counts from 0.
bool suits_softmax(const TensorView& x, Index dim);

// y = softmax of x along `dim`, or its logarithm.
void softmax_forward(const TensorView& x, Index dim, bool logarithm, void* y);
// dx from dy and the result y; of one size and dtype.
void softmax_backward(const TensorView& dy, const TensorView& y, Index dim, bool logarithm, void* dx);

void sigmoid_forward(const TensorView& x, void* y);

// *sum = factor * (the sum of scores[n, classes[n]] over n), for scores (N, C) and classes (N), int64. False,
// and nothing is written, if a class is not in [0, C).
bool sum_of_classes(const TensorView& scores, const TensorView& classes, double factor, void* sum);

// Estimated one-thread time of any of these but the last.
double softmax_nanoseconds(const TensorView& x);

}  // namespace rushlight
