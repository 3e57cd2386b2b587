// The entries of a kernel table that compute with T, by type instead of by name. No choice is made here.
#pragma once

#include "kernels/kernels.hpp"

namespace rushlight {

template <class T>
const kernels::Conv2dKernels<T>& conv2d_kernels(const kernels::KernelTable& table);
template <>
inline const kernels::Conv2dKernels<float>& conv2d_kernels(const kernels::KernelTable& table) {
    return table.conv2d_f32;
}
template <>
inline const kernels::Conv2dKernels<double>& conv2d_kernels(const kernels::KernelTable& table) {
    return table.conv2d_f64;
}
template <>
inline const kernels::Conv2dKernels<std::uint8_t>& conv2d_kernels(const kernels::KernelTable& table) {
    return table.conv2d_u8;
}
template <>
inline const kernels::Conv2dKernels<std::uint16_t>& conv2d_kernels(const kernels::KernelTable& table) {
    return table.conv2d_u16;
}
template <>
inline const kernels::Conv2dKernels<std::uint32_t>& conv2d_kernels(const kernels::KernelTable& table) {
    return table.conv2d_u32;
}
template <>
inline const kernels::Conv2dKernels<std::uint64_t>& conv2d_kernels(const kernels::KernelTable& table) {
    return table.conv2d_u64;
}

template <class T>
const kernels::DepthwiseKernels<T>& depthwise_kernels(const kernels::KernelTable& table);
template <>
inline const kernels::DepthwiseKernels<float>& depthwise_kernels(const kernels::KernelTable& table) {
    return table.depthwise_f32;
}
template <>
inline const kernels::DepthwiseKernels<double>& depthwise_kernels(const kernels::KernelTable& table) {
    return table.depthwise_f64;
}

}  // namespace rushlight
