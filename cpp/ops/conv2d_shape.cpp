// What a convolution's arguments must satisfy, said in torch's words and checked in torch's order, and the
// sizes that follow.
#include "ops/conv2d_shape.hpp"

namespace rushlight {

void fail(const std::string& message) {
    throw std::runtime_error(message);
}

std::string pair_text(Index h, Index w) {
    return "(" + std::to_string(h) + " x " + std::to_string(w) + ")";
}

std::string list_text(Pair pair, int spatial) {
    const Index values[2] = {pair.h, pair.w};
    return to_string(values + 2 - spatial, spatial);
}

void check_conv_options(const Conv2dOptions& o, int spatial) {
    if (o.groups <= 0)
        fail("non-positive groups is not supported, but got groups=" + std::to_string(o.groups));
    const Padding& p = o.padding;
    if (p.top < 0 || p.bottom < 0 || p.left < 0 || p.right < 0)
        fail("negative padding is not supported, but got padding=((" + std::to_string(p.top) + ", " +
             std::to_string(p.bottom) + "), (" + std::to_string(p.left) + ", " + std::to_string(p.right) +
             "))");
    if (o.stride.h <= 0 || o.stride.w <= 0)
        fail("non-positive stride is not supported, but got stride=" + list_text(o.stride, spatial));
    if (o.dilation.h < 0 || o.dilation.w < 0)
        fail("dilation should be greater than zero, but got " + list_text(o.dilation, spatial));
    for (Index value : {p.top, p.bottom, p.left, p.right, o.stride.h, o.stride.w, o.dilation.h, o.dilation.w})
        if (value > kLargest)
            fail("padding, stride and dilation must be below 2**40, but got " + std::to_string(value));
}

void check_conv_groups(const Index* weight, int weight_ndim, Index groups) {
    if (weight[0] >= groups && weight[0] % groups == 0) return;
    const std::string given = "Given groups=" + std::to_string(groups) + ", expected weight to be ";
    const std::string size = to_string(weight, weight_ndim);
    if (weight[0] < groups)
        fail(given + "at least " + std::to_string(groups) + " at dimension 0, but got weight of size " +
             size + " instead");
    fail(given + "divisible by " + std::to_string(groups) + " at dimension 0, but got weight of size [" +
         size + "] instead");
}

void check_conv_channels(const std::string& given, const Index* x, int x_ndim, const Index* weight,
                         int weight_ndim, Index wanted) {
    const Index channels = x[x_ndim - weight_ndim + 1];
    if (channels == wanted) return;
    std::string hint;
    if (x[x_ndim - 1] == wanted) {
        const char* order =
            weight_ndim == 4 ? (x_ndim == 4 ? "0, 3, 1, 2" : "2, 0, 1") : (x_ndim == 3 ? "0, 2, 1" : "1, 0");
        hint =
            std::string(". The input looks channels-last; use x.permute(") + order + ") (NumPy: transpose)";
    }
    fail("Given " + given + ", weight of size " + to_string(weight, weight_ndim) + ", expected input" +
         to_string(x, x_ndim) + " to have " + std::to_string(wanted) + " channels, but got " +
         std::to_string(channels) + " channels instead" + hint);
}

void check_conv_bias(const std::string& given, const TensorView& w, const TensorView& bias, Index channels) {
    if (bias.ndim != 1 || bias.shape[0] != channels)
        fail("Given " + given + "weight of size " + to_string(w) +
             ", expected bias to be 1-dimensional with " + std::to_string(channels) +
             " elements, but got bias of size " + to_string(bias) + " instead");
}

void check_conv_bias_dtype(const TensorView& x, const TensorView* bias) {
    if (bias && bias->dtype != x.dtype)
        fail(std::string("Input type (") + c_name(x.dtype) + ") and bias type (" + c_name(bias->dtype) +
             ") should be the same");
}

void check_conv_dtypes(const TensorView& x, const TensorView& w) {
    if (x.dtype != w.dtype)
        fail(std::string("expected scalar type ") + scalar_name(x.dtype) + " but found " +
             scalar_name(w.dtype) +
             ": input and weight must have one dtype; convert one with .float() / .double() or dtype=");
}

void check_conv_kernel(const Conv2dOptions& o, Index R, Index S, int spatial) {
    if (R <= 0 || S <= 0)
        fail("kernel size should be greater than zero, but got kernel_height: " + std::to_string(R) +
             " kernel_width: " + std::to_string(S));
    if (o.dilation.h == 0 || o.dilation.w == 0)
        fail((spatial == 1 ? "non-positive dilation is not supported, but got dilation="
                           : "dilation should be greater than zero, but got ") +
             list_text(o.dilation, spatial));
    if ((R - 1) > kLargest / o.dilation.h || (S - 1) > kLargest / o.dilation.w)
        fail("dilation times kernel size must be below 2**40");
}

void check_conv_image(const Index* hw, int spatial, const Index* x, int x_ndim) {
    for (int i = 0; i < spatial; ++i)
        if (hw[i] == 0)
            fail("Only zero batch or zero channel inputs are supported, but got input shape: " +
                 to_string(x, x_ndim));
}

void check_conv_size(Index size, const Index* x, int x_ndim) {
    if (size < 0 || size > kLargest)
        fail("height and width of the input must be from 0 to 2**40, but got input of size " +
             to_string(x, x_ndim));
}

Index conv_channels(const Index* weight, int weight_ndim, Index groups) {
    Index channels;
    if (weight[1] < 0 || __builtin_mul_overflow(weight[1], groups, &channels))
        fail("expected weight of a size that an array can have, but got " + to_string(weight, weight_ndim));
    return channels;
}

void check_conv_gradient(const std::string& function, const Index* wanted, const TensorView& dy,
                         const TensorView& other, const char* other_name) {
    bool same = dy.ndim == 3 ? wanted[0] == 1 : dy.ndim == 4 && dy.shape[0] == wanted[0];
    for (int i = 1; same && i < 4; ++i) same = dy.shape[dy.ndim - 4 + i] == wanted[i];
    if (!same)
        fail(function + ": expected grad_output of size " + to_string(wanted, 4) +
             ", but got grad_output of size " + to_string(dy));
    if (dy.dtype != other.dtype)
        fail(std::string("expected scalar type ") + scalar_name(other.dtype) + " but found " +
             scalar_name(dy.dtype) + ": grad_output and " + other_name + " must have one dtype");
    if (!is_floating_point(dy.dtype))
        throw NotImplemented(function + ": not implemented for '" + scalar_name(dy.dtype) +
                             "', only floating point has gradients");
}

namespace {

// Dimensions: one (conv1d: an image of one row, a kernel of one row) or two.
void check_dims(int spatial, const Index* x, int x_ndim, const Index* weight, int weight_ndim) {
    const char* name = spatial == 1 ? "conv1d" : "conv2d";
    if (x_ndim != spatial + 1 && x_ndim != spatial + 2)
        fail("Expected " + std::to_string(spatial + 1) + "D (unbatched) or " + std::to_string(spatial + 2) +
             "D (batched) input to " + std::string(name) +
             ", but got input of size: " + to_string(x, x_ndim));
    if (weight_ndim != spatial + 2)
        fail("Expected " + std::to_string(spatial + 2) + "D weight (out_channels, in_channels / groups, " +
             (spatial == 1 ? "length" : "height, width") + ") for " + name +
             ", but got weight of size: " + to_string(weight, weight_ndim) +
             (weight_ndim < 3 ? "; weight should have at least three dimensions" : ""));
}

void check_extents(int spatial, Index H, Index W, const Conv2dOptions& o, Index R, Index S) {
    const Index padded_h = H + o.padding.top + o.padding.bottom,
                padded_w = W + o.padding.left + o.padding.right;
    const Index extent_h = o.dilation.h * (R - 1) + 1, extent_w = o.dilation.w * (S - 1) + 1;
    const auto text = [&](Index h, Index w) {
        return spatial == 1 ? "(" + std::to_string(w) + ")" : pair_text(h, w);
    };
    if (padded_h < extent_h || padded_w < extent_w)
        fail("Calculated padded input size per channel: " + text(padded_h, padded_w) + ". Kernel size: " +
             text(extent_h, extent_w) + ". Kernel size can't be greater than actual input size");
}

kernels::Conv2dShape shape_of(int spatial, const Index* x, int x_ndim, const Index* weight, int weight_ndim,
                              const Conv2dOptions& o) {
    check_dims(spatial, x, x_ndim, weight, weight_ndim);
    check_conv_options(o, spatial);
    check_conv_groups(weight, weight_ndim, o.groups);
    check_conv_channels("groups=" + std::to_string(o.groups), x, x_ndim, weight, weight_ndim,
                        conv_channels(weight, weight_ndim, o.groups));

    kernels::Conv2dShape shape{};
    shape.N = x_ndim == spatial + 2 ? x[0] : 1;
    shape.C = x[x_ndim - spatial - 1];
    shape.H = spatial == 1 ? 1 : x[x_ndim - 2];
    shape.W = x[x_ndim - 1];
    shape.K = weight[0];
    shape.R = spatial == 1 ? 1 : weight[2];
    shape.S = weight[weight_ndim - 1];
    check_conv_kernel(o, shape.R, shape.S, spatial);
    check_conv_size(shape.H, x, x_ndim);
    check_conv_size(shape.W, x, x_ndim);
    check_extents(spatial, shape.H, shape.W, o, shape.R, shape.S);
    check_conv_image(x + x_ndim - spatial, spatial, x, x_ndim);

    shape.OH =
        (shape.H + o.padding.top + o.padding.bottom - o.dilation.h * (shape.R - 1) - 1) / o.stride.h + 1;
    shape.OW =
        (shape.W + o.padding.left + o.padding.right - o.dilation.w * (shape.S - 1) - 1) / o.stride.w + 1;
    shape.groups = o.groups;
    shape.stride_h = o.stride.h;
    shape.stride_w = o.stride.w;
    shape.pad_top = o.padding.top;
    shape.pad_left = o.padding.left;
    shape.dilation_h = o.dilation.h;
    shape.dilation_w = o.dilation.w;
    return shape;
}

kernels::Conv2dShape check_forward(int spatial, const TensorView& x, const TensorView& w,
                                   const TensorView* bias, const Conv2dOptions& options) {
    check_conv_bias_dtype(x, bias);
    const kernels::Conv2dShape shape = shape_of(spatial, x.shape, x.ndim, w.shape, w.ndim, options);
    if (bias) check_conv_bias("", w, *bias, shape.K);
    check_conv_dtypes(x, w);
    if (!is_floating_point(x.dtype) && !is_integer(x.dtype))
        throw NotImplemented(std::string("\"slow_conv2d_cpu\" not implemented for '") + scalar_name(x.dtype) +
                             "': convolution takes float32, float64, uint8, int8, int16, int32 or int64");
    return shape;
}

}  // namespace

kernels::Conv2dShape conv2d_shape(const Index* x, int x_ndim, const Index* weight, int weight_ndim,
                                  const Conv2dOptions& options) {
    return shape_of(2, x, x_ndim, weight, weight_ndim, options);
}

kernels::Conv2dShape check_conv2d_forward(const TensorView& x, const TensorView& w, const TensorView* bias,
                                          const Conv2dOptions& options) {
    return check_forward(2, x, w, bias, options);
}

kernels::Conv2dShape check_conv1d_forward(const TensorView& x, const TensorView& w, const TensorView* bias,
                                          const Conv2dOptions& options) {
    return check_forward(1, x, w, bias, options);
}

void check_conv2d_backward(const kernels::Conv2dShape& s, const TensorView& dy, const TensorView& other,
                           const char* other_name) {
    const Index wanted[4] = {s.N, s.K, s.OH, s.OW};
    check_conv_gradient("conv2d gradient", wanted, dy, other, other_name);
}

}  // namespace rushlight
