// Winograd convolution: phases and blocks.
//
// Many tiles: all weights are transformed first (shared), then each task transforms a block of tiles and
// multiplies it with all of them. Few tiles: all tiles are transformed first (shared), then each task
// transforms some outputs' weights and multiplies; those never leave the second-level cache. Neither the
// choice nor the blocks decide a bit: a tile is computed alike wherever it lies.
#include "ops/conv2d_winograd.hpp"

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <new>

#include "core/parallel.hpp"
#include "core/workspace.hpp"

namespace rushlight::winograd {

using kernels::Conv2dKernels;
using kernels::Conv2dShape;
using kernels::Images;
using kernels::Range;
using kernels::WinogradBlock;
using kernels::WinogradKernels;
using kernels::WinogradShape;

namespace {

Index divide_up(Index a, Index b) {
    return (a + b - 1) / b;
}
Range part(Index i, Index parts, Index count) {
    return Range{count * i / parts, count * (i + 1) / parts};
}

// Outputs whose products wait for the inverse transform in the second-level cache.
constexpr Index kOutputsPerBlock = 32;
// Few tiles: outputs whose transformed weights stay there.
constexpr Index kOutputsPerTask = 16;
constexpr Index kTilesPerBlock = 112;
constexpr Index kFewTiles = 400;
constexpr Index kRowsPerTask = 16;
// At least any ISA's lanes: planes are whole vectors, and a little apart (4 KiB aliasing).
constexpr Index kVector = 16;
constexpr std::size_t kAlignment = 64;

// The shapes are those of one group.
WinogradShape forward_shape(const Conv2dShape& p, Index m) {
    WinogradShape shape{};
    shape.N = p.N;
    shape.channels = p.C / p.groups;
    shape.H = p.H;
    shape.W = p.W;
    shape.outputs = p.K / p.groups;
    shape.OH = p.OH;
    shape.OW = p.OW;
    shape.result_image = p.K * p.OH * p.OW;
    shape.pad_top = p.pad_top;
    shape.pad_left = p.pad_left;
    shape.tile_rows = divide_up(p.OH, m);
    shape.tile_cols = divide_up(p.OW, m);
    return shape;
}

// dx is the convolution of dy with the kernel turned by 180 degrees, padded so that sizes come out.
WinogradShape backward_shape(const Conv2dShape& p, Index m) {
    WinogradShape shape{};
    shape.N = p.N;
    shape.channels = p.K / p.groups;
    shape.H = p.OH;
    shape.W = p.OW;
    shape.outputs = p.C / p.groups;
    shape.OH = p.H;
    shape.OW = p.W;
    shape.result_image = p.C * p.H * p.W;
    shape.pad_top = 2 - p.pad_top;
    shape.pad_left = 2 - p.pad_left;
    shape.tile_rows = divide_up(p.H, m);
    shape.tile_cols = divide_up(p.W, m);
    shape.backward = true;
    return shape;
}

// Shared scratch memory of one call.
template <class T>
class Shared {
  public:
    explicit Shared(Index count) {
        const std::size_t bytes = (std::size_t(count) * sizeof(T) + kAlignment - 1) / kAlignment * kAlignment;
        memory_.reset(static_cast<T*>(std::aligned_alloc(kAlignment, bytes)));
        if (!memory_) throw std::bad_alloc();
    }
    T* get() const { return memory_.get(); }

  private:
    struct Free {
        void operator()(T* memory) const { std::free(memory); }
    };
    std::unique_ptr<T[], Free> memory_;
};

template <class T>
Images<const T> channels_from(Images<const T> images, Index channel) {
    images.data += channel * images.stride_c;
    return images;
}

// One problem in one direction. `repair(n, rows, outputs)` replaces results that are not finite.
template <class T, class Repair>
class Run {
  public:
    Run(const WinogradShape& shape, const WinogradKernels<T>& kernels, const Images<const T>& source,
        const T* w, const T* b, T* y, double nanoseconds, const Repair& repair)
        : p(shape),
          kernels(kernels),
          source(source),
          w(w),
          b(b),
          y(y),
          nanoseconds(nanoseconds),
          repair(repair),
          points((kernels.tile + 2) * (kernels.tile + 2)),
          strips(p.N * p.tile_rows) {}

    void operator()() const {
        if (strips * p.tile_cols <= kFewTiles)
            few_tiles();
        else
            many_tiles();
    }

  private:
    // How transformed weights lie: u[xi * plane + output * row + channel * column], output counted within a
    // block.
    struct Weights {
        const T* data;
        Index plane, row, column;
    };

    Index plane_tiles(Index block_strips) const {
        return divide_up(block_strips * p.tile_cols, kVector) * kVector;
    }

    // As many blocks for every thread, where they are few; never more than strips.
    Index balanced(Index blocks) const {
        const Index threads = threads_for(blocks, nanoseconds);
        return blocks < 8 * threads ? std::min(strips, divide_up(blocks, threads) * threads) : blocks;
    }

    // The transform's rows are the K of w, its neighbours the C of w, in either direction.
    void many_tiles() const {
        const Index K = p.backward ? p.channels : p.outputs, C = p.backward ? p.outputs : p.channels;
        const Index u_plane = K * C + kVector;
        const Shared<T> u(points * u_plane);
        const Index parts = divide_up(K, kRowsPerTask);
        parallel_for(parts, double(K) * double(C) * 2, [&](Index i) {
            const Range rows = part(i, parts, K);
            kernels.weights(w, C, rows, Range{0, C}, p.backward, u.get() + rows.begin * C, u_plane, C);
        });

        const Index row = p.backward ? 1 : C, column = p.backward ? C : 1;
        const Index blocks = balanced(divide_up(strips, std::max<Index>(1, kTilesPerBlock / p.tile_cols)));
        const Index tiles = plane_tiles(divide_up(strips, blocks)), v_plane = p.channels * tiles + kVector;
        parallel_for(blocks, nanoseconds, [&](Index i) {
            const Range block = part(i, blocks, strips);
            T* v = workspace<T>(Slot::transform, std::size_t(points * v_plane));
            transform_input(block, Range{0, p.channels}, {v, tiles, v_plane});
            for (Index k = 0; k < p.outputs; k += kOutputsPerBlock)
                multiply({u.get() + k * row, u_plane, row, column}, {v, tiles, v_plane}, block,
                         Range{k, std::min(k + kOutputsPerBlock, p.outputs)});
        });
    }

    void few_tiles() const {
        const Index tiles = plane_tiles(strips), v_plane = p.channels * tiles + kVector;
        const Shared<T> v(points * v_plane);
        const Range all{0, strips};
        const Index parts = divide_up(p.channels, kRowsPerTask);
        parallel_for(parts, nanoseconds / 8, [&](Index i) {
            transform_input(all, part(i, parts, p.channels), {v.get(), tiles, v_plane});
        });

        const Index tasks = divide_up(p.outputs, kOutputsPerTask),
                    u_plane = kOutputsPerTask * p.channels + kVector;
        parallel_for(tasks, nanoseconds, [&](Index task) {
            const Range outputs{task * kOutputsPerTask, std::min((task + 1) * kOutputsPerTask, p.outputs)},
                all_channels{0, p.channels};
            const Index count = outputs.end - outputs.begin;
            T* u = workspace<T>(Slot::weight, std::size_t(points * u_plane));
            if (p.backward)
                kernels.weights(w, p.outputs, all_channels, outputs, true, u, u_plane, count);
            else
                kernels.weights(w, p.channels, outputs, all_channels, false, u, u_plane, p.channels);
            multiply({u, u_plane, p.backward ? 1 : p.channels, p.backward ? count : 1},
                     {v.get(), tiles, v_plane}, all, outputs);
        });
    }

    void transform_input(Range block, Range channels, const WinogradBlock<T>& v) const {
        const Index scratch = kernels.input_workspace(p, block.end - block.begin);
        kernels.input(p, source, block, channels, v, workspace<T>(Slot::input, std::size_t(scratch)));
    }

    void multiply(const Weights& u, const WinogradBlock<const T>& v, Range block, Range outputs) const {
        const Index scratch = kernels.output_workspace(p, outputs.end - outputs.begin, v.tiles);
        kernels.output(p, u.data, u.plane, u.row, u.column, v, block, outputs, b, y,
                       workspace<T>(Slot::output, std::size_t(scratch)));
        for (Index s = block.begin; s < block.end;) {  // image by image
            const Index n = s / p.tile_rows, row = s % p.tile_rows,
                        last = std::min(p.tile_rows, row + block.end - s);
            repair(n, Range{row * kernels.tile, std::min(last * kernels.tile, p.OH)}, outputs);
            s += last - row;
        }
    }

    const WinogradShape p;
    const WinogradKernels<T>& kernels;
    const Images<const T> source;
    const T* w;
    const T* b;
    T* y;
    double nanoseconds;
    const Repair& repair;
    Index points, strips;
};

}  // namespace

bool suits(const Conv2dShape& p, Index m, Index least_tiles) {
    // Tiles of one image, not of the batch: a batch and its slices must take the same way.
    if (divide_up(p.OH, m) * divide_up(p.OW, m) < least_tiles) return false;
    return p.R == 3 && p.S == 3 && p.stride_h == 1 && p.stride_w == 1 && p.dilation_h == 1 &&
           p.dilation_w == 1 && p.C / p.groups >= 16 && p.K / p.groups >= 16;
}

template <class T>
void forward(const Conv2dShape& p, const WinogradKernels<T>& kernels, const Conv2dKernels<T>& direct,
             const Images<const T>& x, const T* w, const T* b, T* y, double nanoseconds) {
    const WinogradShape shape = forward_shape(p, kernels.tile);
    for (Index g = 0; g < p.groups; ++g) {
        const auto repair = [&](Index n, Range rows, Range outputs) {
            direct.repair_forward(p, {x, w, b, y, n, {g, g + 1}, outputs, rows, {0, p.OW}, true});
        };
        const Index k = g * shape.outputs;
        Run<T, decltype(repair)>(shape, kernels, channels_from(x, g * shape.channels),
                                 w + k * shape.channels * 9, b ? b + k : nullptr, y + k * p.OH * p.OW,
                                 nanoseconds / double(p.groups), repair)();
    }
}

template <class T>
void backward_input(const Conv2dShape& p, const WinogradKernels<T>& kernels, const Conv2dKernels<T>& direct,
                    const Images<const T>& dy, const T* w, T* dx, double nanoseconds) {
    const WinogradShape shape = backward_shape(p, kernels.tile);
    for (Index g = 0; g < p.groups; ++g) {
        const auto repair = [&](Index n, Range rows, Range outputs) {
            direct.repair_backward_input(p, {dy, w, dx, n, {g, g + 1}, outputs, rows, {0, p.W}, true});
        };
        const Index k = g * shape.channels;
        Run<T, decltype(repair)>(shape, kernels, channels_from(dy, k), w + k * shape.outputs * 9, nullptr,
                                 dx + g * shape.outputs * p.H * p.W, nanoseconds / double(p.groups),
                                 repair)();
    }
}

#define INSTANTIATE(T)                                                                                      \
    template void forward<T>(const Conv2dShape&, const WinogradKernels<T>&, const Conv2dKernels<T>&,        \
                             const Images<const T>&, const T*, const T*, T*, double);                       \
    template void backward_input<T>(const Conv2dShape&, const WinogradKernels<T>&, const Conv2dKernels<T>&, \
                                    const Images<const T>&, const T*, T*, double);
INSTANTIATE(float)
INSTANTIATE(double)

}  // namespace rushlight::winograd
