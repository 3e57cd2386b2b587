// Softmax, its logarithm, their gradients, and sigmoid.
//
// Where there is one column, classes lie side by side in the lanes; otherwise columns do, and each lane goes
// through its classes alone. The largest score is subtracted first, so that exp cannot overflow.
#include "channel_sums.hpp"
#include "exponential.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {

void add_softmax(KernelTable& table) noexcept;

namespace {

template <class T>
constexpr T kInfinity = T(__builtin_huge_val());

// The first `count` of p, `rest` after them.
template <class T>
RUSHLIGHT_INLINE Vec<T> load_padded(const T* p, Index count, T rest) {
    if (count == lanes<T>) return load(p);
    T lane[lanes<T>];
    store(lane, broadcast(rest));
    for (Index i = 0; i < count; ++i) lane[i] = p[i];
    return load(lane);
}

// Not NaN's, which exp of the difference brings out.
template <class T>
RUSHLIGHT_INLINE T largest(const T* x, Index count) {
    Vec<T> most = broadcast(-kInfinity<T>);
    for (Index i = 0; i < count; i += lanes<T>) {
        const Vec<T> v = load_padded(x + i, min_of(lanes<T>, count - i), -kInfinity<T>);
        most = v > most ? v : most;
    }
    T lane[lanes<T>];
    store(lane, most);
    T result = lane[0];
    for (Index i = 1; i < lanes<T>; ++i) result = lane[i] > result ? lane[i] : result;
    return result;
}

// The sum of value(i, n) over the vectors of one row, zero beyond their n elements.
template <class T, class Value>
RUSHLIGHT_INLINE double sum_row(Index count, const Value& value) {
    double sum = 0;
    for (Index run = 0; run < count; run += kRun) {
        Vec<T> sums[kSums] = {};
        for_each_vector<T>(min_of(kRun, count - run),
                           [&](int v, Index i, Index n) { sums[v] += value(run + i, n); });
        sum += total<T>(joined<T>(sums));
    }
    return sum;
}

template <class T>
void forward_row(Index classes, bool logarithm, const T* x, T* y) {
    const Vec<T> most = broadcast(largest(x, classes));
    const auto exponent = [&](Index i, Index n) {
        return exp_of<T>(load_padded(x + i, n, -kInfinity<T>) - most);
    };
    if (logarithm) {
        const double sum = sum_row<T>(classes, exponent);
        const Vec<T> shift = broadcast(T(__builtin_log(sum)));
        write<false>(y, classes, [&](Index i, Index n) { return load_some(x + i, n) - most - shift; });
        return;
    }
    const double sum = sum_row<T>(classes, [&](Index i, Index n) {
        const Vec<T> e = exponent(i, n);
        store_lanes(y + i, e, 0, n);
        return e;
    });
    const Vec<T> divisor = broadcast(T(sum));
    write<false>(y, classes, [&](Index i, Index n) { return load_some(y + i, n) / divisor; });
}

template <class T>
void backward_row(Index classes, bool logarithm, const T* dy, const T* y, T* dx) {
    const Vec<T> sum = broadcast(T(sum_row<T>(classes, [&](Index i, Index n) {
        const Vec<T> grad = load_some(dy + i, n);
        return logarithm ? grad : grad * load_some(y + i, n);
    })));
    write<false>(dx, classes, [&](Index i, Index n) {
        const Vec<T> grad = load_some(dy + i, n), value = load_some(y + i, n);
        return logarithm ? grad - exp_of<T>(value) * sum : value * (grad - sum);
    });
}

// Neighbouring columns in the lanes, `n` of them.
template <class T>
void forward_columns(const SoftmaxShape& s, const T* x, T* y, Index n) {
    const Index row = s.columns;
    Vec<T> most = broadcast(-kInfinity<T>), sum{};
    for (Index c = 0; c < s.classes; ++c) {
        const Vec<T> v = load_some(x + c * row, n);
        most = v > most ? v : most;
    }
    for (Index c = 0; c < s.classes; ++c) {
        const Vec<T> e = exp_of<T>(load_some(x + c * row, n) - most);
        sum += e;
        if (!s.logarithm) store_lanes(y + c * row, e, 0, n);
    }
    if (s.logarithm) {
        T lane[lanes<T>];
        store(lane, sum);
        for (Index i = 0; i < n; ++i) lane[i] = T(__builtin_log(double(lane[i])));
        sum = load(lane);
    }
    for (Index c = 0; c < s.classes; ++c) {
        const Vec<T> v =
            s.logarithm ? load_some(x + c * row, n) - most - sum : load_some(y + c * row, n) / sum;
        store_lanes(y + c * row, v, 0, n);
    }
}

template <class T>
void backward_columns(const SoftmaxShape& s, const T* dy, const T* y, T* dx, Index n) {
    const Index row = s.columns;
    Vec<T> sum{};
    for (Index c = 0; c < s.classes; ++c) {
        const Vec<T> grad = load_some(dy + c * row, n);
        sum += s.logarithm ? grad : grad * load_some(y + c * row, n);
    }
    for (Index c = 0; c < s.classes; ++c) {
        const Vec<T> grad = load_some(dy + c * row, n), value = load_some(y + c * row, n);
        const Vec<T> v = s.logarithm ? grad - exp_of<T>(value) * sum : value * (grad - sum);
        store_lanes(dx + c * row, v, 0, n);
    }
}

template <class T>
void forward(const SoftmaxShape& s, Range columns, const T* x, T* y) noexcept {
    if (s.columns == 1) return forward_row(s.classes, s.logarithm, x, y);
    for (Index i = columns.begin; i < columns.end; i += lanes<T>)
        forward_columns(s, x + i, y + i, min_of(lanes<T>, columns.end - i));
}

template <class T>
void backward(const SoftmaxShape& s, Range columns, const T* dy, const T* y, T* dx) noexcept {
    if (s.columns == 1) return backward_row(s.classes, s.logarithm, dy, y, dx);
    for (Index i = columns.begin; i < columns.end; i += lanes<T>)
        backward_columns(s, dy + i, y + i, dx + i, min_of(lanes<T>, columns.end - i));
}

// exp of what is not positive alone: it cannot overflow, and small results keep their digits. What rounding
// takes from the sum and the quotient is put back, so that little but exp's own error is left.
template <class T>
void sigmoid(const T* x, T* y, Index count) noexcept {
    write<false>(y, count, [x](Index i, Index n) {
        const Vec<T> v = load_some(x + i, n), e = exp_of<T>(v < Vec<T>{} ? v : -v);
        const Vec<T> top = v < Vec<T>{} ? e : broadcast(T(1)), sum = e + T(1);
        const Vec<T> inverse = T(1) / sum, result = top * inverse;
        const Vec<T> rest = multiply_add<T>(-result, sum, top) - result * (e - (sum - T(1)));
        return multiply_add<T>(rest, inverse, result);
    });
}

}  // namespace

void add_softmax(KernelTable& table) noexcept {
    table.softmax_f32 = {forward<float>, backward<float>, sigmoid<float>};
    if (kRareTypes) table.softmax_f64 = {forward<double>, backward<double>, sigmoid<double>};
}

}  // namespace rushlight::kernels::RUSHLIGHT_ISA
