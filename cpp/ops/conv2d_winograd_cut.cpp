#include "ops/conv2d_winograd_cut.hpp"

#include <algorithm>

#include "core/parallel.hpp"
#include "ops/conv2d_winograd.hpp"
#include "ops/parts.hpp"

namespace rushlight::winograd {

using kernels::WinogradKernels;

namespace {

Index floor_div(Index a, Index b) {
    return a >= 0 ? a / b : -((-a + b - 1) / b);
}

Index plane_tiles(const WinogradShape& p, Index strips) {
    return divide_up(strips * p.tile_cols, kVector) * kVector;
}

Cut cut_few(const WinogradShape& p) {
    const Index tiles = plane_tiles(p, count_strips(p));
    return {true, divide_up(p.outputs, kOutputsPerTask), tiles, p.channels * tiles + kVector,
            kOutputsPerTask * p.channels + kVector};
}

Cut cut_many(const WinogradShape& p, double nanoseconds) {
    const Index strips = count_strips(p);
    Index blocks = divide_up(strips, std::max<Index>(1, kTilesPerBlock / p.tile_cols));
    // As many blocks for every thread, where they are few; never more than strips.
    const Index threads = threads_for(blocks, nanoseconds);
    if (blocks < 8 * threads) blocks = std::min(strips, divide_up(blocks, threads) * threads);
    const Index tiles = plane_tiles(p, divide_up(strips, blocks));
    return {false, blocks, tiles, p.channels * tiles + kVector,
            divide_up(p.outputs, kVector) * kVector * p.channels + kVector};
}

}  // namespace

View make_view(Index phase, Index pad, Index dilation, Index H, Index OH) {
    const Index q = floor_div(phase - pad, dilation), rho = phase - pad - q * dilation;
    return View{rho, std::max<Index>(0, divide_up(H - rho, dilation)), -q, phase,
                divide_up(OH - phase, dilation)};
}

WinogradShape view_shape(const Conv2dShape& p, const Side& source, const Side& result, const View& h,
                         const View& w, Index m) {
    WinogradShape shape{};
    shape.N = p.N;
    shape.channels = source.channels / p.groups;
    shape.H = h.H;
    shape.W = w.H;
    shape.outputs = result.channels / p.groups;
    shape.OH = h.OH;
    shape.OW = w.OH;
    shape.result_image = result.channels * result.H * result.W;
    shape.result_channel = result.H * result.W;
    shape.result_row = p.dilation_h * result.W;
    shape.result_col = p.dilation_w;
    shape.pad_top = h.pad;
    shape.pad_left = w.pad;
    shape.tile_rows = divide_up(h.OH, m);
    shape.tile_cols = divide_up(w.OH, m);
    return shape;
}

Cut make_cut(const WinogradShape& p, double nanoseconds) {
    return count_strips(p) * p.tile_cols <= kFewTiles ? cut_few(p) : cut_many(p, nanoseconds);
}

// ---------------------------------------------------------------- descriptions

namespace {

// Additions and multiplications of the transforms in one direction (kernels/winograd_transforms.hpp).
struct TransformFlops {
    Index input, weights, output;
};
TransformFlops transform_flops(Index m) {
    return m == 2 ? TransformFlops{4, 5, 4} : TransformFlops{22, 13, 16};
}

template <class T>
void describe(const Conv2dShape& p, const Side& from, const Side& to, const WinogradKernels<T>& kernels,
              double nanoseconds, Plan& plan) {
    const Index m = kernels.tile, points = (m + 2) * (m + 2), phases = p.dilation_h * p.dilation_w;
    const View h = make_view(0, p.pad_top, p.dilation_h, from.H, to.H);
    const View w = make_view(0, p.pad_left, p.dilation_w, from.W, to.W);
    const WinogradShape shape = view_shape(p, from, to, h, w, m);
    const double share = nanoseconds / double(p.groups * phases);
    const Cut cut = make_cut(shape, share);
    const Index outputs = std::min(shape.outputs, cut.few_tiles ? kOutputsPerTask : kOutputsPerBlock);
    const Index strips = cut.few_tiles ? count_strips(shape) : divide_up(count_strips(shape), cut.tasks);

    plan.blocks = {{"groups in turn", p.groups},
                   {"dilation phases in turn", phases},
                   {"rows and columns of a tile", m},
                   {"tiles", count_strips(shape) * shape.tile_cols},
                   {"tiles per task", strips * shape.tile_cols},
                   {"channels per product", outputs}};
    plan.tasks = cut.tasks;
    plan.threads = threads_for(cut.tasks, share);

    const TransformFlops flops = transform_flops(m);
    const double tiles = double(count_strips(shape) * shape.tile_cols), C = double(shape.channels),
                 K = double(shape.outputs);
    const double products = 2 * double(points) * tiles * C * K;
    const double transforms = double(flops.input * 2 * (m + 2)) * tiles * C +
                              double(flops.weights * (m + 5)) * C * K +
                              double(flops.output * (2 * m + 2)) * tiles * K;
    plan.executed_flops = (products + transforms) * double(p.groups * phases);

    const Index v = points * cut.v_plane, u = points * cut.u_plane;
    const Index scratch = kernels.input_workspace(shape, strips) +
                          kernels.output_workspace(shape, outputs, cut.tiles) + (cut.few_tiles ? u : v);
    plan.workspace_bytes = double(scratch) * sizeof(T);
    plan.shared_bytes = double(cut.few_tiles ? v : u) * sizeof(T);
}

}  // namespace

template <class T>
void describe_forward(const Conv2dShape& p, const WinogradKernels<T>& kernels, double nanoseconds,
                      Plan& plan) {
    describe(p, {p.C, p.H, p.W}, {p.K, p.OH, p.OW}, kernels, nanoseconds, plan);
}
template <class T>
void describe_backward_input(const Conv2dShape& p, const WinogradKernels<T>& kernels, double nanoseconds,
                             Plan& plan) {
    describe(p, {p.K, p.OH, p.OW}, {p.C, p.H, p.W}, kernels, nanoseconds, plan);
}

#define INSTANTIATE(T)                                                                               \
    template void describe_forward<T>(const Conv2dShape&, const WinogradKernels<T>&, double, Plan&); \
    template void describe_backward_input<T>(const Conv2dShape&, const WinogradKernels<T>&, double, Plan&);
INSTANTIATE(float)
INSTANTIATE(double)

}  // namespace rushlight::winograd
