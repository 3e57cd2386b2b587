// What max_pool2d's arguments must satisfy beyond what pool2d_shape.hpp checks.
#include <algorithm>
#include <string>

#include "ops/max_pool2d.hpp"

namespace rushlight {

namespace {

[[noreturn]] void fail(const std::string& message) {
    throw std::runtime_error(message);
}

// Taps that reach the image from some window, all else being padding; at least one.
Index useful_taps(Index size, Index pad_before, Index kernel, Index dilation) {
    return std::min(kernel, (size + pad_before + dilation - 1) / dilation);
}

}  // namespace

kernels::MaxPool2dShape check_max_pool2d_forward(const TensorView& x, const MaxPool2dOptions& o) {
    const Pool2dSizes sizes = check_pool2d("max_pool2d", x, o);
    if (!is_floating_point(x.dtype) && !is_integer(x.dtype))
        throw NotImplemented(std::string("\"max_pool2d\" not implemented for '") + scalar_name(x.dtype) +
                             "': input must be float32, float64, uint8, int8, int16, int32 or int64");

    kernels::MaxPool2dShape p{};
    p.N = sizes.N;
    p.C = sizes.C;
    p.H = sizes.H;
    p.W = sizes.W;
    p.OH = sizes.OH;
    p.OW = sizes.OW;
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
