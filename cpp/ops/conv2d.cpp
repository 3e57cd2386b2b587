// Choice of the algorithm of a convolution: one ordered list per direction; the first entry that accepts the
// shape runs, and the last accepts everything. Nothing here may look at the number of threads or at a
// position in the batch: the choice decides bits.
#include "ops/conv2d.hpp"

#include "core/isa.hpp"
#include "core/precision.hpp"
#include "ops/conv2d_depthwise.hpp"
#include "ops/conv2d_direct.hpp"
#include "ops/conv2d_kernels.hpp"
#include "ops/conv2d_weight_channels.hpp"
#include "ops/conv2d_winograd.hpp"
#include "ops/conv2d_winograd_weight.hpp"

namespace rushlight {

using kernels::Conv2dShape;
using kernels::Images;
using kernels::KernelTable;

namespace {

using Describe = void (*)(const Conv2dShape&, const KernelTable&, double nanoseconds, Plan&);

// One entry of a direction's list. Run is a pointer to a function that takes the direction's operands.
template <class Run>
struct Algorithm {
    const char* name;
    bool (*accepts)(const Conv2dShape&, Precision);
    Run run;
    Describe describe;  // what run would do
};

bool always(const Conv2dShape&, Precision) {
    return true;
}
bool winograd4(const Conv2dShape& s, Precision p) {
    return p == Precision::medium && winograd::suits(s, 4, 12);
}
bool winograd2(const Conv2dShape& s, Precision p) {
    return p != Precision::highest && winograd::suits(s, 2, 16);
}

template <class T>
using Forward = void (*)(const Conv2dShape&, const KernelTable&, const Images<const T>& x,
                         const Weights<T>& w, const T* b, T* y, double nanoseconds);

template <class T>
void forward_direct(const Conv2dShape& s, const KernelTable& t, const Images<const T>& x, const Weights<T>& w,
                    const T* b, T* y, double ns) {
    direct::forward(s, conv2d_kernels<T>(t), x, w, b, y, ns);
}
template <class T, const kernels::WinogradKernels<T> KernelTable::* Kernels>
void forward_winograd(const Conv2dShape& s, const KernelTable& t, const Images<const T>& x,
                      const Weights<T>& w, const T* b, T* y, double ns) {
    winograd::forward(s, t.*Kernels, conv2d_kernels<T>(t), x, w, b, y, ns);
}

template <class T>
bool depthwise_forward_suits(const Conv2dShape& s, Precision) {
    return depthwise::suits_forward(s, depthwise_kernels<T>(active_kernels()));
}
template <class T>
void forward_depthwise(const Conv2dShape& s, const KernelTable& t, const Images<const T>& x,
                       const Weights<T>& w, const T* b, T* y, double ns) {
    depthwise::forward(s, depthwise_kernels<T>(t), conv2d_kernels<T>(t), x, w.data, b, y, ns);
}
template <class T>
void describe_forward_direct(const Conv2dShape& s, const KernelTable& t, double ns, Plan& plan) {
    direct::describe_forward(s, conv2d_kernels<T>(t), ns, plan);
}
template <class T, const kernels::WinogradKernels<T> KernelTable::* Kernels>
void describe_forward_winograd(const Conv2dShape& s, const KernelTable& t, double ns, Plan& plan) {
    winograd::describe_forward(s, t.*Kernels, ns, plan);
}
template <class T>
void describe_forward_depthwise(const Conv2dShape& s, const KernelTable& t, double ns, Plan& plan) {
    depthwise::describe_forward(s, depthwise_kernels<T>(t), ns, plan);
}

template <class T>
constexpr Algorithm<Forward<T>> forward_algorithms[] = {
    {"direct", always, forward_direct<T>, describe_forward_direct<T>},
};
template <>
constexpr Algorithm<Forward<float>> forward_algorithms<float>[] = {
    {"depthwise", depthwise_forward_suits<float>, forward_depthwise<float>,
     describe_forward_depthwise<float>},
    {"winograd 4x4", winograd4, forward_winograd<float, &KernelTable::winograd4_f32>,
     describe_forward_winograd<float, &KernelTable::winograd4_f32>},
    {"winograd 2x2", winograd2, forward_winograd<float, &KernelTable::winograd2_f32>,
     describe_forward_winograd<float, &KernelTable::winograd2_f32>},
    {"direct", always, forward_direct<float>, describe_forward_direct<float>},
};
template <>
constexpr Algorithm<Forward<double>> forward_algorithms<double>[] = {
    {"depthwise", depthwise_forward_suits<double>, forward_depthwise<double>,
     describe_forward_depthwise<double>},
    {"winograd 2x2", winograd2, forward_winograd<double, &KernelTable::winograd2_f64>,
     describe_forward_winograd<double, &KernelTable::winograd2_f64>},
    {"direct", always, forward_direct<double>, describe_forward_direct<double>},
};

template <class T>
using BackwardInput = void (*)(const Conv2dShape&, const KernelTable&, const Images<const T>& dy, const T* w,
                               const T* b, T* dx, double nanoseconds);

template <class T>
void backward_input_direct(const Conv2dShape& s, const KernelTable& t, const Images<const T>& dy, const T* w,
                           const T* b, T* dx, double ns) {
    direct::backward_input(s, conv2d_kernels<T>(t), dy, w, b, dx, ns);
}
template <class T, const kernels::WinogradKernels<T> KernelTable::* Kernels>
void backward_input_winograd(const Conv2dShape& s, const KernelTable& t, const Images<const T>& dy,
                             const T* w, const T* b, T* dx, double ns) {
    winograd::backward_input(s, t.*Kernels, conv2d_kernels<T>(t), dy, w, b, dx, ns);
}

template <class T>
bool depthwise_input_suits(const Conv2dShape& s, Precision) {
    return depthwise::suits_backward_input(s, depthwise_kernels<T>(active_kernels()));
}
template <class T>
void backward_input_depthwise(const Conv2dShape& s, const KernelTable& t, const Images<const T>& dy,
                              const T* w, const T* b, T* dx, double ns) {
    depthwise::backward_input(s, depthwise_kernels<T>(t), conv2d_kernels<T>(t), dy, w, b, dx, ns);
}
template <class T>
void describe_backward_input_depthwise(const Conv2dShape& s, const KernelTable& t, double ns, Plan& plan) {
    depthwise::describe_backward_input(s, depthwise_kernels<T>(t), ns, plan);
}
template <class T>
void describe_backward_input_direct(const Conv2dShape& s, const KernelTable& t, double ns, Plan& plan) {
    direct::describe_backward_input(s, conv2d_kernels<T>(t), ns, plan);
}
template <class T, const kernels::WinogradKernels<T> KernelTable::* Kernels>
void describe_backward_input_winograd(const Conv2dShape& s, const KernelTable& t, double ns, Plan& plan) {
    winograd::describe_backward_input(s, t.*Kernels, ns, plan);
}

template <class T>
constexpr Algorithm<BackwardInput<T>> backward_input_algorithms[] = {
    {"direct", always, backward_input_direct<T>, describe_backward_input_direct<T>},
};
template <>
constexpr Algorithm<BackwardInput<double>> backward_input_algorithms<double>[] = {
    {"depthwise", depthwise_input_suits<double>, backward_input_depthwise<double>,
     describe_backward_input_depthwise<double>},
    {"winograd 2x2", winograd2, backward_input_winograd<double, &KernelTable::winograd2_f64>,
     describe_backward_input_winograd<double, &KernelTable::winograd2_f64>},
    {"direct", always, backward_input_direct<double>, describe_backward_input_direct<double>},
};
template <>
constexpr Algorithm<BackwardInput<float>> backward_input_algorithms<float>[] = {
    {"depthwise", depthwise_input_suits<float>, backward_input_depthwise<float>,
     describe_backward_input_depthwise<float>},
    {"winograd 4x4", winograd4, backward_input_winograd<float, &KernelTable::winograd4_f32>,
     describe_backward_input_winograd<float, &KernelTable::winograd4_f32>},
    {"winograd 2x2", winograd2, backward_input_winograd<float, &KernelTable::winograd2_f32>,
     describe_backward_input_winograd<float, &KernelTable::winograd2_f32>},
    {"direct", always, backward_input_direct<float>, describe_backward_input_direct<float>},
};

template <class T>
using BackwardWeight = void (*)(const Conv2dShape&, const KernelTable&, const Images<const T>& x,
                                const Images<const T>& dy, T* dw, double nanoseconds);
template <class T>
void backward_weight_direct(const Conv2dShape& s, const KernelTable& t, const Images<const T>& x,
                            const Images<const T>& dy, T* dw, double ns) {
    direct::backward_weight(s, conv2d_kernels<T>(t), x, dy, dw, ns);
}
template <class T, const kernels::Conv2dWeightChannelsKernels<T> KernelTable::* Kernels>
bool weight_channels_suit(const Conv2dShape& s, Precision) {
    return weight_channels::suits(s, active_kernels().*Kernels);
}
template <class T, const kernels::Conv2dWeightChannelsKernels<T> KernelTable::* Kernels>
void backward_weight_channels(const Conv2dShape& s, const KernelTable& t, const Images<const T>& x,
                              const Images<const T>& dy, T* dw, double ns) {
    weight_channels::backward_weight(s, t.*Kernels, x, dy, dw, ns);
}
bool winograd4_weight(const Conv2dShape& s, Precision p) {
    return p == Precision::medium && winograd_weight::suits(s, 4);
}
bool winograd2_weight(const Conv2dShape& s, Precision p) {
    return p != Precision::highest && winograd_weight::suits(s, 2);
}
template <class T, const kernels::WinogradWeightKernels<T> KernelTable::* Kernels>
void backward_weight_winograd(const Conv2dShape& s, const KernelTable& t, const Images<const T>& x,
                              const Images<const T>& dy, T* dw, double ns) {
    winograd_weight::backward_weight(s, t.*Kernels, x, dy, dw, ns);
}
template <class T>
bool depthwise_weight_suits(const Conv2dShape& s, Precision) {
    return depthwise::suits_backward_weight(s, depthwise_kernels<T>(active_kernels()));
}
template <class T>
void backward_weight_depthwise(const Conv2dShape& s, const KernelTable& t, const Images<const T>& x,
                               const Images<const T>& dy, T* dw, double ns) {
    depthwise::backward_weight(s, depthwise_kernels<T>(t), x, dy, dw, ns);
}
template <class T>
void describe_weight_depthwise(const Conv2dShape& s, const KernelTable& t, double ns, Plan& plan) {
    depthwise::describe_backward_weight(s, depthwise_kernels<T>(t), ns, plan);
}
template <class T>
void describe_backward_weight_direct(const Conv2dShape& s, const KernelTable& t, double ns, Plan& plan) {
    direct::describe_backward_weight(s, conv2d_kernels<T>(t), ns, plan);
}
template <class T, const kernels::Conv2dWeightChannelsKernels<T> KernelTable::* Kernels>
void describe_weight_channels(const Conv2dShape& s, const KernelTable& t, double ns, Plan& plan) {
    weight_channels::describe_backward_weight(s, t.*Kernels, ns, plan);
}
template <class T, const kernels::WinogradWeightKernels<T> KernelTable::* Kernels>
void describe_weight_winograd(const Conv2dShape& s, const KernelTable& t, double ns, Plan& plan) {
    winograd_weight::describe_backward_weight(s, t.*Kernels, ns, plan);
}
template <class T>
constexpr Algorithm<BackwardWeight<T>> backward_weight_algorithms[] = {
    {"direct", always, backward_weight_direct<T>, describe_backward_weight_direct<T>},
};
template <>
constexpr Algorithm<BackwardWeight<float>> backward_weight_algorithms<float>[] = {
    {"depthwise", depthwise_weight_suits<float>, backward_weight_depthwise<float>,
     describe_weight_depthwise<float>},
    {"winograd 4x4", winograd4_weight, backward_weight_winograd<float, &KernelTable::winograd4_weight_f32>,
     describe_weight_winograd<float, &KernelTable::winograd4_weight_f32>},
    {"winograd 2x2", winograd2_weight, backward_weight_winograd<float, &KernelTable::winograd2_weight_f32>,
     describe_weight_winograd<float, &KernelTable::winograd2_weight_f32>},
    {"direct, channels in the lanes", weight_channels_suit<float, &KernelTable::conv2d_weight_channels_f32>,
     backward_weight_channels<float, &KernelTable::conv2d_weight_channels_f32>,
     describe_weight_channels<float, &KernelTable::conv2d_weight_channels_f32>},
    {"direct", always, backward_weight_direct<float>, describe_backward_weight_direct<float>},
};
template <>
constexpr Algorithm<BackwardWeight<double>> backward_weight_algorithms<double>[] = {
    {"depthwise", depthwise_weight_suits<double>, backward_weight_depthwise<double>,
     describe_weight_depthwise<double>},
    {"winograd 2x2", winograd2_weight, backward_weight_winograd<double, &KernelTable::winograd2_weight_f64>,
     describe_weight_winograd<double, &KernelTable::winograd2_weight_f64>},
    {"direct, channels in the lanes", weight_channels_suit<double, &KernelTable::conv2d_weight_channels_f64>,
     backward_weight_channels<double, &KernelTable::conv2d_weight_channels_f64>,
     describe_weight_channels<double, &KernelTable::conv2d_weight_channels_f64>},
    {"direct", always, backward_weight_direct<double>, describe_backward_weight_direct<double>},
};

template <class Run>
const Algorithm<Run>& choose(const Algorithm<Run>* algorithm, const Conv2dShape& shape,
                             const KernelTable& table) {
    const Precision precision = table.winograd2_f32.output ? conv_precision() : Precision::highest;
    while (!algorithm->accepts(shape, precision)) ++algorithm;
    return *algorithm;
}

// An array of 3 or 4 dimensions as images; an unbatched one is a batch of one.
template <class T>
Images<const T> images(const TensorView& a) {
    const Index* strides = a.strides + a.ndim - 3;
    return Images<const T>{a.as<const T>(), a.ndim == 4 ? a.strides[0] : 0, strides[0], strides[1],
                           strides[2]};
}

template <class T>
void run_forward(const Conv2dShape& s, const TensorView& x, const TensorView& w, const TensorView* bias,
                 void* y, PreparedWeights* prepared) {
    const KernelTable& table = active_kernels();
    choose(forward_algorithms<T>, s, table)
        .run(s, table, images<T>(x), {w.as<const T>(), prepared}, bias ? bias->as<const T>() : nullptr,
             static_cast<T*>(y), conv2d_nanoseconds(s, x.dtype));
}

template <class T>
void run_backward_input(const Conv2dShape& s, const TensorView& dy, const TensorView& w,
                        const TensorView* bias, void* dx) {
    const KernelTable& table = active_kernels();
    choose(backward_input_algorithms<T>, s, table)
        .run(s, table, images<T>(dy), w.as<const T>(), bias ? bias->as<const T>() : nullptr,
             static_cast<T*>(dx), conv2d_nanoseconds(s, dy.dtype));
}

template <class T>
void run_backward_weight(const Conv2dShape& s, const TensorView& dy, const TensorView& x, void* dw) {
    const KernelTable& table = active_kernels();
    choose(backward_weight_algorithms<T>, s, table)
        .run(s, table, images<T>(x), images<T>(dy), static_cast<T*>(dw), conv2d_nanoseconds(s, dy.dtype));
}

template <class Run, std::size_t Count>
void describe(const Algorithm<Run> (&algorithms)[Count], const Conv2dShape& s, DType dtype, Plan& plan) {
    const KernelTable& table = active_kernels();
    for (const Algorithm<Run>& algorithm : algorithms) plan.algorithms.push_back(algorithm.name);
    const Algorithm<Run>& chosen = choose(algorithms, s, table);
    plan.algorithm = chosen.name;
    chosen.describe(s, table, conv2d_nanoseconds(s, dtype), plan);
}

template <class T>
void describe_gradient(Conv2dDirection direction, const Conv2dShape& s, DType dtype, Plan& plan) {
    if (direction == Conv2dDirection::backward_input)
        describe(backward_input_algorithms<T>, s, dtype, plan);
    else
        describe(backward_weight_algorithms<T>, s, dtype, plan);
}

// Calls use(T()) with the type that a forward pass computes with.
template <class Use>
void with_forward_type(DType dtype, const Use& use) {
    switch (dtype) {
        case DType::float32:
            return use(float());
        case DType::float64:
            return use(double());
        case DType::uint8:
        case DType::int8:
            return use(std::uint8_t());
        case DType::int16:
            return use(std::uint16_t());
        case DType::int32:
            return use(std::uint32_t());
        case DType::int64:
            return use(std::uint64_t());
        default:
            throw NotImplemented("conv2d: not implemented for this dtype");
    }
}

}  // namespace

double conv2d_multiply_adds(const Conv2dShape& s) {
    return double(s.N) * double(s.K) * double(s.C / s.groups) * double(s.R * s.S) * double(s.OH) *
           double(s.OW);
}

// Multiply-adds per nanosecond as seen on ordinary machines; only the order of magnitude matters (is a second
// thread worth it?).
double conv2d_nanoseconds(const Conv2dShape& s, DType dtype) {
    const double rate = is_reference(active_kernels()) ? 1
                        : dtype == DType::float32      ? 30
                        : dtype == DType::float64      ? 15
                                                       : 8;
    const double pixels = double(s.N) * (double(s.C) * double(s.H * s.W) + double(s.K) * double(s.OH * s.OW));
    // Beginning a plane that is filtered by itself takes as long as a few pixels.
    const double planes = s.groups == s.C ? double(s.N) * double(s.K) : 0;
    return conv2d_multiply_adds(s) / rate + pixels / 8 + planes * 8;
}

void conv2d_forward(const Conv2dShape& s, const TensorView& x, const TensorView& w, const TensorView* bias,
                    void* y, PreparedWeights* prepared) {
    if (s.N == 0 || s.K == 0) return;  // nothing to write, however many groups there are
    with_forward_type(x.dtype, [&](auto zero) { run_forward<decltype(zero)>(s, x, w, bias, y, prepared); });
}

void conv2d_backward_input(const Conv2dShape& s, const TensorView& dy, const TensorView& w,
                           const TensorView* bias, void* dx) {
    if (s.N == 0 || s.C == 0) return;
    if (dy.dtype == DType::float32) return run_backward_input<float>(s, dy, w, bias, dx);
    if (dy.dtype == DType::float64) return run_backward_input<double>(s, dy, w, bias, dx);
    run_backward_input<std::uint64_t>(s, dy, w, bias, dx);
}

void conv2d_backward_weight(const Conv2dShape& s, const TensorView& dy, const TensorView& x, void* dw) {
    if (s.K == 0 || s.C == 0) return;
    if (dy.dtype == DType::float32) return run_backward_weight<float>(s, dy, x, dw);
    run_backward_weight<double>(s, dy, x, dw);
}

Plan conv2d_plan(Conv2dDirection direction, const Conv2dShape& s, DType dtype, bool bias) {
    Plan plan;
    plan.flops = 2 * conv2d_multiply_adds(s);
    const double elements = double(s.N * s.C) * double(s.H * s.W) + double(s.N * s.K) * double(s.OH * s.OW) +
                            double(s.K * (s.C / s.groups)) * double(s.R * s.S) + (bias ? double(s.K) : 0);
    plan.bytes = elements * double(element_bytes(dtype));
    if (direction == Conv2dDirection::forward)
        with_forward_type(dtype,
                          [&](auto zero) { describe(forward_algorithms<decltype(zero)>, s, dtype, plan); });
    else if (dtype == DType::float32)
        describe_gradient<float>(direction, s, dtype, plan);
    else
        describe_gradient<double>(direction, s, dtype, plan);
    return plan;
}

}  // namespace rushlight
