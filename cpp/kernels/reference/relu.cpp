// The plain relu and its gradient, one element at a time.
#include "../kernels.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {

void add_relu(KernelTable& table) noexcept;

namespace {

template <class T>
void forward(const T* x, T* y, Index count, bool) noexcept {
    for (Index i = 0; i < count; ++i) y[i] = x[i] < T(0) ? T(0) : x[i];
}

template <class T>
void backward(const T* dy, const T* y, T* dx, Index count, bool) noexcept {
    for (Index i = 0; i < count; ++i) dx[i] = y[i] <= T(0) ? T(0) : dy[i];
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
