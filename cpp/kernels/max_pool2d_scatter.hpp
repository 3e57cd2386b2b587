// The gradient of max pooling: every output's gradient is added at its maximum.
#pragma once

#include "simd.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {
namespace {

constexpr Index kAhead = 1024;  // pixels that become zero together

// dx becomes zero just before it is needed, as far as the indices have reached, so it passes through the
// cache once (by memset, which knows how not to read lines that it overwrites); the comparison that finds out
// also finds an index that lies outside (negative ones are huge here). Returns that output, or `Planes *
// outputs`.
//
// An index is loaded once: another thread may change it between a check and its use.
template <int Planes, class T>
Index scatter(const MaxPool2dBackward<T>& b) {
    Index zeroed = 0;
    const auto zero_to = [&](Index end) {
        for (int p = 0; p < Planes; ++p)
            __builtin_memset(b.dx + p * b.inputs + zeroed, 0, std::size_t(end - zeroed) * sizeof(T));
        zeroed = end;
    };
    for (Index i = 0; i < b.outputs; ++i) RUSHLIGHT_UNROLL for (int p = 0; p < Planes; ++p) {
            const std::int64_t at = __atomic_load_n(b.indices + p * b.outputs + i, __ATOMIC_RELAXED);
            if (__builtin_expect(std::uint64_t(at) >= std::uint64_t(zeroed), 0)) {
                if (std::uint64_t(at) >= std::uint64_t(b.inputs)) return p * b.outputs + i;
                zero_to(min_of(b.inputs, at + kAhead));
            }
            b.dx[p * b.inputs + at] += b.dy[p * b.outputs + i];
        }
    zero_to(b.inputs);
    return Planes * b.outputs;
}

// Of two planes at once, the second may fail first: the first output in memory whose index lies outside. One
// is known.
template <class T>
Index first_outside(const MaxPool2dBackward<T>& b, Index known) {
    for (Index i = 0; i < known; ++i)
        if (b.indices[i] < 0 || b.indices[i] >= b.inputs) return i;
    return known;
}

// Where there are about as many windows as pixels, neighbouring ones often share their maximum, and adding to
// a number that was stored just now means waiting for it: a second plane can use the time. Else one plane is
// enough, and fewer streams of memory are faster.
template <class T>
Index scatter_planes(const MaxPool2dBackward<T>& all) noexcept {
    const bool dense = all.outputs > all.inputs / 2;
    for (Index plane = 0; plane < all.planes;) {
        MaxPool2dBackward<T> some = all;
        some.dy += plane * all.outputs;
        some.indices += plane * all.outputs;
        some.dx += plane * all.inputs;
        const Index together = dense && all.planes - plane >= 2 ? 2 : 1;
        const Index handled = together == 2 ? scatter<2>(some) : scatter<1>(some);
        if (handled < together * all.outputs) return plane * all.outputs + first_outside(some, handled);
        plane += together;
    }
    return all.planes * all.outputs;
}

}  // namespace
}  // namespace rushlight::kernels::RUSHLIGHT_ISA
