// Batch normalisation, a task per channel: sums first, then the map that they give, while the channel's
// pixels are still in the cache. Nothing is joined across tasks, so threads cannot change a bit.
#include "ops/batch_norm.hpp"

#include <algorithm>
#include <cmath>

#include "core/isa.hpp"
#include "core/parallel.hpp"
#include "kernels/kernels.hpp"

namespace rushlight {

namespace {

using kernels::BatchNormKernels;
using kernels::ChannelPlanes;

Index pixel_count(const TensorView& x) {
    Index count = 1;
    for (int i = 2; i < x.ndim; ++i) count *= x.shape[i];
    return count;
}

// Two or three passes at some bytes per nanosecond; only the order of magnitude matters.
double nanoseconds(const TensorView& x, int passes) {
    const double bytes = double(x.shape[0] * x.shape[1] * pixel_count(x)) * double(element_bytes(x.dtype));
    return passes * bytes / 16;
}

template <class T>
void run_forward(const BatchNormKernels<T>& kernels, const TensorView& x, const BatchNormForward& channels,
                 void* out) {
    const Index C = x.shape[1], pixels = pixel_count(x);
    const ChannelPlanes planes{pixels == 0 ? 0 : x.shape[0], C * pixels, pixels};  // empty planes are none
    const double n = double(planes.planes * pixels);
    parallel_for(C, nanoseconds(x, 3), [&](Index c) {
        const T* from = x.as<const T>() + c * pixels;
        if (channels.training) {
            const double mean = kernels.sum(from, planes) / n;
            const double rest = mean - double(T(mean));  // what rounding the centre leaves
            channels.mean[c] = mean;
            channels.variance[c] = std::max(kernels.squares(from, planes, T(mean)) / n - rest * rest, 0.0);
        }
        const T centre = T(channels.mean[c]);
        const double slope =
            (channels.weight ? channels.weight[c] : 1) / std::sqrt(channels.variance[c] + channels.eps);
        const double offset =
            (channels.bias ? channels.bias[c] : 0) + (double(centre) - channels.mean[c]) * slope;
        kernels.scale(from, static_cast<T*>(out) + c * pixels, planes, centre, T(slope), T(offset));
    });
}

template <class T>
void run_backward(const BatchNormKernels<T>& kernels, const TensorView& dy, const TensorView& x,
                  const BatchNormBackward& channels, void* out) {
    const Index C = x.shape[1], pixels = pixel_count(x);
    const ChannelPlanes planes{pixels == 0 ? 0 : x.shape[0], C * pixels, pixels};  // empty planes are none
    const double n = double(planes.planes * pixels);
    parallel_for(C, nanoseconds(x, 5), [&](Index c) {
        const T *grad = dy.as<const T>() + c * pixels, *from = x.as<const T>() + c * pixels;
        const T centre = T(channels.mean[c]);
        const kernels::BatchNormSums sums = kernels.products(grad, from, planes, centre);
        const double rest = double(centre) - channels.mean[c], slope = channels.slope[c];
        const double product = sums.dy_x + rest * sums.dy;
        channels.total[c] = sums.dy;
        channels.product[c] = product;
        if (!out) return;
        double curve = 0, offset = 0;
        if (channels.training) {
            curve = -slope * channels.scale[c] * channels.scale[c] * product / n;
            offset = rest * curve - slope * sums.dy / n;
        }
        kernels.combine(grad, from, static_cast<T*>(out) + c * pixels, planes, centre, T(slope), T(curve),
                        T(offset));
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
