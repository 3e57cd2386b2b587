// Tiling of the weight gradient with output channels in the lanes.
//
// dw is cut into tiles, a panel of output channels times some input channels, as many as keep the threads
// busy: they decide no bit. The pixels are cut into blocks, and where dw alone is too small to share out,
// into chunks whose partial sums are added in a fixed order: they decide bits and depend on the shape alone.
#include "ops/conv2d_weight_channels.hpp"

#include <algorithm>
#include <cmath>

#include "core/parallel.hpp"
#include "core/workspace.hpp"
#include "ops/partial_sums.hpp"
#include "ops/parts.hpp"

namespace rushlight::weight_channels {

using kernels::Conv2dShape;
using kernels::Conv2dWeightBlocking;
using kernels::Conv2dWeightChannelsKernels;
using kernels::Images;
using kernels::Range;

namespace {

// The transposed dy of a block of pixels stays in a first-level cache, a tile's sums in a second-level one.
constexpr Index kGradBytes = 28 * 1024, kSumBytes = 256 * 1024;
// Input channels that are worth a tile of their own.
constexpr Index kLeastChannels = 12;
constexpr Index kTilesPerThread = 3;
constexpr Index kMostChunks = 16;
constexpr double kChunkMultiplyAdds = 1e6;
constexpr Index kChunkPixels = 480;  // over fewer, zeroing, transposing and adding up a weight's sums shows

struct Tiling {
    Conv2dWeightBlocking blocking;
    Index k_parts, c_parts, batch_parts, row_parts;
    Index width;  // output channels of the widest panel, in whole vectors

    Index chunks() const { return batch_parts * row_parts; }
    Index tasks(const Conv2dShape& p) const { return p.groups * k_parts * c_parts * chunks(); }
};

Conv2dWeightBlocking choose_blocking(const Conv2dShape& p, Index pixels) {
    const Index image = std::max<Index>(p.OH * p.OW, 1);
    if (2 * image <= pixels)
        return {std::clamp<Index>(pixels / image, 1, std::max<Index>(p.N, 1)), p.OH, p.OW};
    const Index cols = divide_up(p.OW, std::max<Index>(1, (2 * p.OW + pixels) / (2 * pixels)));
    const Index rows = std::clamp<Index>(pixels / cols, 1, p.OH);
    return {1, divide_up(p.OH, divide_up(p.OH, rows)), cols};
}

// Vectors of output channels, dealt out evenly to the fewest panels.
template <class T>
Tiling choose_tiling(const Conv2dShape& p, const Conv2dWeightChannelsKernels<T>& kernels) {
    const Index Kg = p.K / p.groups, Cg = p.C / p.groups, RS = p.R * p.S;
    Tiling t{};
    t.k_parts = std::max<Index>(1, divide_up(Kg, kernels.panel));
    t.width = divide_up(divide_up(std::max<Index>(Kg, 1), kernels.lanes), t.k_parts) * kernels.lanes;
    t.blocking = choose_blocking(p, kGradBytes / (t.width * Index(sizeof(T))));

    const Index most = std::max<Index>(1, kSumBytes / (RS * t.width * Index(sizeof(T))));
    const Index most_parts = std::max<Index>(1, Cg / kLeastChannels);
    const Index wanted =
        num_threads() > 1 ? divide_up(num_threads() * kTilesPerThread, p.groups * t.k_parts) : 1;
    t.c_parts = std::max<Index>(1, std::max(divide_up(Cg, most), std::min(wanted, most_parts)));

    const double work = double(p.N) * double(p.K) * double(Cg * RS) * double(p.OH) * double(p.OW);
    const double pixels = double(p.N) * double(p.OH) * double(p.OW);
    const Index chunks =
        std::clamp<Index>(Index(std::min(work / kChunkMultiplyAdds, pixels / kChunkPixels)), 1,
                          std::max<Index>(1, kMostChunks / (p.groups * t.k_parts * most_parts)));
    t.batch_parts = std::max<Index>(1, std::min(chunks, p.N));
    t.row_parts = std::max<Index>(1, std::min(chunks / t.batch_parts, p.OH));
    return t;
}

// Panel i as output channels: whole vectors but for the last.
Range panel(Index i, Index parts, Index lanes, Index channels) {
    const Range vectors = part(i, parts, divide_up(channels, lanes));
    return Range{vectors.begin * lanes, std::min(vectors.end * lanes, channels)};
}

template <class T>
Index scratch_elements(const Conv2dShape& p, const Conv2dWeightChannelsKernels<T>& kernels, const Tiling& t) {
    return kernels.workspace(p, t.blocking, t.width, divide_up(p.C / p.groups, t.c_parts));
}

}  // namespace

template <class T>
bool suits(const Conv2dShape& p, const Conv2dWeightChannelsKernels<T>& kernels) {
    if (!kernels.backward_weight) return false;
    const Index Kg = p.K / p.groups;
    // What a multiply-add costs in lanes. Here the last vector of channels is padded, one vector alone is
    // bound by loads, and transposing a vector of dy costs as much as ten multiply-adds. There the rows of a
    // tile are a few pixels longer than those of the image.
    const double rows = std::max(1.0, double(p.C / p.groups * p.R * p.S));
    const double ours = double(round_up(Kg, kernels.lanes)) * ((Kg <= kernels.lanes ? 1.3 : 1.0) + 10 / rows);
    const Index pitch = p.OW + (p.S - 1) * p.dilation_w / p.stride_w;
    // In doubles: an image of no channels may have any size.
    const double lanes = double(kernels.lanes), pixels = double(p.OH) * double(p.OW);
    const double swept = std::ceil(double(p.OH) * double(pitch) / lanes) * lanes / std::max(pixels, 1.0);
    return ours <= 1.4 * double(Kg) * swept;
}

template <class T>
void backward_weight(const Conv2dShape& p, const Conv2dWeightChannelsKernels<T>& kernels,
                     const Images<const T>& x, const Images<const T>& dy, T* dw, double nanoseconds) {
    const Tiling t = choose_tiling(p, kernels);
    const Index Kg = p.K / p.groups, Cg = p.C / p.groups;
    const Index size = p.K * Cg * p.R * p.S, chunks = t.chunks();
    const PartialSums<T> sums(chunks, size, dw);
    const std::size_t scratch = std::size_t(scratch_elements(p, kernels, t));

    parallel_for(t.tasks(p), nanoseconds, [&](Index task) {
        const Index chunk = task % chunks;
        task /= chunks;
        const Index c = task % t.c_parts;
        task /= t.c_parts;
        const Index k = task % t.k_parts;
        kernels.backward_weight(
            p, t.blocking,
            {x, dy, sums.chunk(chunk), task / t.k_parts, panel(k, t.k_parts, kernels.lanes, Kg),
             part(c, t.c_parts, Cg), part(chunk / t.row_parts, t.batch_parts, p.N),
             part(chunk % t.row_parts, t.row_parts, p.OH)},
            workspace<T>(Slot::input, scratch));
    });
    sums.add_up();
}

template <class T>
void describe_backward_weight(const Conv2dShape& p, const Conv2dWeightChannelsKernels<T>& kernels,
                              double nanoseconds, Plan& plan) {
    const Tiling t = choose_tiling(p, kernels);
    plan.blocks = {{"output channels per panel", t.width},
                   {"input channels per tile", divide_up(p.C / p.groups, t.c_parts)},
                   {"parts of the batch", t.batch_parts},
                   {"parts of the rows", t.row_parts},
                   {"images per block", t.blocking.images},
                   {"rows per block", t.blocking.rows},
                   {"columns per block", t.blocking.cols}};
    plan.tasks = t.tasks(p);
    plan.threads = threads_for(plan.tasks, nanoseconds);
    plan.executed_flops = plan.flops;
    plan.workspace_bytes = double(scratch_elements(p, kernels, t)) * sizeof(T);
    if (t.chunks() > 1)
        plan.shared_bytes = double(t.chunks() * p.K * (p.C / p.groups) * p.R * p.S) * sizeof(T);
}

#define INSTANTIATE(T)                                                                                   \
    template bool suits<T>(const Conv2dShape&, const Conv2dWeightChannelsKernels<T>&);                   \
    template void backward_weight<T>(const Conv2dShape&, const Conv2dWeightChannelsKernels<T>&,          \
                                     const Images<const T>&, const Images<const T>&, T*, double);        \
    template void describe_backward_weight<T>(const Conv2dShape&, const Conv2dWeightChannelsKernels<T>&, \
                                              double, Plan&);
INSTANTIATE(float)
INSTANTIATE(double)

}  // namespace rushlight::weight_channels
