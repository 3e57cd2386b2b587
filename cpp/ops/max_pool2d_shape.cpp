// What max_pool2d's arguments must satisfy, said in torch's words, and the sizes that follow. Unlike torch's,
// the padding check is one rule and comes first, whatever the dilation, and a kernel of size zero is called a
// bad kernel.
#include <algorithm>
#include <string>

#include "ops/max_pool2d.hpp"

namespace rushlight {

namespace {

[[noreturn]] void fail(const std::string& message) {
    throw std::runtime_error(message);
}

// Beyond this, sizes could overflow 64 bits when multiplied; no array gets near it.
constexpr Index kLargest = Index(1) << 40;

std::string text(Index value) {
    return std::to_string(value);
}
std::string text(const Pair& pair) {
    return "(" + text(pair.h) + ", " + text(pair.w) + ")";
}
std::string text(const Padding& p) {
    return "((" + text(p.top) + ", " + text(p.bottom) + "), (" + text(p.left) + ", " + text(p.right) + "))";
}

void check_padding(const MaxPool2dOptions& o) {
    const std::string given =
        ": max_pool2d got padding=" + text(o.padding) + ", kernel_size=" + text(o.kernel);
    const auto check = [&](Index pad, Index kernel, Index dilation) {
        if (pad < 0) fail("pad must be non-negative, but got pad: " + text(pad) + given);
        if (pad > 0 && pad > kernel / 2)
            fail("pad should be at most half of effective kernel size, but got pad=" + text(pad) +
                 ", kernel_size=" + text(kernel) + " and dilation=" + text(dilation) + given +
                 "; it may be half of kernel_size, not dilated");
    };
    check(o.padding.top, o.kernel.h, o.dilation.h);
    check(o.padding.bottom, o.kernel.h, o.dilation.h);
    check(o.padding.left, o.kernel.w, o.dilation.w);
    check(o.padding.right, o.kernel.w, o.dilation.w);
}

void check_options(const MaxPool2dOptions& o) {
    if (o.kernel.h <= 0 || o.kernel.w <= 0)
        fail("kernel size should be greater than zero, but got kH: " + text(o.kernel.h) +
             " kW: " + text(o.kernel.w));
    if (o.stride.h == 0 || o.stride.w == 0)
        fail("stride should not be zero, but got stride=" + text(o.stride));
    if (o.stride.h < 0 || o.stride.w < 0)
        fail("stride should be greater than zero, but got dH: " + text(o.stride.h) +
             " dW: " + text(o.stride.w));
    if (o.dilation.h <= 0 || o.dilation.w <= 0)
        fail("dilation should be greater than zero, but got dilationH: " + text(o.dilation.h) +
             " dilationW: " + text(o.dilation.w));
    for (Index value : {o.kernel.h, o.kernel.w, o.stride.h, o.stride.w, o.dilation.h, o.dilation.w})
        if (value > kLargest)
            fail("kernel_size, stride and dilation must be below 2**40, but got " + text(value));
    if (o.kernel.h - 1 > kLargest / o.dilation.h || o.kernel.w - 1 > kLargest / o.dilation.w)
        fail("dilation times kernel_size must be below 2**40");
}

void check_input(const TensorView& x) {
    if (x.ndim != 3 && x.ndim != 4)
        fail("non-empty 3D or 4D (batch mode) tensor expected for input, but got input of size: " +
             to_string(x));
    for (int i = x.ndim - 3; i < x.ndim; ++i)
        if (x.shape[i] == 0)
            fail("Expected 3D or 4D (batch mode) tensor with optional 0 dim batch size for input, but got:" +
                 to_string(x));
}

// Outputs along one direction. The last window of ceil_mode must start inside the image or its first padding.
Index output_size(Index size, Index pad_before, Index pad_after, Index kernel, Index stride, Index dilation,
                  bool ceil_mode) {
    const Index slack =
        size + pad_before + pad_after - dilation * (kernel - 1) - 1 + (ceil_mode ? stride - 1 : 0);
    if (slack < 0) return 0;
    const Index outputs = slack / stride + 1;
    return ceil_mode && (outputs - 1) * stride >= size + pad_before ? outputs - 1 : outputs;
}

// Taps that reach the image from some window, all else being padding; at least one.
Index useful_taps(Index size, Index pad_before, Index kernel, Index dilation) {
    return std::min(kernel, (size + pad_before + dilation - 1) / dilation);
}

std::string volume(Index C, Index H, Index W) {
    return "(" + text(C) + "x" + text(H) + "x" + text(W) + ")";
}

}  // namespace

kernels::MaxPool2dShape check_max_pool2d_forward(const TensorView& x, const MaxPool2dOptions& o) {
    check_padding(o);
    check_options(o);
    check_input(x);

    kernels::MaxPool2dShape p{};
    p.N = x.ndim == 4 ? x.shape[0] : 1;
    p.C = x.shape[x.ndim - 3];
    p.H = x.shape[x.ndim - 2];
    p.W = x.shape[x.ndim - 1];
    p.OH =
        output_size(p.H, o.padding.top, o.padding.bottom, o.kernel.h, o.stride.h, o.dilation.h, o.ceil_mode);
    p.OW =
        output_size(p.W, o.padding.left, o.padding.right, o.kernel.w, o.stride.w, o.dilation.w, o.ceil_mode);
    if (p.OH < 1 || p.OW < 1)
        fail("Given input size: " + volume(p.C, p.H, p.W) + ". Calculated output size: " +
             volume(p.C, p.OH, p.OW) + ". Output size is too small: kernel_size=" + text(o.kernel) +
             " with dilation=" + text(o.dilation) + " does not fit the input and its padding");
    if (!is_floating_point(x.dtype) && !is_integer(x.dtype))
        throw NotImplemented(std::string("\"max_pool2d\" not implemented for '") + scalar_name(x.dtype) +
                             "': input must be float32, float64, uint8, int8, int16, int32 or int64");

    // A kernel of one tap has no dilation. A window of one output may be larger than all there is.
    p.dilation_h = o.kernel.h == 1 ? 1 : o.dilation.h;
    p.dilation_w = o.kernel.w == 1 ? 1 : o.dilation.w;
    p.kernel_h = useful_taps(p.H, o.padding.top, o.kernel.h, p.dilation_h);
    p.kernel_w = useful_taps(p.W, o.padding.left, o.kernel.w, p.dilation_w);
    p.stride_h = o.stride.h;
    p.stride_w = o.stride.w;
    p.pad_top = o.padding.top;
    p.pad_left = o.padding.left;
    return p;
}

void check_max_pool2d_backward(const TensorView& dy, const TensorView& indices, const Index* input_size,
                               int ndim) {
    if (dy.ndim != 3 && dy.ndim != 4)
        fail("max_pool2d gradient: expected 3D or 4D grad_output, but got size " + to_string(dy));
    if (indices.dtype != DType::int64)
        fail(std::string("elements in indices should be type int64 but got: ") + scalar_name(indices.dtype));
    if (indices.ndim != dy.ndim || !std::equal(dy.shape, dy.shape + dy.ndim, indices.shape))
        fail("Expected shape of indices to be same as that of grad_output (" + to_string(dy) +
             ") but got indices tensor with shape: " + to_string(indices));
    bool fits = ndim == dy.ndim;
    for (int i = 0; fits && i < ndim; ++i)
        fits = i < ndim - 2 ? input_size[i] == dy.shape[i] : input_size[i] >= 0;
    if (!fits)
        fail("max_pool2d gradient: expected input_size to be " + std::to_string(dy.ndim) +
             " sizes that agree with grad_output's in all but the last two, but got input_size " +
             to_string(input_size, ndim) + " and grad_output of size " + to_string(dy));
    if (!is_floating_point(dy.dtype))
        throw NotImplemented(std::string("max_pool2d gradient: not implemented for '") +
                             scalar_name(dy.dtype) + "', only floating point has gradients");
}

}  // namespace rushlight
