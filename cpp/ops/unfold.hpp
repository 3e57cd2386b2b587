// unfold and fold (im2col and col2im, for those who want the columns themselves; conv2d needs none): checks
// with torch's texts, then a task per plane or part of one. Each is the other's gradient.
#pragma once

#include "core/tensor.hpp"
#include "kernels/kernels.hpp"

namespace rushlight {

struct UnfoldOptions {
    Pair kernel, dilation, padding, stride;
};

// x is (N, C, H, W), or (C, H, W) with N = 1. Throws std::runtime_error; NotImplemented on dtypes that are
// neither numbers nor bool.
kernels::UnfoldShape check_unfold(const TensorView& x, const UnfoldOptions& options);

// y is (N, C * R * S, OH * OW), or without N. `output` is the size (H, W) of the image. Numbers only.
kernels::UnfoldShape check_fold(const TensorView& y, Pair output, const UnfoldOptions& options);

// Operands of any strides; results contiguous: (N, C * R * S, OH * OW), and (N, C, H, W).
void unfold(const kernels::UnfoldShape& shape, const TensorView& x, void* y);
void fold(const kernels::UnfoldShape& shape, const TensorView& y, void* x);

// Estimated one-thread time of either with the active kernels.
double unfold_nanoseconds(const kernels::UnfoldShape& shape, DType dtype);

}  // namespace rushlight
