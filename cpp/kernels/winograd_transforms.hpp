// The three small matrices of Winograd's minimal filtering F(m x m, 3 x 3), one direction at a time, on
// vectors.
//
// An m-vector of outputs of a 3-tap filter is A^T [(G g) * (B^T d)]: m + 2 products instead of 3 m. In two
// dimensions each matrix is applied to the columns, then to the rows: (m + 2)^2 products instead of 9 m^2.
// Construction: Toom-Cook with chosen points (Lavin and Gray, arXiv:1509.09308); the choice of the points is
// the choice of the rounding error (Barabasz et al., arXiv:1803.10986).
#pragma once

#include "simd.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {
namespace {

// F(2, 3), points 0, 1, -1, infinity: sums and differences only. An output depends on no pixel that the
// direct sum does not see, so a NaN or a spike reaches the same outputs, and small integers stay exact.
template <class T>
struct F2 {
    static constexpr Index m = 2, size = 4;
    typedef Vec<T> V;

    RUSHLIGHT_INLINE static void input(const V* d, V* v) {
        v[0] = d[0] - d[2];
        v[1] = d[1] + d[2];
        v[2] = d[2] - d[1];
        v[3] = d[1] - d[3];
    }
    RUSHLIGHT_INLINE static void weights(const V* g, V* u) {
        const V outer = (g[0] + g[2]) * broadcast(T(0.5)), inner = g[1] * broadcast(T(0.5));
        u[0] = g[0];
        u[1] = outer + inner;
        u[2] = outer - inner;
        u[3] = g[2];
    }
    RUSHLIGHT_INLINE static void output(const V* m, V* y) {
        y[0] = m[0] + m[1] + m[2];
        y[1] = m[1] - m[2] - m[3];
    }

    // F(3, 2), the weight gradient: two pixels of grad_output are the filter, three weights the outputs;
    // `input` serves both.
    RUSHLIGHT_INLINE static void grad_output(const V* g, V* u) {
        const V half = broadcast(T(0.5));
        u[0] = g[0];
        u[1] = half * (g[0] + g[1]);
        u[2] = half * (g[0] - g[1]);
        u[3] = g[1];
    }
    RUSHLIGHT_INLINE static void grad_weight(const V* m, V* w) {
        const V sum = m[1] + m[2];
        w[0] = m[0] + sum;
        w[1] = m[1] - m[2];
        w[2] = sum - m[3];
    }
};

// F(4, 3), points 0, a, -a, b, -b, infinity with a = 3/4, b = 3/2: the coefficients of B, and those of G but
// for a factor for each row, are exact in binary; the error is half that of the textbook's points 1 and 2.
template <class T>
struct F4 {
    static constexpr Index m = 4, size = 6;
    typedef Vec<T> V;
    static constexpr T a = T(0.75), b = T(1.5), a2 = a * a, b2 = b * b;

    RUSHLIGHT_INLINE static V c(T value) { return broadcast(value); }
    RUSHLIGHT_INLINE static V mad(T factor, V x, V y) { return multiply_add<T>(c(factor), x, y); }

    RUSHLIGHT_INLINE static void input(const V* d, V* v) {
        v[0] = mad(a2 * b2, d[0], mad(-(a2 + b2), d[2], d[4]));
        v[5] = mad(a2 * b2, d[1], mad(-(a2 + b2), d[3], d[5]));
        const V even_a = mad(-b2, d[2], d[4]), odd_a = c(a) * mad(-b2, d[1], d[3]);
        const V even_b = mad(-a2, d[2], d[4]), odd_b = c(b) * mad(-a2, d[1], d[3]);
        v[1] = even_a + odd_a;
        v[2] = even_a - odd_a;
        v[3] = even_b + odd_b;
        v[4] = even_b - odd_b;
    }
    static constexpr T at_0 = 1 / (a2 * b2), at_a = 1 / (2 * a2 * (a2 - b2)), at_b = 1 / (2 * b2 * (b2 - a2));
    // Without its row's factor, which `output` brings: there it costs next to nothing.
    RUSHLIGHT_INLINE static void weights(const V* g, V* u) {
        const V even_a = mad(a2, g[2], g[0]), odd_a = c(a) * g[1];
        const V even_b = mad(b2, g[2], g[0]), odd_b = c(b) * g[1];
        u[0] = g[0];
        u[1] = even_a + odd_a;
        u[2] = even_a - odd_a;
        u[3] = even_b + odd_b;
        u[4] = even_b - odd_b;
        u[5] = g[2];
    }
    RUSHLIGHT_INLINE static void output(const V* m, V* y) {
        const V sum_a = m[1] + m[2], difference_a = m[1] - m[2];
        const V sum_b = m[3] + m[4], difference_b = m[3] - m[4];
        y[0] = mad(at_0, m[0], mad(at_a, sum_a, c(at_b) * sum_b));
        y[1] = mad(at_a * a, difference_a, c(at_b * b) * difference_b);
        y[2] = mad(at_a * a2, sum_a, c(at_b * b2) * sum_b);
        y[3] = mad(at_a * a2 * a, difference_a, mad(at_b * b2 * b, difference_b, m[5]));
    }

    // F(3, 4), the weight gradient: four pixels of grad_output are the filter, three weights the outputs;
    // `input` serves both.
    RUSHLIGHT_INLINE static void grad_output(const V* g, V* u) {
        u[0] = c(at_0) * g[0];
        const V even_a = c(at_a) * mad(a2, g[2], g[0]), odd_a = c(at_a * a) * mad(a2, g[3], g[1]);
        const V even_b = c(at_b) * mad(b2, g[2], g[0]), odd_b = c(at_b * b) * mad(b2, g[3], g[1]);
        u[1] = even_a + odd_a;
        u[2] = even_a - odd_a;
        u[3] = even_b + odd_b;
        u[4] = even_b - odd_b;
        u[5] = g[3];
    }
    RUSHLIGHT_INLINE static void grad_weight(const V* m, V* w) {
        const V sum_a = m[1] + m[2], sum_b = m[3] + m[4];
        w[0] = m[0] + sum_a + sum_b;
        w[1] = mad(a, m[1] - m[2], c(b) * (m[3] - m[4]));
        w[2] = mad(a2, sum_a, mad(b2, sum_b, m[5]));
    }
};

// Both directions: `in` is IN x IN (row after row), `out` is OUT x OUT.
template <class T, Index In, Index Out, class Transform>
RUSHLIGHT_INLINE void transform_2d(const Vec<T>* in, Vec<T>* out, Transform transform) {
    Vec<T> half[Out * In];
    RUSHLIGHT_UNROLL for (Index j = 0; j < In; ++j) {
        Vec<T> column[In], result[Out];
        RUSHLIGHT_UNROLL for (Index i = 0; i < In; ++i) column[i] = in[i * In + j];
        transform(column, result);
        RUSHLIGHT_UNROLL for (Index i = 0; i < Out; ++i) half[i * In + j] = result[i];
    }
    RUSHLIGHT_UNROLL for (Index i = 0; i < Out; ++i) transform(half + i * In, out + i * Out);
}

}  // namespace
}  // namespace rushlight::kernels::RUSHLIGHT_ISA
