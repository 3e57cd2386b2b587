// Input gradient of a depthwise convolution with stride 2. (With stride 1 it is a convolution,
// depthwise.cpp.)
//
// Output pixels 2 m and 2 m + 1 of a row of dx read neighbouring pixels of dy through different taps: each
// parity has every second tap of its own. Both are computed side by side, m in the lanes, and interleaved
// when they are stored. Rows and taps of dy that do not exist are left out.
#define RUSHLIGHT_NARROW_VECTORS
#include "conv2d_tile.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {

void add_depthwise_input(KernelTable& table) noexcept;

namespace {

// Rows of dx whose dy is copied together where the pixels of a row are not neighbours in memory.
constexpr Index kPackedRows = 16;

// Output 2 m + parity of one direction reads dy[m + at + j] through tap `tap` - 2 j, j < count.
struct Parity {
    Index tap, count, at;
};
RUSHLIGHT_INLINE Parity parity_of(Index parity, Index pad, Index taps) {
    const Index shifted = parity + pad, first = shifted % 2, count = (taps - first + 1) / 2;
    return Parity{first + 2 * (count - 1), count, shifted / 2 - (count - 1)};
}

// Rows of dy that one row of dx reads, and the rows of the kernel that they meet.
template <class T>
struct Rows {
    const T* dy[kMostDepthwiseRows / 2 + 1];
    const T* w[kMostDepthwiseRows / 2 + 1];
    Index count, OW;
    T bias;
};

// dx[2 m .. 2 m + 2 lanes - 1] of a row, as two vectors. Counts of 0 stand for any.
template <class T, int Even, int Odd, bool Clipped>
RUSHLIGHT_INLINE void sum_pair(const Rows<T>& rows, const Parity* parities, Index m, Vec<T>* sums) {
    sums[0] = sums[1] = broadcast(rows.bias);
    for (Index i = 0; i < rows.count; ++i) {
        RUSHLIGHT_UNROLL for (int q = 0; q < 2; ++q) {
            const int known = q ? Odd : Even;
            const Index count = known ? known : parities[q].count;
            RUSHLIGHT_UNROLL for (Index j = 0; j < count; ++j) {
                const Index at = m + parities[q].at + j;
                const T* p = rows.dy[i] + at;
                Vec<T> dy;
                if constexpr (Clipped) {
                    const Index first = min_of(max_of(-at, 0), lanes<T>);
                    dy = load_lanes(p, first, max_of(first, min_of(rows.OW - at, lanes<T>)));
                } else {
                    dy = load(p);
                }
                sums[q] = multiply_add<T>(dy, broadcast(rows.w[i][parities[q].tap - 2 * j]), sums[q]);
            }
        }
    }
    collect<T, 2>(sums);
}

template <class T, int Even, int Odd>
__attribute__((noinline)) void row_inside(const Rows<T>& rows, const Parity* parities, Range m, T* dx) {
    const Parity local[2] = {parities[0], parities[1]};
    for (Index i = m.begin; i < m.end; i += lanes<T>) {
        Vec<T> sums[2];
        sum_pair<T, Even, Odd, false>(rows, local, i, sums);
        store(dx + 2 * i, sums[0]);
        store(dx + 2 * i + lanes<T>, sums[1]);
    }
}

// See NOTE [ Rows narrower than a vector ] in depthwise.cpp for `end`.
template <class T, int Even, int Odd>
__attribute__((noinline)) void row_edge(const Rows<T>& rows, const Parity* parities, Index m, T* dx, Index W,
                                        const T* end) {
    Vec<T> sums[2];
    sum_pair<T, Even, Odd, true>(rows, parities, m, sums);
    T* to = dx + 2 * m;
    for (Index v = 0; v < 2; ++v, to += lanes<T>) {
        const Index count = W - 2 * m - v * lanes<T>;
        if (to + lanes<T> <= end && count > 0)
            store(to, sums[v]);
        else if (count > 0)
            store_lanes(to, sums[v], 0, min_of(count, lanes<T>));
    }
}

// A plane of dy whose rows have their pixels side by side, and rows of one plane of dx.
template <class T>
struct GradPlane {
    const T* dy;
    Index dy_row;
    const T* w;
    T bias;
    T* dx;
    const T* dx_end;
    Range rows;
};

template <class T, int Even, int Odd>
void filter_rows(const Conv2dShape& p, const GradPlane<T>& plane, const Parity* parities) {
    // Vectors of m that read inside dy and write inside the row.
    const Index least = min_of(parities[0].at, parities[1].at);
    const Index most = max_of(parities[0].at + parities[0].count, parities[1].at + parities[1].count);
    const Index first = least >= 0 ? 0 : round_up(-least, lanes<T>);
    const Index vectors = floor_div(min_of(p.W / 2, p.OW - most + 1) - first, lanes<T>);
    const Index last = max_of(first, first + vectors * lanes<T>);
    // A last vector that overlaps the one before it fills an even row to its end.
    const Index rightmost = p.W % 2 == 0 && p.W >= 2 * lanes<T> ? p.W / 2 - lanes<T> : p.W;
    Rows<T> rows;
    rows.OW = p.OW;
    rows.bias = plane.bias;
    for (Index ih = plane.rows.begin; ih < plane.rows.end; ++ih) {
        const Parity taps = parity_of(ih % 2, p.pad_top, p.R);
        rows.count = 0;
        for (Index j = 0; j < taps.count; ++j) {
            const Index oh = ih / 2 + taps.at + j;
            if (oh < 0 || oh >= p.OH) continue;
            rows.dy[rows.count] = plane.dy + oh * plane.dy_row;
            rows.w[rows.count++] = plane.w + (taps.tap - 2 * j) * p.S;
        }
        T* dx = plane.dx + ih * p.W;
        for (Index m = 0; 2 * m < p.W; m += lanes<T>) {
            if (m == first && first < last) {
                row_inside<T, Even, Odd>(rows, parities, Range{first, last}, dx);
                m = last - lanes<T>;
            } else {
                row_edge<T, Even, Odd>(rows, parities, min_of(m, rightmost), dx, p.W, plane.dx_end);
            }
        }
    }
}

template <class T>
void filter_rows(const Conv2dShape& p, const GradPlane<T>& plane) {
    const Parity parities[2] = {parity_of(0, p.pad_left, p.S), parity_of(1, p.pad_left, p.S)};
    if (p.S == 3 && parities[0].count == 1)
        filter_rows<T, 1, 2>(p, plane, parities);
    else if (p.S == 3)
        filter_rows<T, 2, 1>(p, plane, parities);
    else
        filter_rows<T, 0, 0>(p, plane, parities);
}

// Rows of dy that `rows` of dx read, all that exist.
RUSHLIGHT_INLINE Range grad_rows(const Conv2dShape& p, Range rows) {
    const Index first = floor_div(rows.begin + p.pad_top - (p.R - 1) + 1, 2);
    const Index last = min_of((rows.end - 1 + p.pad_top) / 2 + 1, p.OH);
    return Range{min_of(max_of(first, 0), last), last};
}

template <class T>
Index backward_input_workspace(const Conv2dShape& p) noexcept {
    return p.OW * ((min_of(kPackedRows, p.H) + p.R) / 2 + 1);
}

template <class T>
void backward_input(const Conv2dShape& p, const DepthwiseBackwardInput<T>& tile, T* workspace) noexcept {
    const bool whole = tile.rows.begin == 0 && tile.rows.end == p.H;
    for (Index i = tile.planes.begin; i < tile.planes.end; ++i) {
        const Index n = i / p.C, c = i - n * p.C;
        const T* dy = tile.dy.data + n * tile.dy.stride_n + c * tile.dy.stride_c;
        T* dx = tile.dx + i * p.H * p.W;
        GradPlane<T> plane{dy,
                           tile.dy.stride_h,
                           tile.w + c * p.R * p.S,
                           tile.b ? tile.b[c] : T(0),
                           dx,
                           whole ? tile.dx + tile.planes.end * p.H * p.W : dx + tile.rows.end * p.W,
                           tile.rows};
        if (tile.dy.stride_w == 1) {
            filter_rows(p, plane);
            continue;
        }
        plane.dy_row = p.OW;
        for (Index row = tile.rows.begin; row < tile.rows.end; row += kPackedRows) {
            plane.rows = Range{row, min_of(row + kPackedRows, tile.rows.end)};
            const Range needed = grad_rows(p, plane.rows);
            for (Index oh = needed.begin; oh < needed.end; ++oh)
                copy_row(dy + oh * tile.dy.stride_h, tile.dy.stride_w, workspace + (oh - needed.begin) * p.OW,
                         p.OW);
            plane.dy = workspace - needed.begin * p.OW;
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
    add(table.depthwise_f64);
}

}  // namespace rushlight::kernels::RUSHLIGHT_ISA
