// The plain average pooling and its gradient: loops around the definition.
#include "../avg_pool2d_definition.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {

void add_avg_pool2d(KernelTable& table) noexcept;

namespace {

Index no_workspace(const AvgPool2dShape&, Index) noexcept {
    return 0;
}

template <class T>
void forward(const AvgPool2dShape& p, const AvgPool2dForward<T>& tile, T*) noexcept {
    avg_pool2d_plain(p, tile);
}

template <class T>
void backward(const AvgPool2dShape& p, const AvgPool2dBackward<T>& tile, T*) noexcept {
    avg_pool2d_backward_plain(p, tile);
}

}  // namespace

void add_avg_pool2d(KernelTable& table) noexcept {
    table.avg_pool2d_f32 = {no_workspace, forward<float>, no_workspace, backward<float>};
    table.avg_pool2d_f64 = {no_workspace, forward<double>, no_workspace, backward<double>};
    table.avg_pool2d_i64 = {no_workspace, forward<std::int64_t>, nullptr, nullptr};
}

}  // namespace rushlight::kernels::RUSHLIGHT_ISA
