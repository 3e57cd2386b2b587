// Batch normalisation, a task per group of neighbouring channels: sums first, then the maps that they give.
// Nothing is joined across channels, so neither groups nor threads can change a bit.
#include "ops/batch_norm.hpp"

#include <algorithm>
#include <cmath>

#include "core/isa.hpp"
#include "core/parallel.hpp"
#include "kernels/kernels.hpp"
#include "ops/parts.hpp"

namespace rushlight {

namespace {

using kernels::BatchNormKernels;
using kernels::BatchNormMap;
using kernels::BatchNormMoments;
using kernels::BatchNormSums;
using kernels::ChannelPlanes;
using kernels::kMostChannels;
using kernels::Range;

Index pixel_count(const TensorView& x) {
    Index count = 1;
    for (int i = 2; i < x.ndim; ++i) count *= x.shape[i];
    return count;
}

// Two passes or more at some bytes per nanosecond; only the order of magnitude matters.
double nanoseconds(const TensorView& x, int passes) {
    const double bytes = double(x.shape[0] * x.shape[1] * pixel_count(x)) * double(element_bytes(x.dtype));
    return passes * bytes / 16;
}

// Calls task(first channel, planes) for groups of neighbouring channels.
template <class Task>
void for_each_group(const TensorView& x, int passes, const Task& task) {
    const Index C = x.shape[1], pixels = pixel_count(x), groups = channel_groups(C);
    parallel_for(groups, nanoseconds(x, passes), [&](Index i) {
        const Range channels = part(i, groups, C);
        const Index planes = pixels == 0 ? 0 : x.shape[0];  // empty planes are none
        task(channels.begin, ChannelPlanes{planes, C * pixels, channels.end - channels.begin, pixels});
    });
}

template <class T>
void run_forward(const BatchNormKernels<T>& kernels, const TensorView& x, const BatchNormForward& channels,
                 void* out) {
    const Index pixels = pixel_count(x);
    const double n = double(x.shape[0] * pixels);
    for_each_group(x, 2, [&](Index first, const ChannelPlanes& planes) {
        const T* from = x.as<const T>() + first * pixels;
        if (channels.training) {
            BatchNormMoments moments[kMostChannels];
            kernels.moments(from, planes, moments);
            for (Index i = 0; i < planes.channels; ++i) {
                channels.mean[first + i] = moments[i].sum / n;
                channels.variance[first + i] = std::max(moments[i].squares / n, 0.0);  // NaN stays NaN
            }
        }
        BatchNormMap<T> maps[kMostChannels];
        for (Index i = 0; i < planes.channels; ++i) {
            const Index c = first + i;
            const T centre = T(channels.mean[c]);
            const double slope =
                (channels.weight ? channels.weight[c] : 1) / std::sqrt(channels.variance[c] + channels.eps);
            const double offset =
                (channels.bias ? channels.bias[c] : 0) + (double(centre) - channels.mean[c]) * slope;
            maps[i] = {centre, T(slope), 0, T(offset)};
        }
        kernels.scale(from, static_cast<T*>(out) + first * pixels, planes, maps);
    });
}

template <class T>
void run_backward(const BatchNormKernels<T>& kernels, const TensorView& dy, const TensorView& x,
                  const BatchNormBackward& channels, void* out) {
    const Index pixels = pixel_count(x);
    const double n = double(x.shape[0] * pixels);
    for_each_group(x, 5, [&](Index first, const ChannelPlanes& planes) {
        const T *grad = dy.as<const T>() + first * pixels, *from = x.as<const T>() + first * pixels;
        BatchNormMap<T> maps[kMostChannels];
        BatchNormSums sums[kMostChannels];
        for (Index i = 0; i < planes.channels; ++i) maps[i].centre = T(channels.mean[first + i]);
        kernels.products(grad, from, planes, maps, sums);
        for (Index i = 0; i < planes.channels; ++i) {
            const Index c = first + i;
            const double rest = double(maps[i].centre) - channels.mean[c], slope = channels.slope[c];
            const double product = sums[i].dy_x + rest * sums[i].dy;
            channels.total[c] = sums[i].dy;
            channels.product[c] = product;
            double curve = 0, offset = 0;
            if (channels.training) {
                curve = -slope * channels.scale[c] * channels.scale[c] * product / n;
                offset = rest * curve - slope * sums[i].dy / n;
            }
            maps[i] = {maps[i].centre, T(slope), T(curve), T(offset)};
        }
        if (out) kernels.combine(grad, from, static_cast<T*>(out) + first * pixels, planes, maps);
    });
}

}  // namespace

void check_batch_norm(const TensorView& x, Index per_channel) {
    if (x.ndim < 2)
        throw std::runtime_error("batch_norm: expected input (N, C, ...), but got size " + to_string(x));
    if (!is_floating_point(x.dtype))
        throw NotImplemented(std::string("\"batch_norm\" not implemented for '") + scalar_name(x.dtype) +
                             "'");
    if (per_channel != x.shape[1])
        throw std::runtime_error("batch_norm: expected " + std::to_string(x.shape[1]) +
                                 " numbers per channel for input of size " + to_string(x) + ", but got " +
                                 std::to_string(per_channel));
}

void check_batch_norm_backward(const TensorView& dy, const TensorView& x) {
    if (dy.ndim != x.ndim || !std::equal(dy.shape, dy.shape + dy.ndim, x.shape) || dy.dtype != x.dtype)
        throw std::runtime_error("batch_norm gradient: expected grad_output of size " + to_string(x) +
                                 " and dtype " + scalar_name(x.dtype) + ", but got size " + to_string(dy) +
                                 " and dtype " + scalar_name(dy.dtype));
}

void batch_norm_forward(const TensorView& x, const BatchNormForward& channels, void* y) {
    if (x.dtype == DType::float32) return run_forward(active_kernels().batch_norm_f32, x, channels, y);
    run_forward(active_kernels().batch_norm_f64, x, channels, y);
}

void batch_norm_backward(const TensorView& dy, const TensorView& x, const BatchNormBackward& channels,
                         void* dx) {
    if (x.dtype == DType::float32) return run_backward(active_kernels().batch_norm_f32, dy, x, channels, dx);
    run_backward(active_kernels().batch_norm_f64, dy, x, channels, dx);
}

}  // namespace rushlight
