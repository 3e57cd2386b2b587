// relu and its gradient for Python: arrays to contiguous views, output allocated or checked, GIL released. No
// arithmetic.
#include "ops/relu.hpp"

#include "bindings/arrays.hpp"
#include "bindings/quick.hpp"

namespace rushlight::bindings {

namespace {

py::array forward(const py::object& x, const py::object& out) {
    Array input(x, "relu", "input");
    check_relu_forward(input.view());
    input.make_contiguous();
    const TensorView& view = input.view();
    py::array y = result_array("relu", out, view.dtype, view.shape, view.ndim);
    if (input.array().data() != y.data()) input.keep_apart(y);  // else each element is its own result
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
