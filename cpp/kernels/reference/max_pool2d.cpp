// The plain max pooling and its gradient: loops around the definition.
#include "../max_pool2d_definition.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {

void add_max_pool2d(KernelTable& table) noexcept;

namespace {

Index no_workspace(const MaxPool2dShape&, Index, Index, bool) noexcept {
    return 0;
}

template <class T>
void forward(const MaxPool2dShape& p, const MaxPool2dForward<T>& tile, void*) noexcept {
    max_pool2d_plain(p, tile);
}

template <class T>
Index backward(const MaxPool2dBackward<T>& planes) noexcept {
    return max_pool2d_scatter(planes);
}

}  // namespace

void add_max_pool2d(KernelTable& table) noexcept {
    table.max_pool2d_f32 = {no_workspace, forward<float>, backward<float>};
    table.max_pool2d_f64 = {no_workspace, forward<double>, backward<double>};
    table.max_pool2d_u8 = {no_workspace, forward<std::uint8_t>, nullptr};
    table.max_pool2d_i8 = {no_workspace, forward<std::int8_t>, nullptr};
    table.max_pool2d_i16 = {no_workspace, forward<std::int16_t>, nullptr};
    table.max_pool2d_i32 = {no_workspace, forward<std::int32_t>, nullptr};
    table.max_pool2d_i64 = {no_workspace, forward<std::int64_t>, nullptr};
}

}  // namespace rushlight::kernels::RUSHLIGHT_ISA
