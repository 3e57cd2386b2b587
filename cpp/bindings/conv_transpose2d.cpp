// conv_transpose2d and its gradients for Python: arrays to views, output allocated, GIL released. No
// arithmetic. Every direction is one of conv2d's (ops/conv_transpose2d.hpp says which).
#include "ops/conv_transpose2d.hpp"

#include <pybind11/stl.h>

#include <array>

#include "bindings/arrays.hpp"

namespace rushlight::bindings {

namespace {

using kernels::Conv2dShape;
using Ints2 = std::array<Index, 2>;

ConvTranspose2dOptions options(const Ints2& stride, const Ints2& padding, const Ints2& output_padding,
                               Index groups, const Ints2& dilation) {
    return {{{stride[0], stride[1]},
             {padding[0], padding[0], padding[1], padding[1]},
             {dilation[0], dilation[1]},
             groups},
            {output_padding[0], output_padding[1]}};
}

py::array forward(const py::object& x, const py::object& w, const py::object& b, const Ints2& stride,
                  const Ints2& padding, const Ints2& output_padding, Index groups, const Ints2& dilation,
                  const py::object& out) {
    Array input(x, "conv_transpose2d", "input"), weight(w, "conv_transpose2d", "weight");
    const bool has_bias = !b.is_none();
    Array bias(has_bias ? b : x, "conv_transpose2d", "bias");
    const TensorView* bias_view = has_bias ? &bias.view() : nullptr;
    const Conv2dShape shape = check_conv_transpose2d_forward(
        input.view(), weight.view(), bias_view, options(stride, padding, output_padding, groups, dilation));
    weight.make_contiguous();
    if (has_bias) bias.make_contiguous();

    const Index sizes[4] = {shape.N, shape.C, shape.H, shape.W};
    const int ndim = input.view().ndim;
    py::array y = result_array("conv_transpose2d", out, input.view().dtype, sizes + 4 - ndim, ndim);
    if (!out.is_none())
        for (Array* read : {&input, &weight, &bias}) read->keep_apart(y);
    void* data = y.mutable_data();
    run_released(conv2d_nanoseconds(shape, input.view().dtype),
                 [&] { conv2d_backward_input(shape, input.view(), weight.view(), bias_view, data); });
    return y;
}

py::array backward_input(const py::object& dy, const py::object& w, const std::vector<Index>& input_size,
                         const Ints2& stride, const Ints2& padding, const Ints2& output_padding, Index groups,
                         const Ints2& dilation) {
    Array grad_output(dy, "conv_transpose2d_input", "grad_output");
    Array weight(w, "conv_transpose2d_input", "weight");
    const int ndim = int(input_size.size());
    const Conv2dShape shape =
        conv_transpose2d_shape(input_size.data(), ndim, weight.view().shape, weight.view().ndim,
                               options(stride, padding, output_padding, groups, dilation));
    check_conv_transpose2d_backward(shape, grad_output.view(), weight.view(), "weight");
    weight.make_contiguous();

    py::array dx = new_array(native_dtype(grad_output.view().dtype), input_size.data(), ndim);
    void* data = dx.mutable_data();
    run_released(conv2d_nanoseconds(shape, grad_output.view().dtype),
                 [&] { conv2d_forward(shape, grad_output.view(), weight.view(), nullptr, data); });
    return dx;
}

py::array backward_weight(const py::object& dy, const py::object& x, const std::vector<Index>& weight_size,
                          const Ints2& stride, const Ints2& padding, const Ints2& output_padding,
                          Index groups, const Ints2& dilation) {
    Array grad_output(dy, "conv_transpose2d_weight", "grad_output");
    Array input(x, "conv_transpose2d_weight", "input");
    const int ndim = int(weight_size.size());
    const Conv2dShape shape =
        conv_transpose2d_shape(input.view().shape, input.view().ndim, weight_size.data(), ndim,
                               options(stride, padding, output_padding, groups, dilation));
    check_conv_transpose2d_backward(shape, grad_output.view(), input.view(), "input");

    py::array dw = new_array(native_dtype(grad_output.view().dtype), weight_size.data(), ndim);
    void* data = dw.mutable_data();
    run_released(conv2d_nanoseconds(shape, grad_output.view().dtype),
                 [&] { conv2d_backward_weight(shape, input.view(), grad_output.view(), data); });
    return dw;
}

}  // namespace

void bind_conv_transpose2d(py::module_& m) {
    using namespace py::literals;
    m.def("conv_transpose2d_forward", forward, "x"_a, "w"_a, "b"_a, "stride"_a, "padding"_a,
          "output_padding"_a, "groups"_a, "dilation"_a, "out"_a = py::none(),
          "y (N, K, OH, OW) of x (N, C, H, W) and w (C, K / groups, R, S); out receives the result.");
    m.def("conv_transpose2d_backward_input", backward_input, "dy"_a, "w"_a, "input_size"_a, "stride"_a,
          "padding"_a, "output_padding"_a, "groups"_a, "dilation"_a,
          "Gradient for the input, of size input_size.");
    m.def("conv_transpose2d_backward_weight", backward_weight, "dy"_a, "x"_a, "weight_size"_a, "stride"_a,
          "padding"_a, "output_padding"_a, "groups"_a, "dilation"_a,
          "Gradient for the weight, of size weight_size.");
}

}  // namespace rushlight::bindings
