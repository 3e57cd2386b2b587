// Fixed rearrangements of lanes, for data whose neighbours belong together in groups: every m-th pixel, the
// nine weights of a 3 x 3 kernel. The patterns are computed by the compiler from the lane numbers.
#pragma once

#include "simd.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {
namespace {

template <class T>
constexpr int L = int(lanes<T>);

// Every second lane of x followed by y, from lane Odd on.
template <class T, int Odd, int... Lane>
RUSHLIGHT_INLINE Vec<T> every_second(Vec<T> x, Vec<T> y, LaneNumbers<Lane...>) {
    return __builtin_shufflevector(x, y, (2 * Lane + Odd)...);
}
// Lanes of x and y in turns: the lower (Upper = 0) or upper half of the result.
template <class T, int Upper, int... Lane>
RUSHLIGHT_INLINE Vec<T> in_turns(Vec<T> x, Vec<T> y, LaneNumbers<Lane...>) {
    return __builtin_shufflevector(x, y, ((Lane + Upper * L<T>) / 2 + (Lane % 2 ? L<T> : 0))...);
}

// Sorts M vectors of neighbours into M vectors of every M-th: v[p] lane i = element i * M + p. M = 2 or 4.
template <class T, int M>
RUSHLIGHT_INLINE void deal_out(Vec<T>* v) {
    using Lanes = AllLanes<T>;
    if constexpr (M == 4) {
        const Vec<T> a = every_second<T, 0>(v[0], v[1], Lanes{}), b = every_second<T, 1>(v[0], v[1], Lanes{});
        const Vec<T> c = every_second<T, 0>(v[2], v[3], Lanes{}), d = every_second<T, 1>(v[2], v[3], Lanes{});
        v[0] = every_second<T, 0>(a, c, Lanes{});
        v[2] = every_second<T, 1>(a, c, Lanes{});
        v[1] = every_second<T, 0>(b, d, Lanes{});
        v[3] = every_second<T, 1>(b, d, Lanes{});
    } else {
        const Vec<T> even = every_second<T, 0>(v[0], v[1], Lanes{});
        v[1] = every_second<T, 1>(v[0], v[1], Lanes{});
        v[0] = even;
    }
}

// The inverse of deal_out.
template <class T, int M>
RUSHLIGHT_INLINE void collect(Vec<T>* v) {
    using Lanes = AllLanes<T>;
    if constexpr (M == 4) {
        const Vec<T> a = in_turns<T, 0>(v[0], v[2], Lanes{}), b = in_turns<T, 1>(v[0], v[2], Lanes{});
        const Vec<T> c = in_turns<T, 0>(v[1], v[3], Lanes{}), d = in_turns<T, 1>(v[1], v[3], Lanes{});
        v[0] = in_turns<T, 0>(a, c, Lanes{});
        v[1] = in_turns<T, 1>(a, c, Lanes{});
        v[2] = in_turns<T, 0>(b, d, Lanes{});
        v[3] = in_turns<T, 1>(b, d, Lanes{});
    } else {
        const Vec<T> low = in_turns<T, 0>(v[0], v[1], Lanes{});
        v[1] = in_turns<T, 1>(v[0], v[1], Lanes{});
        v[0] = low;
    }
}

// Transposes the L x L matrix whose rows are v[0 .. L - 1]: each of log2(L) steps riffles the first half of
// the rows with the second.
template <class T>
RUSHLIGHT_INLINE void transpose(Vec<T>* v) {
    RUSHLIGHT_UNROLL for (int step = 1; step < L<T>; step *= 2) {
        Vec<T> next[L<T>];
        RUSHLIGHT_UNROLL for (int i = 0; i < L<T> / 2; ++i) {
            next[2 * i] = in_turns<T, 0>(v[i], v[i + L<T> / 2], AllLanes<T>{});
            next[2 * i + 1] = in_turns<T, 1>(v[i], v[i + L<T> / 2], AllLanes<T>{});
        }
        RUSHLIGHT_UNROLL for (int i = 0; i < L<T>; ++i) v[i] = next[i];
    }
}

// Nine vectors hold L groups of nine neighbours; the result has number Tap of each group. Lane i wants
// element 9 i + Tap, which lies in lane (9 i + Tap) % L of some vector. 9 and L have no common factor, so
// these lanes are all different: blend the nine vectors by lane, then permute once.
template <class T, int Tap, int Vector>
constexpr bool holds(int lane) {  // whether `lane` of vector number Vector is wanted
    return (Vector * L<T> + lane) % 9 == Tap;
}
template <class T, int Tap, int Vector, int... Lane>
RUSHLIGHT_INLINE Vec<T> blend_ninth(const Vec<T>* v, LaneNumbers<Lane...> numbers) {
    if constexpr (Vector == 0)
        return v[0];
    else
        return __builtin_shufflevector((blend_ninth<T, Tap, Vector - 1>(v, numbers)), v[Vector],
                                       (holds<T, Tap, Vector>(Lane) ? L<T> + Lane : Lane)...);
}
template <class T, int Tap, int... Lane>
RUSHLIGHT_INLINE Vec<T> every_ninth(const Vec<T>* v, LaneNumbers<Lane...> numbers) {
    const Vec<T> blended = blend_ninth<T, Tap, 8>(v, numbers);
    return __builtin_shufflevector(blended, blended, ((9 * Lane + Tap) % L<T>)...);
}

}  // namespace
}  // namespace rushlight::kernels::RUSHLIGHT_ISA
