// Weights that stay put, for Python: an array and what conv2d has made of it.
#include "bindings/prepared.hpp"

#include <pybind11/stl.h>

#include <array>

#include "ops/conv2d.hpp"

namespace rushlight::bindings {

namespace {

class PreparedConv2d {
  public:
    // own: a copy, which nobody can write to; otherwise the array itself, looked at again by refresh().
    PreparedConv2d(const py::object& weight, bool own) : own_(own) {
        Array array(weight, "prepare_conv2d", "weight");
        if (own) {
            array.make_copy();
            weight_ = array.array();
            weight_.attr("setflags")(py::arg("write") = false);
        } else {
            weight_ = py::reinterpret_borrow<py::array>(weight);
        }
    }

    const py::array& weight() const { return weight_; }
    bool own() const { return own_; }
    std::size_t bytes() const { return prepared_.bytes(); }
    PreparedParts parts() { return {weight_.ptr(), &prepared_}; }

    // `changes` is larger after every write and every handing out that was noticed (autograd/sharing.py). Who
    // was handed the array may write as long as he holds it, unnoticed.
    void refresh(std::int64_t changes) {
        const bool alone = held_by_two();
        if (own_ || (alone && changes == seen_)) return;
        Array weight(weight_, "conv2d", "weight");
        weight.make_contiguous();
        const std::size_t bytes = std::size_t(weight.array().nbytes());
        run_released(double(bytes) / 20, [&] { prepared_.check(weight.view().data, bytes); });
        seen_ = alone ? changes : kNever;
    }

    py::array forward(const py::object& x, const py::object& b, const std::array<Index, 2>& stride,
                      const std::array<Index, 4>& padding, const std::array<Index, 2>& dilation, Index groups,
                      const py::object& out) {
        Array input(x, "conv2d", "input"), weight(weight_, "conv2d", "weight");
        const bool has_bias = !b.is_none();
        Array bias(has_bias ? b : x, "conv2d", "bias");
        const TensorView* bias_view = has_bias ? &bias.view() : nullptr;
        const Conv2dOptions options{{stride[0], stride[1]},
                                    {padding[0], padding[1], padding[2], padding[3]},
                                    {dilation[0], dilation[1]},
                                    groups};
        const kernels::Conv2dShape shape =
            check_conv2d_forward(input.view(), weight.view(), bias_view, options);
        weight.make_contiguous();
        if (has_bias) bias.make_contiguous();

        const Index sizes[4] = {shape.N, shape.K, shape.OH, shape.OW};
        const int ndim = input.view().ndim;
        py::array y =
            result_array("conv2d", out, input.view().dtype, sizes + 4 - ndim, ndim, input.view().data);
        if (!out.is_none())
            for (Array* read : {&input, &weight, &bias}) read->keep_apart(y);
        void* data = y.mutable_data();
        run_released(conv2d_nanoseconds(shape, input.view().dtype), [&] {
            conv2d_forward(shape, input.view(), weight.view(), bias_view, data, &prepared_);
        });
        return y;
    }

  private:
    static constexpr std::int64_t kNever = -1;

    // Nobody but the Tensor and this object holds the array, nor anybody else the memory that it shows.
    bool held_by_two() const {
        py::handle array = weight_;
        for (Py_ssize_t holders = 2; py::isinstance<py::array>(array); holders = 1) {
            if (Py_REFCNT(array.ptr()) > holders) return false;
            if (py::reinterpret_borrow<py::array>(array).owndata()) return true;
            array = py::detail::array_proxy(array.ptr())->base;
        }
        return false;
    }

    bool own_;
    py::array weight_;
    PreparedWeights prepared_;
    std::int64_t seen_ = kNever;  // the number of changes that prepared_ knows
};

}  // namespace

PreparedParts prepared_parts(PyObject* object) {
    if (!py::isinstance<PreparedConv2d>(object)) return {};
    return py::cast<PreparedConv2d&>(py::handle(object)).parts();
}

void bind_prepared(py::module_& m) {
    using namespace py::literals;
    py::class_<PreparedConv2d>(m, "PreparedConv2d",
                               "Weights of a convolution with what was computed from them.")
        .def(py::init<const py::object&, bool>(), "weight"_a, "own"_a)
        .def_property_readonly("weight", &PreparedConv2d::weight)
        .def_property_readonly("nbytes", &PreparedConv2d::bytes)
        .def("refresh", &PreparedConv2d::refresh, "changes"_a)
        .def("forward", &PreparedConv2d::forward, "x"_a, "b"_a, "stride"_a, "padding"_a, "dilation"_a,
             "groups"_a, "out"_a = py::none())
        .def(py::pickle([](const PreparedConv2d& self) { return py::make_tuple(self.weight(), self.own()); },
                        [](const py::tuple& state) {
                            return std::make_unique<PreparedConv2d>(state[0], state[1].cast<bool>());
                        }));
}

}  // namespace rushlight::bindings
