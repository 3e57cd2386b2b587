// The gradient of max pooling: every output's gradient is added at its maximum.
#pragma once

#include "simd.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {
namespace {

constexpr Index kAhead = 1024;  // pixels that become zero together

// dx becomes zero just before it is needed, as far as the indices have reached, so it passes through the
// cache once (by memset, which knows how not to read lines that it overwrites); the comparison that finds out
// also finds an index that lies outside (negative ones are huge here): then the result is false.
template <int Planes, class T>
bool scatter(const MaxPool2dBackward<T>& b) {
    Index zeroed = 0;
    const auto zero_to = [&](Index end) {
        for (int p = 0; p < Planes; ++p)
            __builtin_memset(b.dx + p * b.inputs + zeroed, 0, std::size_t(end - zeroed) * sizeof(T));
        zeroed = end;
    };
    for (Index i = 0; i < b.outputs; ++i) RUSHLIGHT_UNROLL for (int p = 0; p < Planes; ++p) {
            const std::int64_t at = b.indices[p * b.outputs + i];
            if (__builtin_expect(std::uint64_t(at) >= std::uint64_t(zeroed), 0)) {
                if (std::uint64_t(at) >= std::uint64_t(b.inputs)) return false;
                zero_to(min_of(b.inputs, at + kAhead));
            }
            b.dx[p * b.inputs + at] += b.dy[p * b.outputs + i];
        }
    zero_to(b.inputs);
    return true;
}

// Where there are about as many windows as pixels, neighbouring ones often share their maximum, and adding to
// a number that was stored just now means waiting for it: a second plane can use the time. Else one plane is
// enough, and fewer streams of memory are faster.
template <class T>
Index scatter_planes(const MaxPool2dBackward<T>& all) noexcept {
    const bool dense = all.outputs > all.inputs / 2;
    bool inside = true;
    for (Index plane = 0; inside && plane < all.planes;) {
        MaxPool2dBackward<T> some = all;
        some.dy += plane * all.outputs;
        some.indices += plane * all.outputs;
        some.dx += plane * all.inputs;
        if (dense && all.planes - plane >= 2) {
            inside = scatter<2>(some);
            plane += 2;
        } else {
            inside = scatter<1>(some);
            ++plane;
        }
    }
    Index handled = inside ? all.planes * all.outputs : 0;
    while (!inside && all.indices[handled] >= 0 && all.indices[handled] < all.inputs) ++handled;
    return handled;
}

}  // namespace
}  // namespace rushlight::kernels::RUSHLIGHT_ISA
