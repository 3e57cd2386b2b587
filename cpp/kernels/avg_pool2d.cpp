// Average pooling of one tile of one plane, and the gradient of some rows of a plane.
//
// Forward: strips of neighbouring outputs, as in max_pool2d_strips.hpp; where windows share rows, every row
// is summed once. Backward is the same turned round: the gradients of the windows over a row of pixels are
// added up first; then pixel w takes what its windows across have, which for neighbouring pixels of one phase
// of the stride are neighbours in that sum.
#include "avg_pool2d_definition.hpp"
#include "conv2d_tile.hpp"
#include "lane_sums.hpp"
#include "strips.hpp"
#include "whole_lines.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {

void add_avg_pool2d(KernelTable& table) noexcept;

namespace {

// ---------------------------------------------------------------- forward

// Wider kernels go through the definition, which leaves out taps beyond the image.
constexpr Index kMostTaps = 64;

inline bool wants_strips(const AvgPool2dShape& p) {
    return p.stride_w <= 2 && p.kernel_w <= kMostTaps;
}

// Columns of a packed strip, for either stride.
template <class T>
RUSHLIGHT_INLINE Index packed_width(const AvgPool2dShape& p) {
    return round_up(strip_width<2, T>(p.kernel_w), lanes<T>);
}

// For tiles of so many rows: for each image row a packed strip and its sums.
template <class T>
Index forward_workspace(const AvgPool2dShape& p, Index rows) noexcept {
    if (!wants_strips(p)) return 0;
    return min_of(p.H, (rows - 1) * p.stride_h + p.kernel_h) * (packed_width<T>(p) + lanes<T>);
}

template <class T>
struct MeanStrip {
    Index ow, count;  // the first output, and how many are stored
    Index col0;       // its first pixel
    Vec<T> counted;   // pixels that count in a row of each window
};

// One row's part of the windows. Taps = 0: any number.
template <Index Stride, Index Taps, class T>
RUSHLIGHT_INLINE Vec<T> sum_row(const AvgPool2dShape& p, const T* row, const MeanStrip<T>& strip) {
    const Index taps = Taps ? Taps : p.kernel_w;
    Vec<T> sum{};
    if constexpr (Stride == 1) {
        for (Index tap = 0; tap < taps; ++tap) sum += load(row + strip.col0 + tap);
    } else {
        for (Index tap = 0; tap < taps; tap += 2) {
            const Vec<T> a = load(row + strip.col0 + tap);
            const Vec<T> b = load(row + strip.col0 + tap + lanes<T>);
            sum += every_second<T, 0>(a, b, AllLanes<T>{});
            if (tap + 1 < taps) sum += every_second<T, 1>(a, b, AllLanes<T>{});
        }
    }
    return sum;
}

template <class T>
RUSHLIGHT_INLINE void put_means(const AvgPool2dShape& p, const AvgPool2dForward<T>& tile, Index oh,
                                const MeanStrip<T>& strip, Vec<T> sum) {
    const T rows = T(counted(windows_down(p), oh, p.count_include_pad));
    const Vec<T> divisor = p.divisor ? broadcast(T(p.divisor)) : strip.counted * broadcast(rows);
    store_some(tile.y + oh * p.OW + strip.ow, sum / divisor, strip.count);
}

template <Index Stride, Index Taps, class T>
RUSHLIGHT_INLINE void mean_of_row(const AvgPool2dShape& p, const AvgPool2dForward<T>& tile,
                                  const MeanStrip<T>& strip, Index oh) {
    const Range rows = window(windows_down(p), oh);
    Vec<T> sum{};
    for (Index h = rows.begin; h < rows.end; ++h)
        sum += sum_row<Stride, Taps>(p, tile.x + h * tile.stride_h, strip);
    put_means(p, tile, oh, strip, sum);
}

// All rows of a tile; row image.begin + i at sums[i * lanes].
template <Index Stride, Index Taps, class T>
inline void mean_of_rows(const AvgPool2dShape& p, const AvgPool2dForward<T>& tile, const MeanStrip<T>& strip,
                         Range image, T* sums) {
    for (Index h = image.begin; h < image.end; ++h)
        store(sums + (h - image.begin) * lanes<T>,
              sum_row<Stride, Taps>(p, tile.x + h * tile.stride_h, strip));
    for (Index oh = tile.rows.begin; oh < tile.rows.end; ++oh) {
        const Range rows = window(windows_down(p), oh);
        Vec<T> sum{};
        for (Index h = rows.begin; h < rows.end; ++h) sum += load(sums + (h - image.begin) * lanes<T>);
        put_means(p, tile, oh, strip, sum);
    }
}

template <Index Stride, class T>
inline MeanStrip<T> make_mean_strip(const AvgPool2dShape& p, Index ow, Index count) {
    T across[lanes<T>];
    for (Index i = 0; i < lanes<T>; ++i)
        across[i] = i < count ? T(counted(windows_across(p), ow + i, p.count_include_pad)) : T(1);
    return MeanStrip<T>{ow, min_of(count, lanes<T>), ow * Stride - p.pad_left, load(across)};
}

template <Index Stride, Index Taps, class T>
void mean_tile(const AvgPool2dShape& p, const AvgPool2dForward<T>& tile, T* workspace) {
    const Range image{window(windows_down(p), tile.rows.begin).begin,
                      window(windows_down(p), tile.rows.end - 1).end};
    const Index reach = strip_width<Stride, T>(p.kernel_w), width = packed_width<T>(p);
    T* sums = workspace + (image.end - image.begin) * width;
    for (Index ow = tile.cols.begin; ow < tile.cols.end; ow += lanes<T>) {
        const MeanStrip<T> strip = make_mean_strip<Stride, T>(p, ow, tile.cols.end - ow);
        if (strip.col0 < 0 || strip.col0 + reach > p.W) {
            pack_strip(tile.x, tile.stride_h, p.W, strip.col0, width, image, T(0), workspace);
            AvgPool2dForward<T> packed = tile;
            packed.x = workspace - image.begin * width - strip.col0;
            packed.stride_h = width;
            mean_of_rows<Stride, Taps>(p, packed, strip, image, sums);
        } else if (p.stride_h < p.kernel_h) {
            mean_of_rows<Stride, Taps>(p, tile, strip, image, sums);
        } else {
            for (Index oh = tile.rows.begin; oh < tile.rows.end; ++oh)
                mean_of_row<Stride, Taps>(p, tile, strip, oh);
        }
    }
}

// A window of whole rows is one run of pixels, summed in four vectors.
inline bool is_run(const AvgPool2dShape& p) {
    const Range across = window(windows_across(p), 0);
    return p.OW == 1 && across.begin == 0 && across.end == p.W;
}

// The sum of numbers 0 .. count - 1; get(i, n) is a vector of n of them from i on, and zeros.
template <class T, class Get>
RUSHLIGHT_INLINE T sum_of_run(Index count, const Get& get) {
    constexpr Index together = 4;
    Vec<T> sums[together]{};
    Index i = 0;
    for (; i + together * lanes<T> <= count; i += together * lanes<T>)
        RUSHLIGHT_UNROLL for (Index k = 0; k < together; ++k) sums[k] += get(i + k * lanes<T>, lanes<T>);
    for (; i + lanes<T> <= count; i += lanes<T>) sums[0] += get(i, lanes<T>);
    if (i < count) sums[1] += get(i, count - i);
    return sum_of_lanes<T>((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

template <class T>
void mean_of_runs(const AvgPool2dShape& p, const AvgPool2dForward<T>& tile) {
    const bool side_by_side = tile.stride_w == 1 && tile.stride_h == p.W;
    for (Index oh = tile.rows.begin; oh < tile.rows.end; ++oh) {
        const Range rows = window(windows_down(p), oh);
        const Index count = (rows.end - rows.begin) * p.W;
        const T* x = tile.x + rows.begin * tile.stride_h;
        const auto near = [x](Index i, Index n) {
            return n == lanes<T> ? load(x + i) : load_lanes(x + i, 0, n);
        };
        const auto scattered = [&](Index i, Index n) {
            T lane[lanes<T>] = {};
            for (Index j = 0; j < n; ++j)
                lane[j] = x[(i + j) / p.W * tile.stride_h + (i + j) % p.W * tile.stride_w];
            return load(lane);
        };
        const T sum = side_by_side ? sum_of_run<T>(count, near) : sum_of_run<T>(count, scattered);
        tile.y[oh] = divided(sum, divisor_at(p, oh, 0));
    }
}

template <class T>
void forward(const AvgPool2dShape& p, const AvgPool2dForward<T>& tile, T* workspace) noexcept {
    if (is_run(p))
        mean_of_runs(p, tile);
    else if (!wants_strips(p) || tile.stride_w != 1)
        avg_pool2d_plain(p, tile);
    else if (p.stride_w == 1)
        p.kernel_w == 3 ? mean_tile<1, 3>(p, tile, workspace) : mean_tile<1, 0>(p, tile, workspace);
    else
        p.kernel_w == 2 ? mean_tile<2, 2>(p, tile, workspace) : mean_tile<2, 0>(p, tile, workspace);
}

Index no_workspace(const AvgPool2dShape&, Index) noexcept {
    return 0;
}
void forward_integers(const AvgPool2dShape& p, const AvgPool2dForward<std::int64_t>& tile,
                      std::int64_t*) noexcept {
    avg_pool2d_plain(p, tile);
}

// ---------------------------------------------------------------- backward

// Scratch memory: how many pixels count across; one row of sums, with zeros on both sides for windows that do
// not exist; the tile's windows' gradients, divided.
struct GradientLayout {
    Range windows;  // down
    Index pitch;    // between their rows
    Index margin;   // zeros before the sums
    Index length;   // of the sums, with the zeros after them
};

template <class T>
GradientLayout gradient_layout(const AvgPool2dShape& p, Range rows) {
    const Windows down = windows_down(p);
    const Index pitch = round_up(p.OW, lanes<T>);
    const Index last = (p.W - 1 + p.pad_left) / p.stride_w;  // the last window that a pixel could lie in
    return GradientLayout{
        Range{windows_of(down, rows.begin).begin, windows_of(down, rows.end - 1).end},
        pitch,
        min_of((p.kernel_w - 1) / p.stride_w, last),
        max_of(pitch, round_up(last + 1, lanes<T>)) + lanes<T>,
    };
}

// For tiles of so many rows.
template <class T>
Index backward_workspace(const AvgPool2dShape& p, Index rows) noexcept {
    const GradientLayout s = gradient_layout<T>(p, Range{0, 1});
    const Index windows = min_of(p.OH, (rows - 1 + p.kernel_h - 1) / p.stride_h + 1);
    return (windows + 1) * s.pitch + s.margin + s.length;
}

template <class T>
inline void divide_gradients(const AvgPool2dShape& p, const T* dy, const GradientLayout& s, T* across,
                             T* gradients) {
    for (Index ow = 0; ow < s.pitch; ++ow)
        across[ow] = ow < p.OW ? T(counted(windows_across(p), ow, p.count_include_pad)) : T(1);
    for (Index oh = s.windows.begin; oh < s.windows.end; ++oh, gradients += s.pitch) {
        const Vec<T> rows = broadcast(T(counted(windows_down(p), oh, p.count_include_pad)));
        for (Index ow = 0; ow < p.OW; ow += lanes<T>) {
            const T* from = dy + oh * p.OW + ow;
            const Index rest = p.OW - ow;
            const Vec<T> g = rest >= lanes<T> ? load(from) : load_lanes(from, 0, rest);
            store(gradients + ow, g / (p.divisor ? broadcast(T(p.divisor)) : load(across + ow) * rows));
        }
    }
}

// Pixels first, first + stride, ...: `taps` windows each, of which pixel 0's last is sums[0].
template <class T>
struct Phase {
    const T* sums;
    Index taps;

    RUSHLIGHT_INLINE Vec<T> at(Index pixel) const {
        Vec<T> sum{};
        for (Index tap = taps; tap-- > 0;) sum += load(sums + pixel - tap);
        return sum;
    }
};

template <class T>
inline Phase<T> make_phase(const AvgPool2dShape& p, const GradientLayout& s, const T* sums, Index first) {
    const Index position = first + p.pad_left, residue = position % p.stride_w;
    const Index taps = residue < p.kernel_w ? (p.kernel_w - 1 - residue) / p.stride_w + 1 : 0;
    return Phase<T>{sums + s.margin + position / p.stride_w, min_of(taps, s.margin + 1)};
}

template <class T>
inline void spread_row(const AvgPool2dShape& p, const GradientLayout& s, const T* sums, T* dx) {
    if (p.stride_w == 1) {
        const Phase<T> all = make_phase(p, s, sums, 0);
        for (Index w = 0; w < p.W; w += lanes<T>) store_some(dx + w, all.at(w), p.W - w);
    } else if (p.stride_w == 2) {
        const Phase<T> even = make_phase(p, s, sums, 0), odd = make_phase(p, s, sums, 1);
        for (Index i = 0; 2 * i < p.W; i += lanes<T>) {
            const Vec<T> a = even.at(i), b = odd.at(i);
            store_some(dx + 2 * i, in_turns<T, 0>(a, b, AllLanes<T>{}), p.W - 2 * i);
            store_some(dx + 2 * i + lanes<T>, in_turns<T, 1>(a, b, AllLanes<T>{}), p.W - 2 * i - lanes<T>);
        }
    } else {
        for (Index first = 0; first < min_of(p.stride_w, p.W); ++first) {
            const Phase<T> phase = make_phase(p, s, sums, first);
            const Index pixels = (p.W - 1 - first) / p.stride_w + 1;
            for (Index i = 0; i < pixels; i += lanes<T>) {
                T lane[lanes<T>];
                store(lane, phase.at(i));
                for (Index j = 0; j < min_of(lanes<T>, pixels - i); ++j)
                    dx[first + (i + j) * p.stride_w] = lane[j];
            }
        }
    }
}

template <class T>
void backward(const AvgPool2dShape& p, const AvgPool2dBackward<T>& tile, T* workspace) noexcept {
    const GradientLayout s = gradient_layout<T>(p, tile.rows);
    T* across = workspace;
    T* sums = across + s.pitch;
    T* gradients = sums + s.margin + s.length;
    divide_gradients(p, tile.dy, s, across, gradients);
    fill_zero(sums, s.margin + s.length);
    Range before{-1, -1};
    for (Index h = tile.rows.begin; h < tile.rows.end; ++h) {
        const Range rows = windows_of(windows_down(p), h);
        T* dx = tile.dx + h * p.W;
        if (rows.begin == before.begin && rows.end == before.end) {  // in the same windows as the row above
            write<false>(dx, p.W, [dx, &p](Index i, Index count) { return load_some(dx - p.W + i, count); });
            continue;
        }
        before = rows;
        for (Index ow = 0; ow < s.pitch; ow += lanes<T>) {
            Vec<T> sum{};
            for (Index oh = rows.begin; oh < rows.end; ++oh)
                sum += load(gradients + (oh - s.windows.begin) * s.pitch + ow);
            store(sums + s.margin + ow, sum);
        }
        spread_row(p, s, sums, dx);
    }
}

}  // namespace

void add_avg_pool2d(KernelTable& table) noexcept {
    table.avg_pool2d_f32 = {forward_workspace<float>, forward<float>, backward_workspace<float>,
                            backward<float>};
    if (!kRareTypes) return;
    table.avg_pool2d_f64 = {forward_workspace<double>, forward<double>, backward_workspace<double>,
                            backward<double>};
    table.avg_pool2d_i64 = {no_workspace, forward_integers, nullptr, nullptr};
}

}  // namespace rushlight::kernels::RUSHLIGHT_ISA
