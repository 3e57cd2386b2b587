// Input gradient of a depthwise convolution with stride 2. (With stride 1 it is a convolution,
// depthwise.cpp.)
//
// Output pixels 2 m and 2 m + 1 of a row of dx read neighbouring pixels of dy through different taps: each
// parity has every second tap of its own. Both are computed side by side, m in the lanes, and interleaved
// when they are stored. Rows of dx have parities, too, and those of one parity are computed together.
#define RUSHLIGHT_NARROW_VECTORS
#include "conv2d_tile.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {

void add_depthwise_input(KernelTable& table) noexcept;

namespace {

// Rows of dx that are computed before the next: their dy stays in a cache, or is copied together where the
// pixels of a row are not neighbours in memory.
constexpr Index kRowsAtOnce = 32;

// Output 2 m + parity of one direction reads dy[m + at + j] through tap `tap` - 2 j, j < count.
struct Parity {
    Index tap, count, at;
};
RUSHLIGHT_INLINE Parity parity_of(Index parity, Index pad, Index taps) {
    const Index shifted = parity + pad, first = shifted % 2, count = (taps - first + 1) / 2;
    return Parity{first + 2 * (count - 1), count, shifted / 2 - (count - 1)};
}

// A plane of dy whose rows have their pixels side by side, and rows of one plane of dx.
template <class T>
struct GradPlane {
    const T* dy;
    Index dy_row;
    const T* zeros;  // a row of dy that does not exist
    const T* w;
    T bias;
    T* dx;
    Range rows;
};

// The taps of rows of one parity: those of a 3 x 3 kernel, in registers, with `Up` rows and `Even` and `Odd`
// columns; and those of any kernel.
template <class T, int Up, int Even, int Odd>
struct KnownTaps {
    Vec<T> w[Up][Even + Odd];
    Index at[2];

    KnownTaps(const GradPlane<T>& g, Index S, const Parity& up, const Parity* cols)
        : at{cols[0].at, cols[1].at} {
        RUSHLIGHT_UNROLL for (int i = 0; i < Up; ++i) {
            const T* row = g.w + (up.tap - 2 * i) * S;
            RUSHLIGHT_UNROLL for (int j = 0; j < Even; ++j) w[i][j] = broadcast(row[cols[0].tap - 2 * j]);
            RUSHLIGHT_UNROLL for (int j = 0; j < Odd; ++j) w[i][Even + j] =
                broadcast(row[cols[1].tap - 2 * j]);
        }
    }

    template <class Load>
    RUSHLIGHT_INLINE void add(const T* const* rows, Index m, const Load& load_dy, Vec<T>* sums) const {
        RUSHLIGHT_UNROLL for (int i = 0; i < Up; ++i) {
            RUSHLIGHT_UNROLL for (int j = 0; j < Even; ++j) sums[0] =
                multiply_add<T>(load_dy(rows[i], m + at[0] + j), w[i][j], sums[0]);
            RUSHLIGHT_UNROLL for (int j = 0; j < Odd; ++j) sums[1] =
                multiply_add<T>(load_dy(rows[i], m + at[1] + j), w[i][Even + j], sums[1]);
        }
    }
};

template <class T>
struct AnyTaps {
    const T* w;
    Index S;
    Parity up, cols[2];

    AnyTaps(const GradPlane<T>& g, Index width, const Parity& rows, const Parity* columns)
        : w(g.w), S(width), up(rows), cols{columns[0], columns[1]} {}

    template <class Load>
    RUSHLIGHT_INLINE void add(const T* const* rows, Index m, const Load& load_dy, Vec<T>* sums) const {
        for (Index i = 0; i < up.count; ++i)
            for (int q = 0; q < 2; ++q)
                for (Index j = 0; j < cols[q].count; ++j) {
                    const T weight = w[(up.tap - 2 * i) * S + cols[q].tap - 2 * j];
                    sums[q] =
                        multiply_add<T>(load_dy(rows[i], m + cols[q].at + j), broadcast(weight), sums[q]);
                }
    }
};

// dx[2 m .. 2 m + 2 lanes - 1] of every second row from rows.begin on, for m, m + lanes, ... < end. Clipped:
// for one m that reads beyond dy or writes beyond dx.
template <class T, class Taps, bool Clipped>
__attribute__((noinline)) void sum_pairs(const Conv2dShape& p, const GradPlane<T>& g, const Parity& up,
                                         const Parity* cols, Range m) {
    const Taps taps(g, p.S, up, cols);
    const Vec<T> bias = broadcast(g.bias);
    const Index OW = p.OW;
    const auto load_dy = [OW](const T* row, Index col) {
        if (!Clipped) return load(row + col);
        const Index first = min_of(max_of(-col, 0), lanes<T>);
        return load_lanes(row + col, first, max_of(first, min_of(OW - col, lanes<T>)));
    };
    for (Index ih = g.rows.begin; ih < g.rows.end; ih += 2) {
        const T* rows[kMostDepthwiseRows / 2];
        for (Index i = 0; i < up.count; ++i) {
            const Index oh = ih / 2 + up.at + i;
            rows[i] = oh >= 0 && oh < p.OH ? g.dy + oh * g.dy_row : g.zeros;
        }
        T* dx = g.dx + ih * p.W;
        for (Index at = m.begin; at < (Clipped ? m.begin + 1 : m.end); at += lanes<T>) {
            Vec<T> sums[2] = {bias, bias};
            taps.add(rows, at, load_dy, sums);
            collect<T, 2>(sums);
            for (Index v = 0; v < 2; ++v) {
                const Index col = 2 * at + v * lanes<T>;
                if (!Clipped || col + lanes<T> <= p.W)
                    store(dx + col, sums[v]);
                else if (col < p.W)
                    store_lanes(dx + col, sums[v], 0, p.W - col);
            }
        }
    }
}

template <class T, class Taps>
void filter_columns(const Conv2dShape& p, const GradPlane<T>& g, const Parity& up, const Parity* cols) {
    // Vectors of m that read inside dy and write inside dx.
    const Index least = min_of(cols[0].at, cols[1].at);
    const Index most = max_of(cols[0].at + cols[0].count, cols[1].at + cols[1].count);
    const Index first = least >= 0 ? 0 : round_up(-least, lanes<T>);
    const Index vectors = floor_div(min_of(p.W / 2, p.OW - most + 1) - first, lanes<T>);
    const Index last = first + max_of(vectors, 0) * lanes<T>;
    if (first < last) sum_pairs<T, Taps, false>(p, g, up, cols, Range{first, last});
    // A last vector that overlaps the one before it fills an even row to its end.
    const Index rightmost = p.W % 2 == 0 && p.W >= 2 * lanes<T> ? p.W / 2 - lanes<T> : p.W;
    for (Index m = 0; 2 * m < p.W; m += lanes<T>)
        if (m < first || m >= last)
            sum_pairs<T, Taps, true>(p, g, up, cols, Range{min_of(m, rightmost), p.W});
}

template <class T>
void filter_rows(const Conv2dShape& p, GradPlane<T> g) {
    const Parity cols[2] = {parity_of(0, p.pad_left, p.S), parity_of(1, p.pad_left, p.S)};
    const bool known = p.R == 3 && p.S == 3, short_first = cols[0].count == 1;
    const Range rows = g.rows;
    for (Index ih = rows.begin; ih < min_of(rows.begin + 2, rows.end); ++ih) {
        const Parity up = parity_of(ih % 2, p.pad_top, p.R);
        g.rows = Range{ih, rows.end};
        if (known && up.count == 1 && short_first)
            filter_columns<T, KnownTaps<T, 1, 1, 2>>(p, g, up, cols);
        else if (known && up.count == 1)
            filter_columns<T, KnownTaps<T, 1, 2, 1>>(p, g, up, cols);
        else if (known && short_first)
            filter_columns<T, KnownTaps<T, 2, 1, 2>>(p, g, up, cols);
        else if (known)
            filter_columns<T, KnownTaps<T, 2, 2, 1>>(p, g, up, cols);
        else
            filter_columns<T, AnyTaps<T>>(p, g, up, cols);
    }
}

// Rows of dy that `rows` of dx read, all that exist.
RUSHLIGHT_INLINE Range grad_rows(const Conv2dShape& p, Range rows) {
    const Index first = floor_div(rows.begin + p.pad_top - (p.R - 1) + 1, 2);
    const Index last = min_of((rows.end - 1 + p.pad_top) / 2 + 1, p.OH);
    return Range{min_of(max_of(first, 0), last), last};
}

// Scratch memory: the row of zeros, and rows of dy copied.
template <class T>
Index backward_input_workspace(const Conv2dShape& p) noexcept {
    return p.OW * ((min_of(kRowsAtOnce, p.H) + p.R) / 2 + 2);
}

template <class T>
void backward_input(const Conv2dShape& p, const DepthwiseBackwardInput<T>& tile, T* workspace) noexcept {
    T *const zeros = workspace, *const packed = zeros + p.OW;
    fill_zero(zeros, p.OW);
    for (Index i = tile.planes.begin; i < tile.planes.end; ++i) {
        const Index n = i / p.C, c = i - n * p.C;
        const T* dy = tile.dy.data + n * tile.dy.stride_n + c * tile.dy.stride_c;
        GradPlane<T> plane{dy,
                           tile.dy.stride_h,
                           zeros,
                           tile.w + c * p.R * p.S,
                           tile.b ? tile.b[c] : T(0),
                           tile.dx + i * p.H * p.W,
                           tile.rows};
        for (Index row = tile.rows.begin; row < tile.rows.end; row += kRowsAtOnce) {
            plane.rows = Range{row, min_of(row + kRowsAtOnce, tile.rows.end)};
            if (tile.dy.stride_w != 1) {
                const Range needed = grad_rows(p, plane.rows);
                for (Index oh = needed.begin; oh < needed.end; ++oh)
                    copy_row(dy + oh * tile.dy.stride_h, tile.dy.stride_w,
                             packed + (oh - needed.begin) * p.OW, p.OW);
                plane.dy = packed - needed.begin * p.OW;
                plane.dy_row = p.OW;
            }
            filter_rows(p, plane);
        }
    }
}

template <class T>
void add(DepthwiseKernels<T>& kernels) {
    kernels.backward_input_workspace = backward_input_workspace<T>;
    kernels.backward_input = backward_input<T>;
}

}  // namespace

void add_depthwise_input(KernelTable& table) noexcept {
    add(table.depthwise_f32);
    if (kRareTypes) add(table.depthwise_f64);
}

}  // namespace rushlight::kernels::RUSHLIGHT_ISA
