// Tiling of depthwise convolutions: planes, or bands of rows where planes are few and large.
#include "ops/conv2d_depthwise.hpp"

#include <algorithm>

#include "core/parallel.hpp"
#include "core/workspace.hpp"
#include "ops/parts.hpp"

namespace rushlight::depthwise {

using kernels::Conv2dKernels;
using kernels::Conv2dShape;
using kernels::DepthwiseKernels;
using kernels::DepthwiseShape;
using kernels::Images;
using kernels::Range;

namespace {

// One chain of sums per output: short enough to round little.
constexpr Index kMostTaps = 256;
// Outputs that share an input plane, beyond which sweeping several of them at once saves more loads.
constexpr Index kMostMultiplier = 16;

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

DepthwiseShape forward_shape(const Conv2dShape& p) {
    return {p.H, p.W, p.OH, p.OW, p.R, p.S, p.stride_h, p.pad_top, p.pad_left, p.K, p.K / p.groups};
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

bool has_padding(const Conv2dShape& p) {
    return p.pad_top > 0 || p.pad_left > 0 || (p.OH - 1) * p.stride_h + p.R - p.pad_top > p.H ||
           (p.OW - 1) * p.stride_w + p.S - p.pad_left > p.W;
}

}  // namespace

template <class T>
bool suits_forward(const Conv2dShape& p, const DepthwiseKernels<T>& kernels) {
    return kernels.forward && p.C == p.groups && p.C > 0 && p.K <= kMostMultiplier * p.groups &&
           p.dilation_h == 1 && p.dilation_w == 1 && p.stride_h == p.stride_w && p.stride_h <= 2 &&
           p.R <= kernels::kMostDepthwiseRows && p.R * p.S <= kMostTaps;
}

template <class T>
void forward(const Conv2dShape& p, const DepthwiseKernels<T>& kernels, const Conv2dKernels<T>& repair,
             const Images<const T>& x, const T* w, const T* b, T* y, double nanoseconds) {
    const DepthwiseShape shape = forward_shape(p);
    const Tiling t = choose_tiling(shape, p.N, sizeof(T));
    const std::size_t scratch = std::size_t(kernels.forward_workspace(shape, divide_up(p.OW, t.col_parts)));
    const bool repairs = has_padding(p) && !repair.all_finite(w, p.K * p.R * p.S);
    parallel_for(t.tasks(), nanoseconds, [&](Index task) {
        const Range cols = part(task % t.col_parts, t.col_parts, p.OW);
        task /= t.col_parts;
        const Range rows = part(task % t.row_parts, t.row_parts, p.OH);
        const Index first = task / t.row_parts * t.planes;
        const Range planes{first, std::min(first + t.planes, p.N * p.K)};
        kernels.forward(shape, {x, w, b, y, planes, rows, cols}, workspace<T>(Slot::input, scratch));
        for (Index i = planes.begin; repairs && i < planes.end; ++i) {
            const Index k = i % p.K, g = k / shape.multiplier, channel = k % shape.multiplier;
            repair.repair_forward(
                p, {x, w, b, y, i / p.K, {g, g + 1}, {channel, channel + 1}, rows, cols, true});
        }
    });
}

template <class T>
void describe_forward(const Conv2dShape& p, const DepthwiseKernels<T>& kernels, double nanoseconds,
                      Plan& plan) {
    const DepthwiseShape shape = forward_shape(p);
    const Tiling t = choose_tiling(shape, p.N, sizeof(T));
    const Index cols = divide_up(p.OW, t.col_parts);
    plan.blocks = {{"planes per task", t.planes},
                   {"rows per tile", divide_up(p.OH, t.row_parts)},
                   {"columns per tile", cols}};
    plan.tasks = t.tasks();
    plan.threads = threads_for(plan.tasks, nanoseconds);
    plan.executed_flops = plan.flops;
    plan.workspace_bytes = double(kernels.forward_workspace(shape, cols)) * sizeof(T);
}

#define INSTANTIATE(T)                                                                                \
    template bool suits_forward<T>(const Conv2dShape&, const DepthwiseKernels<T>&);                   \
    template void forward<T>(const Conv2dShape&, const DepthwiseKernels<T>&, const Conv2dKernels<T>&, \
                             const Images<const T>&, const T*, const T*, T*, double);                 \
    template void describe_forward<T>(const Conv2dShape&, const DepthwiseKernels<T>&, double, Plan&);
INSTANTIATE(float)
INSTANTIATE(double)

}  // namespace rushlight::depthwise
