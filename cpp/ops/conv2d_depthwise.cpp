// Tiling of depthwise convolutions and their input gradients: planes, or bands of rows where planes are few
// and large; and of their weight gradients: planes times chunks of the pixels.
#include "ops/conv2d_depthwise.hpp"

#include <algorithm>

#include "core/parallel.hpp"
#include "core/workspace.hpp"
#include "ops/partial_sums.hpp"
#include "ops/parts.hpp"

namespace rushlight::depthwise {

using kernels::Conv2dKernels;
using kernels::Conv2dShape;
using kernels::DepthwiseKernels;
using kernels::DepthwiseShape;
using kernels::Images;
using kernels::Range;

namespace {

// Outputs that share an input plane, beyond which sweeping several of them at once saves more loads.
constexpr Index kMostMultiplier = 2, kMostMultiplierOf3x3 = 4;
// Whole rows are copied where pixels are not neighbours in memory.
constexpr Index kMostGradientCols = 16384;

constexpr Index kMostCols = 4096;
// Pixels that several filters read, one after the other, stay in a first-level cache.
constexpr Index kSharedBytes = 24 * 1024;
// Below this many multiply-adds a task is not worth its bookkeeping.
constexpr double kTaskMultiplyAdds = 4e4;
constexpr Index kTasksPerThread = 4;

struct Tiling {
    Index planes;  // per task
    Index plane_parts, row_parts, col_parts;

    Index tasks() const { return plane_parts * row_parts * col_parts; }
};

// The result planes and their filters, as forward and input gradient share them.
DepthwiseShape forward_shape(const Conv2dShape& p) {
    return {p.H, p.W, p.OH, p.OW, p.R, p.S, p.stride_h, p.pad_top, p.pad_left, p.K, p.K / p.groups};
}
// With stride 1, dx is the convolution of dy with the flipped filters.
DepthwiseShape backward_shape(const Conv2dShape& p) {
    return {p.OH, p.OW, p.H, p.W, p.R, p.S, 1, p.R - 1 - p.pad_top, p.S - 1 - p.pad_left, p.C, 1};
}

Tiling choose_tiling(const DepthwiseShape& p, Index images, Index element) {
    Tiling t{};
    t.col_parts = divide_up(p.OW, kMostCols);
    t.row_parts = 1;
    const Index row_bytes = std::min(p.W, kMostCols * p.stride) * p.stride * element;
    if (p.multiplier > 1)
        t.row_parts = divide_up(p.OH, std::max<Index>(8, kSharedBytes / std::max<Index>(row_bytes, 1)));

    const double work = double(p.OH) * double(p.OW) * double(p.R * p.S);
    const Index sources = images * (p.filters / p.multiplier);
    const Index wanted = num_threads() > 1 ? num_threads() * kTasksPerThread : 1;
    while (sources * t.row_parts * t.col_parts < wanted && p.OH / (2 * t.row_parts) >= 8 &&
           work * double(p.multiplier) / double(t.row_parts) >= 2 * kTaskMultiplyAdds)
        t.row_parts *= 2;
    const double least = kTaskMultiplyAdds * double(t.row_parts) / std::max(work * double(p.multiplier), 1.0);
    t.planes = p.multiplier * std::clamp<Index>(Index(least), 1, std::max<Index>(sources, 1));
    t.plane_parts = divide_up(images * p.filters, t.planes);
    return t;
}

// Stride 2's kernel takes whole rows.
Tiling choose_backward_tiling(const Conv2dShape& p, Index element) {
    Tiling t = choose_tiling(backward_shape(p), p.N, element);
    if (p.stride_h == 2) t.col_parts = 1;
    return t;
}

// Calls run(planes, rows, cols) for every task.
template <class Run>
void for_each_task(const DepthwiseShape& p, const Tiling& t, Index images, double nanoseconds,
                   const Run& run) {
    parallel_for(t.tasks(), nanoseconds, [&](Index task) {
        const Range cols = part(task % t.col_parts, t.col_parts, p.OW);
        task /= t.col_parts;
        const Range rows = part(task % t.row_parts, t.row_parts, p.OH);
        const Index first = task / t.row_parts * t.planes;
        run(Range{first, std::min(first + t.planes, images * p.filters)}, rows, cols);
    });
}

bool has_padding(const Conv2dShape& p) {
    return p.pad_top > 0 || p.pad_left > 0 || (p.OH - 1) * p.stride_h + p.R - p.pad_top > p.H ||
           (p.OW - 1) * p.stride_w + p.S - p.pad_left > p.W;
}

template <class T>
Index backward_input_scratch(const Conv2dShape& p, const DepthwiseKernels<T>& kernels, const Tiling& t) {
    return p.stride_h == 1 ? kernels.forward_workspace(backward_shape(p), divide_up(p.W, t.col_parts))
                           : kernels.backward_input_workspace(p);
}

bool suits(const Conv2dShape& p) {
    return p.C == p.groups && p.C > 0 && p.dilation_h == 1 && p.dilation_w == 1 && p.stride_h == p.stride_w &&
           p.stride_h <= 2 && p.R <= kernels::kMostDepthwiseRows && p.R * p.S <= kernels::kMostDepthwiseTaps;
}

}  // namespace

template <class T>
bool suits_forward(const Conv2dShape& p, const DepthwiseKernels<T>& kernels) {
    return kernels.forward && suits(p) &&
           p.K <= (p.R * p.S <= 9 ? kMostMultiplierOf3x3 : kMostMultiplier) * p.groups;
}

template <class T>
void forward(const Conv2dShape& p, const DepthwiseKernels<T>& kernels, const Conv2dKernels<T>& repair,
             const Images<const T>& x, const T* w, const T* b, T* y, double nanoseconds) {
    const DepthwiseShape shape = forward_shape(p);
    const Tiling t = choose_tiling(shape, p.N, sizeof(T));
    const std::size_t scratch = std::size_t(kernels.forward_workspace(shape, divide_up(p.OW, t.col_parts)));
    const bool repairs = has_padding(p) && !repair.all_finite(w, p.K * p.R * p.S);
    for_each_task(shape, t, p.N, nanoseconds, [&](Range planes, Range rows, Range cols) {
        kernels.forward(shape, {x, w, b, y, planes, rows, cols, false}, workspace<T>(Slot::input, scratch));
        for (Index i = planes.begin; repairs && i < planes.end; ++i) {
            const Index k = i % p.K, g = k / shape.multiplier, channel = k % shape.multiplier;
            repair.repair_forward(
                p, {x, w, b, y, i / p.K, {g, g + 1}, {channel, channel + 1}, rows, cols, true});
        }
    });
}

template <class T>
bool suits_backward_input(const Conv2dShape& p, const DepthwiseKernels<T>& kernels) {
    return kernels.backward_input && suits(p) && p.K == p.groups && p.W <= kMostGradientCols;
}

template <class T>
void backward_input(const Conv2dShape& p, const DepthwiseKernels<T>& kernels, const Conv2dKernels<T>& repair,
                    const Images<const T>& dy, const T* w, const T* b, T* dx, double nanoseconds) {
    const DepthwiseShape shape = backward_shape(p);
    const Tiling t = choose_backward_tiling(p, sizeof(T));
    const Index scratch = backward_input_scratch(p, kernels, t);
    const bool repairs = p.R * p.S > 1 && !repair.all_finite(w, p.C * p.R * p.S);
    for_each_task(shape, t, p.N, nanoseconds, [&](Range planes, Range rows, Range cols) {
        T* const memory = workspace<T>(Slot::input, std::size_t(scratch));
        if (p.stride_h == 1)
            kernels.forward(shape, {dy, w, b, dx, planes, rows, cols, true}, memory);
        else
            kernels.backward_input(p, {dy, w, b, dx, planes, rows}, memory);
        for (Index i = planes.begin; repairs && i < planes.end; ++i)
            repair.repair_backward_input(
                p, {dy, w, b, dx, i / p.C, {i % p.C, i % p.C + 1}, {0, 1}, rows, cols, true});
    });
}

// ---------------------------------------------------------------- weight gradient

namespace {

// The pixels of few large planes are cut into chunks, whose partial sums are added in a fixed order.
constexpr Index kMostChunks = 16;
constexpr double kChunkMultiplyAdds = 1e6;

struct WeightTiling {
    Index filter_parts, batch_parts, row_parts;

    Index chunks() const { return batch_parts * row_parts; }
    Index tasks() const { return filter_parts * chunks(); }
};

WeightTiling choose_weight_tiling(const Conv2dShape& p) {
    const double work = double(p.N) * double(p.K) * double(p.R * p.S) * double(p.OH) * double(p.OW);
    const Index chunks = std::clamp<Index>(Index(work / kChunkMultiplyAdds), 1,
                                           std::max<Index>(1, kMostChunks / std::max<Index>(p.K, 1)));
    WeightTiling t{};
    t.filter_parts = std::clamp<Index>(Index(work / kTaskMultiplyAdds), 1, std::max<Index>(p.K, 1));
    t.batch_parts = std::max<Index>(1, std::min(chunks, p.N));
    t.row_parts = std::max<Index>(1, std::min(chunks / t.batch_parts, p.OH));
    return t;
}

}  // namespace

template <class T>
bool suits_backward_weight(const Conv2dShape& p, const DepthwiseKernels<T>& kernels) {
    return kernels.backward_weight && suits(p) && p.K <= kMostMultiplier * p.groups &&
           p.W <= kMostGradientCols;
}

template <class T>
void backward_weight(const Conv2dShape& p, const DepthwiseKernels<T>& kernels, const Images<const T>& x,
                     const Images<const T>& dy, T* dw, double nanoseconds) {
    const WeightTiling t = choose_weight_tiling(p);
    const Index size = p.K * p.R * p.S, chunks = t.chunks();
    const PartialSums<T> sums(chunks, size, dw);
    const std::size_t scratch = std::size_t(kernels.backward_weight_workspace(p));
    parallel_for(t.tasks(), nanoseconds, [&](Index task) {
        const Index chunk = task % chunks;
        kernels.backward_weight(
            p,
            {x, dy, sums.chunk(chunk), part(task / chunks, t.filter_parts, p.K),
             part(chunk / t.row_parts, t.batch_parts, p.N), part(chunk % t.row_parts, t.row_parts, p.OH)},
            workspace<T>(Slot::input, scratch));
    });
    sums.add_up();
}

// ---------------------------------------------------------------- descriptions

namespace {

void describe(const DepthwiseShape& p, const Tiling& t, Index scratch_bytes, double nanoseconds, Plan& plan) {
    plan.blocks = {{"planes per task", t.planes},
                   {"rows per tile", divide_up(p.OH, t.row_parts)},
                   {"columns per tile", divide_up(p.OW, t.col_parts)}};
    plan.tasks = t.tasks();
    plan.threads = threads_for(plan.tasks, nanoseconds);
    plan.executed_flops = plan.flops;
    plan.workspace_bytes = double(scratch_bytes);
}

}  // namespace

template <class T>
void describe_forward(const Conv2dShape& p, const DepthwiseKernels<T>& kernels, double nanoseconds,
                      Plan& plan) {
    const DepthwiseShape shape = forward_shape(p);
    const Tiling t = choose_tiling(shape, p.N, sizeof(T));
    const Index scratch = kernels.forward_workspace(shape, divide_up(p.OW, t.col_parts));
    describe(shape, t, scratch * Index(sizeof(T)), nanoseconds, plan);
}

template <class T>
void describe_backward_input(const Conv2dShape& p, const DepthwiseKernels<T>& kernels, double nanoseconds,
                             Plan& plan) {
    const DepthwiseShape shape = backward_shape(p);
    const Tiling t = choose_backward_tiling(p, sizeof(T));
    describe(shape, t, backward_input_scratch(p, kernels, t) * Index(sizeof(T)), nanoseconds, plan);
}

template <class T>
void describe_backward_weight(const Conv2dShape& p, const DepthwiseKernels<T>& kernels, double nanoseconds,
                              Plan& plan) {
    const WeightTiling t = choose_weight_tiling(p);
    plan.blocks = {{"filters per task", divide_up(p.K, t.filter_parts)},
                   {"parts of the batch", t.batch_parts},
                   {"parts of the rows", t.row_parts}};
    plan.tasks = t.tasks();
    plan.threads = threads_for(plan.tasks, nanoseconds);
    plan.executed_flops = plan.flops;
    plan.workspace_bytes = double(kernels.backward_weight_workspace(p)) * sizeof(T);
    if (t.chunks() > 1) plan.shared_bytes = double(t.chunks() * p.K * p.R * p.S) * sizeof(T);
}

#define INSTANTIATE(T)                                                                                       \
    template bool suits_forward<T>(const Conv2dShape&, const DepthwiseKernels<T>&);                          \
    template void forward<T>(const Conv2dShape&, const DepthwiseKernels<T>&, const Conv2dKernels<T>&,        \
                             const Images<const T>&, const T*, const T*, T*, double);                        \
    template void describe_forward<T>(const Conv2dShape&, const DepthwiseKernels<T>&, double, Plan&);        \
    template bool suits_backward_input<T>(const Conv2dShape&, const DepthwiseKernels<T>&);                   \
    template void backward_input<T>(const Conv2dShape&, const DepthwiseKernels<T>&, const Conv2dKernels<T>&, \
                                    const Images<const T>&, const T*, const T*, T*, double);                 \
    template void describe_backward_input<T>(const Conv2dShape&, const DepthwiseKernels<T>&, double, Plan&); \
    template bool suits_backward_weight<T>(const Conv2dShape&, const DepthwiseKernels<T>&);                  \
    template void backward_weight<T>(const Conv2dShape&, const DepthwiseKernels<T>&, const Images<const T>&, \
                                     const Images<const T>&, T*, double);                                    \
    template void describe_backward_weight<T>(const Conv2dShape&, const DepthwiseKernels<T>&, double, Plan&);
INSTANTIATE(float)
INSTANTIATE(double)

}  // namespace rushlight::depthwise
