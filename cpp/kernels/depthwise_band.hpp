// A band of a filtered plane: a few neighbouring output rows, computed together so that every row of pixels
// that is loaded serves all of them. There is no copy of the plane with its padding: rows beyond the plane
// are a row of zeros, and the vectors at its left and right ends are loaded lane by lane.
//
// Every output is one sum, begun with the bias, whose order depends on kernel and stride alone: blocks of
// kernel rows; in a block columns, each from its first row to its last. 3 x 3 with stride 2: row after row.
#pragma once

#include "lane_masks.hpp"
#include "shuffles.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {
namespace {

constexpr int kBandRows = 4;
// Narrow planes, with nothing but edges, are often 7, 14 or 28 rows high.
constexpr int kTallBandRows = 7;
// Kernel rows whose pixels are loaded once for the whole band; fewer where speed is not worth the code.
template <class T>
constexpr int kBlockRows = sizeof(T) == 4 ? 7 : 3;

// Pixels and taps of a band. Row i of the kernel meets rows[i + o * stride] for output row o of the band.
template <class T>
struct Band {
    const T* rows[(kTallBandRows - 1) * 2 + kMostDepthwiseRows];
    Index W;
    Index R, S;
};

// Weights in memory, and the nine of a 3 x 3 kernel in registers.
template <class T>
struct WeightsInMemory {
    static constexpr bool is_3x3 = false;
    const T* w;
    RUSHLIGHT_INLINE explicit WeightsInMemory(const T* weights) : w(weights) {}
    RUSHLIGHT_INLINE Vec<T> operator[](Index i) const { return broadcast(w[i]); }
    static RUSHLIGHT_INLINE Index rows(const DepthwiseShape& p) { return p.R; }
};
template <class T>
struct NineWeights {
    static constexpr bool is_3x3 = true;
    Vec<T> w[9];
    RUSHLIGHT_INLINE explicit NineWeights(const T* weights) {
        RUSHLIGHT_UNROLL for (int i = 0; i < 9; ++i) w[i] = broadcast(weights[i]);
    }
    RUSHLIGHT_INLINE Vec<T> operator[](Index i) const { return w[i]; }
    static RUSHLIGHT_INLINE Index rows(const DepthwiseShape&) { return 3; }
};

// NOTE [ Every second pixel ]
// Two vectors of pixels are dealt out within their 16-byte blocks, which takes one cheap instruction where
// moving pixels across blocks takes two. So lane b * B + k holds output b * B/2 + k, and b * B + B/2 + k
// output lanes/2 + b * B/2 + k, for k < B/2 and blocks of B lanes. The sums are put in order once, when all
// is added.
template <class T>
constexpr int kBlockLanes = 16 / int(sizeof(T));

template <class T, int Odd, int... Lane>
RUSHLIGHT_INLINE Vec<T> every_second_in_blocks(Vec<T> x, Vec<T> y, LaneNumbers<Lane...>) {
    constexpr int B = kBlockLanes<T>;
    return __builtin_shufflevector(
        x, y, (Lane / B * B + (Lane % B < B / 2 ? 0 : int(lanes<T>) - B) + 2 * (Lane % B) + Odd)...);
}
template <class T, int... Lane>
RUSHLIGHT_INLINE Vec<T> outputs_in_order(Vec<T> v, LaneNumbers<Lane...>) {
    constexpr int half = kBlockLanes<T> / 2, L = int(lanes<T>);
    return __builtin_shufflevector(
        v, v, (Lane % (L / 2) / half * (2 * half) + Lane / (L / 2) * half + Lane % half)...);
}
template <class T, int... Lane>
RUSHLIGHT_INLINE Vec<T> outputs_in_blocks(Vec<T> v, LaneNumbers<Lane...>) {
    constexpr int half = kBlockLanes<T> / 2, L = int(lanes<T>);
    return __builtin_shufflevector(v, v,
                                   (Lane / half % 2 * (L / 2) + Lane / (2 * half) * half + Lane % half)...);
}

// The same order of other numbers: lane i of the result is output number i's left neighbour in v, and `first`
// that of output 0.
template <class T>
constexpr int output_of_lane(int lane) {
    constexpr int B = kBlockLanes<T>, half = B / 2;
    return lane % B / half * (int(lanes<T>) / 2) + lane / B * half + lane % half;
}
template <class T>
constexpr int lane_of_output(int output) {
    constexpr int B = kBlockLanes<T>, half = B / 2, upper = int(lanes<T>) / 2;
    return output % upper / half * B + output / upper * half + output % half;
}
template <class T, int... Lane>
RUSHLIGHT_INLINE Vec<T> left_neighbours(Vec<T> v, Vec<T> first, LaneNumbers<Lane...>) {
    return __builtin_shufflevector(
        v, first,
        (output_of_lane<T>(Lane) ? lane_of_output<T>(output_of_lane<T>(Lane) - 1) : int(lanes<T>))...);
}

// Pixels p[0], p[Step], ..., and if taps is 2 also p[1], p[1 + Step], ...; for Step 2 in the order of the
// note above. Clipped: zero outside the lanes of `Step` masks.
template <class T, int Step, bool Clipped>
RUSHLIGHT_INLINE void load_pixels(const T* p, const LaneMask<T>* in, int taps, Vec<T>* x) {
    RUSHLIGHT_UNROLL for (int v = 0; v < Step; ++v, p += lanes<T>) x[v] = Clipped ? in[v].load(p) : load(p);
    if constexpr (Step == 2) {
        const Vec<T> even = every_second_in_blocks<T, 0>(x[0], x[1], AllLanes<T>{});
        if (taps == 2) x[1] = every_second_in_blocks<T, 1>(x[0], x[1], AllLanes<T>{});
        x[0] = even;
    }
}

// Adds to the band's sums what kernel rows r .. r + Rows - 1 and columns s .. s + Taps - 1 contribute at
// pixel column col.
template <class T, int Outputs, int Rows, int Step, int Taps, bool Clipped, class Weights>
RUSHLIGHT_INLINE void add_columns(const Band<T>& band, const Weights& w, Index S, Index r, Index s, Index col,
                                  Vec<T>* sums) {
    LaneMask<T> in[Step];
    RUSHLIGHT_UNROLL for (int v = 0; v < Step; ++v) in[v] = lanes_inside<T>(col + v * lanes<T>, band.W);
    RUSHLIGHT_UNROLL for (int i = 0; i < (Outputs - 1) * Step + Rows; ++i) {
        Vec<T> x[Step];
        load_pixels<T, Step, Clipped>(band.rows[r + i] + col, in, Taps, x);
        RUSHLIGHT_UNROLL for (int t = 0; t < Taps; ++t) {
            RUSHLIGHT_UNROLL for (int o = 0; o < Outputs; ++o) {
                const int row = i - o * Step;
                if (row >= 0 && row < Rows)
                    sums[o] = multiply_add<T>(x[t], w[(r + row) * S + s + t], sums[o]);
            }
        }
    }
}

// From run-time to compile-time numbers of kernel rows.
template <class T, int Outputs, int Step, bool Clipped, int Rows = kBlockRows<T>>
RUSHLIGHT_INLINE void add_rows(const Band<T>& band, const WeightsInMemory<T>& w, Range rows, Index col,
                               Vec<T>* sums) {
    if (rows.end - rows.begin == Rows) {
        Index s = 0;
        for (; s + Step <= band.S; s += Step)
            add_columns<T, Outputs, Rows, Step, Step, Clipped>(band, w, band.S, rows.begin, s, col + s, sums);
        if (s < band.S)
            add_columns<T, Outputs, Rows, Step, 1, Clipped>(band, w, band.S, rows.begin, s, col + s, sums);
    } else if constexpr (Rows > 1) {
        add_rows<T, Outputs, Step, Clipped, Rows - 1>(band, w, rows, col, sums);
    }
}

// Three taps of every second pixel: the first is the left neighbour's last. So a row is loaded from its
// second pixel on, which is where vectors begin on cache lines if the padding is 1.
template <class T, int Outputs, bool Clipped>
RUSHLIGHT_INLINE void add_threes(const Band<T>& band, const NineWeights<T>& w, Index col, Vec<T>* sums) {
    LaneMask<T> in[2];
    RUSHLIGHT_UNROLL for (int v = 0; v < 2; ++v) in[v] = lanes_inside<T>(col + 1 + v * lanes<T>, band.W);
    const bool first = !Clipped || (col >= 0 && col < band.W);
    RUSHLIGHT_UNROLL for (int i = 0; i < (Outputs - 1) * 2 + 3; ++i) {
        Vec<T> x[3];
        load_pixels<T, 2, Clipped>(band.rows[i] + col + 1, in, 2, x + 1);
        x[0] = left_neighbours<T>(x[2], broadcast(first ? band.rows[i][col] : T(0)), AllLanes<T>{});
        RUSHLIGHT_UNROLL for (int t = 0; t < 3; ++t) {
            RUSHLIGHT_UNROLL for (int o = 0; o < Outputs; ++o) {
                const int row = i - o * 2;
                if (row >= 0 && row < 3) sums[o] = multiply_add<T>(x[t], w[row * 3 + t], sums[o]);
            }
        }
    }
}

// The band's sums for one vector of output columns, whose first tap is at pixel column col.
template <class T, int Outputs, int Step, bool Clipped>
RUSHLIGHT_INLINE void add_kernel(const Band<T>& band, const WeightsInMemory<T>& w, Index col, Vec<T>* sums) {
    const Index blocks = (band.R + kBlockRows<T> - 1) / kBlockRows<T>;
    for (Index block = 0; block < blocks; ++block)
        add_rows<T, Outputs, Step, Clipped>(
            band, w, Range{band.R * block / blocks, band.R * (block + 1) / blocks}, col, sums);
}
template <class T, int Outputs, int Step, bool Clipped>
RUSHLIGHT_INLINE void add_kernel(const Band<T>& band, const NineWeights<T>& w, Index col, Vec<T>* sums) {
    if constexpr (Step == 2) return add_threes<T, Outputs, Clipped>(band, w, col, sums);
    add_columns<T, Outputs, 3, 1, 1, Clipped>(band, w, 3, 0, 0, col, sums);
    add_columns<T, Outputs, 3, 1, 1, Clipped>(band, w, 3, 0, 1, col + 1, sums);
    add_columns<T, Outputs, 3, 1, 1, Clipped>(band, w, 3, 0, 2, col + 2, sums);
}

// The band's outputs, from bias to the last tap.
template <class T, int Outputs, int Step, bool Clipped, class Weights>
RUSHLIGHT_INLINE void sum_kernel(const Band<T>& band, const Weights& w, Vec<T> bias, Index col,
                                 Vec<T>* sums) {
    RUSHLIGHT_UNROLL for (int o = 0; o < Outputs; ++o) sums[o] = bias;
    add_kernel<T, Outputs, Step, Clipped>(band, w, col, sums);
    if constexpr (Step == 2) {
        RUSHLIGHT_UNROLL for (int o = 0; o < Outputs; ++o) sums[o] =
            outputs_in_order<T>(sums[o], AllLanes<T>{});
    }
}

}  // namespace
}  // namespace rushlight::kernels::RUSHLIGHT_ISA
