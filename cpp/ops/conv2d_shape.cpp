// What a convolution's arguments must satisfy, said in torch's words and checked in torch's order, and the
// sizes that follow. Sources: torch 2.13's messages as observed; where ours say more (which argument, a hint)
// the stable middle of torch's text is kept.
#include <cstdlib>
#include <new>

#include "ops/conv2d.hpp"

namespace rushlight {

namespace {

[[noreturn]] void fail(const std::string& message) {
    throw std::runtime_error(message);
}

std::string pair_text(Index h, Index w) {
    return "(" + std::to_string(h) + " x " + std::to_string(w) + ")";
}

// Beyond this, sizes could overflow 64 bits when multiplied; no array gets near it.
constexpr Index kLargest = Index(1) << 40;

void check_options(const Conv2dOptions& o) {
    if (o.groups <= 0)
        fail("non-positive groups is not supported, but got groups=" + std::to_string(o.groups));
    const Padding& p = o.padding;
    if (p.top < 0 || p.bottom < 0 || p.left < 0 || p.right < 0)
        fail("negative padding is not supported, but got padding=((" + std::to_string(p.top) + ", " +
             std::to_string(p.bottom) + "), (" + std::to_string(p.left) + ", " + std::to_string(p.right) +
             "))");
    if (o.stride.h <= 0 || o.stride.w <= 0)
        fail("non-positive stride is not supported, but got stride=[" + std::to_string(o.stride.h) + ", " +
             std::to_string(o.stride.w) + "]");
    if (o.dilation.h < 0 || o.dilation.w < 0)
        fail("dilation should be greater than zero, but got [" + std::to_string(o.dilation.h) + ", " +
             std::to_string(o.dilation.w) + "]");
    for (Index value : {p.top, p.bottom, p.left, p.right, o.stride.h, o.stride.w, o.dilation.h, o.dilation.w})
        if (value > kLargest)
            fail("padding, stride and dilation must be below 2**40, but got " + std::to_string(value));
}

// x as it was given, for messages: an unbatched input is shown without its invented batch dimension.
void check_channels(const Index* x, int x_ndim, const Index* weight, Index groups) {
    const Index wanted = weight[1] * groups, channels = x[x_ndim - 3];
    if (weight[0] >= groups && weight[0] % groups == 0 && channels == wanted) return;

    const std::string weight_text = to_string(weight, 4);
    const std::string given = "Given groups=" + std::to_string(groups) + ", ";
    if (weight[0] < groups)
        fail(given + "expected weight to be at least " + std::to_string(groups) +
             " at dimension 0, but got weight of size " + weight_text + " instead");
    if (weight[0] % groups != 0)
        fail(given + "expected weight to be divisible by " + std::to_string(groups) +
             " at dimension 0, but got weight of size [" + weight_text + "] instead");
    std::string hint;
    if (x[x_ndim - 1] == wanted)
        hint = std::string(". The input looks channels-last; use x.") +
               (x_ndim == 4 ? "permute(0, 3, 1, 2)" : "permute(2, 0, 1)") + " (NumPy: transpose)";
    fail(given + "weight of size " + weight_text + ", expected input" + to_string(x, x_ndim) + " to have " +
         std::to_string(wanted) + " channels, but got " + std::to_string(channels) + " channels instead" +
         hint);
}

void check_extents(const Index* hw, const Conv2dOptions& o, Index R, Index S, const Index* x, int x_ndim) {
    if (R <= 0 || S <= 0)
        fail("kernel size should be greater than zero, but got kernel_height: " + std::to_string(R) +
             " kernel_width: " + std::to_string(S));
    if (o.dilation.h == 0 || o.dilation.w == 0)
        fail("dilation should be greater than zero, but got [" + std::to_string(o.dilation.h) + ", " +
             std::to_string(o.dilation.w) + "]");
    if ((R - 1) > kLargest / o.dilation.h || (S - 1) > kLargest / o.dilation.w)
        fail("dilation times kernel size must be below 2**40");
    const Index padded_h = hw[0] + o.padding.top + o.padding.bottom,
                padded_w = hw[1] + o.padding.left + o.padding.right;
    const Index extent_h = o.dilation.h * (R - 1) + 1, extent_w = o.dilation.w * (S - 1) + 1;
    if (padded_h < extent_h || padded_w < extent_w)
        fail("Calculated padded input size per channel: " + pair_text(padded_h, padded_w) +
             ". Kernel size: " + pair_text(extent_h, extent_w) +
             ". Kernel size can't be greater than actual input size");
    if (hw[0] == 0 || hw[1] == 0)
        fail("Only zero batch or zero channel inputs are supported, but got input shape: " +
             to_string(x, x_ndim));
}

void check_same_dtype(const TensorView& x, const TensorView& w, const char* name) {
    if (x.dtype == w.dtype) return;
    fail(std::string("expected scalar type ") + scalar_name(x.dtype) + " but found " + scalar_name(w.dtype) +
         ": input and " + name + " must have one dtype; convert one with .float() / .double() or dtype=");
}

}  // namespace

kernels::Conv2dShape conv2d_shape(const Index* x, int x_ndim, const Index* weight, int weight_ndim,
                                  const Conv2dOptions& o) {
    if (x_ndim != 3 && x_ndim != 4)
        fail("Expected 3D (unbatched) or 4D (batched) input to conv2d, but got input of size: " +
             to_string(x, x_ndim));
    if (weight_ndim != 4)
        fail(
            "Expected 4D weight (out_channels, in_channels / groups, height, width) for conv2d, but got "
            "weight of size: " +
            to_string(weight, weight_ndim) +
            (weight_ndim < 3 ? "; weight should have at least three dimensions" : ""));
    check_options(o);
    check_channels(x, x_ndim, weight, o.groups);

    const Index R = weight[2], S = weight[3];
    const Index* hw = x + x_ndim - 2;
    check_extents(hw, o, R, S, x, x_ndim);

    kernels::Conv2dShape shape{};
    shape.N = x_ndim == 4 ? x[0] : 1;
    shape.C = x[x_ndim - 3];
    shape.H = hw[0];
    shape.W = hw[1];
    shape.K = weight[0];
    shape.R = R;
    shape.S = S;
    shape.OH = (hw[0] + o.padding.top + o.padding.bottom - o.dilation.h * (R - 1) - 1) / o.stride.h + 1;
    shape.OW = (hw[1] + o.padding.left + o.padding.right - o.dilation.w * (S - 1) - 1) / o.stride.w + 1;
    shape.groups = o.groups;
    shape.stride_h = o.stride.h;
    shape.stride_w = o.stride.w;
    shape.pad_top = o.padding.top;
    shape.pad_left = o.padding.left;
    shape.dilation_h = o.dilation.h;
    shape.dilation_w = o.dilation.w;
    return shape;
}

kernels::Conv2dShape check_conv2d_forward(const TensorView& x, const TensorView& w, const TensorView* bias,
                                          const Conv2dOptions& options) {
    if (bias && bias->dtype != x.dtype)
        fail(std::string("Input type (") + c_name(x.dtype) + ") and bias type (" + c_name(bias->dtype) +
             ") should be the same");
    const kernels::Conv2dShape shape = conv2d_shape(x.shape, x.ndim, w.shape, w.ndim, options);
    if (bias && (bias->ndim != 1 || bias->shape[0] != shape.K))
        fail("Given weight of size " + to_string(w) + ", expected bias to be 1-dimensional with " +
             std::to_string(shape.K) + " elements, but got bias of size " + to_string(*bias) + " instead");
    check_same_dtype(x, w, "weight");
    if (!is_floating_point(x.dtype) && !is_integer(x.dtype))
        throw NotImplemented(std::string("\"slow_conv2d_cpu\" not implemented for '") + scalar_name(x.dtype) +
                             "': conv2d takes float32, float64, uint8, int8, int16, int32 or int64");
    return shape;
}

void check_conv2d_backward(const kernels::Conv2dShape& s, const TensorView& dy, const TensorView& other,
                           const char* other_name) {
    const Index wanted[4] = {s.N, s.K, s.OH, s.OW};
    bool same = dy.ndim == 3 ? s.N == 1 : dy.ndim == 4 && dy.shape[0] == s.N;
    for (int i = 1; same && i < 4; ++i) same = dy.shape[dy.ndim - 4 + i] == wanted[i];
    if (!same)
        fail("conv2d gradient: expected grad_output of size " + to_string(wanted, 4) +
             ", but got grad_output of size " + to_string(dy));
    if (dy.dtype != other.dtype)
        fail(std::string("expected scalar type ") + scalar_name(other.dtype) + " but found " +
             scalar_name(dy.dtype) + ": grad_output and " + other_name + " must have one dtype");
    if (!is_floating_point(dy.dtype))
        throw NotImplemented(std::string("conv2d gradient: not implemented for '") + scalar_name(dy.dtype) +
                             "', only floating point has gradients");
}

}  // namespace rushlight
