// What conv1d, conv2d and conv_transpose2d check alike, in torch's words. Private to the operators.
//
// Sources: torch 2.13's messages as observed; where ours say more (which argument, a hint) the stable middle
// of torch's text is kept. Sizes are shown as they were given: an unbatched input without its invented batch
// dimension. `spatial`: 1 (images and kernels of one row) or 2 dimensions.
#pragma once

#include "ops/conv2d.hpp"

namespace rushlight {

[[noreturn]] void fail(const std::string& message);

std::string pair_text(Index h, Index w);        // "(3 x 4)"
std::string list_text(Pair pair, int spatial);  // "[3, 4]", or "[4]" in one dimension

// Beyond this, sizes could overflow 64 bits when multiplied; no array gets near it.
constexpr Index kLargest = Index(1) << 40;

// Signs and magnitudes of groups, padding, stride and dilation.
void check_conv_options(const Conv2dOptions& options, int spatial);

// The kernels must split into groups; `weight` has weight_ndim >= 1 sizes.
void check_conv_groups(const Index* weight, int weight_ndim, Index groups);

// The input must have `wanted` channels. `given` is what the message begins with: "groups=2".
void check_conv_channels(const std::string& given, const Index* x, int x_ndim, const Index* weight,
                         int weight_ndim, Index wanted);

// The bias must be (channels). `given`: "groups=2, ", or "".
void check_conv_bias(const std::string& given, const TensorView& w, const TensorView& bias, Index channels);
void check_conv_bias_dtype(const TensorView& x, const TensorView* bias);
void check_conv_dtypes(const TensorView& x, const TensorView& w);

// An R x S kernel must have taps, and some distance between them.
void check_conv_kernel(const Conv2dOptions& options, Index R, Index S, int spatial);

// A height or width must be one that can be reckoned with; 0 is.
void check_conv_size(Index size, const Index* x, int x_ndim);

// (weight's second size) * groups.
Index conv_channels(const Index* weight, int weight_ndim, Index groups);

// An image must not be empty.
void check_conv_image(const Index* hw, int spatial, const Index* x, int x_ndim);

// grad_output must be (N, C, H, W), or (C, H, W) where N is 1, and have other's dtype, a floating one.
// `function`: "conv2d gradient".
void check_conv_gradient(const std::string& function, const Index* wanted, const TensorView& grad_output,
                         const TensorView& other, const char* other_name);

}  // namespace rushlight
