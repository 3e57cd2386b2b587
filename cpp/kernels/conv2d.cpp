// Direct convolution of one tile: forward, and the gradient for the input beside it.
//
// Both directions are the same two steps, copy a tile of the source (conv2d_tile.hpp), sweep the taps over it
// (conv2d_sweep.hpp); they differ in which taps there are. The weight gradient, a sum over pixels instead of
// over taps, is in conv2d_weight.cpp.
#include "conv2d_channels.hpp"
#include "conv2d_phases.hpp"
#include "conv2d_sweep.hpp"
#include "conv2d_tile.hpp"
#include "definition.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {

void add_conv2d(KernelTable& table) noexcept;

namespace {

// Scratch memory of one block: the tap table, then the tile. Counted in elements of T.
template <class T>
inline Index tap_elements(Index taps) {
    return round_up(taps * Index(sizeof(Tap)), 64) / Index(sizeof(T));
}
// For tiles of at most these outputs.
template <class T>
inline Index tile_elements(const Axis& h, const Axis& w, Index channels) {
    return channels * most_elements(make_layout(h, w, lanes<T>), lanes<T>) + sweep_overread<T>;
}

// ---------------------------------------------------------------- forward

inline Axis forward_rows(const Conv2dShape& p, Index oh, Index count) {
    return make_axis(0, 1, p.R, oh * p.stride_h - p.pad_top, p.stride_h, p.dilation_h, count);
}
inline Axis forward_cols(const Conv2dShape& p, Index ow, Index count) {
    return make_axis(0, 1, p.S, ow * p.stride_w - p.pad_left, p.stride_w, p.dilation_w, count);
}

inline bool is_point(const Conv2dShape& p) {
    return p.R == 1 && p.S == 1 && p.stride_h == 1 && p.stride_w == 1 && p.OH == p.H && p.OW == p.W &&
           p.pad_top == 0 && p.pad_left == 0;
}

template <class T>
Index forward_workspace(const Conv2dShape& p, const Conv2dBlocking& blocking) noexcept {
    const Index taps = blocking.reduction * p.R * p.S;
    return tap_elements<T>(taps) + channel_sweep_elements<T>(taps, blocking.rows * blocking.cols) +
           tile_elements<T>(forward_rows(p, 0, blocking.rows), forward_cols(p, 0, blocking.cols),
                            blocking.reduction);
}

// 0 * x is 0 for finite x, else NaN, and NaN survives every sum.
template <class T>
bool all_finite(const T* values, Index count) noexcept {
    Vec<T> sums[4] = {};
    Index i = 0;
    for (; i + 4 * lanes<T> <= count; i += 4 * lanes<T>)
        RUSHLIGHT_UNROLL for (Index v = 0; v < 4; ++v) sums[v] += load(values + i + v * lanes<T>) * T(0);
    for (; i + lanes<T> <= count; i += lanes<T>) sums[0] += load(values + i) * T(0);
    if (i < count) sums[0] += load_lanes(values + i, 0, count - i) * T(0);
    sums[0] += sums[1] + (sums[2] + sums[3]);
    T sum = T(0);
    RUSHLIGHT_UNROLL for (Index lane = 0; lane < lanes<T>; ++lane) sum += sums[0][lane];
    return !is_nan(sum);
}

template <class T>
bool all_finite(const T* plane, Index W, Range rows, Range cols) {
    const Index width = cols.end - cols.begin;
    if (width == W) return all_finite(plane + rows.begin * W, (rows.end - rows.begin) * W);
    for (Index i = rows.begin; i < rows.end; ++i)
        if (!all_finite(plane + i * W + cols.begin, width)) return false;
    return true;
}

// NOTE [ NaN and padding ]
// The tile holds zeros where the definition has no tap at all. A zero times a finite weight changes nothing,
// but times an infinite or NaN weight it is NaN. So outputs that came out NaN are computed again by the
// definition. Real NaNs come out NaN again, and cheaply, because the definition stops at the first one.
// Algorithms that add and subtract pixels (Winograd) also turn infinities into NaNs and overflow earlier:
// they have every output repaired that is not finite, and so have direct's footprint.
template <class T>
void repair_forward(const Conv2dShape& p, const Conv2dForward<T>& tile, Index block) noexcept {
    const Index Kg = p.K / p.groups;
    for (Index g = tile.groups.begin; g < tile.groups.end; ++g)
        for (Index k = g * Kg + tile.channels.begin; k < g * Kg + tile.channels.end; ++k) {
            T* plane = tile.y + (tile.n * p.K + k) * p.OH * p.OW;
            if (all_finite(plane, p.OW, tile.rows, tile.cols)) continue;
            for (Index oh = tile.rows.begin; oh < tile.rows.end; ++oh)
                for (Index ow = tile.cols.begin; ow < tile.cols.end; ++ow) {
                    T& y = plane[oh * p.OW + ow];
                    if (is_nan(y * T(0)))
                        y = conv2d_output_at(p, tile.x, tile.w, tile.b, tile.n, k, oh, ow, block);
                }
        }
}

// Elements from one vector of prepared channels to the next.
template <class T>
inline Index prepared_vector(const Conv2dShape& p) {
    return packed_taps<T>(p.C / p.groups * p.R * p.S) * lanes<T>;
}

// What is known of a sweep before its operands are.
template <class T>
ChannelSweep<T> forward_sweep(const Conv2dShape& p, const Conv2dBlocking& blocking, const TileLayout& layout,
                              Index channels, bool prepared) {
    const Index Cg = p.C / p.groups;
    ChannelSweep<T> c{
        {}, WeightOrder::taps, layout.h, layout.w, p.H, p.W, {nullptr, prepared ? prepared_vector<T>(p) : 0}};
    Sweep<T>& s = c.sweep;
    s.w_channel = Cg * p.R * p.S;
    s.pitch = layout.pitch;
    s.tap_count = min_of(Cg, blocking.reduction) * p.R * p.S;
    s.y_channel = p.OH * p.OW;
    s.y_row = p.OW;
    s.y_col = 1;
    s.channels = channels;
    s.rows = layout.h.outputs;
    s.cols = layout.w.outputs;
    return c;
}

// Groups share no vector, so that the same weights may be used with any number of groups.
template <class T>
Index forward_weights_size(const Conv2dShape& p, const Conv2dBlocking& blocking) noexcept {
    const Index Kg = p.K / p.groups;
    if (p.groups > 1 && Kg % lanes<T> > 0) return 0;
    const TileLayout layout =
        make_layout(forward_rows(p, 0, blocking.rows), forward_cols(p, 0, blocking.cols), lanes<T>);
    if (!suits_channels(forward_sweep<T>(p, blocking, layout, Kg, true))) return 0;
    return (p.K + lanes<T> - 1) / lanes<T> * prepared_vector<T>(p);
}

template <class T>
void forward_weights(const Conv2dShape& p, const T* w, T* prepared) noexcept {
    const Index taps = p.C / p.groups * p.R * p.S;
    for (Index k = 0; k < p.K; k += lanes<T>, prepared += prepared_vector<T>(p))
        pack_weights(w + k * taps, taps, min_of(lanes<T>, p.K - k), taps, prepared);
}

template <class T>
void forward(const Conv2dShape& p, const Conv2dBlocking& blocking, const Conv2dForward<T>& tile,
             T* workspace) noexcept {
    const Index Cg = p.C / p.groups, Kg = p.K / p.groups;
    const Index rows = tile.rows.end - tile.rows.begin, cols = tile.cols.end - tile.cols.begin;
    TileLayout layout =
        make_layout(forward_rows(p, tile.rows.begin, rows), forward_cols(p, tile.cols.begin, cols), lanes<T>);
    Tap* taps = reinterpret_cast<Tap*>(workspace);
    T* packed_weights = workspace + tap_elements<T>(blocking.reduction * p.R * p.S);
    T* pixels = packed_weights +
                channel_sweep_elements<T>(blocking.reduction * p.R * p.S, blocking.rows * blocking.cols);

    ChannelSweep<T> c = forward_sweep<T>(p, blocking, layout, tile.channels.end - tile.channels.begin,
                                         tile.prepared != nullptr);
    Sweep<T>& s = c.sweep;
    s.taps = taps;
    const bool by_channels = suits_channels(c);

    // Where no tap meets padding and neighbours read neighbours, channels in the lanes need no tile: the
    // image is one. So it is for pixels in the lanes and a 1 x 1 kernel, unless the sweep would read past its
    // end.
    const Images<const T>& x = tile.x;
    const Range h = read_range(layout.h, rows), w = read_range(layout.w, cols);
    const bool inside =
        h.begin >= 0 && h.end <= p.H && w.begin >= 0 && w.end <= p.W && x.stride_w == 1 && p.stride_w == 1;
    const bool in_place =
        inside &&
        (by_channels || (is_point(p) && x.stride_h == p.W && cols == p.W && rows * cols % lanes<T> == 0));
    if (in_place) {
        layout.h.period = layout.w.period = 1;
        layout.h.hop = p.dilation_h;
        layout.w.hop = p.dilation_w;
        layout.pitch = x.stride_h;
        layout.channel = x.stride_c;
        s.pitch = p.stride_h * x.stride_h;
    }
    // The taps are the same for every block; the last one may need only the first of them.
    fill_taps(layout, min_of(Cg, blocking.reduction), p.S, p.R * p.S, layout.channel, taps);

    for (Index g = tile.groups.begin; g < tile.groups.end; ++g) {
        const Index k = g * Kg + tile.channels.begin;
        for (Index c0 = 0; c0 == 0 || c0 < Cg; c0 += blocking.reduction) {
            const Index channels = min_of(blocking.reduction, Cg - c0);
            const T* source = tile.x.data + tile.n * tile.x.stride_n + (g * Cg + c0) * tile.x.stride_c;
            for (Index i = 0; i < channels && !in_place; ++i)
                pack_channel(
                    Source<T>{source + i * tile.x.stride_c, tile.x.stride_h, tile.x.stride_w, p.H, p.W},
                    layout, pixels + i * layout.channel);
            s.w = tile.w + (k * Cg + c0) * p.R * p.S;
            s.tile = in_place ? source + h.begin * x.stride_h + w.begin : pixels;
            s.tap_count = channels * p.R * p.S;
            s.y = tile.y + ((tile.n * p.K + k) * p.OH + tile.rows.begin) * p.OW + tile.cols.begin;
            s.bias = tile.b ? tile.b + k : nullptr;
            s.accumulate = c0 > 0;
            if (tile.prepared)
                c.prepared.data =
                    tile.prepared + k / lanes<T> * c.prepared.vector + c0 * p.R * p.S * lanes<T>;
            sweep_either(c, by_channels, packed_weights);
        }
    }
    if constexpr (is_real<T>)
        if (tile.repair) repair_forward(p, tile, blocking.reduction);
}

// ---------------------------------------------------------------- gradient for the input

template <class T>
Index backward_input_workspace(const Conv2dShape& p, const Conv2dBlocking& blocking) noexcept {
    const Axis h = largest_phase(blocking.rows, p.R, p.stride_h, p.dilation_h);
    const Axis w = largest_phase(blocking.cols, p.S, p.stride_w, p.dilation_w);
    const Axis shared_h = largest_shared(blocking.rows, p.R, p.stride_h);
    const Axis shared_w = largest_shared(blocking.cols, p.S, p.stride_w);
    return tap_elements<T>(blocking.reduction * p.R * p.S) +
           channel_sweep_elements<T>(blocking.reduction * most_phase_taps(p), blocking.rows * blocking.cols) +
           max_of(tile_elements<T>(h, w, blocking.reduction),
                  tile_elements<T>(shared_h, shared_w, blocking.reduction));
}

// See NOTE [ NaN and padding ].
template <class T>
void repair_backward_input(const Conv2dShape& p, const Conv2dBackwardInput<T>& tile, Index block) noexcept {
    const Index Cg = p.C / p.groups;
    for (Index g = tile.groups.begin; g < tile.groups.end; ++g)
        for (Index c = g * Cg + tile.channels.begin; c < g * Cg + tile.channels.end; ++c) {
            T* plane = tile.dx + (tile.n * p.C + c) * p.H * p.W;
            if (all_finite(plane, p.W, tile.rows, tile.cols)) continue;
            for (Index ih = tile.rows.begin; ih < tile.rows.end; ++ih)
                for (Index iw = tile.cols.begin; iw < tile.cols.end; ++iw) {
                    T& dx = plane[ih * p.W + iw];
                    if (is_nan(dx * T(0)))
                        dx = conv2d_grad_input_at(p, tile.dy, tile.w, tile.b, tile.n, c, ih, iw, block);
                }
        }
}

// Phases hs x ws (numbers) of one group: pack the pixels of dy that they read, `layout`, then sweep each
// phase's taps over them and write its grid of dx. `any`: one of them has a tap.
template <class T>
void backward_input_phases(const Conv2dShape& p, const Conv2dBlocking& blocking,
                           const Conv2dBackwardInput<T>& tile, Index g, Range hs, Range ws,
                           const TileLayout& layout, bool any, T* workspace) {
    const Index Cg = p.C / p.groups, Kg = p.K / p.groups, RS = p.R * p.S;
    const Index c = g * Cg + tile.channels.begin, most = min_of(Kg, blocking.reduction);
    Tap* const tables = reinterpret_cast<Tap*>(workspace);  // one per phase, side by side
    T* const packed_weights = workspace + tap_elements<T>(blocking.reduction * RS);
    T* const pixels = packed_weights + channel_sweep_elements<T>(blocking.reduction * most_phase_taps(p),
                                                                 blocking.rows * blocking.cols);

    ChannelSweep<T> sweep{{}, WeightOrder::channels, {}, {}, p.OH, p.OW, {}};
    Sweep<T>& s = sweep.sweep;
    s.w_channel = RS;
    s.pitch = layout.pitch;
    s.y_channel = p.H * p.W;
    s.y_row = p.stride_h * p.W;
    s.y_col = p.stride_w;
    s.channels = tile.channels.end - tile.channels.begin;
    s.bias = tile.b ? tile.b + c : nullptr;
    for (Index k0 = 0; k0 == 0 || (any && k0 < Kg); k0 += blocking.reduction) {
        const Index channels = any ? min_of(blocking.reduction, Kg - k0) : 0;
        for (Index k = 0; k < channels; ++k) {
            const T* plane = tile.dy.data + tile.n * tile.dy.stride_n + (g * Kg + k0 + k) * tile.dy.stride_c;
            pack_channel(Source<T>{plane, tile.dy.stride_h, tile.dy.stride_w, p.OH, p.OW}, layout,
                         pixels + k * layout.channel);
        }
        s.w = tile.w + ((g * Kg + k0) * Cg + tile.channels.begin) * RS;
        s.accumulate = k0 > 0;
        Tap* taps = tables;
        for (Index i = hs.begin; i < hs.end; ++i)
            for (Index j = ws.begin; j < ws.end; ++j) {
                const Phase h = row_phase(p, tile.rows, i), w = col_phase(p, tile.cols, j);
                const Index area = h.axis.count * w.axis.count;
                if (area == 0 && k0 > 0) continue;
                if (k0 == 0)
                    fill_taps(TileLayout{h.axis, w.axis, layout.pitch, layout.plane, layout.channel}, most,
                              p.S, Cg * RS, layout.channel, taps);
                s.tile =
                    area ? pixels + (h.axis.base - layout.h.base) * layout.pitch + w.axis.base - layout.w.base
                         : pixels;
                s.taps = taps;
                s.tap_count = channels * area;
                s.y = tile.dx + ((tile.n * p.C + c) * p.H + h.begin) * p.W + w.begin;
                s.rows = h.count;
                s.cols = w.count;
                sweep.h = h.axis;
                sweep.w = w.axis;
                sweep_either(sweep, suits_channels(sweep), packed_weights);
                taps += most * area;
            }
    }
}

template <class T>
void backward_input(const Conv2dShape& p, const Conv2dBlocking& blocking, const Conv2dBackwardInput<T>& tile,
                    T* workspace) noexcept {
    const Reach h = input_reach(tile.rows, p.R, p.pad_top, p.stride_h, p.dilation_h);
    const Reach w = input_reach(tile.cols, p.S, p.pad_left, p.stride_w, p.dilation_w);
    const Range hs{0, min_of(p.stride_h, tile.rows.end - tile.rows.begin)};
    const Range ws{0, min_of(p.stride_w, tile.cols.end - tile.cols.begin)};
    for (Index g = tile.groups.begin; g < tile.groups.end; ++g) {
        if (h.shared && w.shared) {
            const TileLayout layout =
                make_layout(plain_axis(h.begin, h.end), plain_axis(w.begin, w.end), lanes<T>);
            backward_input_phases(p, blocking, tile, g, hs, ws, layout, h.end > h.begin && w.end > w.begin,
                                  workspace);
            continue;
        }
        for (Index i = hs.begin; i < hs.end; ++i)
            for (Index j = ws.begin; j < ws.end; ++j) {
                const Axis rows = row_phase(p, tile.rows, i).axis, cols = col_phase(p, tile.cols, j).axis;
                backward_input_phases(p, blocking, tile, g, {i, i + 1}, {j, j + 1},
                                      make_layout(rows, cols, lanes<T>), rows.count * cols.count > 0,
                                      workspace);
            }
    }
    if constexpr (is_real<T>)
        if (tile.repair) repair_backward_input(p, tile, blocking.reduction);
}

// ---------------------------------------------------------------- table

// For the other algorithms' outputs.
template <class T>
void repair_forward_whole(const Conv2dShape& p, const Conv2dForward<T>& tile) noexcept {
    repair_forward(p, tile, p.C);
}
template <class T>
void repair_backward_input_whole(const Conv2dShape& p, const Conv2dBackwardInput<T>& tile) noexcept {
    repair_backward_input(p, tile, p.K);
}

template <class T>
void add_forward(Conv2dKernels<T>& kernels) {
    kernels.forward_workspace = forward_workspace<T>;
    kernels.forward = forward<T>;
}

template <class T>
void add_backward_input(Conv2dKernels<T>& kernels) {
    kernels.backward_input_workspace = backward_input_workspace<T>;
    kernels.backward_input = backward_input<T>;
}

template <class T>
void add_backward(Conv2dKernels<T>& kernels) {
    add_backward_input(kernels);
    kernels.forward_weights_size = forward_weights_size<T>;
    kernels.forward_weights = forward_weights<T>;
    kernels.all_finite = all_finite<T>;
    kernels.repair_forward = repair_forward_whole<T>;
    kernels.repair_backward_input = repair_backward_input_whole<T>;
}

}  // namespace

void add_conv2d(KernelTable& table) noexcept {
    add_forward(table.conv2d_f32);
    add_forward(table.conv2d_f64);
    add_forward(table.conv2d_u8);
    add_forward(table.conv2d_u16);
    add_forward(table.conv2d_u32);
    add_forward(table.conv2d_u64);
    add_backward_input(table.conv2d_u64);
    add_backward(table.conv2d_f32);
    add_backward(table.conv2d_f64);
}

}  // namespace rushlight::kernels::RUSHLIGHT_ISA
