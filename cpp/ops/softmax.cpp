// Softmax cut into rows, or into columns where the classes do not lie side by side. Every column is summed up
// by itself, in the order of its classes, so no cut can change a bit.
#include "ops/softmax.hpp"

#include <algorithm>

#include "core/isa.hpp"
#include "core/parallel.hpp"
#include "kernels/kernels.hpp"
#include "ops/parts.hpp"

namespace rushlight {

namespace {

using kernels::Range;
using kernels::SoftmaxShape;

constexpr Index kTasksPerThread = 4;
constexpr Index kPiece = 16 * 1024;  // elements

Index element_count(const TensorView& x) {
    Index count = 1;
    for (int i = 0; i < x.ndim; ++i) count *= x.shape[i];
    return count;
}

// Calls use(kernels of x's type, a T).
template <class Use>
void with_kernels(const TensorView& x, const Use& use) {
    if (x.dtype == DType::float32) return use(active_kernels().softmax_f32, float());
    use(active_kernels().softmax_f64, double());
}

// Calls task(shape, columns, offset) for parts of the arrays (outer, classes, columns) that x is.
template <class Task>
void for_each_part(const TensorView& x, Index dim, bool logarithm, const Task& task) {
    SoftmaxShape shape{x.shape[dim], 1, logarithm};
    for (int i = int(dim) + 1; i < x.ndim; ++i) shape.columns *= x.shape[i];
    const Index plane = shape.classes * shape.columns, outer = element_count(x) / plane;
    const Index wanted = num_threads() > 1 ? divide_up(num_threads() * kTasksPerThread, outer) : 1;
    const Index parts = std::clamp<Index>(shape.columns / 64, 1, wanted);
    parallel_for(outer * parts, softmax_nanoseconds(x),
                 [&](Index i) { task(shape, part(i % parts, parts, shape.columns), i / parts * plane); });
}

}  // namespace

bool suits_softmax(const TensorView& x, Index dim) {
    return is_floating_point(x.dtype) && dim >= 0 && dim < x.ndim && element_count(x) > 0;
}

// A few elements per nanosecond; only the order of magnitude matters.
double softmax_nanoseconds(const TensorView& x) {
    return double(element_count(x)) / 2;
}

void softmax_forward(const TensorView& x, Index dim, bool logarithm, void* y) {
    with_kernels(x, [&](const auto& kernels, auto zero) {
        using T = decltype(zero);
        for_each_part(x, dim, logarithm, [&](const SoftmaxShape& shape, Range columns, Index offset) {
            kernels.forward(shape, columns, x.as<const T>() + offset, static_cast<T*>(y) + offset);
        });
    });
}

void softmax_backward(const TensorView& dy, const TensorView& y, Index dim, bool logarithm, void* dx) {
    with_kernels(y, [&](const auto& kernels, auto zero) {
        using T = decltype(zero);
        for_each_part(y, dim, logarithm, [&](const SoftmaxShape& shape, Range columns, Index offset) {
            kernels.backward(shape, columns, dy.as<const T>() + offset, y.as<const T>() + offset,
                             static_cast<T*>(dx) + offset);
        });
    });
}

void sigmoid_forward(const TensorView& x, void* y) {
    with_kernels(x, [&](const auto& kernels, auto zero) {
        using T = decltype(zero);
        const Index count = element_count(x);
        parallel_for(divide_up(count, kPiece), softmax_nanoseconds(x), [&](Index i) {
            const Index begin = i * kPiece;
            kernels.sigmoid(x.as<const T>() + begin, static_cast<T*>(y) + begin,
                            std::min(kPiece, count - begin));
        });
    });
}

bool sum_of_classes(const TensorView& scores, const TensorView& classes, double factor, void* sum) {
    const Index N = scores.shape[0], C = scores.shape[1];
    const std::int64_t* chosen = classes.as<const std::int64_t>();
    for (Index n = 0; n < N; ++n)
        if (chosen[n] < 0 || chosen[n] >= C) return false;
    with_kernels(scores, [&](const auto&, auto zero) {
        using T = decltype(zero);
        double total = 0;
        for (Index n = 0; n < N; ++n) total += double(scores.as<const T>()[n * C + chosen[n]]);
        *static_cast<T*>(sum) = T(total * factor);
    });
    return true;
}

}  // namespace rushlight
