// What the arguments of unfold and fold must satisfy, in torch's words and order, and the sizes that follow.
#include <new>
#include <stdexcept>
#include <string>

#include "ops/unfold.hpp"

namespace rushlight {

using kernels::UnfoldShape;

namespace {

[[noreturn]] void fail(const std::string& message) {
    throw std::runtime_error(message);
}

std::string tuple_text(Pair p) {
    return "(" + std::to_string(p.h) + ", " + std::to_string(p.w) + ")";
}
std::string named_text(const std::string& name, Pair p) {
    return name + "_height: " + std::to_string(p.h) + " " + name + "_width: " + std::to_string(p.w);
}
std::string options_text(const UnfoldOptions& o) {
    return "kernel_size=" + tuple_text(o.kernel) + ", dilation=" + tuple_text(o.dilation) +
           ", padding=" + tuple_text(o.padding);
}

// Beyond these, sizes could overflow 64 bits when multiplied; no array gets near them.
constexpr Index kLargest = Index(1) << 20, kLargestImage = Index(1) << 30;

// A product of sizes of the result. What overflows is larger than any memory.
Index product(Index a, Index b) {
    Index result;
    if (__builtin_mul_overflow(a, b, &result)) throw std::bad_alloc();
    return result;
}

void check_options(const UnfoldOptions& o) {
    if (o.kernel.h <= 0 || o.kernel.w <= 0)
        fail("kernel size should be greater than zero, but got " + named_text("kernel", o.kernel));
    if (o.dilation.h <= 0 || o.dilation.w <= 0)
        fail("dilation should be greater than zero, but got " + named_text("dilation", o.dilation));
    if (o.padding.h < 0 || o.padding.w < 0)
        fail("padding should be non-negative, but got " + named_text("pad", o.padding));
    if (o.stride.h <= 0 || o.stride.w <= 0)
        fail("stride should be greater than zero, but got " + named_text("stride", o.stride));
    for (Pair p : {o.kernel, o.dilation, o.padding, o.stride})
        if (p.h > kLargest || p.w > kLargest)
            fail("kernel_size, dilation, padding and stride must be at most 2**20, but got " +
                 options_text(o) + ", stride=" + tuple_text(o.stride));
}

// An array's sizes, of which all but the first of a batch must be positive.
void check_sizes(const TensorView& a, int unbatched, const std::string& expected) {
    bool valid = a.ndim == unbatched || a.ndim == unbatched + 1;
    for (int i = a.ndim - unbatched; valid && i < a.ndim; ++i) valid = a.shape[i] > 0;
    if (!valid) fail(expected + to_string(a));
}

// Places of windows along one direction; rounded down, below 1 where there are none.
Index places(Index size, Index kernel, Index dilation, Index padding, Index stride) {
    const Index room = size + 2 * padding - dilation * (kernel - 1) - 1;
    return (room >= 0 ? room / stride : -((-room + stride - 1) / stride)) + 1;
}

UnfoldShape shape_of(Index N, Index C, Pair image, const UnfoldOptions& o) {
    UnfoldShape shape{};
    shape.N = N;
    shape.C = C;
    shape.H = image.h;
    shape.W = image.w;
    shape.R = o.kernel.h;
    shape.S = o.kernel.w;
    shape.OH = places(image.h, o.kernel.h, o.dilation.h, o.padding.h, o.stride.h);
    shape.OW = places(image.w, o.kernel.w, o.dilation.w, o.padding.w, o.stride.w);
    shape.stride_h = o.stride.h;
    shape.stride_w = o.stride.w;
    shape.pad_top = o.padding.h;
    shape.pad_left = o.padding.w;
    shape.dilation_h = o.dilation.h;
    shape.dilation_w = o.dilation.w;
    return shape;
}

void check_fold_sizes(const TensorView& y, Pair output, const UnfoldOptions& o, const UnfoldShape& shape) {
    const Index rows = y.shape[y.ndim - 2], cols = y.shape[y.ndim - 1];
    if (rows % (o.kernel.h * o.kernel.w) != 0)
        fail(
            "Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got "
            "input.size(1)=" +
            std::to_string(rows) + " and kernel_size=" + tuple_text(o.kernel) + ".");
    const std::string given = "Given output_size=" + tuple_text(output) + ", " + options_text(o) +
                              ", stride=" + tuple_text(o.stride);
    if (shape.OH < 1 || shape.OW < 1 ? true : shape.OH * shape.OW != cols)
        fail(given +
             ", expected size of input's dimension 2 to match the calculated number of sliding blocks " +
             std::to_string(shape.OH) + " * " + std::to_string(shape.OW) + " = " +
             std::to_string(shape.OH * shape.OW) + ", but got input.size(2)=" + std::to_string(cols) + ".");
}

}  // namespace

UnfoldShape check_unfold(const TensorView& x, const UnfoldOptions& o) {
    check_options(o);
    check_sizes(x, 3,
                "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero "
                "dimensions for input, but got: ");
    const Pair image{x.shape[x.ndim - 2], x.shape[x.ndim - 1]};
    if (image.h > kLargestImage || image.w > kLargestImage)
        fail("height and width of the input must be at most 2**30, but got " + tuple_text(image));
    const UnfoldShape shape = shape_of(x.ndim == 4 ? x.shape[0] : 1, x.shape[x.ndim - 3], image, o);
    if (shape.OH < 1 || shape.OW < 1)
        fail("Given input with spatial size " + tuple_text(image) + ", " + options_text(o) +
             ", calculated shape of the array of sliding blocks as " + tuple_text({shape.OH, shape.OW}) +
             ", but its components must be at least one.");
    product(product(shape.C, o.kernel.h * o.kernel.w),
            shape.OH * shape.OW);  // the result's sizes are its factors
    if (x.dtype == DType::other) throw NotImplemented("\"im2col_out_cpu\" not implemented for this dtype");
    return shape;
}

UnfoldShape check_fold(const TensorView& y, Pair output, const UnfoldOptions& o) {
    check_options(o);
    for (Index size : {output.h, output.w})
        if (size > kLargestImage || size < -kLargestImage)
            fail("output_size must be at most 2**30, but got " + tuple_text(output));
    check_sizes(y, 2,
                "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero "
                "dimensions for input, but got: ");
    const Index channels = y.shape[y.ndim - 2] / (o.kernel.h * o.kernel.w);
    const UnfoldShape shape = shape_of(y.ndim == 3 ? y.shape[0] : 1, channels, output, o);
    check_fold_sizes(y, output, o, shape);
    if (!is_floating_point(y.dtype) && !is_integer(y.dtype))
        throw NotImplemented(std::string("\"col2im_out_cpu\" not implemented for '") + scalar_name(y.dtype) +
                             "': fold adds float32, float64, uint8, int8, int16, int32 or int64");
    return shape;
}

}  // namespace rushlight
