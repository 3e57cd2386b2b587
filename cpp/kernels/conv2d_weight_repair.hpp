// Weight gradients that did not come out finite, computed again by the definition.
//
// See NOTE [ NaN and padding ] in conv2d.cpp. Here 0 * NaN also comes from pixels of x beside zeros of dy.
#pragma once

#include "definition.hpp"
#include "simd.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {
namespace {

template <class T>
bool all_finite(const T* p, Index count) {
    Vec<T> nothing = {};
    for (Index i = 0; i < count; i += lanes<T>)
        nothing = multiply_add<T>(load_lanes(p + i, 0, min_of(lanes<T>, count - i)), Vec<T>{}, nothing);
    T lane[lanes<T>], total = 0;
    store(lane, nothing);
    for (Index i = 0; i < lanes<T>; ++i) total += lane[i];
    return total == T(0);
}

template <class T>
void repair_backward_weight(const Conv2dShape& p, const Conv2dBackwardWeight<T>& tile) noexcept {
    const Index Cg = p.C / p.groups, first = tile.g * (p.K / p.groups);
    const Index RS = p.R * p.S, row = (tile.c.end - tile.c.begin) * RS;
    for (Index k = first + tile.k.begin; k < first + tile.k.end; ++k) {
        if (all_finite(tile.dw + (k * Cg + tile.c.begin) * RS, row)) continue;
        for (Index c = tile.c.begin; c < tile.c.end; ++c)
            for (Index r = 0; r < p.R; ++r)
                for (Index s = 0; s < p.S; ++s) {
                    T& dw = tile.dw[(k * Cg + c) * RS + r * p.S + s];
                    if (is_nan(dw * T(0)))
                        dw = conv2d_grad_weight_at(p, tile.x, tile.dy, k, c, r, s, tile.batch, tile.rows);
                }
    }
}

}  // namespace
}  // namespace rushlight::kernels::RUSHLIGHT_ISA
