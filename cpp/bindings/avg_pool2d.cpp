// avg_pool2d and its gradient for Python: arrays to views, output allocated, GIL released. No arithmetic.
#include "ops/avg_pool2d.hpp"

#include <pybind11/stl.h>

#include <array>
#include <optional>
#include <vector>

#include "bindings/arrays.hpp"

namespace rushlight::bindings {

namespace {

using Ints2 = std::array<Index, 2>;
using Ints4 = std::array<Index, 4>;

AvgPool2dOptions options(const Ints2& kernel, const Ints2& stride, const Ints4& padding, bool ceil_mode,
                         bool count_include_pad, const std::optional<Index>& divisor) {
    return {{{kernel[0], kernel[1]},
             {stride[0], stride[1]},
             {padding[0], padding[1], padding[2], padding[3]},
             {1, 1},
             ceil_mode},
            count_include_pad,
            divisor.has_value(),
            divisor.value_or(0)};
}

py::array forward(const py::object& x, const Ints2& kernel, const Ints2& stride, const Ints4& padding,
                  bool ceil_mode, bool count_include_pad, const std::optional<Index>& divisor,
                  const py::object& out) {
    Array input(x, "avg_pool2d", "input");
    const TensorView& view = input.view();
    const kernels::AvgPool2dShape shape = check_avg_pool2d_forward(
        view, options(kernel, stride, padding, ceil_mode, count_include_pad, divisor));
    const Index sizes[4] = {shape.N, shape.C, shape.OH, shape.OW};
    py::array y = result_array("avg_pool2d", out, view.dtype, sizes + 4 - view.ndim, view.ndim);
    if (!out.is_none()) input.keep_apart(y);
    void* data = y.mutable_data();
    run_released(avg_pool2d_nanoseconds(shape, view.dtype), [&] { avg_pool2d_forward(shape, view, data); });
    return y;
}

py::array backward(const py::object& dy, const std::vector<Index>& input_size, const Ints2& kernel,
                   const Ints2& stride, const Ints4& padding, bool ceil_mode, bool count_include_pad,
                   const std::optional<Index>& divisor) {
    Array grad_output(dy, "avg_pool2d_input", "grad_output");
    const kernels::AvgPool2dShape shape =
        check_avg_pool2d_backward(grad_output.view(), input_size.data(), int(input_size.size()),
                                  options(kernel, stride, padding, ceil_mode, count_include_pad, divisor));
    grad_output.make_contiguous();
    const TensorView& view = grad_output.view();
    py::array dx = new_array(native_dtype(view.dtype), input_size.data(), view.ndim);
    void* data = dx.mutable_data();
    run_released(avg_pool2d_nanoseconds(shape, view.dtype), [&] { avg_pool2d_backward(shape, view, data); });
    return dx;
}

}  // namespace

void bind_avg_pool2d(py::module_& m) {
    using namespace py::literals;
    m.def("avg_pool2d_forward", forward, "x"_a, "kernel"_a, "stride"_a, "padding"_a, "ceil_mode"_a,
          "count_include_pad"_a, "divisor"_a, "out"_a = py::none(),
          "y (N, C, OH, OW); padding is (top, bottom, left, right); divisor None: as many as count; out "
          "receives the result.");
    m.def("avg_pool2d_backward", backward, "dy"_a, "input_size"_a, "kernel"_a, "stride"_a, "padding"_a,
          "ceil_mode"_a, "count_include_pad"_a, "divisor"_a,
          "Gradient for the input, of size input_size: each dy, divided, added to all pixels of its window.");
}

}  // namespace rushlight::bindings
