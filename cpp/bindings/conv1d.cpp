// conv1d for Python: arrays to views, output allocated, GIL released. No arithmetic: a signal is an image of
// one row. Its gradients are conv2d's; functional/conv1d.py adds the row.
#include <pybind11/stl.h>

#include <array>

#include "bindings/arrays.hpp"
#include "ops/conv2d.hpp"

namespace rushlight::bindings {

namespace {

// (N, C, W) or (C, W) seen as (N, C, 1, W) or (C, 1, W). Reads the given view's sizes; must not outlive it.
class RowView {
  public:
    explicit RowView(const TensorView& given) : view_(given) {
        const int last = given.ndim - 1;
        for (int i = 0; i < last; ++i) {
            shape_[i] = given.shape[i];
            strides_[i] = given.strides[i];
        }
        shape_[last] = 1;
        strides_[last] = 0;
        shape_[last + 1] = given.shape[last];
        strides_[last + 1] = given.strides[last];
        view_.ndim = given.ndim + 1;
        view_.shape = shape_;
        view_.strides = strides_;
    }
    const TensorView& view() const { return view_; }

    RowView(const RowView&) = delete;  // view_ points into this object
    RowView& operator=(const RowView&) = delete;

  private:
    TensorView view_;
    Index shape_[4], strides_[4];
};

py::array forward(const py::object& x, const py::object& w, const py::object& b, Index stride,
                  const std::array<Index, 2>& padding, Index dilation, Index groups, const py::object& out) {
    Array input(x, "conv1d", "input"), weight(w, "conv1d", "weight");
    const bool has_bias = !b.is_none();
    Array bias(has_bias ? b : x, "conv1d", "bias");
    const TensorView* bias_view = has_bias ? &bias.view() : nullptr;
    const Conv2dOptions options{{1, stride}, {0, 0, padding[0], padding[1]}, {1, dilation}, groups};
    const kernels::Conv2dShape shape = check_conv1d_forward(input.view(), weight.view(), bias_view, options);
    weight.make_contiguous();
    if (has_bias) bias.make_contiguous();

    const Index sizes[3] = {shape.N, shape.K, shape.OW};
    const int ndim = input.view().ndim;
    py::array y = result_array("conv1d", out, input.view().dtype, sizes + 3 - ndim, ndim);
    if (!out.is_none())
        for (Array* read : {&input, &weight, &bias}) read->keep_apart(y);
    void* data = y.mutable_data();
    const RowView rows(input.view());
    run_released(conv2d_nanoseconds(shape, input.view().dtype),
                 [&] { conv2d_forward(shape, rows.view(), weight.view(), bias_view, data); });
    return y;
}

}  // namespace

void bind_conv1d(py::module_& m) {
    using namespace py::literals;
    m.def("conv1d_forward", forward, "x"_a, "w"_a, "b"_a, "stride"_a, "padding"_a, "dilation"_a, "groups"_a,
          "out"_a = py::none(),
          "y (N, K, OW) of x (N, C, W) and w (K, C / groups, S); padding is (left, right); out receives the "
          "result.");
}

}  // namespace rushlight::bindings
