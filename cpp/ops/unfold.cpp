// unfold and fold cut into planes and rows of planes. What is parallel is what is written: rows of window
// places for unfold, rows of pixels for fold, so no cut can change a bit.
#include "ops/unfold.hpp"

#include <algorithm>

#include "core/isa.hpp"
#include "core/parallel.hpp"
#include "ops/parts.hpp"

namespace rushlight {

using kernels::KernelTable;
using kernels::Range;
using kernels::UnfoldShape;

namespace {

// A task should write this much, and there should be this many of them where that is not possible.
constexpr Index kTaskBytes = 256 * 1024;
constexpr Index kTasksPerThread = 4;

// Parts of the rows of a plane.
Index row_parts(const UnfoldShape& p, Index rows, Index plane_bytes) {
    Index parts = std::clamp<Index>(plane_bytes / kTaskBytes, 1, std::max<Index>(rows, 1));
    const Index tasks_wanted = num_threads() > 1 ? num_threads() * kTasksPerThread : 1;
    while (p.N * p.C * parts < tasks_wanted && 2 * parts <= rows) parts *= 2;
    return parts;
}

// Calls run(n, c, rows) for all parts of all planes.
template <class Run>
void for_each_part(const UnfoldShape& p, Index rows, Index plane_bytes, DType dtype, const Run& run) {
    const Index parts = row_parts(p, rows, plane_bytes);
    parallel_for(p.N * p.C * parts, unfold_nanoseconds(p, dtype), [&](Index task) {
        const Index plane = task / parts;
        run(plane / p.C, plane % p.C, part(task % parts, parts, rows));
    });
}

template <class T>
void run_unfold(const kernels::UnfoldKernels<T>& kernels, const UnfoldShape& p, const TensorView& view,
                void* out) {
    const Index* strides = view.strides + view.ndim - 3;
    const Index stride_n = view.ndim == 4 ? view.strides[0] : 0;
    const T* x = view.as<const T>();
    T* y = static_cast<T*>(out);
    const Index plane = p.R * p.S * p.OH * p.OW;
    for_each_part(p, p.OH, plane * Index(sizeof(T)), view.dtype, [&](Index n, Index c, Range rows) {
        kernels.unfold(
            p, {x + n * stride_n + c * strides[0], strides[1], strides[2], y + (n * p.C + c) * plane, rows});
    });
}

template <class T>
void run_fold(const kernels::FoldKernels<T>& kernels, const UnfoldShape& p, const TensorView& view,
              void* out) {
    const Index* strides = view.strides + view.ndim - 2;
    const Index stride_n = view.ndim == 3 ? view.strides[0] : 0;
    const T* y = view.as<const T>();
    T* x = static_cast<T*>(out);
    const Index taps = p.R * p.S, read_bytes = taps * p.OH * p.OW * Index(sizeof(T));
    for_each_part(p, p.H, read_bytes, view.dtype, [&](Index n, Index c, Range rows) {
        kernels.fold(p, {y + n * stride_n + c * taps * strides[0], strides[0], strides[1],
                         x + (n * p.C + c) * p.H * p.W, rows});
    });
}

}  // namespace

double unfold_nanoseconds(const UnfoldShape& p, DType dtype) {
    const double elements = double(p.N * p.C) * double(p.R * p.S) * double(p.OH) * double(p.OW);
    return is_reference(active_kernels()) ? elements * 3 : elements * double(element_bytes(dtype)) / 16;
}

void unfold(const UnfoldShape& p, const TensorView& x, void* y) {
    const KernelTable& table = active_kernels();
    switch (element_bytes(x.dtype)) {  // it moves bits, whatever they mean
        case 1:
            return run_unfold(table.unfold_u8, p, x, y);
        case 2:
            return run_unfold(table.unfold_u16, p, x, y);
        case 4:
            return run_unfold(table.unfold_u32, p, x, y);
        default:
            return run_unfold(table.unfold_u64, p, x, y);
    }
}

void fold(const UnfoldShape& p, const TensorView& y, void* x) {
    const KernelTable& table = active_kernels();
    switch (y.dtype) {
        case DType::float32:
            return run_fold(table.fold_f32, p, y, x);
        case DType::float64:
            return run_fold(table.fold_f64, p, y, x);
        case DType::int16:
            return run_fold(table.fold_u16, p, y, x);
        case DType::int32:
            return run_fold(table.fold_u32, p, y, x);
        case DType::int64:
            return run_fold(table.fold_u64, p, y, x);
        default:
            return run_fold(table.fold_u8, p, y, x);
    }
}

}  // namespace rushlight
