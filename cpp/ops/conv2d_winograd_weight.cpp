// Winograd's weight gradient: phases, segments and blocks.
//
// Many tiles and not too many weights: the strips of tiles are cut into a few segments, each with sums of its
// own at (m + 2)^2 points, which are added up and transformed back at the end. Within a segment tiles are
// taken in blocks: all channels of x and dy are transformed, and their products added to the segment's sums.
// A segment is a task that keeps its blocks in its thread's own caches; if there are more threads than
// segments, or one segment only, each block is transformed and multiplied by all threads together. Where one
// block holds all tiles, each task sums up some weights at all points and transforms them back while they are
// in the second-level cache. Segments and blocks decide the order of the sums, and depend on the shape alone;
// what a task is decides nothing.
#include "ops/conv2d_winograd_weight.hpp"

#include <algorithm>

#include "core/parallel.hpp"
#include "core/workspace.hpp"
#include "ops/parts.hpp"

namespace rushlight::winograd_weight {

using kernels::Conv2dShape;
using kernels::Images;
using kernels::Range;
using kernels::WinogradChannels;
using kernels::WinogradShape;
using kernels::WinogradSums;
using kernels::WinogradWeightKernels;

namespace {

constexpr Index kVector = 16;  // elements between planes (4 KiB aliasing)
// Transformed tiles of a block, unless that leaves too few of them for the traffic of the sums.
constexpr Index kBlockBytes = 16 * 1024 * 1024, kLeastTiles = 96, kMostTiles = 256;
// Sums of a task, at all points: they stay in a second-level cache.
constexpr Index kSumBytes = 300 * 1024, kMostChannels = 64, kLeastChannels = 8;
constexpr Index kTasksPerThread = 3;
// Segments: adding up their sums costs time, so there are more than a few only if these are small.
constexpr Index kSegmentTiles = 100, kLeastSegments = 4, kMostSegments = 16;
constexpr Index kSegmentsBytes = 2560 * 1024, kMostSegmentsBytes = 5 * 1024 * 1024;
constexpr Index kSegmentBlockBytes = 1024 * 1024;

// Transformed tiles of a block, of all channels.
template <class T>
struct Planes {
    WinogradChannels<T> v;  // of x
    T* u;                   // of dy, panel after panel, each (tiles, its width)
    Index u_plane;
};

// One group of one problem.
template <class T>
class Run {
  public:
    Run(const Conv2dShape& conv, const WinogradWeightKernels<T>& kernels, const Images<const T>& x,
        const Images<const T>& dy, T* dw, double nanoseconds)
        : conv(conv),
          p(winograd_shape(conv, kernels.tile)),
          kernels(kernels),
          x(x),
          dy(dy),
          dw(dw),
          nanoseconds(nanoseconds),
          points((kernels.tile + 2) * (kernels.tile + 2)),
          strips(p.N * p.tile_rows),
          panels(divide_up(p.outputs, kernels.panel)),
          v_width(round_up(p.channels, kernels.lanes)),
          u_width(round_up(p.outputs, kernels.lanes)),
          sums_plane(p.channels * u_width + kVector),
          segments(choose_segments()),
          blocks(choose_blocks()) {}

    void operator()() const {
        if (segments * blocks == 1)
            few_tiles();
        else
            many_tiles();
    }

    // What operator() would do, for one of `groups` groups.
    void describe(Index groups, Plan& plan) const {
        const Index parts = channel_parts(), width = divide_up(p.channels, parts);
        plan.blocks = {{"groups in turn", groups},
                       {"rows and columns of a tile", kernels.tile},
                       {"tiles", strips * p.tile_cols},
                       {"segments of tiles", segments},
                       {"blocks of tiles in a segment", blocks},
                       {"output channels per panel", kernels.panel},
                       {"input channels per task", width}};
        plan.tasks = a_task_each() ? segments : parts * panels;
        plan.threads = threads_for(plan.tasks, nanoseconds);
        const double tiles = double(strips * p.tile_cols), C = double(p.channels), K = double(p.outputs);
        // Each transform of a tile takes some (m + 2)^2 additions for each row and column that it applies its
        // matrix to.
        const double transform = 2.0 * double(points) * double(kernels.tile + 2);
        plan.executed_flops =
            double(groups) * (2 * double(points) * tiles * C * K + transform * (tiles * (C + K) + C * K));
        // What is shared lies in the calling thread's scratch memory.
        const Index widest = divide_up(divide_up(p.outputs, kernels.lanes), panels) * kernels.lanes;
        const Index sums =
            segments * blocks == 1 ? points * (width * widest + kVector) : segments * points * sums_plane;
        const Index scratch = kernels.workspace(p) + kernels.weights_workspace(std::min(widest, p.outputs));
        plan.workspace_bytes = double(scratch + sums + v_size() + u_size()) * sizeof(T);
    }

  private:
    static WinogradShape winograd_shape(const Conv2dShape& c, Index m) {
        WinogradShape shape{};
        shape.N = c.N;
        shape.channels = c.C;
        shape.H = c.H;
        shape.W = c.W;
        shape.outputs = c.K;
        shape.OH = c.OH;
        shape.OW = c.OW;
        shape.result_image = c.K * c.OH * c.OW;
        shape.result_channel = c.OH * c.OW;
        shape.result_row = c.OW;
        shape.result_col = 1;
        shape.pad_top = c.pad_top;
        shape.pad_left = c.pad_left;
        shape.tile_rows = divide_up(c.OH, m);
        shape.tile_cols = divide_up(c.OW, m);
        return shape;
    }

    // From the shape alone, as the blocks.
    Index choose_segments() const {
        const Index bytes = points * sums_plane * Index(sizeof(T));
        const Index most = std::min(strips, strips * p.tile_cols / kSegmentTiles);
        if (most < kLeastSegments || kLeastSegments * bytes > kMostSegmentsBytes) return 1;
        return std::clamp(std::min(most, kSegmentsBytes / bytes), kLeastSegments, kMostSegments);
    }

    // In each segment, of as many tiles as take a megabyte, or together a few.
    Index choose_blocks() const {
        const Index budget = segments > 1 ? kSegmentBlockBytes : kBlockBytes;
        const Index bytes = points * (p.channels + p.outputs) * Index(sizeof(T));
        const Index most = std::clamp<Index>(budget / bytes, kLeastTiles, kMostTiles);
        const Index rows = divide_up(strips, segments);
        if (rows * p.tile_cols <= most) return 1;
        return divide_up(rows, std::max<Index>(1, most / p.tile_cols));
    }

    // Panel i of the outputs: whole vectors but for the last.
    Range panel(Index i) const {
        const Range vectors = part(i, panels, u_width / kernels.lanes);
        return Range{vectors.begin * kernels.lanes, std::min(vectors.end * kernels.lanes, p.outputs)};
    }
    Index panel_width(Index i) const {
        const Range outputs = panel(i);
        return round_up(outputs.end - outputs.begin, kernels.lanes);
    }

    // The calling thread's scratch memory for any block.
    Index most_tiles() const { return divide_up(divide_up(strips, segments), blocks) * p.tile_cols; }
    Index v_size() const { return points * (most_tiles() * v_width + kVector); }
    Index u_size() const { return points * (most_tiles() * u_width + kVector); }
    Planes<T> planes() const {
        return {{workspace<T>(Slot::transform, std::size_t(v_size())), v_size() / points, v_width},
                workspace<T>(Slot::weight, std::size_t(u_size())),
                u_size() / points};
    }

    // Transforms one panel of dy or, as of i == panels, one vector of channels of x.
    void transform(Range block, Index i, const Planes<T>& to) const {
        T* scratch = workspace<T>(Slot::input, std::size_t(kernels.workspace(p)));
        if (i < panels) {
            const Range outputs = panel(i);
            T* u = to.u + outputs.begin * (block.end - block.begin) * p.tile_cols;
            kernels.gradient(p, dy, block, outputs, {u, to.u_plane, panel_width(i)}, scratch);
        } else {
            const Index c = (i - panels) * kernels.lanes;
            kernels.source(p, x, block, Range{c, std::min(c + kernels.lanes, p.channels)},
                           {to.v.data + c, to.v.plane, to.v.row}, scratch);
        }
    }
    Index transforms() const { return panels + v_width / kernels.lanes; }

    // Products of `channels` and panel k at one point.
    void multiply(const Planes<T>& of, Index xi, Range channels, Index k, Index tiles, T* sums, Index row,
                  bool accumulate) const {
        const Range outputs = panel(k);
        kernels.products(of.v.data + xi * of.v.plane + channels.begin, of.v.row,
                         channels.end - channels.begin, of.u + xi * of.u_plane + outputs.begin * tiles,
                         outputs.end - outputs.begin, tiles, sums, row, accumulate);
    }

    void finish(const WinogradSums<const T>& sums, Range channels, Index k) const {
        const Range outputs = panel(k);
        const Index count = outputs.end - outputs.begin;
        T* scratch = workspace<T>(Slot::output, std::size_t(kernels.weights_workspace(count)));
        const bool finite =
            kernels.weights(sums, channels.end - channels.begin, count,
                            dw + (outputs.begin * p.channels + channels.begin) * 9, p.channels * 9, scratch);
        if (!finite) kernels.repair(conv, {x, dy, dw, 0, outputs, channels, {0, p.N}, {0, p.OH}});
    }

    // Parts of the input channels, whose weights are tasks.
    Index channel_parts() const {
        const Index most = kSumBytes / (points * kernels.panel * Index(sizeof(T)));
        const Index wanted = num_threads() > 1 ? divide_up(num_threads() * kTasksPerThread, panels) : 1;
        return std::max(divide_up(p.channels, std::clamp(most, kLeastChannels, kMostChannels)),
                        std::min(wanted, p.channels / kLeastChannels));
    }

    // Calls run(channels, panel) for blocks of the weights.
    template <class Task>
    void for_each_task(double time, const Task& run) const {
        const Index parts = channel_parts();
        parallel_for(parts * panels, time,
                     [&](Index i) { run(part(i % parts, parts, p.channels), i / parts); });
    }

    void few_tiles() const {
        const Planes<T> tiles = planes();
        transform_together(Range{0, strips}, tiles);
        for_each_task(nanoseconds, [&](Range channels, Index k) {
            const Index width = panel_width(k), plane = (channels.end - channels.begin) * width + kVector;
            T* sums = workspace<T>(Slot::accumulator, std::size_t(points * plane));
            for (Index xi = 0; xi < points; ++xi)
                multiply(tiles, xi, channels, k, strips * p.tile_cols, sums + xi * plane, width, false);
            finish({sums, plane, width, 1, 0}, channels, k);
        });
    }

    void many_tiles() const {
        T* sums = workspace<T>(Slot::extra, std::size_t(segments * points * sums_plane));
        if (a_task_each())
            parallel_for(segments, nanoseconds, [&](Index segment) { add_alone(segment, planes(), sums); });
        else
            for (Index segment = 0; segment < segments; ++segment) add_together(segment, planes(), sums);
        for_each_task(double(segments * points * sums_plane) / 4, [&](Range channels, Index k) {
            const T* first = sums + channels.begin * u_width + panel(k).begin;
            finish({first, sums_plane, u_width, segments, points * sums_plane}, channels, k);
        });
    }

    // Whether segments are tasks; else each block is cut into some.
    bool a_task_each() const { return segments > 1 && segments >= num_threads(); }

    // None is empty: the first block of a segment sets its sums. A segment may have a strip less than others.
    Index blocks_of(Index segment) const {
        const Range mine = part(segment, segments, strips);
        return std::min(blocks, mine.end - mine.begin);
    }
    Range block(Index segment, Index b) const {
        const Range mine = part(segment, segments, strips);
        const Range within = part(b, blocks_of(segment), mine.end - mine.begin);
        return {mine.begin + within.begin, mine.begin + within.end};
    }

    // The segment's sums, by the calling thread.
    void add_alone(Index segment, const Planes<T>& own, T* sums) const {
        for (Index b = 0; b < blocks_of(segment); ++b) {
            for (Index i = 0; i < transforms(); ++i) transform(block(segment, b), i, own);
            for (Index i = 0; i < points * panels; ++i) add_products(segment, b, i, own, sums);
        }
    }

    // The same, by all threads.
    void add_together(Index segment, const Planes<T>& shared, T* sums) const {
        const double time = nanoseconds / double(segments * blocks);
        for (Index b = 0; b < blocks_of(segment); ++b) {
            transform_together(block(segment, b), shared);
            parallel_for(points * panels, time, [&](Index i) { add_products(segment, b, i, shared, sums); });
        }
    }

    // Of block b of the segment, of one panel at one point.
    void add_products(Index segment, Index b, Index i, const Planes<T>& of, T* sums) const {
        const Index xi = i / panels, k = i % panels;
        const Range strips_of = block(segment, b);
        multiply(of, xi, Range{0, p.channels}, k, (strips_of.end - strips_of.begin) * p.tile_cols,
                 sums + (segment * points + xi) * sums_plane + panel(k).begin, u_width, b > 0);
    }

    void transform_together(Range block, const Planes<T>& to) const {
        parallel_for(transforms(), nanoseconds / 8 / double(segments * blocks),
                     [&](Index i) { transform(block, i, to); });
    }

    const Conv2dShape conv;
    const WinogradShape p;
    const WinogradWeightKernels<T>& kernels;
    const Images<const T> x, dy;
    T* const dw;
    const double nanoseconds;
    const Index points, strips, panels;
    const Index v_width, u_width;  // channels and outputs, in whole vectors
    const Index sums_plane;        // one point of all weights
    const Index segments, blocks;  // blocks in each segment
};

}  // namespace

namespace {

// Cycles for one input channel and a vector of output channels, as measured; the order of magnitude of each
// term follows from the counts of multiply-adds, loads and stores.
double direct_cost(const Conv2dShape& p) {
    const auto taps = [](Index size, Index outputs,
                         Index pad) {  // that lie inside the image, over all outputs
        Index count = 0;
        for (Index tap = 0; tap < 3; ++tap)
            count += std::max<Index>(0, std::min(outputs, size + pad - tap) - std::max<Index>(0, pad - tap));
        return double(count);
    };
    return 0.53 * double(p.N) * taps(p.H, p.OH, p.pad_top) * taps(p.W, p.OW, p.pad_left) + 36;
}
double winograd_cost(const Conv2dShape& p, Index m) {
    const double tiles = double(p.N * divide_up(p.OH, m) * divide_up(p.OW, m));
    const double C = double(p.C / p.groups), K = double(p.K / p.groups);
    return m == 2 ? tiles * (8 + 70 / K + 50 / C) + 110 : tiles * (18 + 160 / K + 110 / C) + 230;
}

// What a last vector of output channels that is not full costs; direct has a way around the worst of it.
double waste(const Conv2dShape& p) {
    const Index K = p.K / p.groups;
    return std::max(1.0, double(divide_up(K, kVector) * kVector) / double(K) / 1.4);
}

}  // namespace

bool suits(const Conv2dShape& p, Index m) {
    if (p.R != 3 || p.S != 3 || p.stride_h != 1 || p.stride_w != 1 || p.dilation_h != 1 ||
        p.dilation_w != 1 || p.C / p.groups < 16 || p.K / p.groups < 16)
        return false;
    // The smaller tiles round less: they stand back only where there is something to gain.
    if (m > 2 && 1.1 * winograd_cost(p, m) > winograd_cost(p, 2)) return false;
    return 1.05 * waste(p) * winograd_cost(p, m) < direct_cost(p);
}

namespace {

Conv2dShape group_shape(Conv2dShape p) {
    p.C /= p.groups;
    p.K /= p.groups;
    p.groups = 1;
    return p;
}

}  // namespace

template <class T>
void backward_weight(const Conv2dShape& p, const WinogradWeightKernels<T>& kernels, const Images<const T>& x,
                     const Images<const T>& dy, T* dw, double nanoseconds) {
    const Conv2dShape group = group_shape(p);
    for (Index g = 0; g < p.groups; ++g) {
        Images<const T> x_group = x, dy_group = dy;
        x_group.data += g * group.C * x.stride_c;
        dy_group.data += g * group.K * dy.stride_c;
        Run<T>(group, kernels, x_group, dy_group, dw + g * group.K * group.C * 9,
               nanoseconds / double(p.groups))();
    }
}

template <class T>
void describe_backward_weight(const Conv2dShape& p, const WinogradWeightKernels<T>& kernels,
                              double nanoseconds, Plan& plan) {
    Run<T>(group_shape(p), kernels, {}, {}, nullptr, nanoseconds / double(p.groups)).describe(p.groups, plan);
}

#define INSTANTIATE(T)                                                                                     \
    template void backward_weight<T>(const Conv2dShape&, const WinogradWeightKernels<T>&,                  \
                                     const Images<const T>&, const Images<const T>&, T*, double);          \
    template void describe_backward_weight<T>(const Conv2dShape&, const WinogradWeightKernels<T>&, double, \
                                              Plan&);
INSTANTIATE(float)
INSTANTIATE(double)

}  // namespace rushlight::winograd_weight
