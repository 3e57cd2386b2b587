// Softmax and sigmoid for Python: usual, contiguous arrays alone; Python brings others into that form, or
// computes with NumPy what has no kernel. No arithmetic.
#include "ops/softmax.hpp"

#include <algorithm>

#include "bindings/quick.hpp"

namespace rushlight::bindings {

namespace {

bool read_contiguous(PyObject* object, QuickArray& array) {
    return array.read(object) && array.contiguous();
}

// A dimension of x, which counts from the end where negative.
bool read_dim(PyObject* object, const TensorView& x, Index& dim) {
    if (!read_quick(object, dim)) return false;
    if (dim < 0) dim += x.ndim;
    return suits_softmax(x, dim);
}

bool same_kind(const TensorView& a, const TensorView& b) {
    return a.dtype == b.dtype && a.ndim == b.ndim && std::equal(a.shape, a.shape + a.ndim, b.shape);
}

// compute(data) in a fresh array like x.
template <class Compute>
PyObject* result_like(const TensorView& x, const Compute& compute) {
    void* data;
    py::object y = new_quick_array(x.dtype, x.shape, x.ndim, &data);
    if (y) run_released(softmax_nanoseconds(x), [&] { compute(data); });
    return y.release().ptr();
}

// (input, dim, logarithm)
PyObject* try_forward(PyObject*, PyObject* const* arguments, Py_ssize_t count) {
    return quickly([&]() -> PyObject* {
        QuickArray x;
        Index dim;
        bool logarithm;
        if (count != 3 || !read_contiguous(arguments[0], x) || !read_dim(arguments[1], x.view(), dim) ||
            !read_quick(arguments[2], logarithm))
            return nullptr;
        return result_like(x.view(), [&](void* y) { softmax_forward(x.view(), dim, logarithm, y); });
    });
}

// (grad_output, output, dim, logarithm)
PyObject* try_backward(PyObject*, PyObject* const* arguments, Py_ssize_t count) {
    return quickly([&]() -> PyObject* {
        QuickArray dy, y;
        Index dim;
        bool logarithm;
        if (count != 4 || !read_contiguous(arguments[0], dy) || !read_contiguous(arguments[1], y) ||
            !same_kind(dy.view(), y.view()) || !read_dim(arguments[2], y.view(), dim) ||
            !read_quick(arguments[3], logarithm))
            return nullptr;
        return result_like(y.view(),
                           [&](void* dx) { softmax_backward(dy.view(), y.view(), dim, logarithm, dx); });
    });
}

// (input)
PyObject* try_sigmoid(PyObject*, PyObject* const* arguments, Py_ssize_t count) {
    return quickly([&]() -> PyObject* {
        QuickArray x;
        if (count != 1 || !read_contiguous(arguments[0], x) || !is_floating_point(x.view().dtype))
            return nullptr;
        return result_like(x.view(), [&](void* y) { sigmoid_forward(x.view(), y); });
    });
}

// (scores, classes, factor)
PyObject* try_sum_of_classes(PyObject*, PyObject* const* arguments, Py_ssize_t count) {
    return quickly([&]() -> PyObject* {
        QuickArray scores, classes;
        if (count != 3 || !read_contiguous(arguments[0], scores) || !read_contiguous(arguments[1], classes) ||
            !PyFloat_CheckExact(arguments[2]))
            return nullptr;
        const TensorView &s = scores.view(), &c = classes.view();
        if (s.ndim != 2 || !is_floating_point(s.dtype) || c.ndim != 1 || c.dtype != DType::int64 ||
            s.shape[0] != c.shape[0])
            return nullptr;
        void* data;
        py::object sum = new_quick_array(s.dtype, nullptr, 0, &data);
        if (!sum || !sum_of_classes(s, c, PyFloat_AS_DOUBLE(arguments[2]), data)) return nullptr;
        return sum.release().ptr();
    });
}

}  // namespace

void bind_softmax(py::module_& m) {
    add_quick<try_forward>(m, "try_softmax",
                           "try_softmax(input, dim, logarithm, /)\n--\n\n"
                           "softmax or log_softmax of a usual, contiguous array, or NotImplemented.");
    add_quick<try_backward>(m, "try_softmax_backward",
                            "try_softmax_backward(grad_output, output, dim, logarithm, /)\n--\n\n"
                            "The gradient of either, from its output, or NotImplemented.");
    add_quick<try_sigmoid>(m, "try_sigmoid",
                           "try_sigmoid(input, /)\n--\n\n"
                           "sigmoid of a usual, contiguous array, or NotImplemented.");
    add_quick<try_sum_of_classes>(m, "try_sum_of_classes",
                                  "try_sum_of_classes(scores, classes, factor, /)\n--\n\n"
                                  "factor * the sum of scores[n, classes[n]], 0-dimensional, or "
                                  "NotImplemented.");
}

}  // namespace rushlight::bindings
