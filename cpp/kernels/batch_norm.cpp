// Batch normalisation of one channel: its sums, and the affine maps that they lead to.
//
// Sums run in several vectors of T over at most kRun pixels and are then added up in double, so that neither
// a large batch nor a large image costs digits.
#include "simd.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {

void add_batch_norm(KernelTable& table) noexcept;

namespace {

constexpr Index kRun = 1024;
constexpr int kSums = 4;  // enough to hide the latency of an addition

template <class T>
RUSHLIGHT_INLINE double total(const Vec<T> (&sums)[kSums]) {
    const Vec<T> sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
    T lane[lanes<T>];
    store(lane, sum);
    double result = 0;
    for (Index i = 0; i < lanes<T>; ++i) result += double(lane[i]);
    return result;
}

// Calls run(offset, count) for parts of at most kRun neighbouring pixels, in order.
template <class Run>
RUSHLIGHT_INLINE void for_each_run(const ChannelPlanes& c, const Run& run) {
    for (Index n = 0; n < c.planes; ++n)
        for (Index i = 0; i < c.pixels; i += kRun) run(n * c.stride + i, min_of(kRun, c.pixels - i));
}

template <class T>
double sum(const T* x, const ChannelPlanes& channel) noexcept {
    double result = 0;
    for_each_run(channel, [&](Index offset, Index count) {
        const T* p = x + offset;
        Vec<T> sums[kSums] = {};
        Index i = 0;
        for (; i + kSums * lanes<T> <= count; i += kSums * lanes<T>)
            for (int v = 0; v < kSums; ++v) sums[v] += load(p + i + v * lanes<T>);
        for (; i + lanes<T> <= count; i += lanes<T>) sums[0] += load(p + i);
        result += total<T>(sums);
        for (; i < count; ++i) result += double(p[i]);
    });
    return result;
}

template <class T>
double squares(const T* x, const ChannelPlanes& channel, T centre) noexcept {
    double result = 0;
    const Vec<T> middle = broadcast(centre);
    for_each_run(channel, [&](Index offset, Index count) {
        const T* p = x + offset;
        Vec<T> sums[kSums] = {};
        Index i = 0;
        for (; i + kSums * lanes<T> <= count; i += kSums * lanes<T>)
            for (int v = 0; v < kSums; ++v) {
                const Vec<T> d = load(p + i + v * lanes<T>) - middle;
                sums[v] = multiply_add<T>(d, d, sums[v]);
            }
        for (; i + lanes<T> <= count; i += lanes<T>) {
            const Vec<T> d = load(p + i) - middle;
            sums[0] = multiply_add<T>(d, d, sums[0]);
        }
        result += total<T>(sums);
        for (; i < count; ++i) result += double(p[i] - centre) * double(p[i] - centre);
    });
    return result;
}

template <class T>
void scale(const T* x, T* y, const ChannelPlanes& channel, T centre, T slope, T offset) noexcept {
    const Vec<T> middle = broadcast(centre), factor = broadcast(slope), shift = broadcast(offset);
    for (Index n = 0; n < channel.planes; ++n) {
        const T* from = x + n * channel.stride;
        T* to = y + n * channel.stride;
        Index i = 0;
        for (; i + lanes<T> <= channel.pixels; i += lanes<T>)
            store(to + i, multiply_add<T>(load(from + i) - middle, factor, shift));
        for (; i < channel.pixels; ++i) to[i] = (from[i] - centre) * slope + offset;
    }
}

template <class T>
BatchNormSums products(const T* dy, const T* x, const ChannelPlanes& channel, T centre) noexcept {
    BatchNormSums result{0, 0};
    const Vec<T> middle = broadcast(centre);
    for_each_run(channel, [&](Index offset, Index count) {
        const T *g = dy + offset, *p = x + offset;
        Vec<T> sums[kSums] = {}, sums_x[kSums] = {};
        Index i = 0;
        for (; i + kSums * lanes<T> <= count; i += kSums * lanes<T>)
            for (int v = 0; v < kSums; ++v) {
                const Vec<T> grad = load(g + i + v * lanes<T>);
                sums[v] += grad;
                sums_x[v] = multiply_add<T>(grad, load(p + i + v * lanes<T>) - middle, sums_x[v]);
            }
        for (; i + lanes<T> <= count; i += lanes<T>) {
            const Vec<T> grad = load(g + i);
            sums[0] += grad;
            sums_x[0] = multiply_add<T>(grad, load(p + i) - middle, sums_x[0]);
        }
        result.dy += total<T>(sums);
        result.dy_x += total<T>(sums_x);
        for (; i < count; ++i) {
            result.dy += double(g[i]);
            result.dy_x += double(g[i]) * double(p[i] - centre);
        }
    });
    return result;
}

template <class T>
void combine(const T* dy, const T* x, T* dx, const ChannelPlanes& channel, T centre, T slope, T curve,
             T offset) noexcept {
    const Vec<T> middle = broadcast(centre), factor = broadcast(slope), bend = broadcast(curve),
                 shift = broadcast(offset);
    for (Index n = 0; n < channel.planes; ++n) {
        const T *g = dy + n * channel.stride, *p = x + n * channel.stride;
        T* to = dx + n * channel.stride;
        Index i = 0;
        for (; i + lanes<T> <= channel.pixels; i += lanes<T>) {
            const Vec<T> bent = multiply_add<T>(load(p + i) - middle, bend, shift);
            store(to + i, multiply_add<T>(load(g + i), factor, bent));
        }
        for (; i < channel.pixels; ++i) to[i] = g[i] * slope + ((p[i] - centre) * curve + offset);
    }
}

}  // namespace

void add_batch_norm(KernelTable& table) noexcept {
    table.batch_norm_f32 = {sum<float>, squares<float>, scale<float>, products<float>, combine<float>};
    table.batch_norm_f64 = {sum<double>, squares<double>, scale<double>, products<double>, combine<double>};
}

}  // namespace rushlight::kernels::RUSHLIGHT_ISA
