// The plain sums and maps of batch normalisation, one pixel at a time.
#include "../kernels.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {

void add_batch_norm(KernelTable& table) noexcept;

namespace {

template <class T>
double sum(const T* x, const ChannelPlanes& channel) noexcept {
    double result = 0;
    for (Index n = 0; n < channel.planes; ++n)
        for (Index i = 0; i < channel.pixels; ++i) result += double(x[n * channel.stride + i]);
    return result;
}

template <class T>
double squares(const T* x, const ChannelPlanes& channel, T centre) noexcept {
    double result = 0;
    for (Index n = 0; n < channel.planes; ++n)
        for (Index i = 0; i < channel.pixels; ++i) {
            const double d = double(x[n * channel.stride + i]) - double(centre);
            result += d * d;
        }
    return result;
}

template <class T>
void scale(const T* x, T* y, const ChannelPlanes& channel, T centre, T slope, T offset) noexcept {
    for (Index n = 0; n < channel.planes; ++n)
        for (Index i = n * channel.stride; i < n * channel.stride + channel.pixels; ++i)
            y[i] = (x[i] - centre) * slope + offset;
}

template <class T>
BatchNormSums products(const T* dy, const T* x, const ChannelPlanes& channel, T centre) noexcept {
    BatchNormSums result{0, 0};
    for (Index n = 0; n < channel.planes; ++n)
        for (Index i = n * channel.stride; i < n * channel.stride + channel.pixels; ++i) {
            result.dy += double(dy[i]);
            result.dy_x += double(dy[i]) * (double(x[i]) - double(centre));
        }
    return result;
}

template <class T>
void combine(const T* dy, const T* x, T* dx, const ChannelPlanes& channel, T centre, T slope, T curve,
             T offset) noexcept {
    for (Index n = 0; n < channel.planes; ++n)
        for (Index i = n * channel.stride; i < n * channel.stride + channel.pixels; ++i)
            dx[i] = dy[i] * slope + ((x[i] - centre) * curve + offset);
}

}  // namespace

void add_batch_norm(KernelTable& table) noexcept {
    table.batch_norm_f32 = {sum<float>, squares<float>, scale<float>, products<float>, combine<float>};
    table.batch_norm_f64 = {sum<double>, squares<double>, scale<double>, products<double>, combine<double>};
}

}  // namespace rushlight::kernels::RUSHLIGHT_ISA
