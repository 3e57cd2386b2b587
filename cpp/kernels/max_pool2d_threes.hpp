// Max pooling of 3 x 3 windows two apart, without indices: what residual networks begin with.
//
// Such windows share one pixel with the next and one row with the next below. Along a row, pixels are dealt
// out to even and odd ones; the pixel shared is the odd one of the lane before. Every image row is reduced
// once, left to right; the row that two rows of windows share is kept. Row-major order survives, as in
// max_pool2d.cpp. Pixels that may be NaN are noticed: see NOTE [ Doubt ].
#pragma once

#include "max_pool2d_doubt.hpp"
#include "strips.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {
namespace {

inline bool wants_threes(const MaxPool2dShape& p) {
    return p.kernel_h == 3 && p.kernel_w == 3 && p.stride_h == 2 && p.stride_w == 2 && p.dilation_h == 1 &&
           p.dilation_w == 1;
}

template <class T>
RUSHLIGHT_INLINE Vec<T> larger(Vec<T> best, Vec<T> x) {
    return x > best ? x : best;
}

// v's lanes moved up by one, the last lane of `before` in front.
template <class T, int... Lane>
RUSHLIGHT_INLINE Vec<T> one_up(Vec<T> before, Vec<T> v, LaneNumbers<Lane...>) {
    return __builtin_shufflevector(before, v, (Lane + L<T> - 1)...);
}

template <bool Value>
struct Masked {
    static constexpr bool value = Value;
};

// One image row on its way to the right.
template <class T>
struct RowOfThrees {
    const T* row;
    Vec<T> before;  // the odd pixels of the vector before

    // `shared`: the first window's first pixel; outside the image if negative.
    RUSHLIGHT_INLINE RowOfThrees(const T* row, Index shared, Doubt<T>& doubt)
        : row(row), before(broadcast(shared < 0 ? lowest<T>() : row[shared])) {
        doubt.note(0, before);
    }

    // The maxima of the windows whose second pixels are col, col + 2, ...
    template <bool AtEdge>
    RUSHLIGHT_INLINE Vec<T> next(Masked<AtEdge>, Index col, Index W, Doubt<T>& doubt) {
        const Vec<T> a = pixels<AtEdge>(row, col, W, lowest<T>());
        const Vec<T> b = pixels<AtEdge>(row, col + lanes<T>, W, lowest<T>());
        doubt.note(0, a);
        doubt.note(1, b);
        const Vec<T> odd = every_second<T, 1>(a, b, AllLanes<T>{});
        const Vec<T> first = one_up<T>(before, odd, AllLanes<T>{});
        before = odd;
        return larger<T>(larger<T>(first, every_second<T, 0>(a, b, AllLanes<T>{})), odd);
    }
};

template <class T>
Index threes_workspace(Index cols) {
    return round_up(cols, lanes<T>) * Index(sizeof(T));
}

// False: some pixel may be NaN, or they do not lie side by side. `shared`: room for the row that windows
// share.
template <class T>
bool pool_threes(const MaxPool2dShape& p, const MaxPool2dForward<T>& tile, T* shared) {
    if (tile.stride_w != 1) return false;
    Doubt<T> doubt{};
    const Index cols = tile.cols.end - tile.cols.begin, col0 = tile.cols.begin * 2 - p.pad_left;
    // Outputs whose vectors lie inside the image.
    const Index whole = max_of(0, min_of(cols, (p.W - col0 - 1) / 2)) / lanes<T> * lanes<T>;
    // A row above or below the image does as its neighbour inside, which every window holds too.
    const auto row = [&](Index h) {
        return RowOfThrees<T>(tile.x + min_of(max_of(h, 0), p.H - 1) * tile.stride_h, col0, doubt);
    };
    const auto along = [&](const auto& body) {
        for (Index v = 0; v < whole; v += lanes<T>) body(Masked<false>{}, v);
        for (Index v = whole; v < cols; v += lanes<T>) body(Masked<true>{}, v);
    };

    RowOfThrees<T> top = row(tile.rows.begin * 2 - p.pad_top);
    along([&](auto masked, Index v) { store(shared + v, top.next(masked, col0 + 1 + 2 * v, p.W, doubt)); });
    for (Index oh = tile.rows.begin; oh < tile.rows.end; ++oh) {
        const Index h0 = oh * 2 - p.pad_top;
        T* y = tile.y + oh * p.OW + tile.cols.begin;
        RowOfThrees<T> middle = row(h0 + 1), bottom = row(h0 + 2);
        along([&](auto masked, Index v) {
            const Vec<T> first = load(shared + v);
            const Vec<T> second = middle.next(masked, col0 + 1 + 2 * v, p.W, doubt);
            const Vec<T> third = bottom.next(masked, col0 + 1 + 2 * v, p.W, doubt);
            store(shared + v, third);
            store_some(y + v, larger<T>(larger<T>(first, second), third), masked.value ? cols - v : lanes<T>);
        });
    }
    return !doubt.any();
}

}  // namespace
}  // namespace rushlight::kernels::RUSHLIGHT_ISA
