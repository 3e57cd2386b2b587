// max_pool2d cut into tiles of one plane each, and its gradient, a task per plane. A maximum is exact, so no
// tiling can change a bit.
#include "ops/max_pool2d.hpp"

#include <algorithm>
#include <atomic>
#include <string>

#include "core/isa.hpp"
#include "core/parallel.hpp"
#include "core/workspace.hpp"
#include "ops/parts.hpp"

namespace rushlight {

using kernels::KernelTable;
using kernels::MaxPool2dKernels;
using kernels::MaxPool2dShape;

namespace {

// The reduced rows of a tile should stay in the first-level cache. Where windows share no rows, memory is
// read in its own order, which wants long rows.
constexpr Index kTileBytes = 32 * 1024;
constexpr Index kMostCols = 512, kMostColsUnshared = 8192;
constexpr Index kTasksPerThread = 4;
constexpr Index kPlanesTogether = 2;  // of the gradient, unless that leaves threads without work

struct Tiling {
    Index row_parts, col_parts;

    Index tasks(const MaxPool2dShape& p) const { return p.N * p.C * row_parts * col_parts; }
};

Tiling choose_tiling(const MaxPool2dShape& p, Index element, bool indices) {
    Tiling t{1, divide_up(p.OW, p.kernel_h > p.stride_h ? kMostCols : kMostColsUnshared)};
    // However narrow, a row takes a vector or two.
    const Index row_bytes =
        std::max<Index>(128, divide_up(p.OW, t.col_parts) * (indices ? 2 : 1) * std::max<Index>(element, 4));
    const auto span = [&](Index rows) {
        return std::min(p.H, (rows - 1) * p.stride_h + (p.kernel_h - 1) * p.dilation_h + 1);
    };
    Index rows = p.OH;
    while (rows > 1 && span(rows) * row_bytes > kTileBytes) rows = rows / 2 + rows % 2;
    t.row_parts = divide_up(p.OH, rows);
    // More tasks for more threads, as long as few image rows are reduced twice.
    const Index tasks_wanted = num_threads() > 1 ? num_threads() * kTasksPerThread : 1;
    while (p.N * p.C * t.row_parts * t.col_parts < tasks_wanted && p.OH / (2 * t.row_parts) >= 2 * p.kernel_h)
        t.row_parts *= 2;
    return t;
}

template <class T>
std::size_t forward_scratch(const MaxPool2dKernels<T>& kernels, const MaxPool2dShape& p, const Tiling& t,
                            bool indices) {
    return std::size_t(
        kernels.forward_workspace(p, divide_up(p.OH, t.row_parts), divide_up(p.OW, t.col_parts), indices));
}

template <class T>
void run_forward(const MaxPool2dKernels<T>& kernels, const MaxPool2dShape& p, const TensorView& view,
                 void* out, std::int64_t* indices) {
    const Index* strides = view.strides + view.ndim - 3;
    const Index stride_n = view.ndim == 4 ? view.strides[0] : 0;
    const T* x = view.as<const T>();
    T* y = static_cast<T*>(out);
    const Tiling t = choose_tiling(p, sizeof(T), indices != nullptr);
    const std::size_t scratch = forward_scratch(kernels, p, t, indices != nullptr);
    parallel_for(t.tasks(p), max_pool2d_nanoseconds(p, view.dtype), [&](Index task) {
        const Index col = task % t.col_parts;
        task /= t.col_parts;
        const Index row = task % t.row_parts, plane = task / t.row_parts;
        kernels.forward(p,
                        {x + plane / p.C * stride_n + plane % p.C * strides[0], strides[1], strides[2],
                         y + plane * p.OH * p.OW, indices ? indices + plane * p.OH * p.OW : nullptr,
                         part(row, t.row_parts, p.OH), part(col, t.col_parts, p.OW)},
                        workspace<char>(Slot::input, scratch));
    });
}

template <class T>
void run_backward(const MaxPool2dKernels<T>& kernels, const TensorView& grad, const TensorView& indices,
                  const Index* input_size, void* out) {
    const int ndim = grad.ndim;
    const Index H = input_size[ndim - 2], W = input_size[ndim - 1];
    const Index outputs = grad.shape[ndim - 2] * grad.shape[ndim - 1], inputs = H * W;
    const Index planes = grad.shape[ndim - 3] * (ndim == 4 ? grad.shape[0] : 1);
    if (inputs == 0 && outputs == 0) return;  // of empty planes there may be any number
    const T* dy = grad.as<const T>();
    const std::int64_t* positions = indices.as<const std::int64_t>();
    T* dx = static_cast<T*>(out);

    const Index together = planes < kPlanesTogether * num_threads() ? 1 : kPlanesTogether;
    const Index none = planes * outputs;
    std::atomic<Index> bad{none};  // the first position that lies outside its plane
    parallel_for(divide_up(planes, together), max_pool2d_backward_nanoseconds(grad, input_size),
                 [&](Index task) {
                     const Index plane = task * together, count = std::min(together, planes - plane);
                     const Index first = plane * outputs;
                     const Index handled = kernels.backward(
                         {dy + first, positions + first, dx + plane * inputs, count, outputs, inputs});
                     if (handled == count * outputs) return;
                     Index seen = bad.load();
                     while (first + handled < seen && !bad.compare_exchange_weak(seen, first + handled)) {
                     }
                 });
    if (bad.load() < none)
        throw std::runtime_error("Found an invalid max index: " + std::to_string(positions[bad.load()]) +
                                 " (output volumes are of size " + std::to_string(H) + "x" +
                                 std::to_string(W) +
                                 "): indices must be positions h * W + w in the plane of input_size");
}

// Calls use(kernels) with the kernels of the type.
template <class Use>
void with_kernels(DType dtype, const Use& use) {
    const KernelTable& table = active_kernels();
    switch (dtype) {
        case DType::float32:
            return use(table.max_pool2d_f32);
        case DType::float64:
            return use(table.max_pool2d_f64);
        case DType::uint8:
            return use(table.max_pool2d_u8);
        case DType::int8:
            return use(table.max_pool2d_i8);
        case DType::int16:
            return use(table.max_pool2d_i16);
        case DType::int32:
            return use(table.max_pool2d_i32);
        case DType::int64:
            return use(table.max_pool2d_i64);
        default:
            throw NotImplemented("max_pool2d: not implemented for this dtype");
    }
}

}  // namespace

double max_pool2d_nanoseconds(const MaxPool2dShape& p, DType dtype) {
    const double outputs = double(p.N * p.C) * double(p.OH) * double(p.OW),
                 inputs = double(p.N * p.C) * double(p.H) * double(p.W);
    if (is_reference(active_kernels())) return outputs * double(p.kernel_h) * double(p.kernel_w) * 2;
    const double bytes = dtype == DType::float64 || dtype == DType::int64 ? 8 : 4;
    return (inputs + outputs * double(p.kernel_h + p.kernel_w)) * bytes / 32;
}

void max_pool2d_forward(const MaxPool2dShape& p, const TensorView& x, void* y, std::int64_t* indices) {
    with_kernels(x.dtype, [&](const auto& kernels) { run_forward(kernels, p, x, y, indices); });
}

Plan max_pool2d_plan(const MaxPool2dShape& p, DType dtype, bool indices) {
    Plan plan;
    plan.algorithm = "separable maxima";
    plan.algorithms = {plan.algorithm};
    const double planes = double(p.N * p.C), rows = planes * double(p.OH), outputs = rows * double(p.OW);
    plan.flops = outputs * (double(p.kernel_h) * double(p.kernel_w) - 1);
    plan.executed_flops = rows * double(p.W) * double(p.kernel_h - 1) + outputs * double(p.kernel_w - 1);
    plan.bytes = (planes * double(p.H) * double(p.W) + outputs) * double(element_bytes(dtype)) +
                 (indices ? outputs * sizeof(std::int64_t) : 0);
    const Tiling t = choose_tiling(p, element_bytes(dtype), indices);
    plan.blocks = {{"rows per tile", divide_up(p.OH, t.row_parts)},
                   {"columns per tile", divide_up(p.OW, t.col_parts)}};
    plan.tasks = t.tasks(p);
    plan.threads = threads_for(plan.tasks, max_pool2d_nanoseconds(p, dtype));
    with_kernels(dtype, [&](const auto& kernels) {
        plan.workspace_bytes = double(forward_scratch(kernels, p, t, indices));
    });
    return plan;
}

double max_pool2d_backward_nanoseconds(const TensorView& dy, const Index* input_size) {
    double outputs = 1, inputs = 1;
    for (int i = 0; i < dy.ndim; ++i) {
        outputs *= double(dy.shape[i]);
        inputs *= double(input_size[i]);
    }
    return outputs + inputs / 4;
}

void max_pool2d_backward(const TensorView& dy, const TensorView& indices, const Index* input_size, void* dx) {
    const KernelTable& table = active_kernels();
    if (dy.dtype == DType::float32) return run_backward(table.max_pool2d_f32, dy, indices, input_size, dx);
    run_backward(table.max_pool2d_f64, dy, indices, input_size, dx);
}

}  // namespace rushlight
