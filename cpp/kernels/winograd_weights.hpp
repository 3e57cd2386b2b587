// Winograd convolution's weights: from w (K, C, 3, 3) to transformed panels.
//
// A panel has the weights of lanes<T> outputs side by side, channel after channel: u[c * lanes + output], in
// each of the (m + 2)^2 planes. The products read it from the beginning to the end, as memory likes best:
// with weights row by row they ran at 40 per cent of the machine's peak where u was larger than the caches,
// with panels they run at 95. Lanes beyond the last output hold zeros.
#pragma once

#include "shuffles.hpp"
#include "winograd_transforms.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {
namespace {

// The nine weights of one vector of kernels. A function of its own: inlined into a loop, compilers keep a
// pointer for every plane, most of them in memory, and moving those takes longer than the transform.
template <class T, class F>
RUSHLIGHT_NOINLINE void transform_kernels(const T (*taps)[lanes<T>], T* u, Index plane) {
    Vec<T> g[9], result[F::size * F::size];
    RUSHLIGHT_UNROLL for (Index tap = 0; tap < 9; ++tap) g[tap] = load(taps[tap]);
    transform_2d<T, 3, F::size>(g, result, F::weights);
    RUSHLIGHT_UNROLL for (Index xi = 0; xi < F::size * F::size; ++xi, u += plane) store(u, result[xi]);
}

// Vector number `vector` of the nine that hold the kernels of `kernels` channels.
template <class T>
RUSHLIGHT_INLINE Vec<T> load_ninth(const T* w, Index vector, Index kernels) {
    const Index last = min_of(max_of(9 * kernels - vector * lanes<T>, 0), lanes<T>);
    return last == lanes<T> ? load(w + vector * lanes<T>) : load_lanes(w + vector * lanes<T>, 0, last);
}

// taps[i][k] = weight number i of output k, of the `kernels` channels that begin at w. Squares of weights are
// transposed.
template <class T, bool Whole>
inline void gather_outputs(const T* w, Index C, Index outputs, Index kernels, T (*taps)[lanes<T>]) {
    constexpr Index L = lanes<T>;
    for (Index vector = 0; vector < 9; ++vector) {
        Vec<T> rows[L];
        RUSHLIGHT_UNROLL for (Index k = 0; k < L; ++k) {
            if constexpr (Whole)
                rows[k] = load(w + k * C * 9 + vector * L);
            else
                rows[k] = k < outputs ? load_ninth(w + k * C * 9, vector, kernels) : Vec<T>{};
        }
        transpose<T>(rows);
        RUSHLIGHT_UNROLL for (Index i = 0; i < L; ++i) store(taps[vector * L + i], rows[i]);
    }
}

// Forward: outputs are the K of w, and `channels` those of its C that begin at w.
template <class T, class F>
inline void forward_panel(const T* w, Index C, Index outputs, Index channels, T* u, Index plane) {
    constexpr Index L = lanes<T>;
    for (Index c = 0; c < channels; c += L) {
        const Index here = min_of(L, channels - c);
        alignas(kVectorBytes) T taps[9 * L][L];
        if (outputs == L && here == L)
            gather_outputs<T, true>(w + c * 9, C, L, L, taps);
        else
            gather_outputs<T, false>(w + c * 9, C, outputs, here, taps);
        for (Index i = 0; i < here; ++i) transform_kernels<T, F>(taps + 9 * i, u + (c + i) * L, plane);
    }
}

// Nine vectors of neighbouring weights: the kernels of lanes<T> channels turned by 180 degrees, as one vector
// for each of the nine positions.
template <class T, int Tap = 0>
RUSHLIGHT_INLINE void sort_turned(const Vec<T>* nine, Vec<T>* g) {
    g[8 - Tap] = every_ninth<T, Tap>(nine, AllLanes<T>{});
    if constexpr (Tap < 8) sort_turned<T, Tap + 1>(nine, g);
}

// Input gradient: outputs are the C of w, which lie side by side already; channels are its K, from
// the first at w on.
template <class T, class F>
inline void backward_panel(const T* w, Index C, Index outputs, Index channels, T* u, Index plane) {
    for (Index k = 0; k < channels; ++k) {
        Vec<T> nine[9], g[9];
        RUSHLIGHT_UNROLL for (Index i = 0; i < 9; ++i) nine[i] = load_ninth(w + k * C * 9, i, outputs);
        sort_turned<T>(nine, g);
        alignas(kVectorBytes) T taps[9][lanes<T>];
        RUSHLIGHT_UNROLL for (Index tap = 0; tap < 9; ++tap) store(taps[tap], g[tap]);
        transform_kernels<T, F>(taps, u + k * lanes<T>, plane);
    }
}

template <class T, class F>
void weights(const T* w, Index C, Range outputs, Range channels, bool backward, T* u, Index plane) noexcept {
    const Index count = channels.end - channels.begin;
    w += channels.begin * (backward ? C : 1) * 9;
    for (Index k = outputs.begin; k < outputs.end; k += lanes<T>, u += count * lanes<T>) {
        const Index here = min_of(lanes<T>, outputs.end - k);
        if (backward)
            backward_panel<T, F>(w + k * 9, C, here, count, u, plane);
        else
            forward_panel<T, F>(w + k * C * 9, C, here, count, u, plane);
    }
}

}  // namespace
}  // namespace rushlight::kernels::RUSHLIGHT_ISA
