// Max pooling of the usual windows: floating point, no dilation, stride 1 or 2 along a row, pixels side by
// side in memory.
//
// A strip is a vector of neighbouring outputs. Their windows are reduced straight from the image (at its
// edges, with masks or from a copy with a margin): along each row first, then over the rows, which keeps
// row-major order, as in max_pool2d.cpp. Where windows share rows, a strip walks down the image and keeps its
// reduced rows in scratch memory, one vector each; else all rows of one window meet in registers and strips
// follow each other along the row, in the order of memory.
// Pixels that may be NaN are noticed: see NOTE [ Doubt ].
#pragma once

#include "max_pool2d_doubt.hpp"
#include "strips.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {
namespace {

template <class T>
struct Maxima {
    Vec<T> value;
    Positions<T> at;
};

template <bool Indices, class T>
RUSHLIGHT_INLINE void take(Maxima<T>& best, Vec<T> x, Positions<T> at) {
    const Positions<T> larger = x > best.value;
    if constexpr (Indices) best.at = larger ? at : best.at;
    best.value = x > best.value ? x : best.value;
}

template <class T>
struct Strip {
    Index col0;          // the first output's first pixel
    Index count;         // outputs; the other lanes are not stored
    Index taps, W;       // the kernel's and the image's width
    Positions<T> first;  // each output's first tap inside the image
};

// Calls body(tap) for tap = Begin, Begin + Step, ... below Taps; or below `taps`, if Taps is 0.
template <Index Begin, Index Step, Index Taps, class Body>
RUSHLIGHT_INLINE void each_tap(Index taps, const Body& body) {
    if constexpr (Taps == 0) {
        for (Index tap = Begin; tap < taps; tap += Step) body(tap);
    } else {
        RUSHLIGHT_UNROLL for (Index tap = Begin; tap < Taps; tap += Step) body(tap);
    }
}

// One row's part of the windows. Taps = 0: as many as the strip says.
template <Index Stride, Index Taps, bool Masked, bool Indices, class T>
RUSHLIGHT_INLINE Maxima<T> reduce_row(const T* row, const Strip<T>& strip, Doubt<T>& doubt) {
    const Index taps = Taps ? Taps : strip.taps;
    Maxima<T> best{};
    best.at = strip.first;  // no tap outside the image is larger than the first one inside
    const auto at = [](Index tap) { return Positions<T>(broadcast(Position<T>(tap))); };
    if constexpr (Stride == 1) {
        // The first and the last tap of all strips together have seen all pixels, if the kernel is no wider
        // than a strip.
        constexpr bool ends = Taps && Taps <= lanes<T>;
        best.value = pixels<Masked>(row, strip.col0, strip.W, lowest<T>());
        doubt.note(0, best.value);
        each_tap<1, 1, Taps>(taps, [&](Index tap) {
            const Vec<T> x = pixels<Masked>(row, strip.col0 + tap, strip.W, lowest<T>());
            take<Indices>(best, x, at(tap));
            if (!ends || tap + 1 == taps) doubt.note(1, x);
        });
    } else {
        each_tap<0, 2, Taps>(taps, [&](Index tap) {
            const Vec<T> a = pixels<Masked>(row, strip.col0 + tap, strip.W, lowest<T>());
            const Vec<T> b = pixels<Masked>(row, strip.col0 + tap + lanes<T>, strip.W, lowest<T>());
            doubt.note(0, a);
            doubt.note(1, b);
            const Vec<T> even = every_second<T, 0>(a, b, AllLanes<T>{});
            if (tap == 0)
                best.value = even;
            else
                take<Indices>(best, even, at(tap));
            if (tap + 1 < taps) take<Indices>(best, every_second<T, 1>(a, b, AllLanes<T>{}), at(tap + 1));
        });
    }
    return best;
}

// Half of the positions as the 64-bit numbers that indices are.
template <int Upper, int... Lane>
RUSHLIGHT_INLINE Vec<std::int64_t> widen(Vec<std::int32_t> v, LaneNumbers<Lane...>) {
    return __builtin_convertvector(__builtin_shufflevector(v, v, (Lane + Upper * L<std::int64_t>)...),
                                   Vec<std::int64_t>);
}

// Outputs of one strip; `corner` is the first one's position 0 in the plane.
template <Index Stride, bool Indices, class T>
RUSHLIGHT_INLINE void put(const Maxima<T>& best, Index corner, T* y, std::int64_t* indices, Index count) {
    store_some(y, best.value, count);
    if constexpr (Indices) {
        using Long = std::int64_t;
        const Vec<Long> own =
            lane_numbers<Long>(AllLanes<Long>{}) * broadcast(Long(Stride)) + broadcast(Long(corner));
        if constexpr (sizeof(T) == 8) {
            store_some(indices, own + Vec<Long>(best.at), count);
        } else {
            const Vec<std::int32_t> at = Vec<std::int32_t>(best.at);
            store_some(indices, own + widen<0>(at, AllLanes<Long>{}), count);
            store_some(indices + lanes<Long>,
                       own + broadcast(Long(Stride * lanes<Long>)) + widen<1>(at, AllLanes<Long>{}),
                       count - lanes<Long>);
        }
    }
}

// Which rows of the kernel lie inside the image.
inline Range rows_inside(const MaxPool2dShape& p, Index oh) {
    const Index h0 = oh * p.stride_h - p.pad_top;
    return Range{first_tap(h0, 1), end_tap(h0, 1, p.kernel_h, p.H)};
}

// One row of outputs.
template <Index Stride, Index Taps, bool Indices, class T>
RUSHLIGHT_INLINE void pool_row(const MaxPool2dShape& p, const MaxPool2dForward<T>& tile,
                               const Strip<T>& strip, Index oh, Index ow, Doubt<T>& doubt) {
    const Index h0 = oh * p.stride_h - p.pad_top;
    const Range rows = rows_inside(p, oh);
    Maxima<T> best{};
    for (Index r = rows.begin; r < rows.end; ++r) {
        Maxima<T> row =
            reduce_row<Stride, Taps, false, Indices>(tile.x + (h0 + r) * tile.stride_h, strip, doubt);
        if constexpr (Indices) row.at += Positions<T>(broadcast(Position<T>(r * p.W)));
        if (r == rows.begin)
            best = row;
        else
            take<Indices>(best, row.value, row.at);
    }
    put<Stride, Indices>(best, h0 * p.W + strip.col0, tile.y + oh * p.OW + ow,
                         tile.indices + (Indices ? oh * p.OW + ow : 0), strip.count);
}

// The strip's reduced rows: row image.begin + i at values[i * lanes]; and room to pack a strip.
template <class T>
struct ReducedRows {
    T* values;
    Position<T>* positions;
    T* packed;
};

// All rows of a tile, which reads rows `image` of the image.
template <Index Stride, Index Taps, bool Masked, bool Indices, class T>
inline void pool_rows(const MaxPool2dShape& p, const MaxPool2dForward<T>& tile, const Strip<T>& strip,
                      Index ow, Range image, const ReducedRows<T>& reduced, Doubt<T>& doubt) {
    Doubt<T> own = doubt;  // in registers
    T* value = reduced.values;
    Position<T>* position = reduced.positions;
    for (Index h = image.begin; h < image.end; ++h, value += lanes<T>) {
        const Maxima<T> row =
            reduce_row<Stride, Taps, Masked, Indices>(tile.x + h * tile.stride_h, strip, own);
        store(value, row.value);
        if constexpr (Indices) {
            store(position, Vec<Position<T>>(row.at));
            position += lanes<T>;
        }
    }
    doubt = own;

    for (Index oh = tile.rows.begin; oh < tile.rows.end; ++oh) {
        const Index h0 = oh * p.stride_h - p.pad_top;
        const Range rows = rows_inside(p, oh);
        const Index slot = (h0 - image.begin) * lanes<T>;
        const auto at = [&](Index r) {
            Positions<T> result{};
            if constexpr (Indices)
                result = Positions<T>(load(reduced.positions + slot + r * lanes<T>) +
                                      broadcast(Position<T>(r * p.W)));
            return result;
        };
        Maxima<T> best{load(reduced.values + slot + rows.begin * lanes<T>), at(rows.begin)};
        for (Index r = rows.begin + 1; r < rows.end; ++r)
            take<Indices>(best, load(reduced.values + slot + r * lanes<T>), at(r));
        put<Stride, Indices>(best, h0 * p.W + strip.col0, tile.y + oh * p.OW + ow,
                             tile.indices + (Indices ? oh * p.OW + ow : 0), strip.count);
    }
}

template <Index Stride, class T>
RUSHLIGHT_INLINE Strip<T> make_strip(const MaxPool2dShape& p, Index ow, Index count) {
    const Index col0 = ow * Stride - p.pad_left;
    const Vec<Position<T>> left = broadcast(Position<T>(-min_of(col0, 0))) -
                                  lane_numbers<T>(AllLanes<T>{}) * broadcast(Position<T>(Stride));
    const Vec<Position<T>> zero{};
    return Strip<T>{col0, min_of(count, lanes<T>), p.kernel_w, p.W, Positions<T>(left > zero ? left : zero)};
}

// Elements of scratch memory in a row of a packed strip, for either stride; masked loads need none.
template <class T>
RUSHLIGHT_INLINE Index packed_width(const MaxPool2dShape& p) {
    return kMaskedStores ? 0 : round_up(strip_width<2, T>(p.kernel_w), lanes<T>);
}

// False: in doubt.
template <Index Stride, Index Taps, bool Indices, class T>
bool pool_tile(const MaxPool2dShape& p, const MaxPool2dForward<T>& tile, const ReducedRows<T>& reduced) {
    const Index h0 = tile.rows.begin * p.stride_h - p.pad_top;
    const Index end = (tile.rows.end - 1) * p.stride_h - p.pad_top + p.kernel_h;
    const Range image{max_of(0, h0), min_of(p.H, end)};
    const Index reach = strip_width<Stride, T>(p.kernel_w), width = packed_width<T>(p);
    const auto inside = [&](const Strip<T>& strip) { return strip.col0 >= 0 && strip.col0 + reach <= p.W; };
    const bool shared = p.stride_h < p.kernel_h;
    Doubt<T> doubt{};
    const auto each_strip = [&](const auto& body) {
        for (Index ow = tile.cols.begin; ow < tile.cols.end; ow += lanes<T>)
            body(make_strip<Stride, T>(p, ow, tile.cols.end - ow), ow);
    };
    each_strip([&](const Strip<T>& strip, Index ow) {
        if (inside(strip)) {
            if (shared) pool_rows<Stride, Taps, false, Indices>(p, tile, strip, ow, image, reduced, doubt);
        } else if constexpr (kMaskedStores) {
            pool_rows<Stride, Taps, true, Indices>(p, tile, strip, ow, image, reduced, doubt);
        } else {
            pack_strip(tile.x, tile.stride_h, p.W, strip.col0, width, image, lowest<T>(), reduced.packed);
            MaxPool2dForward<T> packed = tile;
            packed.x = reduced.packed - image.begin * width - strip.col0;
            packed.stride_h = width;
            pool_rows<Stride, Taps, false, Indices>(p, packed, strip, ow, image, reduced, doubt);
        }
    });
    if (!shared)
        for (Index oh = tile.rows.begin; oh < tile.rows.end; ++oh)
            each_strip([&](const Strip<T>& strip, Index ow) {
                if (inside(strip)) pool_row<Stride, Taps, Indices>(p, tile, strip, oh, ow, doubt);
            });
    return !doubt.any();
}

// The usual sizes of float32 kernels get code of their own; of threes two apart, those that want indices.
template <Index Stride, bool Indices, class T>
bool pool_taps(const MaxPool2dShape& p, const MaxPool2dForward<T>& tile, const ReducedRows<T>& reduced) {
    if constexpr (sizeof(T) == 4) {
        if constexpr (Stride == 1 || Indices)
            if (p.kernel_w == 3) return pool_tile<Stride, 3, Indices>(p, tile, reduced);
        constexpr Index other = Stride == 1 ? 5 : 2;
        if (p.kernel_w == other) return pool_tile<Stride, other, Indices>(p, tile, reduced);
    }
    return pool_tile<Stride, 0, Indices>(p, tile, reduced);
}

// Image rows from a tile's first to its last.
inline Index tile_span(const MaxPool2dShape& p, Index rows) {
    return min_of(p.H, (rows - 1) * p.stride_h + (p.kernel_h - 1) * p.dilation_h + 1);
}

template <class T>
Index strips_workspace(const MaxPool2dShape& p, Index rows, bool indices) {
    return tile_span(p, rows) * (lanes<T> * (indices ? 2 : 1) + packed_width<T>(p)) * Index(sizeof(T));
}

// False: not done, because the windows are unusual or some pixel may be NaN.
template <class T>
bool pool_in_strips(const MaxPool2dShape& p, const MaxPool2dForward<T>& tile, char* workspace) {
    if (p.dilation_h != 1 || p.dilation_w != 1 || p.stride_w > 2 || tile.stride_w != 1) return false;
    const Index span = tile_span(p, tile.rows.end - tile.rows.begin);
    T* values = reinterpret_cast<T*>(workspace);
    T* positions = values + span * lanes<T>;
    const ReducedRows<T> reduced{values, reinterpret_cast<Position<T>*>(positions),
                                 positions + (tile.indices ? span * lanes<T> : 0)};
    if (p.stride_w == 1)
        return tile.indices ? pool_taps<1, true>(p, tile, reduced) : pool_taps<1, false>(p, tile, reduced);
    return tile.indices ? pool_taps<2, true>(p, tile, reduced) : pool_taps<2, false>(p, tile, reduced);
}

}  // namespace
}  // namespace rushlight::kernels::RUSHLIGHT_ISA
