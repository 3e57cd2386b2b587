// Batch normalisation of neighbouring channels: their moments, and the affine maps that they lead to.
#include "channel_sums.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {

void add_batch_norm(KernelTable& table) noexcept;

namespace {

constexpr Index kPivotPixels = 64;

template <class T>
RUSHLIGHT_INLINE const T* start_of(const T* x, const ChannelPlanes& p, const Piece& piece) {
    return x + piece.plane * p.stride + piece.channel * p.pixels + piece.begin;
}

// About the mean of some pixels: a number from which to count the others, so that a large mean costs no
// digits. At least a sixteenth of a run's pixels, or a whole plane, decide it, so that it cannot be many
// standard deviations off. 0 where they are not finite.
template <class T>
RUSHLIGHT_INLINE T pivot_of(const T* p, Index pixels) {
    const Index used = min_of(pixels, kPivotPixels);
    Vec<T> sums[kSums] = {};
    for_each_vector<T>(used, [&](int v, Index i, Index count) { sums[v] += load_some(p + i, count); });
    const T pivot = T(total<T>(joined<T>(sums)) / double(used));
    return pivot - pivot == T(0) ? pivot : T(0);
}

// One pass: each run's moments about a pivot of its own; runs are joined as Chan, Golub and LeVeque do
// (1979).
template <class T>
void moments(const T* x, const ChannelPlanes& p, BatchNormMoments* out) noexcept {
    T pivots[kMostChannels];
    for (Index c = 0; c < p.channels; ++c) out[c] = BatchNormMoments{0, 0};
    sum_channels<T, 2>(
        p,
        [&](const Piece& piece) {
            const T* from = start_of(x, p, piece);
            if (piece.first) pivots[piece.channel] = pivot_of(from, piece.length);
            return [from, pivot = pivots[piece.channel]](auto& sums, int v, Index i, Index count) {
                const Vec<T> d = load_some(from + i, count) - first_of(pivot, count);
                sums[0][v] += d;
                sums[1][v] = multiply_add<T>(d, d, sums[1][v]);
            };
        },
        [&](Index c, const RunSize& size, const double (&totals)[2]) {
            const double shift = totals[0] / size.pixels, mean = double(pivots[c]) + shift;
            const double difference = size.before ? mean - out[c].sum / size.before : 0;
            const double weight = size.before * size.pixels / (size.before + size.pixels);
            out[c].sum += mean * size.pixels;
            out[c].squares += totals[1] - shift * totals[0] + difference * difference * weight;
        });
}

template <class T>
void scale(const T* x, T* y, const ChannelPlanes& p, const BatchNormMap<T>* maps) noexcept {
    for (Index n = 0; n < p.planes; ++n)
        for (Index c = 0; c < p.channels; ++c) {
            const Index start = n * p.stride + c * p.pixels;
            const T* from = x + start;
            const Vec<T> centre = broadcast(maps[c].centre), slope = broadcast(maps[c].slope),
                         offset = broadcast(maps[c].offset);
            write<false>(y + start, p.pixels, [&](Index i, Index count) {
                return multiply_add<T>(load_some(from + i, count) - centre, slope, offset);
            });
        }
}

template <class T>
void products(const T* dy, const T* x, const ChannelPlanes& p, const BatchNormMap<T>* maps,
              BatchNormSums* out) noexcept {
    for (Index c = 0; c < p.channels; ++c) out[c] = BatchNormSums{0, 0};
    sum_channels<T, 2>(
        p,
        [&](const Piece& piece) {
            return [grads = start_of(dy, p, piece), from = start_of(x, p, piece),
                    centre = broadcast(maps[piece.channel].centre)](auto& sums, int v, Index i, Index count) {
                const Vec<T> grad = load_some(grads + i, count);
                sums[0][v] += grad;
                sums[1][v] = multiply_add<T>(grad, load_some(from + i, count) - centre, sums[1][v]);
            };
        },
        [&](Index c, const RunSize&, const double (&totals)[2]) {
            out[c].dy += totals[0];
            out[c].dy_x += totals[1];
        });
}

template <class T>
void combine(const T* dy, const T* x, T* dx, const ChannelPlanes& p, const BatchNormMap<T>* maps) noexcept {
    for (Index n = 0; n < p.planes; ++n)
        for (Index c = 0; c < p.channels; ++c) {
            const Index start = n * p.stride + c * p.pixels;
            const T *grads = dy + start, *from = x + start;
            const Vec<T> centre = broadcast(maps[c].centre), slope = broadcast(maps[c].slope),
                         curve = broadcast(maps[c].curve), offset = broadcast(maps[c].offset);
            write<false>(dx + start, p.pixels, [&](Index i, Index count) {
                const Vec<T> bent = multiply_add<T>(load_some(from + i, count) - centre, curve, offset);
                return multiply_add<T>(load_some(grads + i, count), slope, bent);
            });
        }
}

}  // namespace

void add_batch_norm(KernelTable& table) noexcept {
    table.batch_norm_f32 = {moments<float>, scale<float>, products<float>, combine<float>};
    if (kRareTypes)
        table.batch_norm_f64 = {moments<double>, scale<double>, products<double>, combine<double>};
}

}  // namespace rushlight::kernels::RUSHLIGHT_ISA
