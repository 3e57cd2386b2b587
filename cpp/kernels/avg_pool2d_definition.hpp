// The definition of average pooling, one window at a time: torch's rules for what is counted, and the order
// of the additions: along each row of the window first, then over the rows.
//
// A window reaches at most to the end of the padding, so what hangs over further in ceil mode never counts.
// Pixels of the padding count as zeros, unless count_include_pad says that they do not count at all.
#pragma once

#include "kernels.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {
namespace {

// One direction of the windows.
struct Windows {
    Index size, outputs, kernel, stride, pad, pad_after;
};
inline Windows windows_down(const AvgPool2dShape& p) {
    return Windows{p.H, p.OH, p.kernel_h, p.stride_h, p.pad_top, p.pad_bottom};
}
inline Windows windows_across(const AvgPool2dShape& p) {
    return Windows{p.W, p.OW, p.kernel_w, p.stride_w, p.pad_left, p.pad_right};
}

// The pixels of window o.
inline Range window(const Windows& a, Index o) {
    const Index begin = o * a.stride - a.pad, end = begin + a.kernel;
    return Range{begin > 0 ? begin : 0, end < a.size ? end : a.size};
}

// How many pixels of window o count.
inline Index counted(const Windows& a, Index o, bool include_pad) {
    const Range inside = window(a, o);
    if (!include_pad) return inside.end - inside.begin;
    const Index begin = o * a.stride - a.pad, end = begin + a.kernel, last = a.size + a.pad_after;
    return (end < last ? end : last) - begin;
}

// The windows that pixel i lies in.
inline Range windows_of(const Windows& a, Index i) {
    const Index before = i + a.pad - a.kernel, last = (i + a.pad) / a.stride + 1;
    return Range{before < 0 ? 0 : before / a.stride + 1, last < a.outputs ? last : a.outputs};
}

// What sums are made of and divided by: integers wrap, so they are added up without a sign.
template <class T>
struct SumOf {
    typedef T type;
};
template <>
struct SumOf<std::int64_t> {
    typedef std::uint64_t type;
};

template <class T>
inline T divided(T sum, Index divisor) {
    return sum / T(divisor);
}
inline std::int64_t divided(std::uint64_t sum, Index divisor) {
    if (divisor == -1) return std::int64_t(0 - sum);  // the one quotient that can overflow
    return std::int64_t(sum) / divisor;
}

inline Index divisor_at(const AvgPool2dShape& p, Index oh, Index ow) {
    if (p.divisor) return p.divisor;
    return counted(windows_down(p), oh, p.count_include_pad) *
           counted(windows_across(p), ow, p.count_include_pad);
}

template <class T>
inline void avg_pool2d_plain(const AvgPool2dShape& p, const AvgPool2dForward<T>& tile) {
    typedef typename SumOf<T>::type Sum;
    for (Index oh = tile.rows.begin; oh < tile.rows.end; ++oh) {
        const Range rows = window(windows_down(p), oh);
        for (Index ow = tile.cols.begin; ow < tile.cols.end; ++ow) {
            const Range cols = window(windows_across(p), ow);
            Sum sum = Sum(0);
            for (Index h = rows.begin; h < rows.end; ++h) {
                Sum row = Sum(0);
                for (Index w = cols.begin; w < cols.end; ++w)
                    row += Sum(tile.x[h * tile.stride_h + w * tile.stride_w]);
                sum += row;
            }
            tile.y[oh * p.OW + ow] = divided(sum, divisor_at(p, oh, ow));
        }
    }
}

// Every window's gradient, divided, goes to all of its pixels: summed down each column first, then across.
template <class T>
inline void avg_pool2d_backward_plain(const AvgPool2dShape& p, const AvgPool2dBackward<T>& tile) {
    for (Index h = tile.rows.begin; h < tile.rows.end; ++h) {
        const Range rows = windows_of(windows_down(p), h);
        for (Index w = 0; w < p.W; ++w) {
            const Range cols = windows_of(windows_across(p), w);
            T sum = T(0);
            for (Index ow = cols.begin; ow < cols.end; ++ow) {
                T column = T(0);
                for (Index oh = rows.begin; oh < rows.end; ++oh)
                    column += divided(tile.dy[oh * p.OW + ow], divisor_at(p, oh, ow));
                sum += column;
            }
            tile.dx[h * p.W + w] = sum;
        }
    }
}

}  // namespace
}  // namespace rushlight::kernels::RUSHLIGHT_ISA
