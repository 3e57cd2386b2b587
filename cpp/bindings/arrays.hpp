// NumPy arrays as TensorViews, and new arrays for results. The only place that knows both sides.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <initializer_list>

#include "bindings/gil.hpp"
#include "core/tensor.hpp"

namespace rushlight::bindings {

namespace py = pybind11;

constexpr int kMostDims = 64;  // NumPy's own limit

// An array in native byte order, aligned, whose strides are whole elements: what operators can read. Keeps
// the NumPy object alive.
class Array {
  public:
    // Any ndarray; byte-swapped or misaligned ones are copied, others are not. Something else: TypeError that
    // names the argument.
    Array(const py::object& object, const char* function, const char* argument);

    // A C-contiguous copy, unless this already is C-contiguous.
    void make_contiguous();
    // A C-contiguous copy in any case.
    void make_copy();
    // A copy, if some element may lie in the memory of `other`, which is C-contiguous.
    void keep_apart(const py::array& other);

    const TensorView& view() const { return view_; }
    const py::array& array() const { return array_; }

    Array(const Array&) = delete;  // view_ points into this object
    Array& operator=(const Array&) = delete;

  private:
    void read();

    py::array array_;
    TensorView view_{};
    Index shape_[kMostDims];
    Index strides_[kMostDims];
};

// A fresh C-contiguous array. A size that overflows is a MemoryError, like one that is merely too large. If
// it has kLargeResult bytes or more and input is not null, see NOTE [ Results apart from inputs ].
constexpr Index kLargeResult = 1 << 20;
py::array new_array(const py::dtype& dtype, const Index* shape, int ndim, const void* input = nullptr);
inline py::array new_array(const py::dtype& dtype, std::initializer_list<Index> shape) {
    return new_array(dtype, shape.begin(), int(shape.size()));
}

// Where a result goes: a fresh array, or `out` unless it is None. RuntimeError that says what `out` must be
// if it cannot hold this result as it is; TypeError if it is no array.
py::array result_array(const char* function, const py::object& out, DType dtype, const Index* shape, int ndim,
                       const void* input = nullptr);

// Element types both ways; byte order is native.
py::dtype native_dtype(DType dtype);
DType dtype_of(const py::dtype& dtype);

// Runs work() without the GIL, if it takes long enough for other Python threads to care.
constexpr double kReleaseGilNanoseconds = 20e3;
template <class Work>
void run_released(double nanoseconds, const Work& work) {
    if (nanoseconds < kReleaseGilNanoseconds) {
        work();
    } else {
        const GilReleased released;
        work();
    }
}

// One per operator file.
void bind_avg_pool2d(py::module_& module);
void bind_batch_norm(py::module_& module);
void bind_conv1d(py::module_& module);
void bind_conv2d(py::module_& module);
void bind_conv_transpose2d(py::module_& module);
void bind_max_pool2d(py::module_& module);
void bind_plan(py::module_& module);
void bind_prepared(py::module_& module);
void bind_relu(py::module_& module);
void bind_runtime(py::module_& module);
void bind_softmax(py::module_& module);
void bind_unfold(py::module_& module);

}  // namespace rushlight::bindings
