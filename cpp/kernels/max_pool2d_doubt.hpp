// How max pooling notices pixels that may be NaN.
//
// NOTE [ Doubt ]
// x > best ? x : best is one instruction but drops a NaN in x. So the pixels are also added up: a sum is NaN
// if any term is (infinities of both signs and overflow only cost time). Whoever is in doubt computes the
// tile again with kernels that look at every pixel.
#pragma once

#include "max_pool2d_definition.hpp"
#include "simd.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {
namespace {

// Two sums, because one would wait for itself.
template <class T>
struct Doubt {
    Vec<T> sum[2];

    RUSHLIGHT_INLINE void note(int which, Vec<T> x) { sum[which] += x; }
    bool any() const {
        T lane[lanes<T>];
        store(lane, sum[0] + sum[1]);
        for (Index i = 0; i < lanes<T>; ++i)
            if (lane[i] != lane[i]) return true;
        return false;
    }
};

}  // namespace
}  // namespace rushlight::kernels::RUSHLIGHT_ISA
