// conv2d and its gradients for Python: arrays to views, output allocated, GIL released. No arithmetic.
#include "ops/conv2d.hpp"

#include <pybind11/stl.h>

#include <array>

#include "bindings/prepared.hpp"
#include "bindings/quick.hpp"

namespace rushlight::bindings {

namespace {

using Ints2 = std::array<Index, 2>;
using Ints4 = std::array<Index, 4>;

Conv2dOptions options(const Ints2& stride, const Ints4& padding, const Ints2& dilation, Index groups) {
    return Conv2dOptions{{stride[0], stride[1]},
                         {padding[0], padding[1], padding[2], padding[3]},
                         {dilation[0], dilation[1]},
                         groups};
}

py::array forward(const py::object& x, const py::object& w, const py::object& b, const Ints2& stride,
                  const Ints4& padding, const Ints2& dilation, Index groups, const py::object& out) {
    Array input(x, "conv2d", "input"), weight(w, "conv2d", "weight");
    const bool has_bias = !b.is_none();
    Array bias(has_bias ? b : x, "conv2d", "bias");
    const TensorView* bias_view = has_bias ? &bias.view() : nullptr;
    const kernels::Conv2dShape shape = check_conv2d_forward(input.view(), weight.view(), bias_view,
                                                            options(stride, padding, dilation, groups));
    weight.make_contiguous();
    if (has_bias) bias.make_contiguous();

    const Index sizes[4] = {shape.N, shape.K, shape.OH, shape.OW};
    const int ndim = input.view().ndim;
    py::array y = result_array("conv2d", out, input.view().dtype, sizes + 4 - ndim, ndim, input.view().data);
    if (!out.is_none())
        for (Array* read : {&input, &weight, &bias}) read->keep_apart(y);
    void* data = y.mutable_data();
    run_released(conv2d_nanoseconds(shape, input.view().dtype),
                 [&] { conv2d_forward(shape, input.view(), weight.view(), bias_view, data); });
    return y;
}

// (input, weight, bias, stride, padding, dilation, groups); any strides, but weights, which may be prepared,
// and bias contiguous.
PyObject* try_forward(PyObject*, PyObject* const* arguments, Py_ssize_t count) {
    return quickly([&]() -> PyObject* {
        QuickArray x, w, b;
        Conv2dOptions o;
        if (count != 7 || !x.read(arguments[0])) return nullptr;
        PreparedParts parts;
        if (!w.read(arguments[1])) {
            parts = prepared_parts(arguments[1]);
            if (!parts.prepared || !w.read(parts.weight)) return nullptr;
        }
        if (!w.contiguous() || !read_quick(arguments[3], o.stride) || !read_quick(arguments[4], o.padding) ||
            !read_quick(arguments[5], o.dilation) || !read_quick(arguments[6], o.groups))
            return nullptr;
        const bool has_bias = arguments[2] != Py_None;
        if (has_bias && !(b.read(arguments[2]) && b.contiguous())) return nullptr;
        const TensorView* bias = has_bias ? &b.view() : nullptr;
        const kernels::Conv2dShape shape = check_conv2d_forward(x.view(), w.view(), bias, o);

        const Index sizes[4] = {shape.N, shape.K, shape.OH, shape.OW};
        const int ndim = x.view().ndim;
        void* data;
        py::object y = new_quick_array(x.view().dtype, sizes + 4 - ndim, ndim, &data, x.view().data);
        if (y)
            run_released(conv2d_nanoseconds(shape, x.view().dtype),
                         [&] { conv2d_forward(shape, x.view(), w.view(), bias, data, parts.prepared); });
        return y.release().ptr();
    });
}

py::array backward_input(const py::object& dy, const py::object& w, const std::vector<Index>& input_size,
                         const Ints2& stride, const Ints4& padding, const Ints2& dilation, Index groups) {
    Array grad_output(dy, "conv2d_input", "grad_output"), weight(w, "conv2d_input", "weight");
    const int ndim = int(input_size.size());
    const kernels::Conv2dShape shape =
        conv2d_shape(input_size.data(), ndim, weight.view().shape, weight.view().ndim,
                     options(stride, padding, dilation, groups));
    check_conv2d_backward(shape, grad_output.view(), weight.view(), "weight");
    weight.make_contiguous();

    py::array dx = new_array(native_dtype(grad_output.view().dtype), input_size.data(), ndim);
    void* data = dx.mutable_data();
    run_released(conv2d_nanoseconds(shape, grad_output.view().dtype),
                 [&] { conv2d_backward_input(shape, grad_output.view(), weight.view(), nullptr, data); });
    return dx;
}

py::array backward_weight(const py::object& dy, const py::object& x, const std::vector<Index>& weight_size,
                          const Ints2& stride, const Ints4& padding, const Ints2& dilation, Index groups) {
    Array grad_output(dy, "conv2d_weight", "grad_output"), input(x, "conv2d_weight", "input");
    const kernels::Conv2dShape shape =
        conv2d_shape(input.view().shape, input.view().ndim, weight_size.data(), int(weight_size.size()),
                     options(stride, padding, dilation, groups));
    check_conv2d_backward(shape, grad_output.view(), input.view(), "input");

    py::array dw =
        new_array(native_dtype(grad_output.view().dtype), weight_size.data(), int(weight_size.size()));
    void* data = dw.mutable_data();
    run_released(conv2d_nanoseconds(shape, grad_output.view().dtype),
                 [&] { conv2d_backward_weight(shape, grad_output.view(), input.view(), data); });
    return dw;
}

py::array backward_bias(const py::object& dy) {
    Array grad_output(dy, "conv2d_bias", "grad_output");
    const TensorView& view = grad_output.view();
    if (view.ndim != 3 && view.ndim != 4)
        throw std::runtime_error("conv2d gradient: expected 3D or 4D grad_output, but got size " +
                                 to_string(view));
    if (!is_floating_point(view.dtype))
        throw NotImplemented(std::string("conv2d gradient: not implemented for '") + scalar_name(view.dtype) +
                             "'");
    py::array db = new_array(native_dtype(view.dtype), {view.shape[view.ndim - 3]});
    void* data = db.mutable_data();
    run_released(double(grad_output.array().size()) / 8, [&] { conv2d_backward_bias(view, data); });
    return db;
}

}  // namespace

void bind_conv2d(py::module_& m) {
    using namespace py::literals;
    m.def("conv2d_forward", forward, "x"_a, "w"_a, "b"_a, "stride"_a, "padding"_a, "dilation"_a, "groups"_a,
          "out"_a = py::none(),
          "y (N, K, OH, OW) of x (N, C, H, W) and w (K, C / groups, R, S); padding is (top, bottom, left, "
          "right); out receives the result.");
    add_quick<try_forward>(m, "try_conv2d",
                           "try_conv2d(input, weight, bias, stride, padding, dilation, groups, /)\n--\n\n"
                           "conv2d of usual arguments, or NotImplemented.");
    m.def("conv2d_backward_input", backward_input, "dy"_a, "w"_a, "input_size"_a, "stride"_a, "padding"_a,
          "dilation"_a, "groups"_a, "Gradient for the input, of size input_size.");
    m.def("conv2d_backward_weight", backward_weight, "dy"_a, "x"_a, "weight_size"_a, "stride"_a, "padding"_a,
          "dilation"_a, "groups"_a, "Gradient for the weight, of size weight_size.");
    m.def("conv2d_backward_bias", backward_bias, "dy"_a,
          "Gradient for the bias: the sum of dy for each output channel.");
}

}  // namespace rushlight::bindings
