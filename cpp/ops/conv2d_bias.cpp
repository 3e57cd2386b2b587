// The gradient of a convolution for the bias, a task per group of neighbouring channels. No algorithm is
// chosen here: there is one.
#include "core/isa.hpp"
#include "core/parallel.hpp"
#include "ops/conv2d.hpp"
#include "ops/conv2d_kernels.hpp"
#include "ops/parts.hpp"

namespace rushlight {

namespace {

template <class T>
void run(const TensorView& dy, void* db) {
    const Index* strides = dy.strides + dy.ndim - 3;
    const kernels::Images<const T> images{dy.as<const T>(), dy.ndim == 4 ? dy.strides[0] : 0, strides[0],
                                          strides[1], strides[2]};
    const Index K = dy.shape[dy.ndim - 3], OH = dy.shape[dy.ndim - 2], OW = dy.shape[dy.ndim - 1];
    const Index N = OH == 0 || OW == 0 ? 0 : dy.ndim == 4 ? dy.shape[0] : 1;  // empty images are none
    const auto kernel = conv2d_kernels<T>(active_kernels()).backward_bias;
    const Index groups = channel_groups(K);
    parallel_for(groups, double(N) * double(K) * double(OH) * double(OW) / 8,
                 [&](Index i) { kernel({images, static_cast<T*>(db), N, OH, OW, part(i, groups, K)}); });
}

}  // namespace

void conv2d_backward_bias(const TensorView& dy, void* db) {
    if (dy.dtype == DType::float32) return run<float>(dy, db);
    run<double>(dy, db);
}

}  // namespace rushlight
