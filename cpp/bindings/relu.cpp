// relu and its gradient for Python: arrays to contiguous views, output allocated or checked, GIL released. No
// arithmetic.
#include "ops/relu.hpp"

#include <algorithm>

#include "bindings/arrays.hpp"
#include "bindings/quick.hpp"

namespace rushlight::bindings {

namespace {

// `out` as a result of x's size and dtype can be written into it.
py::array checked_out(const py::object& object, const TensorView& x) {
    const Array seen(object, "relu", "out");  // TypeError for what is no array
    const py::array out = py::reinterpret_borrow<py::array>(object);
    const bool in_place = seen.array().is(out) && out.writeable() && (out.flags() & py::array::c_style);
    const TensorView& y = seen.view();
    if (!in_place || y.dtype != x.dtype || y.ndim != x.ndim ||
        !std::equal(x.shape, x.shape + x.ndim, y.shape))
        throw std::runtime_error(
            "relu: expected out to be a writeable, C-contiguous array of native byte order, size " +
            to_string(x) + " and dtype " + scalar_name(x.dtype) + ", but got size " + to_string(y) +
            " and dtype " + scalar_name(y.dtype) + (out.writeable() ? "" : ", read-only") +
            (out.flags() & py::array::c_style ? "" : ", not C-contiguous"));
    return out;
}

// Whether the elements of two contiguous arrays share memory without being the same ones.
bool partly_overlap(const py::array& a, const py::array& b) {
    const char *first = static_cast<const char*>(a.data()), *second = static_cast<const char*>(b.data());
    return first != second && first < second + b.nbytes() && second < first + a.nbytes();
}

py::array forward(const py::object& x, const py::object& out) {
    Array input(x, "relu", "input");
    check_relu_forward(input.view());
    input.make_contiguous();
    const TensorView& view = input.view();
    py::array y =
        out.is_none() ? new_array(native_dtype(view.dtype), view.shape, view.ndim) : checked_out(out, view);
    if (partly_overlap(input.array(), y)) input.make_copy();
    void* data = y.mutable_data();
    run_released(relu_nanoseconds(view), [&] { relu_forward(view, data); });
    return y;
}

// (input), contiguous.
PyObject* try_forward(PyObject*, PyObject* const* arguments, Py_ssize_t count) {
    return quickly([&]() -> PyObject* {
        QuickArray x;
        if (count != 1 || !x.read(arguments[0]) || !x.contiguous()) return nullptr;
        const TensorView& view = x.view();
        void* data;
        py::object y = new_quick_array(view.dtype, view.shape, view.ndim, &data);
        if (y) run_released(relu_nanoseconds(view), [&] { relu_forward(view, data); });
        return y.release().ptr();
    });
}

py::array backward(const py::object& dy, const py::object& y) {
    Array grad_output(dy, "relu_input", "grad_output"), output(y, "relu_input", "output");
    check_relu_backward(grad_output.view(), output.view());
    grad_output.make_contiguous();
    output.make_contiguous();
    py::array dx = new_array(native_dtype(output.view().dtype), output.view().shape, output.view().ndim);
    void* data = dx.mutable_data();
    run_released(relu_nanoseconds(output.view()),
                 [&] { relu_backward(grad_output.view(), output.view(), data); });
    return dx;
}

}  // namespace

void bind_relu(py::module_& m) {
    using namespace py::literals;
    m.def("relu_forward", forward, "x"_a, "out"_a = py::none(),
          "x < 0 ? 0 : x, any shape; out (C-contiguous) receives the result and may be x itself.");
    add_quick<try_forward>(m, "try_relu",
                           "try_relu(input, /)\n--\n\nrelu of a usual, contiguous array, or NotImplemented.");
    m.def("relu_backward", backward, "dy"_a, "y"_a,
          "Gradient for the input, from the output y: y <= 0 ? 0 : dy.");
}

}  // namespace rushlight::bindings
