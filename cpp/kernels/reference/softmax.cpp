// The plain softmax, its logarithm, their gradients, and sigmoid: in double, one number after the other.
#include "../kernels.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {

void add_softmax(KernelTable& table) noexcept;

namespace {

template <class T>
void forward(const SoftmaxShape& s, Range columns, const T* x, T* y) noexcept {
    for (Index i = columns.begin; i < columns.end; ++i) {
        double most = double(x[i]), sum = 0;
        for (Index c = 0; c < s.classes; ++c)
            if (double(x[c * s.columns + i]) > most) most = double(x[c * s.columns + i]);
        for (Index c = 0; c < s.classes; ++c) sum += __builtin_exp(double(x[c * s.columns + i]) - most);
        for (Index c = 0; c < s.classes; ++c) {
            const double v = double(x[c * s.columns + i]) - most;
            y[c * s.columns + i] = T(s.logarithm ? v - __builtin_log(sum) : __builtin_exp(v) / sum);
        }
    }
}

template <class T>
void backward(const SoftmaxShape& s, Range columns, const T* dy, const T* y, T* dx) noexcept {
    for (Index i = columns.begin; i < columns.end; ++i) {
        double sum = 0;
        for (Index c = i; c < s.classes * s.columns; c += s.columns)
            sum += s.logarithm ? double(dy[c]) : double(dy[c]) * double(y[c]);
        for (Index c = i; c < s.classes * s.columns; c += s.columns)
            dx[c] = T(s.logarithm ? double(dy[c]) - __builtin_exp(double(y[c])) * sum
                                  : double(y[c]) * (double(dy[c]) - sum));
    }
}

template <class T>
void sigmoid(const T* x, T* y, Index count) noexcept {
    for (Index i = 0; i < count; ++i) {
        const double v = double(x[i]), e = __builtin_exp(v < 0 ? v : -v);
        y[i] = T((v < 0 ? e : 1) / (1 + e));
    }
}

}  // namespace

void add_softmax(KernelTable& table) noexcept {
    table.softmax_f32 = {forward<float>, backward<float>, sigmoid<float>};
    table.softmax_f64 = {forward<double>, backward<double>, sigmoid<double>};
}

}  // namespace rushlight::kernels::RUSHLIGHT_ISA
