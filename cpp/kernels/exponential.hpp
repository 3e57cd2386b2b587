// exp of a vector, to about one unit in the last place, denormal results included.
//
// x = n ln 2 + r with a whole n and |r| <= ln 2 / 2; exp(x) = 2^n exp(r), exp(r) by a polynomial. n is found
// by adding a number so large that its last bits count ones, and 2^n is applied in two factors, since it may
// be no normal number.
#pragma once

#include "simd.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {
namespace {

template <class T>
struct ExpConstants;
template <>
struct ExpConstants<float> {
    typedef std::int32_t Bits;
    static constexpr Bits kMantissaBits = 23, kBias = 127;
    static constexpr float kLeast = -105, kMost = 89;    // 0 and infinity beyond
    static constexpr float kOnes = 12582912;             // 3 * 2^22
    static constexpr float kLn2 = 0x1.63p-1F;            // its leading bits: n * kLn2 is exact
    static constexpr float kLn2Rest = -0x1.bd0106p-13F;  // what they leave
    // (exp(r) - 1 - r) / r^2, highest power first: S. L. Moshier, Cephes, expf.
    static constexpr float kSeries[] = {1.9875691500e-4F, 1.3981999507e-3F, 8.3334519073e-3F,
                                        4.1665795894e-2F, 1.6666665459e-1F, 5.0000001201e-1F};
};
template <>
struct ExpConstants<double> {
    typedef std::int64_t Bits;
    static constexpr Bits kMantissaBits = 52, kBias = 1023;
    static constexpr double kLeast = -747, kMost = 711;
    static constexpr double kOnes = 6755399441055744;  // 3 * 2^51
    static constexpr double kLn2 = 0x1.62e42feep-1, kLn2Rest = 0x1.a39ef35793c76p-33;
    // Taylor's: 1 / 14!, ..., 1 / 2!; the next term is below 2^-60.
    static constexpr double kSeries[] = {
        1.0 / 87178291200, 1.0 / 6227020800, 1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800,
        1.0 / 362880,      1.0 / 40320,      1.0 / 5040,      1.0 / 720,      1.0 / 120,
        1.0 / 24,          1.0 / 6,          1.0 / 2};
};

template <class T>
RUSHLIGHT_INLINE Vec<T> exp_of(Vec<T> x) {
    typedef ExpConstants<T> C;
    typedef Vec<typename C::Bits> Bits;
    const Vec<T> least = broadcast(C::kLeast), most = broadcast(C::kMost), ones = broadcast(C::kOnes);
    x = x < least ? least : x;  // NaN stays
    x = x > most ? most : x;
    const Vec<T> shifted = multiply_add<T>(x, broadcast(T(1.44269504088896340736)), ones);
    const Vec<T> n = shifted - ones;
    const Vec<T> exact = multiply_add<T>(n, broadcast(-C::kLn2), x);
    const Vec<T> r = multiply_add<T>(n, broadcast(-C::kLn2Rest), exact);
    const Vec<T> lost = multiply_add<T>(n, broadcast(-C::kLn2Rest), exact - r);  // by rounding r
    Vec<T> series = broadcast(C::kSeries[0]);
    for (int i = 1; i < int(sizeof(C::kSeries) / sizeof(T)); ++i)
        series = multiply_add<T>(series, r, broadcast(C::kSeries[i]));
    const Vec<T> power = (multiply_add<T>(series, r * r, lost) + r) + T(1);
    const Bits whole = Bits(shifted) - Bits(ones), half = whole >> 1;
    return power * Vec<T>((half + C::kBias) << C::kMantissaBits) *
           Vec<T>((whole - half + C::kBias) << C::kMantissaBits);
}

}  // namespace
}  // namespace rushlight::kernels::RUSHLIGHT_ISA
