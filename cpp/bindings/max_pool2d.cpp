// max_pool2d and its gradient for Python: arrays to views, output allocated, GIL released. No arithmetic.
#include "ops/max_pool2d.hpp"

#include <pybind11/stl.h>

#include <array>

#include "bindings/arrays.hpp"
#include "bindings/quick.hpp"

namespace rushlight::bindings {

namespace {

using Ints2 = std::array<Index, 2>;
using Ints4 = std::array<Index, 4>;

py::object forward(const py::object& x, const Ints2& kernel, const Ints2& stride, const Ints4& padding,
                   const Ints2& dilation, bool ceil_mode, bool return_indices, const py::object& out,
                   const py::object& out_indices) {
    Array input(x, "max_pool2d", "input");
    const TensorView& view = input.view();
    const kernels::MaxPool2dShape shape =
        check_max_pool2d_forward(view, MaxPool2dOptions{{kernel[0], kernel[1]},
                                                        {stride[0], stride[1]},
                                                        {padding[0], padding[1], padding[2], padding[3]},
                                                        {dilation[0], dilation[1]},
                                                        ceil_mode});

    const Index sizes[4] = {shape.N, shape.C, shape.OH, shape.OW};
    py::array y = result_array("max_pool2d", out, view.dtype, sizes + 4 - view.ndim, view.ndim);
    if (!out.is_none()) input.keep_apart(y);
    py::array indices;
    if (return_indices) {
        indices =
            result_array("max_pool2d (indices)", out_indices, DType::int64, sizes + 4 - view.ndim, view.ndim);
        if (!out_indices.is_none()) input.keep_apart(indices);
    }
    void* data = y.mutable_data();
    std::int64_t* positions = return_indices ? static_cast<std::int64_t*>(indices.mutable_data()) : nullptr;
    run_released(max_pool2d_nanoseconds(shape, view.dtype),
                 [&] { max_pool2d_forward(shape, view, data, positions); });
    if (return_indices) return py::make_tuple(y, indices);
    return y;
}

// (input, kernel_size, stride, padding, dilation, ceil_mode, return_indices); a stride of None is the
// kernel's size.
PyObject* try_forward(PyObject*, PyObject* const* arguments, Py_ssize_t count) {
    return quickly([&]() -> PyObject* {
        QuickArray x;
        MaxPool2dOptions o;
        bool return_indices;
        if (count != 7 || !x.read(arguments[0]) || !read_quick(arguments[1], o.kernel) ||
            !read_quick(arguments[2] == Py_None ? arguments[1] : arguments[2], o.stride) ||
            !read_quick(arguments[3], o.padding) || !read_quick(arguments[4], o.dilation) ||
            !read_quick(arguments[5], o.ceil_mode) || !read_quick(arguments[6], return_indices))
            return nullptr;
        const TensorView& view = x.view();
        const kernels::MaxPool2dShape shape = check_max_pool2d_forward(view, o);

        const Index sizes[4] = {shape.N, shape.C, shape.OH, shape.OW};
        void *data, *positions = nullptr;
        py::object y = new_quick_array(view.dtype, sizes + 4 - view.ndim, view.ndim, &data), indices;
        if (return_indices)
            indices = new_quick_array(DType::int64, sizes + 4 - view.ndim, view.ndim, &positions);
        if (!y || (return_indices && !indices)) return nullptr;
        run_released(max_pool2d_nanoseconds(shape, view.dtype),
                     [&] { max_pool2d_forward(shape, view, data, static_cast<std::int64_t*>(positions)); });
        return return_indices ? PyTuple_Pack(2, y.ptr(), indices.ptr()) : y.release().ptr();
    });
}

py::array backward(const py::object& dy, const py::object& indices, const std::vector<Index>& input_size) {
    Array grad_output(dy, "max_pool2d_input", "grad_output"),
        positions(indices, "max_pool2d_input", "indices");
    const TensorView& view = grad_output.view();
    check_max_pool2d_backward(view, positions.view(), input_size.data(), int(input_size.size()));
    grad_output.make_contiguous();
    positions.make_contiguous();

    py::array dx = new_array(native_dtype(view.dtype), input_size.data(), view.ndim);
    void* data = dx.mutable_data();
    run_released(max_pool2d_backward_nanoseconds(view, input_size.data()),
                 [&] { max_pool2d_backward(view, positions.view(), input_size.data(), data); });
    return dx;
}

}  // namespace

void bind_max_pool2d(py::module_& m) {
    using namespace py::literals;
    m.def("max_pool2d_forward", forward, "x"_a, "kernel"_a, "stride"_a, "padding"_a, "dilation"_a,
          "ceil_mode"_a, "return_indices"_a, "out"_a = py::none(), "out_indices"_a = py::none(),
          "y (N, C, OH, OW), or (y, indices): int64 positions h * W + w in their plane; padding is (top, "
          "bottom, left, right); out and out_indices receive the results.");
    add_quick<try_forward>(
        m, "try_max_pool2d",
        "try_max_pool2d(input, kernel_size, stride, padding, dilation, ceil_mode, return_indices, /)\n--\n\n"
        "max_pool2d of usual arguments, or NotImplemented.");
    m.def("max_pool2d_backward", backward, "dy"_a, "indices"_a, "input_size"_a,
          "Gradient for the input, of size input_size: each dy added at its index, all else 0.");
}

}  // namespace rushlight::bindings
