// unfold and fold for Python: arrays to views, output allocated, GIL released. No arithmetic.
#include "ops/unfold.hpp"

#include <pybind11/stl.h>

#include <array>

#include "bindings/arrays.hpp"

namespace rushlight::bindings {

namespace {

using kernels::UnfoldShape;
using Ints2 = std::array<Index, 2>;

UnfoldOptions options(const Ints2& kernel, const Ints2& dilation, const Ints2& padding, const Ints2& stride) {
    return {
        {kernel[0], kernel[1]}, {dilation[0], dilation[1]}, {padding[0], padding[1]}, {stride[0], stride[1]}};
}

py::array unfold_array(const py::object& x, const Ints2& kernel, const Ints2& dilation, const Ints2& padding,
                       const Ints2& stride, const py::object& out) {
    Array input(x, "unfold", "input");
    const TensorView& view = input.view();
    const UnfoldShape shape = check_unfold(view, options(kernel, dilation, padding, stride));
    const Index sizes[3] = {shape.N, shape.C * shape.R * shape.S, shape.OH * shape.OW};
    const bool batched = view.ndim == 4;
    py::array y = result_array("unfold", out, view.dtype, sizes + !batched, 2 + batched);
    if (!out.is_none()) input.keep_apart(y);
    void* data = y.mutable_data();
    run_released(unfold_nanoseconds(shape, view.dtype), [&] { unfold(shape, view, data); });
    return y;
}

py::array fold_array(const py::object& y, const Ints2& output_size, const Ints2& kernel,
                     const Ints2& dilation, const Ints2& padding, const Ints2& stride,
                     const py::object& out) {
    Array input(y, "fold", "input");
    const TensorView& view = input.view();
    const UnfoldShape shape =
        check_fold(view, {output_size[0], output_size[1]}, options(kernel, dilation, padding, stride));
    const Index sizes[4] = {shape.N, shape.C, shape.H, shape.W};
    const bool batched = view.ndim == 3;
    py::array x = result_array("fold", out, view.dtype, sizes + !batched, 3 + batched);
    if (!out.is_none()) input.keep_apart(x);
    void* data = x.mutable_data();
    run_released(unfold_nanoseconds(shape, view.dtype), [&] { fold(shape, view, data); });
    return x;
}

}  // namespace

void bind_unfold(py::module_& m) {
    using namespace py::literals;
    m.def("unfold", unfold_array, "x"_a, "kernel"_a, "dilation"_a, "padding"_a, "stride"_a,
          "out"_a = py::none(),
          "y (N, C * R * S, OH * OW) of x (N, C, H, W): its windows as columns; out receives the result.");
    m.def("fold", fold_array, "y"_a, "output_size"_a, "kernel"_a, "dilation"_a, "padding"_a, "stride"_a,
          "out"_a = py::none(),
          "x (N, C, H, W) of y (N, C * R * S, OH * OW): columns added where the windows were; out receives "
          "the result.");
}

}  // namespace rushlight::bindings
