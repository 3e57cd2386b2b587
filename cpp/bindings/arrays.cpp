// Reading NumPy arrays and making new ones.
#include "bindings/arrays.hpp"

#include <algorithm>
#include <cstdint>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace rushlight::bindings {

DType dtype_of(const py::dtype& dtype) {
    const py::ssize_t size = dtype.itemsize();
    switch (dtype.kind()) {
        case 'b':
            return DType::boolean;
        case 'f':
            return size == 4 ? DType::float32 : size == 8 ? DType::float64 : DType::other;
        case 'u':
            return size == 1 ? DType::uint8 : DType::other;
        case 'i':
            return size == 1   ? DType::int8
                   : size == 2 ? DType::int16
                   : size == 4 ? DType::int32
                               : DType::int64;
        default:
            return DType::other;
    }
}

namespace {

bool readable(const py::array& array) {
    const char order = array.dtype().byteorder();
    if (order != '=' && order != '|') return false;
    if (!(array.flags() & py::detail::npy_api::NPY_ARRAY_ALIGNED_)) return false;
    const py::ssize_t size = array.itemsize();
    for (py::ssize_t i = 0; i < array.ndim(); ++i)
        if (size == 0 || array.strides(i) % size != 0) return false;
    return true;
}

py::array native_copy(const py::array& array) {
    return array.attr("astype")(array.dtype().attr("newbyteorder")("="), py::arg("order") = "C");
}

}  // namespace

Array::Array(const py::object& object, const char* function, const char* argument) {
    if (!py::isinstance<py::array>(object))
        throw py::type_error(std::string(function) + "(): argument '" + argument +
                             "' must be a NumPy array, not " + Py_TYPE(object.ptr())->tp_name);
    array_ = py::reinterpret_borrow<py::array>(object);
    if (dtype_of(array_.dtype()) != DType::other && !readable(array_)) array_ = native_copy(array_);
    read();
}

void Array::make_contiguous() {
    if (!(array_.flags() & py::array::c_style)) make_copy();
}

void Array::make_copy() {
    array_ = array_.attr("copy")(py::arg("order") = "C");
    read();
}

void Array::keep_apart(const py::array& other) {
    const Index size = array_.itemsize();
    Index first = 0, last = size;  // bytes from the first element, if there is one
    for (int i = 0; i < view_.ndim; ++i) {
        if (shape_[i] == 0) return;
        const Index reach = (shape_[i] - 1) * strides_[i] * size;
        (reach < 0 ? first : last) += reach;
    }
    const char* mine = static_cast<const char*>(array_.data());
    const char* theirs = static_cast<const char*>(other.data());
    if (mine + first < theirs + other.nbytes() && theirs < mine + last) make_copy();
}

void Array::read() {
    const py::ssize_t size = array_.itemsize();
    view_ = TensorView{const_cast<void*>(array_.data()), dtype_of(array_.dtype()), int(array_.ndim()), shape_,
                       strides_};
    for (int i = 0; i < view_.ndim; ++i) {
        shape_[i] = array_.shape(i);
        strides_[i] = size ? array_.strides(i) / size : 0;
    }
}

namespace {

// NOTE [ Results apart from inputs ]
// A load waits for earlier stores to addresses that agree with its own in the last 12 bits, until the CPU has
// compared the others. The system hands out large arrays at the same place of a page, give or take 16 bytes;
// a filter that writes pixel i and then reads the neighbours of i + 1 would wait all the time. So a large
// result lies elsewhere in its page, where neither the stores under way nor those to come meet what is read.
// For that it is a view of an array that is a page larger.
constexpr Index kPage = 4096, kLine = 64, kApart = 3072;

py::array new_array_apart(const py::dtype& dtype, std::vector<py::ssize_t> sizes, Index bytes,
                          const void* input) {
    const py::array memory(py::dtype::of<std::uint8_t>(), std::vector<py::ssize_t>{bytes + kPage});
    const auto in_page = [](const void* p) { return Index(reinterpret_cast<std::uintptr_t>(p) % kPage); };
    const Index wanted = in_page(input) / kLine * kLine + kApart;
    const Index skipped = (wanted + kPage - in_page(memory.data())) % kPage;
    return py::array(dtype, std::move(sizes), {}, static_cast<const char*>(memory.data()) + skipped, memory);
}

}  // namespace

py::array new_array(const py::dtype& dtype, const Index* shape, int ndim, const void* input) {
    Index bytes = dtype.itemsize();
    for (int i = 0; i < ndim; ++i)
        if (__builtin_mul_overflow(bytes, shape[i] > 0 ? shape[i] : 1, &bytes)) throw std::bad_alloc();
    std::vector<py::ssize_t> sizes(shape, shape + ndim);
    if (input && bytes >= kLargeResult) return new_array_apart(dtype, std::move(sizes), bytes, input);
    return py::array(dtype, std::move(sizes));
}

py::array result_array(const char* function, const py::object& out, DType dtype, const Index* shape, int ndim,
                       const void* input) {
    if (out.is_none()) return new_array(native_dtype(dtype), shape, ndim, input);
    const Array seen(out, function, "out");
    py::array array = py::reinterpret_borrow<py::array>(out);
    const TensorView& view = seen.view();
    const bool contiguous = array.flags() & py::array::c_style;
    const bool in_place = seen.array().is(array);  // else it had to be copied to be read
    if (in_place && array.writeable() && contiguous && view.dtype == dtype && view.ndim == ndim &&
        std::equal(shape, shape + ndim, view.shape))
        return array;
    throw std::runtime_error(
        std::string(function) +
        ": expected out to be a writeable, C-contiguous array of native byte order, size " +
        to_string(shape, ndim) + " and dtype " + scalar_name(dtype) + ", but got size " + to_string(view) +
        " and dtype " + scalar_name(view.dtype) + (array.writeable() ? "" : ", read-only") +
        (contiguous ? "" : ", not C-contiguous") + (in_place ? "" : ", byte-swapped or misaligned"));
}

py::dtype native_dtype(DType dtype) {
    switch (dtype) {
        case DType::boolean:
            return py::dtype::of<bool>();
        case DType::uint8:
            return py::dtype::of<std::uint8_t>();
        case DType::int8:
            return py::dtype::of<std::int8_t>();
        case DType::int16:
            return py::dtype::of<std::int16_t>();
        case DType::int32:
            return py::dtype::of<std::int32_t>();
        case DType::int64:
            return py::dtype::of<std::int64_t>();
        case DType::float32:
            return py::dtype::of<float>();
        case DType::float64:
            return py::dtype::of<double>();
        case DType::other:
            break;
    }
    throw NotImplemented("unsupported dtype");
}

}  // namespace rushlight::bindings
