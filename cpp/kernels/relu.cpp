// relu and its gradient over contiguous arrays: as fast as memory, if nothing stands in its way.
//
// Results are stored on whole cache lines, because a store across two of them counts as two (NumPy's large
// arrays begin 16 bytes after a line). Several vectors are read before the first is written: output and input
// often lie a multiple of 4096 bytes apart, and then a load looks as if it had to wait for the store just
// before it. Arrays that no cache holds are stored past the caches, which saves reading lines that are about
// to be overwritten.
#include "simd.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {

void add_relu(KernelTable& table) noexcept;

namespace {

constexpr Index kTogether = 4;

template <class T>
constexpr bool is_unsigned = T(-1) > T(0);

template <class T>
RUSHLIGHT_INLINE Vec<T> load_some(const T* p, Index count) {
    return count == lanes<T> ? load(p) : load_lanes(p, 0, count);
}

// y[i] = value(i, n)[0 .. n - 1] for neighbouring vectors; n < lanes at the two ends.
template <bool PastCaches, class T, class Value>
RUSHLIGHT_INLINE void write(T* y, Index count, const Value& value) {
    const auto some = [&](Index i, Index n) { store_lanes(y + i, value(i, n), 0, n); };
    const Index beyond = Index(reinterpret_cast<std::size_t>(y) % kVectorBytes);
    Index i = beyond ? min_of(count, (kVectorBytes - beyond) / Index(sizeof(T))) : 0;
    if (i) some(0, i);
    for (; i + kTogether * lanes<T> <= count; i += kTogether * lanes<T>) {
        Vec<T> v[kTogether];
        RUSHLIGHT_UNROLL for (Index k = 0; k < kTogether; ++k) v[k] = value(i + k * lanes<T>, lanes<T>);
        RUSHLIGHT_UNROLL for (Index k = 0; k < kTogether; ++k) {
            if constexpr (PastCaches)
                store_past_caches(y + i + k * lanes<T>, v[k]);
            else
                store(y + i + k * lanes<T>, v[k]);
        }
    }
    for (; i < count; i += lanes<T>) some(i, min_of(lanes<T>, count - i));
    if constexpr (PastCaches) order_stores();
}

template <class T, class Value>
RUSHLIGHT_INLINE void write(T* y, Index count, bool past_caches, const Value& value) {
    if (past_caches)
        write<true>(y, count, value);
    else
        write<false>(y, count, value);
}

// x < 0 is false for NaN and for -0.0, so both stay.
template <class T>
void forward(const T* x, T* y, Index count, bool past_caches) noexcept {
    write(y, count, past_caches, [x](Index i, Index n) {
        const Vec<T> v = load_some(x + i, n);
        if constexpr (is_unsigned<T>)
            return v;
        else
            return Vec<T>{} > v ? Vec<T>{} : v;  // one instruction, and the only order in which it keeps NaN
    });
}

template <class T>
void backward(const T* dy, const T* y, T* dx, Index count, bool past_caches) noexcept {
    write(dx, count, past_caches, [dy, y](Index i, Index n) {
        return load_some(y + i, n) <= Vec<T>{} ? Vec<T>{} : load_some(dy + i, n);
    });
}

}  // namespace

void add_relu(KernelTable& table) noexcept {
    table.relu_f32 = {forward<float>, backward<float>};
    table.relu_f64 = {forward<double>, backward<double>};
    table.relu_u8 = {forward<std::uint8_t>, nullptr};
    table.relu_i8 = {forward<std::int8_t>, nullptr};
    table.relu_i16 = {forward<std::int16_t>, nullptr};
    table.relu_i32 = {forward<std::int32_t>, nullptr};
    table.relu_i64 = {forward<std::int64_t>, nullptr};
}

}  // namespace rushlight::kernels::RUSHLIGHT_ISA
