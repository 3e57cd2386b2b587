// Arrays as operators see them: element type, shape, strides; and the exceptions that Python users get. Owns
// no memory, knows no Python.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

namespace rushlight {

using Index = std::int64_t;

enum class DType { boolean, uint8, int8, int16, int32, int64, float32, float64, other };

// torch's names: scalar_name(float32) is "Float" (as in "expected scalar type Float"), c_name(float32) is
// "float" (as in "Input type (float)").
const char* scalar_name(DType dtype);
const char* c_name(DType dtype);

inline bool is_floating_point(DType dtype) {
    return dtype == DType::float32 || dtype == DType::float64;
}
inline bool is_integer(DType dtype) {
    return dtype >= DType::uint8 && dtype <= DType::int64;
}
// Bytes of an element, as a power of two.
inline int element_shift(DType dtype) {
    switch (dtype) {
        case DType::int64:
        case DType::float64:
            return 3;
        case DType::int32:
        case DType::float32:
            return 2;
        case DType::int16:
            return 1;
        default:
            return 0;
    }
}
inline Index element_bytes(DType dtype) {
    return Index(1) << element_shift(dtype);
}

// shape and strides belong to whoever owns the array; strides count elements.
struct TensorView {
    void* data;
    DType dtype;
    int ndim;
    const Index* shape;
    const Index* strides;

    template <class T>
    T* as() const {
        return static_cast<T*>(data);
    }
};

// "[2, 3, 5, 5]", torch's way to print a shape inside a message.
std::string to_string(const Index* shape, int ndim);
inline std::string to_string(const TensorView& tensor) {
    return to_string(tensor.shape, tensor.ndim);
}

// What Python sees as NotImplementedError. RuntimeError is std::runtime_error, ValueError
// std::invalid_argument.
struct NotImplemented : std::runtime_error {
    using std::runtime_error::runtime_error;
};

struct Pair {
    Index h, w;
};

struct Padding {
    Index top, bottom, left, right;
};

}  // namespace rushlight
