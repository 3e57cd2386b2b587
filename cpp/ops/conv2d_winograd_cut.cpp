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

// Strips of a block.
Index strips_per_block(const WinogradShape& p, Index tile_bytes) {
    const auto fit = [&](Index tiles) { return tiles * p.channels * tile_bytes <= kSecondLevelBytes; };
    const bool halve = !fit(kTilesPerBlock) && fit(kTilesPerBlock / 2);
    return std::max<Index>(1, kTilesPerBlock / (halve ? 2 : 1) / p.tile_cols);
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

Cut make_cut(const WinogradShape& p, Index tile_bytes, Index sum, double nanoseconds) {
    // Up to so many threads transform tiles faster than they would fetch them from each other's caches.
    constexpr int kMostOwners = 2;
    const Index strips = count_strips(p), steps = divide_up(p.outputs, kOutputsPerTask);
    const Index blocks =  // one of no tiles too: plans of empty batches
        strips * p.tile_cols > 0 ? divide_up(strips, strips_per_block(p, tile_bytes)) : 1;
    const int threads = threads_for(std::max(strips, steps), nanoseconds);

    // Two blocks, and weights that take more memory than one of them: one thread transforms all of those for
    // each block; more threads share outputs out rather than blocks, so that nobody waits for half of all,
    // unless the tiles are too many to keep.
    const bool both = blocks == 2 && p.outputs > kTilesPerBlock;
    const bool keep = strips * p.tile_cols * p.channels * tile_bytes <= 2 * kSecondLevelBytes;
    Cut cut{};
    if (blocks == 1 || (both && keep && threads > 1)) {
        cut = {threads <= kMostOwners ? Way::own : Way::shared_tiles, 1, steps, 0, 0, 0};
    } else {
        const bool own = both && threads <= kMostOwners;
        cut = {own ? Way::own : Way::shared_weights, blocks, 1, 0, 0, 0};
        // As many for every thread, where they are few; never more than strips.
        if (blocks < 8 * threads) cut.blocks = std::min(strips, divide_up(blocks, threads) * threads);
    }
    cut.tiles = plane_tiles(p, divide_up(strips, cut.blocks));
    cut.v_plane = p.channels * cut.tiles + kVector;
    cut.u_plane = kVector + (cut.way == Way::shared_weights ? round_up(p.outputs, kVector) * p.channels
                                                            : kOutputsPerTask * std::min(p.channels, sum));
    return cut;
}

Range strips_of(const WinogradShape& p, const Cut& cut, Index i) {
    const Index strips = count_strips(p), each = strips / cut.blocks, more = strips % cut.blocks;
    const Index begin = i * each + std::min(i, more);
    return {begin, begin + each + (i < more)};
}

// ---------------------------------------------------------------- descriptions

namespace {

// Additions and multiplications of the transforms in one direction (kernels/winograd_transforms.hpp).
struct TransformFlops {
    Index input, weights, output;
};
TransformFlops transform_flops(Index m) {
    return m == 2 ? TransformFlops{4, 5, 4} : TransformFlops{22, 10, 19};
}

template <class T>
void describe(const Conv2dShape& p, const Side& from, const Side& to, const WinogradKernels<T>& kernels,
              double nanoseconds, Plan& plan) {
    const Index m = kernels.tile, points = (m + 2) * (m + 2), phases = p.dilation_h * p.dilation_w;
    const View h = make_view(0, p.pad_top, p.dilation_h, from.H, to.H);
    const View w = make_view(0, p.pad_left, p.dilation_w, from.W, to.W);
    const WinogradShape shape = view_shape(p, from, to, h, w, m);
    const double share = nanoseconds / double(p.groups * phases);
    const Cut cut = make_cut(shape, points * Index(sizeof(T)), kernels.sum, share);
    const bool shared_weights = cut.way == Way::shared_weights, shared_tiles = cut.way == Way::shared_tiles;
    const Index outputs = std::min(shape.outputs, shared_weights ? kOutputsPerBlock : kOutputsPerTask);
    const Index strips = divide_up(count_strips(shape), cut.blocks);

    plan.blocks = {{"groups in turn", p.groups},
                   {"dilation phases in turn", phases},
                   {"rows and columns of a tile", m},
                   {"tiles", count_strips(shape) * shape.tile_cols},
                   {"tiles per task", strips * shape.tile_cols},
                   {"channels per product", outputs}};
    plan.tasks = cut.blocks * cut.parts;
    plan.threads = threads_for(plan.tasks, share);

    const TransformFlops flops = transform_flops(m);
    const double tiles = double(count_strips(shape) * shape.tile_cols), C = double(shape.channels),
                 K = double(shape.outputs);
    const double weight_transforms = cut.way == Way::own ? double(cut.blocks) : 1;
    const double products = 2 * double(points) * tiles * C * K;
    const double transforms = double(flops.input * 2 * (m + 2)) * tiles * C +
                              double(flops.weights * (m + 5)) * C * K * weight_transforms +
                              double(flops.output * (2 * m + 2)) * tiles * K;
    plan.executed_flops = (products + transforms) * double(p.groups * phases);

    const Index v = points * cut.v_plane, u = points * cut.u_plane;
    const Index scratch = kernels.input_workspace(shape, strips) +
                          kernels.output_workspace(outputs, strips * shape.tile_cols) +
                          (shared_tiles ? 0 : v) + (shared_weights ? 0 : u);
    plan.workspace_bytes = double(scratch) * sizeof(T);
    plan.shared_bytes = double(shared_tiles ? v : shared_weights ? u : 0) * sizeof(T);
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
