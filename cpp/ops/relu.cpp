// relu cut into pieces that fit a cache, one task each.
#include "ops/relu.hpp"

#include <algorithm>

#include "core/isa.hpp"
#include "core/parallel.hpp"
#include "kernels/kernels.hpp"
#include "ops/parts.hpp"

namespace rushlight {

namespace {

constexpr Index kPieceBytes = 64 * 1024;
// Above this, all arrays together, results are stored past the caches: the next reader would not find them
// there anyway. A common size of a last-level cache; storing 13 MB so would be faster too, but slow the next
// reader.
constexpr Index kCacheBytes = 32 * 1024 * 1024;

Index element_count(const TensorView& x) {
    Index count = 1;
    for (int i = 0; i < x.ndim; ++i) count *= x.shape[i];
    return count;
}

// One piece for every thread where caches hold the array: then each works where it worked in the operation
// before, on what its own caches may still hold. Beyond that, and below it, small pieces.
Index piece_elements(const TensorView& x) {
    const Index least = kPieceBytes / element_bytes(x.dtype),
                share = divide_up(element_count(x), num_threads());
    return share <= kCacheBytes / element_bytes(x.dtype) ? std::max(least, divide_up(share, least) * least)
                                                         : least;
}
Index piece_count(const TensorView& x) {
    return divide_up(element_count(x), piece_elements(x));
}

bool exceeds_caches(const TensorView& x, Index arrays) {
    return element_count(x) > kCacheBytes / element_bytes(x.dtype) / arrays;
}

// Calls piece(begin, count) for neighbouring parts of the array.
template <class Piece>
void for_each_piece(const TensorView& x, const Piece& piece) {
    const Index count = element_count(x), step = piece_elements(x);
    parallel_for(piece_count(x), relu_nanoseconds(x),
                 [&](Index i) { piece(i * step, std::min(step, count - i * step)); });
}

template <class T>
void run_forward(const kernels::ReluKernels<T>& kernels, const TensorView& x, void* out) {
    const T* from = x.as<const T>();
    T* y = static_cast<T*>(out);
    const bool past_caches = exceeds_caches(x, 2);
    for_each_piece(
        x, [&](Index begin, Index count) { kernels.forward(from + begin, y + begin, count, past_caches); });
}

template <class T>
void run_backward(const kernels::ReluKernels<T>& kernels, const TensorView& grad, const TensorView& output,
                  void* out) {
    const T *dy = grad.as<const T>(), *y = output.as<const T>();
    T* dx = static_cast<T*>(out);
    const bool past_caches = exceeds_caches(grad, 3);
    for_each_piece(grad, [&](Index begin, Index count) {
        kernels.backward(dy + begin, y + begin, dx + begin, count, past_caches);
    });
}

}  // namespace

void check_relu_forward(const TensorView& x) {
    if (x.dtype == DType::boolean)
        throw std::runtime_error(
            "Boolean inputs not supported for relu: input is a bool array; convert it first");
    if (!is_floating_point(x.dtype) && !is_integer(x.dtype))
        throw NotImplemented(std::string("\"relu\" not implemented for '") + scalar_name(x.dtype) +
                             "': input must be float32, float64, uint8, int8, int16, int32 or int64");
}

void check_relu_backward(const TensorView& dy, const TensorView& y) {
    if (dy.ndim != y.ndim || !std::equal(dy.shape, dy.shape + dy.ndim, y.shape))
        throw std::runtime_error("relu gradient: expected grad_output of size " + to_string(y) +
                                 " as output, but got grad_output of size " + to_string(dy));
    if (dy.dtype != y.dtype)
        throw std::runtime_error(std::string("expected scalar type ") + scalar_name(y.dtype) + " but found " +
                                 scalar_name(dy.dtype) + ": grad_output and output must have one dtype");
    if (!is_floating_point(dy.dtype))
        throw NotImplemented(std::string("relu gradient: not implemented for '") + scalar_name(dy.dtype) +
                             "', only floating point has gradients");
}

// Bytes per nanosecond out of a shared cache; only the order of magnitude matters.
double relu_nanoseconds(const TensorView& x) {
    return double(element_count(x)) * double(element_bytes(x.dtype)) / 16;
}

void relu_forward(const TensorView& x, void* y) {
    const kernels::KernelTable& table = active_kernels();
    switch (x.dtype) {
        case DType::float32:
            return run_forward(table.relu_f32, x, y);
        case DType::float64:
            return run_forward(table.relu_f64, x, y);
        case DType::uint8:
            return run_forward(table.relu_u8, x, y);
        case DType::int8:
            return run_forward(table.relu_i8, x, y);
        case DType::int16:
            return run_forward(table.relu_i16, x, y);
        case DType::int32:
            return run_forward(table.relu_i32, x, y);
        case DType::int64:
            return run_forward(table.relu_i64, x, y);
        default:
            throw NotImplemented("relu: not implemented for this dtype");
    }
}

void relu_backward(const TensorView& dy, const TensorView& y, void* dx) {
    if (dy.dtype == DType::float32) return run_backward(active_kernels().relu_f32, dy, y, dx);
    run_backward(active_kernels().relu_f64, dy, y, dx);
}

Plan relu_plan(const TensorView& x) {
    Plan plan;
    plan.algorithm = "elementwise";
    plan.algorithms = {plan.algorithm};
    plan.flops = plan.executed_flops = double(element_count(x));
    plan.bytes = 2 * double(element_count(x)) * double(element_bytes(x.dtype));
    plan.blocks = {{"elements per task", std::min(element_count(x), piece_elements(x))}};
    plan.tasks = piece_count(x);
    plan.threads = threads_for(plan.tasks, relu_nanoseconds(x));
    return plan;
}

}  // namespace rushlight
