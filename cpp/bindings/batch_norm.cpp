// Batch normalisation and its gradient for Python: arrays to contiguous views, outputs allocated, GIL
// released. No arithmetic.
#include "ops/batch_norm.hpp"

#include <pybind11/stl.h>

#include <optional>

#include "bindings/arrays.hpp"

namespace rushlight::bindings {

namespace {

// Numbers per channel, which Python hands over as float64.
using Channels = py::array_t<double, py::array::c_style | py::array::forcecast>;

const double* numbers(const std::optional<Channels>& given) {
    return given ? given->data() : nullptr;
}

Channels one_per_channel(const TensorView& x) {
    return Channels(x.shape[1]);
}

void check_size(const TensorView& x, const std::optional<Channels>& given) {
    if (given) check_batch_norm(x, given->size());
}

py::array result_like(const TensorView& x) {
    return new_array(native_dtype(x.dtype), x.shape, x.ndim);
}

constexpr double kReleased = 1e9;  // of any size: rare calls, long enough

py::tuple forward(const py::object& x, const std::optional<Channels>& weight,
                  const std::optional<Channels>& bias, double eps, const std::optional<Channels>& mean,
                  const std::optional<Channels>& variance) {
    Array input(x, "batch_norm", "input");
    const TensorView& view = input.view();
    check_batch_norm(view, view.ndim > 1 ? view.shape[1] : 0);
    for (const auto* given : {&weight, &bias, &mean, &variance}) check_size(view, *given);
    input.make_contiguous();
    const bool training = !mean || !variance;
    Channels used_mean = training ? one_per_channel(view) : *mean;
    Channels used_variance = training ? one_per_channel(view) : *variance;
    py::array y = result_like(view);
    const BatchNormForward channels{numbers(weight),
                                    numbers(bias),
                                    eps,
                                    training,
                                    const_cast<double*>(used_mean.data()),
                                    const_cast<double*>(used_variance.data())};
    void* data = y.mutable_data();
    run_released(kReleased, [&] { batch_norm_forward(view, channels, data); });
    return py::make_tuple(y, used_mean, used_variance);
}

py::tuple backward(const py::object& dy, const py::object& x, const Channels& mean, const Channels& scale,
                   const Channels& slope, bool training, bool want_dx) {
    Array grad_output(dy, "batch_norm", "grad_output"), input(x, "batch_norm", "input");
    for (const auto* given : {&mean, &scale, &slope}) check_batch_norm(input.view(), given->size());
    check_batch_norm_backward(grad_output.view(), input.view());
    grad_output.make_contiguous();
    input.make_contiguous();
    const TensorView& view = input.view();
    Channels total = one_per_channel(view), product = one_per_channel(view);
    py::object dx = py::none();
    void* data = nullptr;
    if (want_dx) {
        py::array made = result_like(view);
        data = made.mutable_data();
        dx = std::move(made);
    }
    const BatchNormBackward channels{mean.data(), scale.data(),         slope.data(),
                                     training,    total.mutable_data(), product.mutable_data()};
    run_released(kReleased, [&] { batch_norm_backward(grad_output.view(), view, channels, data); });
    return py::make_tuple(dx, total, product);
}

}  // namespace

void bind_batch_norm(py::module_& m) {
    using namespace py::literals;
    m.def("batch_norm_forward", forward, "x"_a, "weight"_a, "bias"_a, "eps"_a, "mean"_a, "variance"_a,
          "(y, mean, variance) of x (N, C, ...); numbers per channel are float64 or None. The mean and the "
          "variance are those of x unless both are given.");
    m.def("batch_norm_backward", backward, "dy"_a, "x"_a, "mean"_a, "scale"_a, "slope"_a, "training"_a,
          "want_dx"_a,
          "(dx or None, sums of dy, sums of dy * (x - mean)); scale is 1 / sqrt(variance + eps), slope "
          "scale * weight.");
}

}  // namespace rushlight::bindings
