// What operators would do, for Python: sizes in, a dictionary out.
#include "ops/plan.hpp"

#include <pybind11/stl.h>

#include <algorithm>
#include <array>

#include "bindings/arrays.hpp"
#include "core/bandwidth.hpp"
#include "core/isa.hpp"
#include "core/parallel.hpp"
#include "core/precision.hpp"
#include "ops/conv2d.hpp"
#include "ops/max_pool2d.hpp"
#include "ops/relu.hpp"

namespace rushlight::bindings {

namespace {

using Ints2 = std::array<Index, 2>;
using Ints4 = std::array<Index, 4>;
using Sizes = std::vector<Index>;

constexpr Index kMostElements = Index(1) << 56;

// RuntimeError for sizes that no array has.
void check_sizes(const Sizes& sizes, const char* argument) {
    const std::string given =
        std::string("plan(): ") + argument + " of size " + to_string(sizes.data(), int(sizes.size()));
    Index elements = 1;
    for (const Index size : sizes) {
        if (size < 0) throw std::runtime_error(given + " has a negative dimension");
        if (__builtin_mul_overflow(elements, std::max<Index>(size, 1), &elements) || elements > kMostElements)
            throw std::runtime_error(given + " is larger than any memory");
    }
}

// An array of which only the sizes are known.
TensorView sizes_only(const Sizes& sizes, const py::dtype& dtype, const char* argument) {
    check_sizes(sizes, argument);
    return TensorView{nullptr, dtype_of(dtype), int(sizes.size()), sizes.data(), nullptr};
}

// `output` has four sizes; the result has as many dimensions as the input.
py::dict as_dict(const Plan& plan, const Sizes& output, int ndim) {
    py::dict blocks;
    for (const Plan::Size& size : plan.blocks) blocks[size.name] = size.value;
    py::dict d;
    d["output_size"] = py::tuple(py::cast(Sizes(output.end() - ndim, output.end())));
    d["algorithms"] = py::tuple(py::cast(plan.algorithms));
    d["algorithm"] = plan.algorithm;
    d["isa"] = active_kernels().isa;
    d["precision"] = conv_precision_name();
    d["blocks"] = blocks;
    d["tasks"] = plan.tasks;
    d["threads"] = plan.threads;
    d["flops"] = plan.flops;
    d["executed_flops"] = plan.executed_flops;
    d["bytes_moved"] = plan.bytes;
    d["workspace_bytes"] = plan.workspace_bytes;
    d["shared_bytes"] = plan.shared_bytes;
    return d;
}

Conv2dDirection direction_of(const std::string& name) {
    if (name == "forward") return Conv2dDirection::forward;
    if (name == "input") return Conv2dDirection::backward_input;
    if (name == "weight") return Conv2dDirection::backward_weight;
    throw std::invalid_argument("plan: expected direction 'forward', 'input' or 'weight', but got '" + name +
                                "'");
}

py::dict plan_conv2d(const std::string& direction, const Sizes& input, const Sizes& weight, bool bias,
                     const Ints2& stride, const Ints4& padding, const Ints2& dilation, Index groups,
                     const py::dtype& dtype, int threads) {
    const Conv2dDirection way = direction_of(direction);
    const Conv2dOptions options{{stride[0], stride[1]},
                                {padding[0], padding[1], padding[2], padding[3]},
                                {dilation[0], dilation[1]},
                                groups};
    const TensorView x = sizes_only(input, dtype, "input"), w = sizes_only(weight, dtype, "weight");
    const kernels::Conv2dShape shape = check_conv2d_forward(x, w, nullptr, options);
    if (way != Conv2dDirection::forward && !is_floating_point(x.dtype))
        throw NotImplemented(std::string("conv2d gradient: not implemented for '") + scalar_name(x.dtype) +
                             "', only floating point has gradients");
    const Sizes output{shape.N, shape.K, shape.OH, shape.OW};
    check_sizes(output, "output");
    const ThreadsAssumed assumed(threads);
    return as_dict(conv2d_plan(way, shape, x.dtype, bias), output, x.ndim);
}

py::dict plan_max_pool2d(const Sizes& input, const Ints2& kernel, const Ints2& stride, const Ints4& padding,
                         const Ints2& dilation, bool ceil_mode, bool indices, const py::dtype& dtype,
                         int threads) {
    const TensorView x = sizes_only(input, dtype, "input");
    const kernels::MaxPool2dShape shape =
        check_max_pool2d_forward(x, MaxPool2dOptions{{kernel[0], kernel[1]},
                                                     {stride[0], stride[1]},
                                                     {padding[0], padding[1], padding[2], padding[3]},
                                                     {dilation[0], dilation[1]},
                                                     ceil_mode});
    const ThreadsAssumed assumed(threads);
    return as_dict(max_pool2d_plan(shape, x.dtype, indices), {shape.N, shape.C, shape.OH, shape.OW}, x.ndim);
}

py::dict plan_relu(const Sizes& input, const py::dtype& dtype, int threads) {
    const TensorView x = sizes_only(input, dtype, "input");
    check_relu_forward(x);
    const ThreadsAssumed assumed(threads);
    return as_dict(relu_plan(x), input, x.ndim);
}

}  // namespace

void bind_plan(py::module_& m) {
    using namespace py::literals;
    m.def("plan_conv2d", plan_conv2d, "direction"_a, "input_size"_a, "weight_size"_a, "bias"_a, "stride"_a,
          "padding"_a, "dilation"_a, "groups"_a, "dtype"_a, "threads"_a,
          "What conv2d ('forward') or its gradient for the 'input' or the 'weight' would do.");
    m.def("plan_max_pool2d", plan_max_pool2d, "input_size"_a, "kernel"_a, "stride"_a, "padding"_a,
          "dilation"_a, "ceil_mode"_a, "return_indices"_a, "dtype"_a, "threads"_a,
          "What max_pool2d would do.");
    m.def("plan_relu", plan_relu, "input_size"_a, "dtype"_a, "threads"_a, "What relu would do.");
    m.def(
        "measure_bandwidth",
        [](std::size_t working_set, int threads, double seconds) {
            const ThreadsAssumed assumed(threads);
            const GilReleased released;
            return measure_bandwidth(working_set, seconds);
        },
        "working_set"_a, "threads"_a, "seconds"_a = 0.02,
        "Rate of copying within so many bytes, in bytes per second, measured now.");
}

}  // namespace rushlight::bindings
