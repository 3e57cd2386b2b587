// The definition of max pooling, one window at a time: torch's rules for ties, NaN, padding and positions.
// The specification that everything else is tested against.
//
// A window's taps outside the image do not take part. Its candidate is -inf (the smallest integer) at the
// first tap that is not above or left of the image; in row-major order a tap replaces the candidate if it is
// greater, or NaN. So ties keep the first tap, any NaN gives the last NaN, and a window of -inf gives its
// first tap. (A dilated window can step over the whole image; its position then lies outside the plane, as
// torch's does.)
#pragma once

#include "kernels.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {
namespace {

template <class T>
constexpr bool is_floating = T(0.5) != T(0);

// What any value but NaN is at least.
template <class T>
constexpr T lowest() {
    if constexpr (is_floating<T>)
        return -T(__builtin_inf());
    else if constexpr (T(-1) > T(0))
        return T(0);
    else
        return T(-(std::int64_t(0x7fffffffffffffff) >> (64 - 8 * sizeof(T))) - 1);
}

template <class T>
inline bool replaces(T x, T best) {
    if constexpr (is_floating<T>)
        return x > best || x != x;
    else
        return x > best;
}

// The first tap whose coordinate start + tap * dilation is not negative.
inline Index first_tap(Index start, Index dilation) {
    return start >= 0 ? 0 : (-start + dilation - 1) / dilation;
}

// The tap after the last whose coordinate start + tap * dilation is below `size`; at most `taps`.
inline Index end_tap(Index start, Index dilation, Index taps, Index size) {
    if (start >= size) return 0;
    const Index end = (size - 1 - start) / dilation + 1;
    return end < taps ? end : taps;
}

template <class T>
struct Maximum {
    T value;
    Index position;  // h * W + w
};

template <class T>
Maximum<T> max_pool2d_at(const MaxPool2dShape& p, const T* x, Index stride_h, Index stride_w, Index oh,
                         Index ow) {
    const Index h0 = oh * p.stride_h - p.pad_top, w0 = ow * p.stride_w - p.pad_left;
    const Index r0 = first_tap(h0, p.dilation_h), s0 = first_tap(w0, p.dilation_w);
    Maximum<T> best{lowest<T>(), (h0 + r0 * p.dilation_h) * p.W + w0 + s0 * p.dilation_w};
    for (Index r = r0; r < end_tap(h0, p.dilation_h, p.kernel_h, p.H); ++r)
        for (Index s = s0; s < end_tap(w0, p.dilation_w, p.kernel_w, p.W); ++s) {
            const Index h = h0 + r * p.dilation_h, w = w0 + s * p.dilation_w;
            const T value = x[h * stride_h + w * stride_w];
            if (replaces(value, best.value)) best = Maximum<T>{value, h * p.W + w};
        }
    return best;
}

template <class T>
inline void max_pool2d_plain(const MaxPool2dShape& p, const MaxPool2dForward<T>& tile) {
    for (Index oh = tile.rows.begin; oh < tile.rows.end; ++oh)
        for (Index ow = tile.cols.begin; ow < tile.cols.end; ++ow) {
            const Maximum<T> best = max_pool2d_at(p, tile.x, tile.stride_h, tile.stride_w, oh, ow);
            tile.y[oh * p.OW + ow] = best.value;
            if (tile.indices) tile.indices[oh * p.OW + ow] = best.position;
        }
}

// The gradient; the order of the additions is the outputs' order, so the bits are always the same.
template <class T>
inline Index max_pool2d_scatter(const MaxPool2dBackward<T>& b) {
    for (Index i = 0; i < b.planes * b.inputs; ++i) b.dx[i] = T(0);
    for (Index plane = 0; plane < b.planes; ++plane)
        for (Index i = plane * b.outputs; i < (plane + 1) * b.outputs; ++i) {
            const std::int64_t at = __atomic_load_n(b.indices + i, __ATOMIC_RELAXED);  // it may change now
            if (at < 0 || at >= b.inputs) return i;
            b.dx[plane * b.inputs + at] += b.dy[i];
        }
    return b.planes * b.outputs;
}

}  // namespace
}  // namespace rushlight::kernels::RUSHLIGHT_ISA
