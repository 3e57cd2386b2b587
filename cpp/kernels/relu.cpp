// relu and its gradient over contiguous arrays: as fast as memory, if nothing stands in its way.
#include "whole_lines.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {

void add_relu(KernelTable& table) noexcept;

namespace {

template <class T>
constexpr bool is_unsigned = T(-1) > T(0);

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
    if (!kRareTypes) return;
    table.relu_f64 = {forward<double>, backward<double>};
    table.relu_u8 = {forward<std::uint8_t>, nullptr};
    table.relu_i8 = {forward<std::int8_t>, nullptr};
    table.relu_i16 = {forward<std::int16_t>, nullptr};
    table.relu_i32 = {forward<std::int32_t>, nullptr};
    table.relu_i64 = {forward<std::int64_t>, nullptr};
}

}  // namespace rushlight::kernels::RUSHLIGHT_ISA
