// The plain sums and maps of batch normalisation, one pixel at a time.
#include "../kernels.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {

void add_batch_norm(KernelTable& table) noexcept;

namespace {

// Calls use(i) for every element of channel c.
template <class Use>
void for_each_pixel(const ChannelPlanes& p, Index c, const Use& use) {
    for (Index n = 0; n < p.planes; ++n)
        for (Index i = 0; i < p.pixels; ++i) use(n * p.stride + c * p.pixels + i);
}

template <class T>
void moments(const T* x, const ChannelPlanes& p, BatchNormMoments* out) noexcept {
    for (Index c = 0; c < p.channels; ++c) {
        double sum = 0, squares = 0;
        for_each_pixel(p, c, [&](Index i) { sum += double(x[i]); });
        const double mean = sum / double(p.planes * p.pixels);
        for_each_pixel(p, c, [&](Index i) { squares += (double(x[i]) - mean) * (double(x[i]) - mean); });
        out[c] = BatchNormMoments{sum, squares};
    }
}

template <class T>
void scale(const T* x, T* y, const ChannelPlanes& p, const BatchNormMap<T>* maps) noexcept {
    for (Index c = 0; c < p.channels; ++c)
        for_each_pixel(p, c,
                       [&](Index i) { y[i] = (x[i] - maps[c].centre) * maps[c].slope + maps[c].offset; });
}

template <class T>
void products(const T* dy, const T* x, const ChannelPlanes& p, const BatchNormMap<T>* maps,
              BatchNormSums* out) noexcept {
    for (Index c = 0; c < p.channels; ++c) {
        out[c] = BatchNormSums{0, 0};
        for_each_pixel(p, c, [&](Index i) {
            out[c].dy += double(dy[i]);
            out[c].dy_x += double(dy[i]) * (double(x[i]) - double(maps[c].centre));
        });
    }
}

template <class T>
void combine(const T* dy, const T* x, T* dx, const ChannelPlanes& p, const BatchNormMap<T>* maps) noexcept {
    for (Index c = 0; c < p.channels; ++c)
        for_each_pixel(p, c, [&](Index i) {
            dx[i] = dy[i] * maps[c].slope + ((x[i] - maps[c].centre) * maps[c].curve + maps[c].offset);
        });
}

}  // namespace

void add_batch_norm(KernelTable& table) noexcept {
    table.batch_norm_f32 = {moments<float>, scale<float>, products<float>, combine<float>};
    table.batch_norm_f64 = {moments<double>, scale<double>, products<double>, combine<double>};
}

}  // namespace rushlight::kernels::RUSHLIGHT_ISA
