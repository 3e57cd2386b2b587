// The direct convolution, the algorithm that accepts everything: how its three directions are cut into tiles
// and spread over threads.
//
// A tile never decides a bit: every output is one sum in one fixed order, whoever computes it. What does
// decide bits (blocks of the reduction, chunks of the weight gradient) depends on the shape alone, never on
// the number of threads.
#pragma once

#include "core/tensor.hpp"
#include "kernels/kernels.hpp"
#include "ops/plan.hpp"
#include "ops/prepared_weights.hpp"

namespace rushlight::direct {

// Operands with their strides; `nanoseconds` is the whole job's estimated one-thread time.
template <class T>
void forward(const kernels::Conv2dShape& shape, const kernels::Conv2dKernels<T>& kernels,
             const kernels::Images<const T>& x, const Weights<T>& w, const T* b, T* y, double nanoseconds);

template <class T>
void backward_input(const kernels::Conv2dShape& shape, const kernels::Conv2dKernels<T>& kernels,
                    const kernels::Images<const T>& dy, const T* w, const T* b, T* dx, double nanoseconds);

template <class T>
void backward_weight(const kernels::Conv2dShape& shape, const kernels::Conv2dKernels<T>& kernels,
                     const kernels::Images<const T>& x, const kernels::Images<const T>& dy, T* dw,
                     double nanoseconds);

// What the three would do.
template <class T>
void describe_forward(const kernels::Conv2dShape& shape, const kernels::Conv2dKernels<T>& kernels,
                      double nanoseconds, Plan& plan);
template <class T>
void describe_backward_input(const kernels::Conv2dShape& shape, const kernels::Conv2dKernels<T>& kernels,
                             double nanoseconds, Plan& plan);
template <class T>
void describe_backward_weight(const kernels::Conv2dShape& shape, const kernels::Conv2dKernels<T>& kernels,
                              double nanoseconds, Plan& plan);

}  // namespace rushlight::direct
