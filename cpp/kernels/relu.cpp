// relu and its gradient over contiguous arrays.
#include "simd.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {

void add_relu(KernelTable& table) noexcept;

namespace {

template <class T>
constexpr bool is_unsigned = T(-1) > T(0);

// x < 0 is false for NaN and for -0.0, so both stay.
template <class T>
void forward(const T* x, T* y, Index count) noexcept {
    Index i = 0;
    for (; i + lanes<T> <= count; i += lanes<T>) {
        const Vec<T> value = load(x + i);
        if constexpr (is_unsigned<T>)
            store(y + i, value);
        else
            store(y + i, value < Vec<T>{} ? Vec<T>{} : value);
    }
    for (; i < count; ++i) y[i] = is_unsigned<T> || !(x[i] < T(0)) ? x[i] : T(0);
}

template <class T>
void backward(const T* dy, const T* y, T* dx, Index count) noexcept {
    Index i = 0;
    for (; i + lanes<T> <= count; i += lanes<T>)
        store(dx + i, load(y + i) <= Vec<T>{} ? Vec<T>{} : load(dy + i));
    for (; i < count; ++i) dx[i] = y[i] <= T(0) ? T(0) : dy[i];
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
