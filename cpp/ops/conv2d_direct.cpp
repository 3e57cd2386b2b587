// Tiling of the direct convolution. See conv2d_direct.hpp for what may and may not depend on the number of
// threads.
#include "ops/conv2d_direct.hpp"

#include <algorithm>

#include "core/parallel.hpp"
#include "core/workspace.hpp"
#include "ops/partial_sums.hpp"
#include "ops/parts.hpp"

namespace rushlight::direct {

using kernels::Conv2dBlocking;
using kernels::Conv2dKernels;
using kernels::Conv2dShape;
using kernels::Images;
using kernels::Range;

namespace {

// Taps (channels x kernel area) whose products are added up in registers before they reach memory. Short
// chains round less; a few hundred hide the cost of the memory traffic. The taps of a 1 x 1 kernel share no
// pixels, so fewer of them fill the first-level cache.
constexpr Index kTapsPerSum = 640, kPointTapsPerSum = 512;

// A tile of pixels should leave room for weights and results in a second-level cache. Long sums have few
// results; a larger tile then spares packing the weights again.
constexpr Index kTileBytes = 448 * 1024, kLongSumTileBytes = 896 * 1024, kLongSum = 256;
constexpr Index kMostCols = 512;

// Below this many multiply-adds a task is not worth its bookkeeping.
constexpr double kTaskMultiplyAdds = 2e5;
constexpr Index kTasksPerThread = 4;
// The share of a convolution that may be spent on packing once more what another task packs, too; and the
// fewest output channels that are worth a task.
constexpr double kMostRepeated = 0.02;
constexpr Index kLeastChannels = kernels::kChannelCut;

// Source pixels that `outputs` neighbouring outputs read along one direction.
Index source_extent(Index outputs, Index stride, Index taps, Index dilation) {
    return std::min((outputs - 1) * stride + (taps - 1) * dilation + 1, outputs * taps);
}

// One direction of the problem as the tiling sees it: sums over `reduction` channels and R x S taps, for
// `channels` outputs per group.
struct Extent {
    Index reduction, channels;  // per group
    Index rows, cols;           // of the output
    Index step_h, step_w;       // source pixels per output
};

Extent forward_extent(const Conv2dShape& p) {
    return {p.C / p.groups, p.K / p.groups, p.OH, p.OW, p.stride_h, p.stride_w};
}
Extent backward_input_extent(const Conv2dShape& p) {
    return {p.K / p.groups, p.C / p.groups, p.H, p.W, 1, 1};
}

struct Tiling {
    Conv2dBlocking blocking;
    Index row_parts, col_parts, channel_parts, group_parts;

    Index tasks(const Conv2dShape& p) const {
        return p.N * group_parts * channel_parts * row_parts * col_parts;
    }
};

// The reduction's blocks: from the shape alone, because they decide bits.
Index reduction_block(Index reduction, Index area) {
    const Index most = std::max<Index>(1, (area == 1 ? kPointTapsPerSum : kTapsPerSum) / area);
    return std::max<Index>(1, divide_up(reduction, divide_up(std::max<Index>(reduction, 1), most)));
}

Index tile_rows(const Conv2dShape& p, const Extent& e, Index reduction, Index cols, Index element) {
    const Index width = source_extent(cols, e.step_w, p.S, p.dilation_w);
    const Index bytes = reduction * p.R * p.S >= kLongSum ? kLongSumTileBytes : kTileBytes;
    Index rows = e.rows;
    while (rows > 1 && reduction * width * source_extent(rows, e.step_h, p.R, p.dilation_h) * element > bytes)
        rows = rows / 2 + rows % 2;
    return rows;
}

// More tasks for more threads. A part of the rows transposes all weights again, a part of the channels packs
// all pixels again; the cheaper one is taken, and few tasks if both are dear. Equal shares matter more then,
// so channels are only cut into whole vectors.
void split_for_threads(const Conv2dShape& p, const Extent& e, double work, Tiling& t) {
    const Index threads = num_threads(), others = p.N * p.groups * t.col_parts;
    if (threads == 1) return;
    const bool in_place = p.R == 1 && p.S == 1 && e.step_h == 1 && e.step_w == 1;
    // In multiply-adds that take as long.
    const double weights = 12.0 * double(e.channels) * double(e.reduction * p.R * p.S);
    const double pixels =
        (in_place ? 4.0 : 24.0) * double(e.reduction) * double(e.rows * e.step_h) * double(e.cols * e.step_w);
    const Index least_rows = std::max<Index>(p.R, divide_up(96, divide_up(e.cols, t.col_parts)));
    for (;;) {
        const Index parts = t.row_parts * t.channel_parts, tasks = others * parts;
        if (tasks >= threads * kTasksPerThread || work / double(parts) < 2 * kTaskMultiplyAdds) return;
        const Index channels = e.channels / (2 * t.channel_parts);
        const bool by_rows = e.rows / (2 * t.row_parts) >= least_rows;
        const bool by_channels =
            channels >= kLeastChannels && (channels % kLeastChannels == 0 || channels >= 128);
        if (!by_rows && !by_channels) return;
        const double row_cost = double(t.row_parts) * weights,
                     channel_cost = double(t.channel_parts) * pixels;
        const bool rows = by_rows && (!by_channels || row_cost <= channel_cost);
        const bool even = tasks >= threads && tasks % threads == 0;
        if (even && (rows ? row_cost : channel_cost) > kMostRepeated * work) return;
        (rows ? t.row_parts : t.channel_parts) *= 2;
    }
}

Tiling choose_tiling(const Conv2dShape& p, const Extent& e, Index element) {
    Tiling t{};
    t.blocking.reduction = reduction_block(e.reduction, p.R * p.S);
    t.col_parts = divide_up(e.cols, kMostCols);
    const Index cols = divide_up(e.cols, t.col_parts);
    t.row_parts = divide_up(e.rows, tile_rows(p, e, t.blocking.reduction, cols, element));

    const double work =
        double(e.channels) * double(e.reduction * p.R * p.S) * double(e.rows) * double(e.cols);
    t.channel_parts = 1;
    split_for_threads(p, e, work, t);

    // Small groups (depthwise) share a task.
    const double group_work = work / double(t.row_parts * t.col_parts * t.channel_parts);
    const Index groups_per_task =
        std::clamp<Index>(Index(kTaskMultiplyAdds / std::max(group_work, 1.0)), 1, p.groups);
    t.group_parts = divide_up(p.groups, groups_per_task);

    t.blocking.rows = divide_up(e.rows, t.row_parts);
    t.blocking.cols = divide_up(e.cols, t.col_parts);
    return t;
}

// Part i of the output channels of a group.
Range channel_part(Index i, const Tiling& t, const Extent& e) {
    const Range cuts = part(i, t.channel_parts, divide_up(e.channels, kLeastChannels));
    return {cuts.begin * kLeastChannels, std::min(cuts.end * kLeastChannels, e.channels)};
}

// Calls run(n, groups, channels, rows, cols) for every tile.
template <class Run>
void for_each_tile(const Conv2dShape& p, const Extent& e, const Tiling& t, double nanoseconds,
                   const Run& run) {
    parallel_for(t.tasks(p), nanoseconds, [&](Index task) {
        const Index col = task % t.col_parts;
        task /= t.col_parts;
        const Index row = task % t.row_parts;
        task /= t.row_parts;
        const Index channel = task % t.channel_parts;
        task /= t.channel_parts;
        const Index group = task % t.group_parts;
        run(task / t.group_parts, part(group, t.group_parts, p.groups), channel_part(channel, t, e),
            part(row, t.row_parts, e.rows), part(col, t.col_parts, e.cols));
    });
}

// Whether results have to be looked at because padding may have met a weight that is not finite. Looks at the
// weights, unless the results are fewer. The reference kernels need no repair.
template <class T>
bool may_need_repair(const Conv2dKernels<T>& kernels, const T* w, Index weights, Index results) {
    return kernels.all_finite && (weights > results || !kernels.all_finite(w, weights));
}

bool has_padding(const Conv2dShape& p) {
    return p.pad_top > 0 || p.pad_left > 0 ||
           (p.OH - 1) * p.stride_h + (p.R - 1) * p.dilation_h - p.pad_top >= p.H ||
           (p.OW - 1) * p.stride_w + (p.S - 1) * p.dilation_w - p.pad_left >= p.W;
}

// What weights that stay put are asked for in every call.
template <class T>
struct Prepared {
    std::shared_ptr<const void> memory;
    const T* weights = nullptr;  // as the kernels like them best; null: as they are
    bool finite = false;
};

template <class T>
Prepared<T> prepare(const Conv2dShape& p, const Conv2dKernels<T>& kernels, const Conv2dBlocking& blocking,
                    const Weights<T>& w) {
    constexpr std::size_t kHead = 64;  // bytes, of which `finite` takes one
    const std::size_t size = std::size_t(kernels.forward_weights_size(p, blocking));
    Prepared<T> prepared;
    prepared.memory = w.prepared->form(&kernels, kHead + size * sizeof(T), [&](void* memory) {
        char* head = static_cast<char*>(memory);
        *head = kernels.all_finite(w.data, p.K * (p.C / p.groups) * p.R * p.S);
        if (size > 0) kernels.forward_weights(p, w.data, reinterpret_cast<T*>(head + kHead));
    });
    const char* head = static_cast<const char*>(prepared.memory.get());
    prepared.finite = *head;
    if (size > 0) prepared.weights = reinterpret_cast<const T*>(head + kHead);
    return prepared;
}

}  // namespace

template <class T>
void forward(const Conv2dShape& p, const Conv2dKernels<T>& kernels, const Images<const T>& x,
             const Weights<T>& w, const T* b, T* y, double nanoseconds) {
    const Extent extent = forward_extent(p);
    const Tiling tiling = choose_tiling(p, extent, sizeof(T));
    const std::size_t scratch = std::size_t(kernels.forward_workspace(p, tiling.blocking));
    Prepared<T> prepared;
    if (w.prepared && kernels.forward_weights) prepared = prepare(p, kernels, tiling.blocking, w);
    const bool repair =
        has_padding(p) && !prepared.finite &&
        may_need_repair(kernels, w.data, p.K * extent.reduction * p.R * p.S, p.N * p.K * p.OH * p.OW);
    for_each_tile(
        p, extent, tiling, nanoseconds, [&](Index n, Range groups, Range channels, Range rows, Range cols) {
            kernels.forward(p, tiling.blocking,
                            {x, w.data, b, y, n, groups, channels, rows, cols, repair, prepared.weights},
                            workspace<T>(Slot::input, scratch));
        });
}

template <class T>
void backward_input(const Conv2dShape& p, const Conv2dKernels<T>& kernels, const Images<const T>& dy,
                    const T* w, const T* b, T* dx, double nanoseconds) {
    const Extent extent = backward_input_extent(p);
    const Tiling tiling = choose_tiling(p, extent, sizeof(T));
    const std::size_t scratch = std::size_t(kernels.backward_input_workspace(p, tiling.blocking));
    const bool repair = p.R * p.S > 1 && may_need_repair(kernels, w, p.C * extent.reduction * p.R * p.S,
                                                         p.N * p.C * p.H * p.W);
    for_each_tile(p, extent, tiling, nanoseconds,
                  [&](Index n, Range groups, Range channels, Range rows, Range cols) {
                      kernels.backward_input(p, tiling.blocking,
                                             {dy, w, b, dx, n, groups, channels, rows, cols, repair},
                                             workspace<T>(Slot::input, scratch));
                  });
}

namespace {

// How the weight gradient is spread: blocks of dw (any number of them gives the same bits) times chunks of
// the pixels, whose partial sums are added in a fixed order. Chunks are only needed where dw is too small to
// keep threads busy.
struct WeightTiling {
    Conv2dBlocking blocking;
    Index k_parts, c_parts, batch_parts, row_parts;

    Index chunks() const { return batch_parts * row_parts; }
    Index tasks(const Conv2dShape& p) const { return p.groups * k_parts * c_parts * chunks(); }
};

constexpr Index kWeightBlockK = 64, kWeightBlockTaps = 144;
constexpr Index kMostChunks = 16;
constexpr double kChunkMultiplyAdds = 1e6;

WeightTiling choose_weight_tiling(const Conv2dShape& p, Index element) {
    const Index Kg = p.K / p.groups, Cg = p.C / p.groups;
    WeightTiling t{};
    const Index block_c = std::clamp<Index>(kWeightBlockTaps / (p.R * p.S), 1, std::max<Index>(Cg, 1));
    t.k_parts = divide_up(Kg, kWeightBlockK);
    t.c_parts = std::max<Index>(1, divide_up(Cg, block_c));

    t.blocking.reduction = block_c;
    t.blocking.cols = divide_up(p.OW, divide_up(p.OW, kMostCols));
    t.blocking.rows = tile_rows(p, forward_extent(p), block_c, t.blocking.cols, element);

    const Index blocks = p.groups * t.k_parts * t.c_parts;
    const double work = double(p.N) * double(p.K) * double(Cg * p.R * p.S) * double(p.OH) * double(p.OW);
    const Index chunks =
        std::clamp<Index>(Index(work / kChunkMultiplyAdds), 1, std::max<Index>(1, kMostChunks / blocks));
    t.batch_parts = std::max<Index>(1, std::min(chunks, p.N));
    t.row_parts = std::max<Index>(1, std::min(chunks / t.batch_parts, p.OH));
    return t;
}

template <class T>
std::size_t weight_scratch(const Conv2dShape& p, const Conv2dKernels<T>& kernels, const WeightTiling& t) {
    return std::size_t(kernels.backward_weight_workspace(p, t.blocking, divide_up(p.K / p.groups, t.k_parts),
                                                         divide_up(p.C / p.groups, t.c_parts)));
}

}  // namespace

template <class T>
void backward_weight(const Conv2dShape& p, const Conv2dKernels<T>& kernels, const Images<const T>& x,
                     const Images<const T>& dy, T* dw, double nanoseconds) {
    const WeightTiling t = choose_weight_tiling(p, sizeof(T));
    const Index Kg = p.K / p.groups, Cg = p.C / p.groups;
    const Index size = p.K * Cg * p.R * p.S, chunks = t.chunks();
    const PartialSums<T> sums(chunks, size, dw);
    const std::size_t scratch = weight_scratch(p, kernels, t);

    parallel_for(t.tasks(p), nanoseconds, [&](Index task) {
        const Index chunk = task % chunks;
        task /= chunks;
        const Index c = task % t.c_parts;
        task /= t.c_parts;
        const Index k = task % t.k_parts;
        kernels.backward_weight(
            p, t.blocking,
            {x, dy, sums.chunk(chunk), task / t.k_parts, part(k, t.k_parts, Kg), part(c, t.c_parts, Cg),
             part(chunk / t.row_parts, t.batch_parts, p.N), part(chunk % t.row_parts, t.row_parts, p.OH)},
            workspace<T>(Slot::input, scratch));
    });
    sums.add_up();
}

// ---------------------------------------------------------------- descriptions

namespace {

void describe(const Conv2dShape& p, const Tiling& t, Index scratch_bytes, double nanoseconds, Plan& plan) {
    plan.blocks = {{"groups per task", divide_up(p.groups, t.group_parts)},
                   {"parts of the channels", t.channel_parts},
                   {"rows per tile", t.blocking.rows},
                   {"columns per tile", t.blocking.cols},
                   {"channels per sum", t.blocking.reduction}};
    plan.tasks = t.tasks(p);
    plan.threads = threads_for(plan.tasks, nanoseconds);
    plan.executed_flops = plan.flops;
    plan.workspace_bytes = double(scratch_bytes);
}

}  // namespace

template <class T>
void describe_forward(const Conv2dShape& p, const Conv2dKernels<T>& kernels, double nanoseconds, Plan& plan) {
    const Tiling t = choose_tiling(p, forward_extent(p), sizeof(T));
    describe(p, t, kernels.forward_workspace(p, t.blocking) * Index(sizeof(T)), nanoseconds, plan);
}

template <class T>
void describe_backward_input(const Conv2dShape& p, const Conv2dKernels<T>& kernels, double nanoseconds,
                             Plan& plan) {
    const Tiling t = choose_tiling(p, backward_input_extent(p), sizeof(T));
    describe(p, t, kernels.backward_input_workspace(p, t.blocking) * Index(sizeof(T)), nanoseconds, plan);
}

template <class T>
void describe_backward_weight(const Conv2dShape& p, const Conv2dKernels<T>& kernels, double nanoseconds,
                              Plan& plan) {
    const WeightTiling t = choose_weight_tiling(p, sizeof(T));
    plan.blocks = {{"output channels per block", divide_up(p.K / p.groups, t.k_parts)},
                   {"input channels per block", divide_up(p.C / p.groups, t.c_parts)},
                   {"parts of the batch", t.batch_parts},
                   {"parts of the rows", t.row_parts},
                   {"rows per tile", t.blocking.rows},
                   {"columns per tile", t.blocking.cols}};
    plan.tasks = t.tasks(p);
    plan.threads = threads_for(plan.tasks, nanoseconds);
    plan.executed_flops = plan.flops;
    plan.workspace_bytes = double(weight_scratch(p, kernels, t) * sizeof(T));
    if (t.chunks() > 1)
        plan.shared_bytes = double(t.chunks() * p.K * (p.C / p.groups) * p.R * p.S) * sizeof(T);
}

#define INSTANTIATE_FORWARD(T)                                                                    \
    template void forward<T>(const Conv2dShape&, const Conv2dKernels<T>&, const Images<const T>&, \
                             const Weights<T>&, const T*, T*, double);                            \
    template void describe_forward<T>(const Conv2dShape&, const Conv2dKernels<T>&, double, Plan&);
INSTANTIATE_FORWARD(float)
INSTANTIATE_FORWARD(double)
INSTANTIATE_FORWARD(std::uint8_t)
INSTANTIATE_FORWARD(std::uint16_t)
INSTANTIATE_FORWARD(std::uint32_t)
INSTANTIATE_FORWARD(std::uint64_t)

#define INSTANTIATE_BACKWARD_INPUT(T)                                                                    \
    template void backward_input<T>(const Conv2dShape&, const Conv2dKernels<T>&, const Images<const T>&, \
                                    const T*, const T*, T*, double);                                     \
    template void describe_backward_input<T>(const Conv2dShape&, const Conv2dKernels<T>&, double, Plan&);
INSTANTIATE_BACKWARD_INPUT(float)
INSTANTIATE_BACKWARD_INPUT(double)
INSTANTIATE_BACKWARD_INPUT(std::uint64_t)

#define INSTANTIATE_BACKWARD_WEIGHT(T)                                                                    \
    template void backward_weight<T>(const Conv2dShape&, const Conv2dKernels<T>&, const Images<const T>&, \
                                     const Images<const T>&, T*, double);                                 \
    template void describe_backward_weight<T>(const Conv2dShape&, const Conv2dKernels<T>&, double, Plan&);
INSTANTIATE_BACKWARD_WEIGHT(float)
INSTANTIATE_BACKWARD_WEIGHT(double)

}  // namespace rushlight::direct
