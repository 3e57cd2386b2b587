// Winograd convolution: phases and blocks.
//
// Transformed tiles and transformed weights meet in three ways (conv2d_winograd_cut.hpp chooses):
// - own: a task transforms a block of tiles and, some outputs at a time, the weights, and nothing is shared:
//   for few tiles, of which there are one or two blocks, so that weights are transformed once or twice.
// - shared weights: all of them are transformed first, then each task transforms a block of tiles.
// - shared tiles: all of them are transformed first, then each task transforms some outputs' weights.
// Neither the choice nor the blocks decide a bit: a tile is computed alike wherever it lies.
#include "ops/conv2d_winograd.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>

#include "core/parallel.hpp"
#include "core/workspace.hpp"
#include "ops/conv2d_winograd_cut.hpp"
#include "ops/parts.hpp"

namespace rushlight::winograd {

using kernels::Conv2dKernels;
using kernels::Images;
using kernels::WinogradBlock;
using kernels::WinogradKernels;

namespace {

constexpr std::size_t kAlignment = 64;

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

// Whose transformed tiles a thread's workspace holds. A block whose outputs are several tasks is transformed
// by every thread that takes one of them, once.
struct Held {
    std::uint64_t run = 0;  // 0: nobody's
    Index block = 0;
};
thread_local Held held;

std::uint64_t next_run() {
    static std::atomic<std::uint64_t> runs{0};
    return runs.fetch_add(1, std::memory_order_relaxed) + 1;
}

// The view of one group's channels.
template <class T>
Images<const T> view_of(const Images<const T>& x, Index channel, const View& h, const View& w,
                        const Conv2dShape& p) {
    return {x.data + channel * x.stride_c + h.source * x.stride_h + w.source * x.stride_w, x.stride_n,
            x.stride_c, x.stride_h * p.dilation_h, x.stride_w * p.dilation_w};
}

// Transformed weights, plane between planes; data null: not made yet.
template <class T>
struct Transformed {
    const T* data;
    Index plane;
};

template <class T>
Index whole_panels(const WinogradKernels<T>& kernels, Index outputs) {
    return divide_up(outputs, kernels.panel) * kernels.panel;
}

// What one convolution of one group reads and writes.
template <class T>
struct Operands {
    Images<const T> source;
    const T* w;
    Transformed<T> prepared;  // of w, where weights stay put
    const T* b;
    T* y;
};

// All of w (K, C, 3, 3).
template <class T>
void transform_weights(const WinogradKernels<T>& kernels, const T* w, Index K, Index C, bool backward, T* u,
                       Index plane) {
    const Index outputs = backward ? C : K, channels = backward ? K : C;
    parallel_for(divide_up(outputs, kOutputsPerTask), double(K) * double(C) * 2, [&](Index i) {
        const Range range{i * kOutputsPerTask, std::min((i + 1) * kOutputsPerTask, outputs)};
        kernels.weights(w, C, range, {0, channels}, backward, u + range.begin * channels, plane);
    });
}

// One undilated convolution of one group. `repair(n, rows, outputs)` replaces results that are not finite.
template <class T, class Repair>
class Run {
  public:
    Run(const WinogradShape& shape, const WinogradKernels<T>& kernels, const Operands<T>& operands,
        double nanoseconds, const Repair& repair)
        : p(shape),
          kernels(kernels),
          o(operands),
          nanoseconds(nanoseconds),
          repair(repair),
          K(p.backward ? p.channels : p.outputs),
          C(p.backward ? p.outputs : p.channels),
          points((kernels.tile + 2) * (kernels.tile + 2)),
          cut(make_cut(p, points * Index(sizeof(T)), kernels.sum, nanoseconds)) {}

    void operator()() const {
        switch (cut.way) {
            case Way::own:
                return own();
            case Way::shared_weights:
                return shared_weights();
            case Way::shared_tiles:
                return shared_tiles();
        }
    }

  private:
    void own() const {
        const std::uint64_t run = next_run();
        parallel_for(cut.blocks * cut.parts, nanoseconds, [&](Index task) {
            const Index number = task / cut.parts;
            const Range block = strips_of(p, cut, number);
            T* v = workspace<T>(Slot::transform, std::size_t(points * cut.v_plane));
            if (held.run != run || held.block != number) {
                transform_input(block, Range{0, p.channels}, {v, cut.tiles, cut.v_plane});
                held = {run, number};
            }
            const Index steps = divide_up(p.outputs, kOutputsPerTask);
            const Range some = part(task % cut.parts, cut.parts, steps);
            for (Index step = some.begin; step < some.end; ++step)
                transform_and_multiply({v, cut.tiles, cut.v_plane}, block, step);
        });
    }

    void shared_weights() const {
        if (o.prepared.data) return shared_weights(o.prepared);
        const Shared<T> u(points * cut.u_plane);
        transform_weights(kernels, o.w, K, C, p.backward, u.get(), cut.u_plane);
        shared_weights({u.get(), cut.u_plane});
    }

    void shared_weights(const Transformed<T>& u) const {
        parallel_for(cut.blocks, nanoseconds, [&](Index i) {
            const Range block = strips_of(p, cut, i);
            T* v = workspace<T>(Slot::transform, std::size_t(points * cut.v_plane));
            transform_input(block, Range{0, p.channels}, {v, cut.tiles, cut.v_plane});
            for (Index k = 0; k < p.outputs; k += kOutputsPerBlock)
                multiply(from_output(u, k), {v, cut.tiles, cut.v_plane}, block,
                         Range{k, std::min(k + kOutputsPerBlock, p.outputs)});
        });
    }

    void shared_tiles() const {
        const Shared<T> v(points * cut.v_plane);
        const Range all{0, count_strips(p)};
        const Index parts = divide_up(p.channels, kChannelsPerTask);
        parallel_for(parts, nanoseconds / 8, [&](Index i) {
            transform_input(all, part(i, parts, p.channels), {v.get(), cut.tiles, cut.v_plane});
        });
        parallel_for(cut.parts, nanoseconds, [&](Index step) {
            transform_and_multiply({v.get(), cut.tiles, cut.v_plane}, all, step);
        });
    }

    // Outputs of one step, whose weights never leave the second-level cache.
    void transform_and_multiply(const WinogradBlock<const T>& v, Range block, Index step) const {
        const Range outputs{step * kOutputsPerTask, std::min((step + 1) * kOutputsPerTask, p.outputs)};
        if (o.prepared.data) return multiply(from_output(o.prepared, outputs.begin), v, block, outputs);
        T* u = workspace<T>(Slot::weight, std::size_t(points * cut.u_plane));
        for (Index c = 0; c < p.channels; c += kernels.sum) {
            const Range channels{c, std::min(c + kernels.sum, p.channels)};
            kernels.weights(o.w, C, outputs, channels, p.backward, u, cut.u_plane);
            add_products({u, cut.u_plane}, v, block, outputs, channels);
        }
        finish(block, outputs);
    }

    void multiply(const Transformed<T>& u, const WinogradBlock<const T>& v, Range block,
                  Range outputs) const {
        add_products(u, v, block, outputs, Range{0, p.channels});
        finish(block, outputs);
    }

    // The panels from `output` on, the first of one.
    Transformed<T> from_output(Transformed<T> u, Index output) const {
        u.data += output * p.channels;
        return u;
    }

    void transform_input(Range block, Range channels, const WinogradBlock<T>& v) const {
        const Index scratch = kernels.input_workspace(p, block.end - block.begin);
        kernels.input(p, o.source, block, channels, v, workspace<T>(Slot::input, std::size_t(scratch)));
    }

    T* products(Range block, Range outputs) const {
        const Index scratch = kernels.output_workspace(outputs.end - outputs.begin, tiles_of(block));
        return workspace<T>(Slot::output, std::size_t(scratch));
    }
    Index tiles_of(Range block) const { return (block.end - block.begin) * p.tile_cols; }

    void add_products(const Transformed<T>& u, const WinogradBlock<const T>& v, Range block, Range outputs,
                      Range channels) const {
        kernels.products(u.data, u.plane, v, outputs.end - outputs.begin, channels, tiles_of(block),
                         products(block, outputs));
    }

    // From all products to results.
    void finish(Range block, Range outputs) const {
        kernels.output(p, block, outputs, o.b, o.y, products(block, outputs));
        for (Index s = block.begin; s < block.end;) {  // image by image
            const Index n = s / p.tile_rows, row = s % p.tile_rows,
                        last = std::min(p.tile_rows, row + block.end - s);
            repair(n, Range{row * kernels.tile, std::min(last * kernels.tile, p.OH)}, outputs);
            s += last - row;
        }
    }

    const WinogradShape p;
    const WinogradKernels<T>& kernels;
    const Operands<T> o;
    double nanoseconds;
    const Repair& repair;
    const Index K, C;  // of w
    const Index points;
    const Cut cut;
};

// All groups and dilation phases of one direction. repair(g)(n, rows, outputs) replaces results of group g
// that are not finite.
template <class T, class Repair>
void run(const Conv2dShape& p, const Side& from, const Side& to, Index pad_h, Index pad_w, bool backward,
         const WinogradKernels<T>& kernels, const Operands<T>& all, double nanoseconds,
         const Repair& repair) {
    const Index Cg = from.channels / p.groups, Kg = to.channels / p.groups;
    const bool dilated = p.dilation_h * p.dilation_w > 1;
    const double share = nanoseconds / double(p.groups * p.dilation_h * p.dilation_w);
    for (Index g = 0; g < p.groups; ++g) {
        const auto repair_block = [&](Index n, Range rows, Range outputs) {
            if (!dilated) repair(g, n, rows, outputs);
        };
        for (Index a = 0; a < std::min(p.dilation_h, to.H); ++a)
            for (Index c = 0; c < std::min(p.dilation_w, to.W); ++c) {
                const View vh = make_view(a, pad_h, p.dilation_h, from.H, to.H);
                const View vw = make_view(c, pad_w, p.dilation_w, from.W, to.W);
                WinogradShape shape = view_shape(p, from, to, vh, vw, kernels.tile);
                shape.backward = backward;
                Operands<T> o = all;
                o.source = view_of(all.source, g * Cg, vh, vw, p);
                o.w += g * Kg * Cg * 9;
                if (o.prepared.data) o.prepared.data += g * whole_panels(kernels, Kg) * Cg;
                if (o.b) o.b += g * Kg;
                o.y += g * Kg * to.H * to.W + a * to.W + c;
                Run<T, decltype(repair_block)>(shape, kernels, o, share, repair_block)();
            }
        if (dilated)
            parallel_for(p.N * Kg, share / 8,
                         [&](Index i) { repair(g, i / Kg, Range{0, to.H}, Range{i % Kg, i % Kg + 1}); });
    }
}

}  // namespace

bool suits(const Conv2dShape& p, Index m, Index least_tiles) {
    // Tiles of one image, not of the batch: a batch and its slices must take the same way. Every dilation
    // phase transforms the weights anew, so it should have more tiles to spend them on.
    const Index tiles = divide_up(p.OH / p.dilation_h, m) * divide_up(p.OW / p.dilation_w, m);
    if (tiles < least_tiles * (p.dilation_h > 1 || p.dilation_w > 1 ? 6 : 1)) return false;
    return p.R == 3 && p.S == 3 && p.stride_h == 1 && p.stride_w == 1 && p.C / p.groups >= 16 &&
           p.K / p.groups >= 16;
}

template <class T>
void forward(const Conv2dShape& p, const WinogradKernels<T>& kernels, const Conv2dKernels<T>& direct,
             const Images<const T>& x, const Weights<T>& w, const T* b, T* y, double nanoseconds) {
    const auto repair = [&](Index g, Index n, Range rows, Range outputs) {
        direct.repair_forward(p, {x, w.data, b, y, n, {g, g + 1}, outputs, rows, {0, p.OW}, true});
    };
    Operands<T> operands{x, w.data, {}, b, y};
    std::shared_ptr<const void> prepared;
    if (w.prepared) {
        const Index K = p.K / p.groups, C = p.C / p.groups, group = whole_panels(kernels, K) * C;
        const Index points = (kernels.tile + 2) * (kernels.tile + 2), plane = p.groups * group + kVector;
        prepared = w.prepared->form(&kernels, std::size_t(points * plane) * sizeof(T), [&](void* u) {
            for (Index g = 0; g < p.groups; ++g)
                transform_weights(kernels, w.data + g * K * C * 9, K, C, false,
                                  static_cast<T*>(u) + g * group, plane);
        });
        operands.prepared = {static_cast<const T*>(prepared.get()), plane};
    }
    run(p, {p.C, p.H, p.W}, {p.K, p.OH, p.OW}, p.pad_top, p.pad_left, false, kernels, operands, nanoseconds,
        repair);
}

// dx is the convolution of dy with the kernel turned by 180 degrees, padded so that sizes come out.
template <class T>
void backward_input(const Conv2dShape& p, const WinogradKernels<T>& kernels, const Conv2dKernels<T>& direct,
                    const Images<const T>& dy, const T* w, const T* b, T* dx, double nanoseconds) {
    const auto repair = [&](Index g, Index n, Range rows, Range outputs) {
        direct.repair_backward_input(p, {dy, w, b, dx, n, {g, g + 1}, outputs, rows, {0, p.W}, true});
    };
    run(p, {p.K, p.OH, p.OW}, {p.C, p.H, p.W}, 2 * p.dilation_h - p.pad_top, 2 * p.dilation_w - p.pad_left,
        true, kernels, Operands<T>{dy, w, {}, b, dx}, nanoseconds, repair);
}

#define INSTANTIATE(T)                                                                                      \
    template void forward<T>(const Conv2dShape&, const WinogradKernels<T>&, const Conv2dKernels<T>&,        \
                             const Images<const T>&, const Weights<T>&, const T*, T*, double);              \
    template void backward_input<T>(const Conv2dShape&, const WinogradKernels<T>&, const Conv2dKernels<T>&, \
                                    const Images<const T>&, const T*, const T*, T*, double);
INSTANTIATE(float)
INSTANTIATE(double)

}  // namespace rushlight::winograd
