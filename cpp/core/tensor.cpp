// Names of element types and shapes, as torch's messages print them.
#include "tensor.hpp"

namespace rushlight {

const char* scalar_name(DType dtype) {
    switch (dtype) {
        case DType::boolean:
            return "Bool";
        case DType::uint8:
            return "Byte";
        case DType::int8:
            return "Char";
        case DType::int16:
            return "Short";
        case DType::int32:
            return "Int";
        case DType::int64:
            return "Long";
        case DType::float32:
            return "Float";
        case DType::float64:
            return "Double";
        case DType::other:
            break;
    }
    return "Unsupported";
}

const char* c_name(DType dtype) {
    switch (dtype) {
        case DType::boolean:
            return "bool";
        case DType::uint8:
            return "unsigned char";
        case DType::int8:
            return "signed char";
        case DType::int16:
            return "short int";
        case DType::int32:
            return "int";
        case DType::int64:
            return "long int";
        case DType::float32:
            return "float";
        case DType::float64:
            return "double";
        case DType::other:
            break;
    }
    return "unsupported type";
}

std::string to_string(const Index* shape, int ndim) {
    std::string text = "[";
    for (int i = 0; i < ndim; ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
    return text + "]";
}

}  // namespace rushlight
