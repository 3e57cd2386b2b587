// Reading usual arguments quickly, and making results. The structs of NumPy's arrays and dtypes are those
// that pybind11 declares: their first fields are the same in NumPy 1 and 2.
#include "bindings/quick.hpp"

#include <algorithm>

namespace rushlight::bindings {

namespace {

using py::detail::npy_api;

// Filled when the first quick function is added, kept for ever.
const npy_api* numpy = nullptr;
PyObject* native_dtypes[int(DType::other)];

void remember_numpy() {
    if (numpy) return;
    for (int i = 0; i < int(DType::other); ++i) native_dtypes[i] = native_dtype(DType(i)).release().ptr();
    numpy = &npy_api::get();
}

DType integer_of_size(std::size_t bytes) {
    return bytes == 8 ? DType::int64 : bytes == 4 ? DType::int32 : DType::int16;
}

DType dtype_of(int type_number) {
    switch (type_number) {
        case npy_api::NPY_FLOAT_:
            return DType::float32;
        case npy_api::NPY_DOUBLE_:
            return DType::float64;
        case npy_api::NPY_UBYTE_:
            return DType::uint8;
        case npy_api::NPY_BYTE_:
            return DType::int8;
        case npy_api::NPY_SHORT_:
            return integer_of_size(sizeof(short));
        case npy_api::NPY_INT_:
            return integer_of_size(sizeof(int));
        case npy_api::NPY_LONG_:
            return integer_of_size(sizeof(long));
        case npy_api::NPY_LONGLONG_:
            return integer_of_size(sizeof(long long));
        default:
            return DType::other;
    }
}

}  // namespace

bool QuickArray::read(PyObject* object) {
    if (Py_TYPE(object) != numpy->PyArray_Type_) return false;
    const auto* array = py::detail::array_proxy(object);
    const auto* dtype = py::detail::array_descriptor_proxy(array->descr);
    view_ = TensorView{array->data, dtype_of(dtype->type_num), array->nd, shape_, strides_};
    const bool native = dtype->byteorder == '=' || dtype->byteorder == '|';
    if (view_.dtype == DType::other || !native || !(array->flags & npy_api::NPY_ARRAY_ALIGNED_) ||
        array->nd > kMostDims)
        return false;
    contiguous_ = array->flags & npy_api::NPY_ARRAY_C_CONTIGUOUS_;
    const int shift = element_shift(view_.dtype);
    for (int i = 0; i < array->nd; ++i) {
        const Index stride = array->strides[i];
        shape_[i] = array->dimensions[i];
        strides_[i] = stride >> shift;
        if (strides_[i] << shift != stride) return false;
    }
    return true;
}

bool read_quick(PyObject* object, Index& value) {
    if (!PyLong_CheckExact(object)) return false;
    int overflow;
    value = PyLong_AsLongLongAndOverflow(object, &overflow);
    return !overflow;
}

bool read_quick(PyObject* object, Pair& pair) {
    if (PyTuple_CheckExact(object))
        return PyTuple_GET_SIZE(object) == 2 && read_quick(PyTuple_GET_ITEM(object, 0), pair.h) &&
               read_quick(PyTuple_GET_ITEM(object, 1), pair.w);
    if (!read_quick(object, pair.h)) return false;
    pair.w = pair.h;
    return true;
}

bool read_quick(PyObject* object, Padding& padding) {
    Pair pair;
    if (!read_quick(object, pair)) return false;
    padding = Padding{pair.h, pair.h, pair.w, pair.w};
    return true;
}

bool read_quick(PyObject* object, bool& value) {
    value = object == Py_True;
    return value || object == Py_False;
}

py::object new_quick_array(DType dtype, const Index* shape, int ndim, void** data, const void* input) {
    Index bytes = input ? element_bytes(dtype) : 0;
    for (int i = 0; i < ndim; ++i)
        if (__builtin_mul_overflow(bytes, shape[i], &bytes)) bytes = 0;  // for NumPy to refuse
    if (bytes >= kLargeResult) {
        py::array array = new_array(native_dtype(dtype), shape, ndim, input);
        *data = array.mutable_data();
        return std::move(array);
    }
    Py_intptr_t sizes[QuickArray::kMostDims];
    std::copy(shape, shape + ndim, sizes);
    PyObject* const descr = native_dtypes[int(dtype)];
    Py_INCREF(descr);  // NumPy takes it over
    PyObject* array =
        numpy->PyArray_NewFromDescr_(numpy->PyArray_Type_, descr, ndim, sizes, nullptr, nullptr, 0, nullptr);
    if (array) *data = py::detail::array_proxy(array)->data;
    return py::reinterpret_steal<py::object>(array);
}

void detail::add_quick(py::module_& module, PyMethodDef* functions) {
    remember_numpy();
    if (PyModule_AddFunctions(module.ptr(), functions) != 0) throw py::error_already_set();
}

}  // namespace rushlight::bindings
