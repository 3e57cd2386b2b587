// Winograd convolution: phases and blocks.
//
// Many tiles: all weights are transformed first (shared), then each task transforms a block of tiles and multiplies it with all of
// them. Few tiles: all tiles are transformed first (shared), then each task transforms some outputs' weights and multiplies; those
// never leave the second-level cache.
#include "ops/conv2d_winograd.hpp"

#include <algorithm>
#include <memory>

#include "core/parallel.hpp"
#include "core/workspace.hpp"

namespace rushlight::winograd {

using kernels::Conv2dShape;
using kernels::Images;
using kernels::Range;
using kernels::WinogradBlock;
using kernels::WinogradKernels;
using kernels::WinogradShape;

namespace {

Index divide_up(Index a, Index b) { return (a + b - 1) / b; }

constexpr Index kOutputsPerBlock = 32;
constexpr Index kTilesPerBlock = 112;
constexpr Index kFewTiles = 400;
constexpr Index kAlignment = 64;

WinogradShape forward_shape(const Conv2dShape& p, Index m) {
    return WinogradShape{p.N, p.C, p.H, p.W, p.K, p.OH, p.OW, p.pad_top, p.pad_left, divide_up(p.OH, m), divide_up(p.OW, m), false};
}

WinogradShape backward_shape(const Conv2dShape& p, Index m) {
    return WinogradShape{p.N,  p.K, p.OH, p.OW, p.C, p.H, p.W, 2 - p.pad_top, 2 - p.pad_left, divide_up(p.H, m), divide_up(p.W, m), true};
}

// Sizes of one problem in elements.
struct Plan {
    Index points;
    Index strips, strips_per_block;
    Index tiles;  // of a block, padded to whole vectors of any ISA
    Index v_plane, u_plane;
    bool few;
};

template <class T>
Plan make_plan(const WinogradShape& p, Index m) {
    Plan plan{};
    plan.points = (m + 2) * (m + 2);
    plan.strips = p.N * p.tile_rows;
    plan.few = plan.strips * p.tile_cols <= kFewTiles;
    const Index most = std::max<Index>(1, kTilesPerBlock / p.tile_cols);
    const Index blocks = plan.few ? 1 : divide_up(plan.strips, most);
    plan.strips_per_block = divide_up(plan.strips, blocks);
    plan.tiles = divide_up(plan.strips_per_block * p.tile_cols, 16) * 16;
    plan.v_plane = p.channels * plan.tiles + 16;
    return plan;
}

// Shared scratch memory of one call.
template <class T>
std::unique_ptr<T[], void (*)(void*)> allocate(Index count) {
    void* memory = std::aligned_alloc(kAlignment, std::size_t(divide_up(count * Index(sizeof(T)), kAlignment) * kAlignment));
    if (!memory) throw std::bad_alloc();
    return {static_cast<T*>(memory), std::free};
}

template <class T>
void many_tiles(const WinogradShape& p, const Plan& plan, const WinogradKernels<T>& kernels, const Images<const T>& source,
                const T* w, const T* b, T* y, double nanoseconds) {
    // u[xi][k][c] in either direction: rows are the K of w, lanes its C.
    const Index K = p.backward ? p.channels : p.outputs, C = p.backward ? p.outputs : p.channels;
    const Index u_plane = K * C + 16;
    const auto u = allocate<T>(plan.points * u_plane);
    const Index parts = divide_up(K, 16);
    parallel_for(parts, double(K) * double(C) * 9, [&](Index part) {
        const Range rows{K * part / parts, K * (part + 1) / parts};
        kernels.weights(w, C, rows, p.backward, u.get() + rows.begin * C, u_plane);
    });
    const Index blocks = divide_up(plan.strips, plan.strips_per_block);
    const std::size_t input_scratch = std::size_t(kernels.input_workspace(p, plan.strips_per_block));
    const std::size_t output_scratch = std::size_t(kernels.output_workspace(p, kOutputsPerBlock, plan.tiles));
    parallel_for(blocks, nanoseconds, [&](Index block) {
        const Range strips{plan.strips * block / blocks, plan.strips * (block + 1) / blocks};
        T* v = workspace<T>(Slot::transform, std::size_t(plan.points * plan.v_plane));
        kernels.input(p, source, strips, Range{0, p.channels}, {v, plan.tiles, plan.v_plane},
                      workspace<T>(Slot::input, input_scratch));
        for (Index k = 0; k < p.outputs; k += kOutputsPerBlock) {
            const Range outputs{k, std::min(k + kOutputsPerBlock, p.outputs)};
            kernels.output(p, u.get() + k * (p.backward ? 1 : C), u_plane, p.backward ? 1 : C, p.backward ? C : 1,
                           {v, plan.tiles, plan.v_plane}, strips, outputs, b, y, workspace<T>(Slot::output, output_scratch));
        }
    });
}

template <class T>
void few_tiles(const WinogradShape& p, const Plan& plan, const WinogradKernels<T>& kernels, const Images<const T>& source,
               const T* w, const T* b, T* y, double nanoseconds) {
    const auto v = allocate<T>(plan.points * plan.v_plane);
    const Range strips{0, plan.strips};
    const Index parts = divide_up(p.channels, 16);
    const std::size_t input_scratch = std::size_t(kernels.input_workspace(p, plan.strips_per_block));
    parallel_for(parts, nanoseconds / 8, [&](Index part) {
        kernels.input(p, source, strips, Range{p.channels * part / parts, p.channels * (part + 1) / parts},
                      {v.get(), plan.tiles, plan.v_plane}, workspace<T>(Slot::input, input_scratch));
    });
    const Index outputs_per_task = 16, tasks = divide_up(p.outputs, outputs_per_task);
    const Index u_plane = outputs_per_task * p.channels + 16;
    const std::size_t output_scratch = std::size_t(kernels.output_workspace(p, outputs_per_task, plan.tiles));
    parallel_for(tasks, nanoseconds, [&](Index task) {
        const Range outputs{task * outputs_per_task, std::min((task + 1) * outputs_per_task, p.outputs)};
        T* u = workspace<T>(Slot::weight, std::size_t(plan.points * u_plane));
        kernels.weights(w, p.channels, outputs, false, u, u_plane);
        kernels.output(p, u, u_plane, p.channels, 1, {v.get(), plan.tiles, plan.v_plane}, strips, outputs, b, y,
                       workspace<T>(Slot::output, output_scratch));
    });
}

template <class T>
void run(const WinogradShape& p, const WinogradKernels<T>& kernels, const Images<const T>& source, const T* w, const T* b, T* y,
         double nanoseconds) {
    const Plan plan = make_plan<T>(p, kernels.tile);
    if (plan.few && !p.backward)
        few_tiles(p, plan, kernels, source, w, b, y, nanoseconds);
    else
        many_tiles(p, plan, kernels, source, w, b, y, nanoseconds);
}

}  // namespace

bool suits(const Conv2dShape& p, Index tile) {
    (void)tile;
    return p.R == 3 && p.S == 3 && p.stride_h == 1 && p.stride_w == 1 && p.dilation_h == 1 && p.dilation_w == 1 &&
           p.groups == 1 && p.C >= 16 && p.K >= 16 && p.N > 0;
}

template <class T>
void forward(const Conv2dShape& p, const WinogradKernels<T>& kernels, const Images<const T>& x, const T* w, const T* b, T* y,
             double nanoseconds) {
    run(forward_shape(p, kernels.tile), kernels, x, w, b, y, nanoseconds);
}

template <class T>
void backward_input(const Conv2dShape& p, const WinogradKernels<T>& kernels, const Images<const T>& dy, const T* w, T* dx,
                    double nanoseconds) {
    run(backward_shape(p, kernels.tile), kernels, dy, w, static_cast<const T*>(nullptr), dx, nanoseconds);
}

#define INSTANTIATE(T)                                                                                                        \
    template void forward<T>(const Conv2dShape&, const WinogradKernels<T>&, const Images<const T>&, const T*, const T*, T*,   \
                             double);                                                                                         \
    template void backward_input<T>(const Conv2dShape&, const WinogradKernels<T>&, const Images<const T>&, const T*, T*, double);
INSTANTIATE(float)
INSTANTIATE(double)

}  // namespace rushlight::winograd
