// The definition of the convolution and its gradients, one element at a time: the specification that
// everything else is tested against. Taps that fall on the padding do not take part (so an infinite weight
// there does not become 0 * inf = NaN).
//
// The reference ISA is loops around these functions. The fast kernels, which do multiply padding zeros, come
// back here for elements that turned out NaN (see NOTE [ NaN and padding ] in conv2d.cpp); hence the early
// returns once a sum is NaN for good.
//
// `block`: so many channels are summed up before they reach the total, in the order of the fast kernels'
// taps. Whether an element comes back depends on its tile, and tiles depend on the number of threads; the
// bits may not.
#pragma once

#include "kernels.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {
namespace {

// Integer arithmetic modulo 2^n. C++ computes uint16_t * uint16_t in int, which can overflow; unsigned can
// not.
template <class T>
struct ArithmeticOf {
    typedef T type;
};
template <>
struct ArithmeticOf<std::uint16_t> {
    typedef std::uint32_t type;
};

template <class T>
inline T multiply_add_scalar(T a, T b, T c) {
    typedef typename ArithmeticOf<T>::type A;
    return T(A(a) * A(b) + A(c));
}

template <class T>
inline bool is_nan(T value) {
    return value != value;
}

// y[n, k, oh, ow] = b[k] + sum over c, r, s of w[k, c, r, s] * x[n, g * C/groups + c, ih, iw],
// ih = oh * stride_h - pad_top + r * dilation_h inside [0, H), and iw likewise.
template <class T>
T conv2d_output_at(const Conv2dShape& p, const Images<const T>& x, const T* w, const T* b, Index n, Index k,
                   Index oh, Index ow, Index block) {
    const Index Cg = p.C / p.groups, g = k / (p.K / p.groups);
    T total = b ? b[k] : T(0), sum = T(0);
    for (Index c = 0; c < Cg; ++c) {
        const T* plane = x.data + n * x.stride_n + (g * Cg + c) * x.stride_c;
        for (Index r = 0; r < p.R; ++r) {
            const Index ih = oh * p.stride_h - p.pad_top + r * p.dilation_h;
            if (ih < 0 || ih >= p.H) continue;
            for (Index s = 0; s < p.S; ++s) {
                const Index iw = ow * p.stride_w - p.pad_left + s * p.dilation_w;
                if (iw < 0 || iw >= p.W) continue;
                sum = multiply_add_scalar(w[((k * Cg + c) * p.R + r) * p.S + s],
                                          plane[ih * x.stride_h + iw * x.stride_w], sum);
            }
        }
        if (is_nan(sum)) return sum;
        if ((c + 1) % block == 0 || c + 1 == Cg) {
            total = T(sum + total);
            sum = T(0);
        }
    }
    return total;
}

// dx[n, c, ih, iw] = b[c] + sum over k of c's group and over those r, s that map an output pixel onto (ih,
// iw).
template <class T>
T conv2d_grad_input_at(const Conv2dShape& p, const Images<const T>& dy, const T* w, const T* b, Index n,
                       Index c, Index ih, Index iw, Index block) {
    const Index Cg = p.C / p.groups, Kg = p.K / p.groups, g = c / Cg;
    T total = b ? b[c] : T(0), sum = T(0);
    for (Index k = g * Kg; k < (g + 1) * Kg; ++k) {
        const T* plane = dy.data + n * dy.stride_n + k * dy.stride_c;
        for (Index r = p.R - 1; r >= 0; --r) {
            const Index h = ih + p.pad_top - r * p.dilation_h;
            if (h < 0 || h % p.stride_h != 0 || h / p.stride_h >= p.OH) continue;
            for (Index s = p.S - 1; s >= 0; --s) {
                const Index v = iw + p.pad_left - s * p.dilation_w;
                if (v < 0 || v % p.stride_w != 0 || v / p.stride_w >= p.OW) continue;
                sum = multiply_add_scalar(w[((k * Cg + c - g * Cg) * p.R + r) * p.S + s],
                                          plane[h / p.stride_h * dy.stride_h + v / p.stride_w * dy.stride_w],
                                          sum);
            }
        }
        if (is_nan(sum)) return sum;
        if ((k - g * Kg + 1) % block == 0 || k + 1 == (g + 1) * Kg) {
            total = T(sum + total);
            sum = T(0);
        }
    }
    return total;
}

// What images `batch` and output rows `rows` add to dw[k, c, r, s]; c counts within k's group.
template <class T>
T conv2d_grad_weight_at(const Conv2dShape& p, const Images<const T>& x, const Images<const T>& dy, Index k,
                        Index c, Index r, Index s, Range batch, Range rows) {
    const Index Cg = p.C / p.groups, g = k / (p.K / p.groups);
    T sum = T(0);
    for (Index n = batch.begin; n < batch.end; ++n) {
        const T* image = x.data + n * x.stride_n + (g * Cg + c) * x.stride_c;
        const T* grad = dy.data + n * dy.stride_n + k * dy.stride_c;
        for (Index oh = rows.begin; oh < rows.end; ++oh) {
            const Index ih = oh * p.stride_h - p.pad_top + r * p.dilation_h;
            if (ih < 0 || ih >= p.H) continue;
            for (Index ow = 0; ow < p.OW; ++ow) {
                const Index iw = ow * p.stride_w - p.pad_left + s * p.dilation_w;
                if (iw < 0 || iw >= p.W) continue;
                sum = multiply_add_scalar(grad[oh * dy.stride_h + ow * dy.stride_w],
                                          image[ih * x.stride_h + iw * x.stride_w], sum);
            }
            if (is_nan(sum)) return sum;
        }
    }
    return sum;
}

}  // namespace
}  // namespace rushlight::kernels::RUSHLIGHT_ISA
