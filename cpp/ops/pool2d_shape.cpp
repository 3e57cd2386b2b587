// Checks and sizes that poolings share; see the header.
#include "ops/pool2d_shape.hpp"

#include <stdexcept>

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

void check_padding(const char* function, const Pool2dOptions& o) {
    const std::string given =
        std::string(": ") + function + " got padding=" + text(o.padding) + ", kernel_size=" + text(o.kernel);
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

void check_options(const Pool2dOptions& o) {
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
    for (int i = x.ndim - 2; i < x.ndim; ++i)
        if (x.shape[i] < 0 || x.shape[i] > kLargest)
            fail("height and width of the input must be from 0 to 2**40, but got input of size: " +
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

std::string volume(Index C, Index H, Index W) {
    return "(" + text(C) + "x" + text(H) + "x" + text(W) + ")";
}

}  // namespace

Pool2dSizes check_pool2d(const char* function, const TensorView& x, const Pool2dOptions& o) {
    check_padding(function, o);
    check_options(o);
    check_input(x);

    Pool2dSizes p{};
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
    return p;
}

}  // namespace rushlight
