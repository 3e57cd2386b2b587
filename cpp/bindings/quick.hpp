// The short way into an operator: arguments of the usual kind are read through CPython's and NumPy's own
// structs, without a heap allocation, a string or an exception. Whatever is not of the usual kind, or turns
// out to be wrong, makes a quick function return NotImplemented: Python then takes the long way, where every
// spelling is understood and every error is told. So nothing is ever reported here.
#pragma once

#include "bindings/arrays.hpp"

namespace rushlight::bindings {

// An ndarray of the usual kind: exactly numpy.ndarray, native byte order, aligned, few dimensions, strides of
// whole elements, a dtype that operators compute with. Borrows the object.
class QuickArray {
  public:
    static constexpr int kMostDims = 8;

    // False: not of the usual kind.
    bool read(PyObject* object);

    const TensorView& view() const { return view_; }
    bool contiguous() const { return contiguous_; }

    QuickArray() = default;
    QuickArray(const QuickArray&) = delete;  // view_ points into this object
    QuickArray& operator=(const QuickArray&) = delete;

  private:
    TensorView view_;
    bool contiguous_;
    Index shape_[kMostDims], strides_[kMostDims];
};

// Exactly int, in 64 bits (True is not exactly int).
bool read_quick(PyObject* object, Index& value);
// Such an int, for both, or a tuple of two: (height, width).
bool read_quick(PyObject* object, Pair& pair);
bool read_quick(PyObject* object, Padding& padding);
// Exactly True or False.
bool read_quick(PyObject* object, bool& value);

// A fresh C-contiguous array and where its elements lie; null, without a Python error, if there is none to be
// had. With an input, a large one is as new_array makes it.
py::object new_quick_array(DType dtype, const Index* shape, int ndim, void** data,
                           const void* input = nullptr);

// Calls run(), which returns a new reference or null for the long way; C++ errors mean the long way too.
template <class Run>
PyObject* quickly(const Run& run) {
    PyObject* result = nullptr;
    try {
        result = run();
    } catch (const std::exception&) {
        result = nullptr;
    }
    if (result) return result;
    PyErr_Clear();
    Py_INCREF(Py_NotImplemented);
    return Py_NotImplemented;
}

namespace detail {
void add_quick(py::module_& module, PyMethodDef* functions);
}

// A quick function takes positional arguments alone, all of them.
using QuickFunction = PyObject* (*)(PyObject* module, PyObject* const* arguments, Py_ssize_t count);
// Adds it to the module. Name and doc must live as long as the program does, and so must the entry.
template <QuickFunction function>
void add_quick(py::module_& module, const char* name, const char* doc) {
    static PyMethodDef entry[] = {
        {name, reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function)), METH_FASTCALL, doc},
        {nullptr, nullptr, 0, nullptr}};
    detail::add_quick(module, entry);
}

}  // namespace rushlight::bindings
