// What conv_transpose2d's arguments must satisfy, in torch's words and order, and the sizes that follow.
#include "ops/conv_transpose2d.hpp"

#include <algorithm>

#include "ops/conv2d_shape.hpp"

namespace rushlight {

namespace {

void check_dims(const Index* x, int x_ndim, const Index* weight, int weight_ndim) {
    if (x_ndim != 3 && x_ndim != 4)
        fail("Expected 3D (unbatched) or 4D (batched) input to conv_transpose2d, but got input of size: " +
             to_string(x, x_ndim));
    if (weight_ndim != 4)
        fail(
            "Expected 4D weight (in_channels, out_channels / groups, height, width) for conv_transpose2d, "
            "but got weight of size: " +
            to_string(weight, weight_ndim) +
            (weight_ndim < 3 ? "; weight should have at least three dimensions" : ""));
}

void check_options(const ConvTranspose2dOptions& o) {
    if (o.output_padding.h < 0 || o.output_padding.w < 0)
        fail("negative output_padding is not supported, but got output_padding=" +
             list_text(o.output_padding, 2));
    check_conv_options(o.conv, 2);
}

// More output padding would be pixels that another size of x owns.
void check_output_padding(const ConvTranspose2dOptions& o) {
    const Pair &p = o.output_padding, &s = o.conv.stride, &d = o.conv.dilation;
    if (p.h >= std::max(s.h, d.h) || p.w >= std::max(s.w, d.w))
        fail(
            "output padding must be smaller than either stride or dilation, but got output_padding_height: " +
            std::to_string(p.h) + " output_padding_width: " + std::to_string(p.w) +
            " stride_height: " + std::to_string(s.h) + " stride_width: " + std::to_string(s.w) +
            " dilation_height: " + std::to_string(d.h) + " dilation_width: " + std::to_string(d.w));
}

Index output_size(Index size, Index stride, Index padding, Index taps, Index dilation, Index output_padding) {
    if (size > kLargest / stride) fail("input size times stride must be below 2**40");
    return (size - 1) * stride - 2 * padding + dilation * (taps - 1) + output_padding + 1;
}

}  // namespace

kernels::Conv2dShape conv_transpose2d_shape(const Index* x, int x_ndim, const Index* weight, int weight_ndim,
                                            const ConvTranspose2dOptions& o) {
    const Conv2dOptions& c = o.conv;
    check_dims(x, x_ndim, weight, weight_ndim);
    check_options(o);
    check_conv_groups(weight, weight_ndim, c.groups);
    check_conv_channels("transposed=1", x, x_ndim, weight, weight_ndim, weight[0]);
    if (weight[1] == 0)
        fail("non-empty 2D or 4D weight tensor expected, but got: " + to_string(weight, weight_ndim));
    check_conv_kernel(c, weight[2], weight[3], 2);
    check_output_padding(o);
    const Index* hw = x + x_ndim - 2;
    check_conv_size(hw[0], x, x_ndim);
    check_conv_size(hw[1], x, x_ndim);
    check_conv_image(hw, 2, x, x_ndim);

    kernels::Conv2dShape shape{};
    shape.N = x_ndim == 4 ? x[0] : 1;
    shape.C = conv_channels(weight, weight_ndim, c.groups);
    shape.H = output_size(hw[0], c.stride.h, c.padding.top, weight[2], c.dilation.h, o.output_padding.h);
    shape.W = output_size(hw[1], c.stride.w, c.padding.left, weight[3], c.dilation.w, o.output_padding.w);
    if (shape.H < 1 || shape.W < 1)
        fail("Given input size per channel: " + pair_text(hw[0], hw[1]) +
             ". Calculated output size per channel: " + pair_text(shape.H, shape.W) +
             ". Output size is too small");
    shape.K = weight[0];
    shape.R = weight[2];
    shape.S = weight[3];
    shape.OH = hw[0];
    shape.OW = hw[1];
    shape.groups = c.groups;
    shape.stride_h = c.stride.h;
    shape.stride_w = c.stride.w;
    shape.pad_top = c.padding.top;
    shape.pad_left = c.padding.left;
    shape.dilation_h = c.dilation.h;
    shape.dilation_w = c.dilation.w;
    return shape;
}

kernels::Conv2dShape check_conv_transpose2d_forward(const TensorView& x, const TensorView& w,
                                                    const TensorView* bias, const ConvTranspose2dOptions& o) {
    check_conv_bias_dtype(x, bias);
    const kernels::Conv2dShape shape = conv_transpose2d_shape(x.shape, x.ndim, w.shape, w.ndim, o);
    if (bias) check_conv_bias("transposed=1, ", w, *bias, shape.C);
    check_conv_dtypes(x, w);
    if (!is_floating_point(x.dtype) && x.dtype != DType::int64)
        throw NotImplemented(std::string("\"slow_conv_transpose2d_out_cpu\" not implemented for '") +
                             scalar_name(x.dtype) + "': conv_transpose2d takes float32, float64 or int64");
    return shape;
}

void check_conv_transpose2d_backward(const kernels::Conv2dShape& s, const TensorView& dy,
                                     const TensorView& other, const char* other_name) {
    const Index wanted[4] = {s.N, s.C, s.H, s.W};
    check_conv_gradient("conv_transpose2d gradient", wanted, dy, other, other_name);
}

}  // namespace rushlight
