// Max pooling of one tile of one plane. The gradient is in max_pool2d_scatter.hpp.
//
// A window's maximum is the maximum of its rows' maxima, and rows are shared by windows: first every image
// row that the tile needs is reduced along its columns, once, then the reduced rows of a window are combined.
// Row-major order inside the window, which decides ties and NaN, survives this: within a row left before
// right, then rows top before bottom.
//
// The usual windows are done by max_pool2d_strips.hpp; here is what does for any stride, dilation and layout,
// and for images with NaN. For the first step a row is copied to scratch memory the way conv2d_tile.hpp does
// it: columns sorted into phases of the stride, the padding filled with -inf, which never wins, so that lanes
// are neighbouring outputs and no lane needs a bounds check.
#include "conv2d_tile.hpp"
#include "max_pool2d_definition.hpp"
#include "max_pool2d_scatter.hpp"
#include "max_pool2d_strips.hpp"
#include "max_pool2d_threes.hpp"
#include "shuffles.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {

void add_max_pool2d(KernelTable& table) noexcept;

namespace {

// What a type is reduced as: small integers are widened, so that a lane can hold a position as well as a
// value.
template <class T>
struct ComputeOf {
    typedef T type;
};
template <>
struct ComputeOf<std::uint8_t> {
    typedef std::int32_t type;
};
template <>
struct ComputeOf<std::int8_t> {
    typedef std::int32_t type;
};
template <>
struct ComputeOf<std::int16_t> {
    typedef std::int32_t type;
};

// Windows for the definition: absurd ones, which are not worth scratch memory of their size, and a single
// column of outputs, which would leave all lanes but one idle. Positions must fit their lanes.
template <class C>
inline bool wants_definition(const MaxPool2dShape& p) {
    const double positions =
        double(p.kernel_h) * double(p.dilation_h) * double(p.W) + double(p.kernel_w) * double(p.dilation_w);
    return p.OW == 1 || p.pad_left > p.W || (sizeof(C) == 4 && positions > double(0x7fffffff));
}

// ---------------------------------------------------------------- scratch memory

struct Layout {
    Axis w;       // the columns' phases, for a whole number of vectors of outputs
    Index width;  // outputs, rounded up to whole vectors
    Index pitch;  // between reduced rows
    Index span;   // image rows from the tile's first to its last
    // Where each part begins.
    Index offsets, insides, phases, done, best, values, first, best_positions, positions, bytes;
};

template <class C>
Layout make_layout(const MaxPool2dShape& p, Index rows, Range cols, bool indices) {
    Layout s{};
    const Index count = cols.end - cols.begin;
    s.width = round_up(count, lanes<C>);
    s.w =
        make_axis(0, 1, p.kernel_w, cols.begin * p.stride_w - p.pad_left, p.stride_w, p.dilation_w, s.width);
    s.pitch = s.width + (s.width % 256 == 0 ? lanes<C> : 0);  // see NOTE [ 4 KiB aliasing ]
    s.span = tile_span(p, rows);
    Index at = 0;
    const auto place = [&at](Index& part, Index bytes) {
        part = at;
        at += round_up(bytes, 64);
    };
    place(s.offsets, p.kernel_w * Index(sizeof(Index)));
    place(s.insides, s.w.period * Index(sizeof(Range)));
    place(s.phases, s.w.period * s.w.extent * Index(sizeof(C)));
    place(s.done, s.span);
    place(s.best, s.width * Index(sizeof(C)));
    place(s.values, s.span * s.pitch * Index(sizeof(C)));
    if (indices) {
        place(s.first, s.width * Index(sizeof(C)));
        place(s.best_positions, s.width * Index(sizeof(C)));
        place(s.positions, s.span * s.pitch * Index(sizeof(C)));
    }
    s.bytes = at;
    return s;
}

template <class T>
Index forward_workspace(const MaxPool2dShape& p, Index rows, Index cols, bool indices) noexcept {
    typedef typename ComputeOf<T>::type C;
    if (wants_definition<C>(p)) return 0;
    const Index any = make_layout<C>(p, rows, Range{0, cols}, indices).bytes;
    if constexpr (!is_floating<T>) return any;
    return max_of(
        any, wants_threes(p) && !indices ? threes_workspace<T>(cols) : strips_workspace<T>(p, rows, indices));
}

template <class C>
struct Scratch {
    Index* offsets;               // where tap s reads its pixel for output 0
    Range* insides;               // which pixels of each phase lie inside the image
    C* phases;                    // one image row, sorted
    unsigned char* done;          // which image rows are reduced
    C* best;                      // one row of results
    C* values;                    // the reduced rows
    Position<C>* first;           // each output's first tap inside the image, as a position
    Position<C>* best_positions;  // where the results came from
    Position<C>* positions;       // where the reduced rows' maxima came from

    Scratch(char* workspace, const Layout& s)
        : offsets(reinterpret_cast<Index*>(workspace + s.offsets)),
          insides(reinterpret_cast<Range*>(workspace + s.insides)),
          phases(reinterpret_cast<C*>(workspace + s.phases)),
          done(reinterpret_cast<unsigned char*>(workspace + s.done)),
          best(reinterpret_cast<C*>(workspace + s.best)),
          values(reinterpret_cast<C*>(workspace + s.values)),
          first(reinterpret_cast<Position<C>*>(workspace + s.first)),
          best_positions(reinterpret_cast<Position<C>*>(workspace + s.best_positions)),
          positions(reinterpret_cast<Position<C>*>(workspace + s.positions)) {}
};

// ---------------------------------------------------------------- one image row to scratch memory

// to[j] = from[2 * j], j < count; reads nothing beyond from[2 * count - 2].
template <class T>
RUSHLIGHT_INLINE void copy_even(const T* from, T* to, Index count) {
    Index j = 0;
    for (; j + lanes<T> < count; j += lanes<T>)
        store(to + j, every_second<T, 0>(load(from + 2 * j), load(from + 2 * j + lanes<T>), AllLanes<T>{}));
    if (j == count) return;
    const Index rest = 2 * (count - j) - 1, half = min_of(rest, lanes<T>);
    const Vec<T> a = load_lanes(from + 2 * j, 0, half);
    const Vec<T> b = rest > half ? load_lanes(from + 2 * j + lanes<T>, 0, rest - half) : a;
    store_lanes(to + j, every_second<T, 0>(a, b, AllLanes<T>{}), 0, count - j);
}

// What depends on the type of the pixels, as several are reduced as one: copies between a plane and C.
template <class C>
struct Pixels {
    const void* x;
    void* y;
    C lowest;
    void (*get)(const void* x, Index at, Index stride, C* to, Index count);  // to[j] = x[at + j * stride]
    void (*put)(const C* from, Index count, void* y, Index at);              // y[at + j] = from[j]
};

template <class T, class C>
void get_pixels(const void* x, Index at, Index stride, C* to, Index count) {
    const T* from = static_cast<const T*>(x) + at;
    if constexpr (sizeof(T) == sizeof(C)) {
        if (stride == 1) return copy_row(from, 1, to, count);
        if (stride == 2) return copy_even(from, to, count);
    }
    for (Index j = 0; j < count; ++j) to[j] = C(from[j * stride]);
}
template <class T, class C>
void put_pixels(const C* from, Index count, void* y, Index at) {
    for (Index j = 0; j < count; ++j) static_cast<T*>(y)[at + j] = T(from[j]);
}

template <class C>
RUSHLIGHT_INLINE void fill(C* to, Index count, C value) {
    for (Index j = 0; j < count; ++j) to[j] = value;
}

// The pixels of each phase that lie inside the image, the same for every row of a tile.
inline void find_insides(const Axis& axis, Index W, Range* insides) {
    for (Index i = 0; i < axis.period; ++i) {
        const Index col0 = axis.base + i * axis.delta;
        const Index left = min_of(axis.extent, col0 >= 0 ? 0 : (-col0 + axis.step - 1) / axis.step);
        insides[i] = Range{left, max_of(left, min_of(axis.extent, floor_div(W - 1 - col0, axis.step) + 1))};
    }
}

// Phase i of the row that begins at x[row] goes to to[i * extent]; pixels outside the image are the lowest.
template <class C>
inline void pack_row(const Pixels<C>& pixels, Index row, Index stride, const Axis& axis, const Range* insides,
                     C* to) {
    for (Index i = 0; i < axis.period; ++i, to += axis.extent) {
        const Range in = insides[i];
        const Index first = row + (axis.base + i * axis.delta + in.begin * axis.step) * stride;
        fill(to, in.begin, pixels.lowest);
        if (in.begin < in.end)
            pixels.get(pixels.x, first, axis.step * stride, to + in.begin, in.end - in.begin);
        fill(to + in.end, axis.extent - in.end, pixels.lowest);
    }
}

// ---------------------------------------------------------------- the two reductions

// Lanes where x replaces the candidate.
template <class C>
RUSHLIGHT_INLINE Positions<C> replaced(Vec<C> x, Vec<C> best) {
    if constexpr (is_floating<C>)
        return (x > best) | (x != x);
    else
        return x > best;
}

// A packed row's maxima along its columns, for every output of the tile.
template <class C, bool Indices>
inline void reduce_columns(const MaxPool2dShape& p, const Layout& s, const Scratch<C>& scratch, C* values,
                           Position<C>* positions) {
    for (Index v = 0; v < s.width; v += lanes<C>) {
        // Tap 0, or -inf where it lies left of the image. No later tap there can win, so `first` is the right
        // position.
        Vec<C> best = load(scratch.phases + v);
        Positions<C> at{};
        if constexpr (Indices) at = Positions<C>(load(scratch.first + v));
        for (Index tap = 1; tap < p.kernel_w; ++tap) {
            const Vec<C> x = load(scratch.phases + scratch.offsets[tap] + v);
            const Positions<C> mask = replaced<C>(x, best);
            best = mask ? x : best;
            if constexpr (Indices) at = mask ? Positions<C>(broadcast(Position<C>(tap * p.dilation_w))) : at;
        }
        store(values + v, best);
        if constexpr (Indices) store(positions + v, Vec<Position<C>>(at));
    }
}

// The reduced rows of one output row: `count` >= 1 of them, `step` elements and `pixels` positions apart, the
// first at `position`.
template <class C>
struct Window {
    const C* values;
    const Position<C>* positions;
    Index count, step;
    Index position, pixels;
};

template <class C, bool Indices>
inline void reduce_rows(const Window<C>& window, Index width, C* value, Position<C>* position) {
    for (Index v = 0; v < width; v += lanes<C>) {
        Vec<C> best = load(window.values + v);
        Positions<C> at{};
        if constexpr (Indices)
            at = Positions<C>(load(window.positions + v) + broadcast(Position<C>(window.position)));
        for (Index i = 1; i < window.count; ++i) {
            const Vec<C> x = load(window.values + i * window.step + v);
            const Positions<C> mask = replaced<C>(x, best);
            best = mask ? x : best;
            if constexpr (Indices) {
                const Vec<Position<C>> from = load(window.positions + i * window.step + v);
                at = mask ? Positions<C>(from + broadcast(Position<C>(window.position + i * window.pixels)))
                          : at;
            }
        }
        store(value + v, best);
        if constexpr (Indices) store(position + v, Vec<Position<C>>(at));
    }
}

// ---------------------------------------------------------------- forward

template <class C>
inline void prepare(const MaxPool2dShape& p, const Layout& s, const Scratch<C>& scratch, bool indices) {
    for (Index tap = 0; tap < p.kernel_w; ++tap)
        scratch.offsets[tap] = tap % s.w.period * s.w.extent + tap / s.w.period * s.w.hop;
    find_insides(s.w, p.W, scratch.insides);
    for (Index i = 0; i < s.span; ++i) scratch.done[i] = 0;
    if (!indices) return;
    for (Index j = 0; j < s.width; ++j) {
        const Index start = s.w.base + j * p.stride_w;
        scratch.first[j] = Position<C>(start < 0 ? first_tap(start, p.dilation_w) * p.dilation_w : 0);
    }
}

// `tile` but for its x and y, which are in `pixels`.
template <class C, bool Indices>
void forward_tile(const MaxPool2dShape& p, const MaxPool2dForward<C>& tile, const Pixels<C>& pixels,
                  char* workspace) {
    const Layout s = make_layout<C>(p, tile.rows.end - tile.rows.begin, tile.cols, Indices);
    const Scratch<C> scratch(workspace, s);
    prepare(p, s, scratch, Indices);

    const Index cols = tile.cols.end - tile.cols.begin;
    const Index top = max_of(0, tile.rows.begin * p.stride_h - p.pad_top);
    for (Index oh = tile.rows.begin; oh < tile.rows.end; ++oh) {
        const Index h0 = oh * p.stride_h - p.pad_top;
        const Range taps{first_tap(h0, p.dilation_h), end_tap(h0, p.dilation_h, p.kernel_h, p.H)};
        for (Index r = taps.begin; r < taps.end; ++r) {
            const Index h = h0 + r * p.dilation_h, slot = h - top;
            if (scratch.done[slot]) continue;
            scratch.done[slot] = 1;
            pack_row(pixels, h * tile.stride_h, tile.stride_w, s.w, scratch.insides, scratch.phases);
            reduce_columns<C, Indices>(p, s, scratch, scratch.values + slot * s.pitch,
                                       scratch.positions + slot * s.pitch);
        }

        const Index position = taps.begin * p.dilation_h * p.W;
        if (taps.begin < taps.end) {
            const Index first = (h0 + taps.begin * p.dilation_h - top) * s.pitch;
            reduce_rows<C, Indices>({scratch.values + first, scratch.positions + first, taps.end - taps.begin,
                                     p.dilation_h * s.pitch, position, p.dilation_h * p.W},
                                    s.width, scratch.best, scratch.best_positions);
        } else {  // a dilated window that steps over the image
            fill(scratch.best, cols, pixels.lowest);
            if constexpr (Indices)
                for (Index j = 0; j < cols; ++j)
                    scratch.best_positions[j] = scratch.first[j] + Position<C>(position);
        }
        pixels.put(scratch.best, cols, pixels.y, oh * p.OW + tile.cols.begin);
        if constexpr (Indices) {
            const Index corner = h0 * p.W + s.w.base;
            std::int64_t* indices = tile.indices + oh * p.OW + tile.cols.begin;
            for (Index j = 0; j < cols; ++j) indices[j] = corner + j * p.stride_w + scratch.best_positions[j];
        }
    }
}

template <class T>
void forward(const MaxPool2dShape& p, const MaxPool2dForward<T>& tile, void* workspace) noexcept {
    typedef typename ComputeOf<T>::type C;
    char* scratch = static_cast<char*>(workspace);
    if (wants_definition<C>(p)) return max_pool2d_plain(p, tile);
    if constexpr (is_floating<T>)
        if (wants_threes(p) && !tile.indices ? pool_threes(p, tile, reinterpret_cast<T*>(scratch))
                                             : pool_in_strips(p, tile, scratch))
            return;
    const Pixels<C> pixels{tile.x, tile.y, C(lowest<T>()), get_pixels<T, C>, put_pixels<T, C>};
    const MaxPool2dForward<C> same{nullptr,      tile.stride_h, tile.stride_w, nullptr,
                                   tile.indices, tile.rows,     tile.cols};
    if (tile.indices)
        forward_tile<C, true>(p, same, pixels, scratch);
    else
        forward_tile<C, false>(p, same, pixels, scratch);
}

template <class T>
MaxPool2dKernels<T> forward_only() {
    return {forward_workspace<T>, forward<T>, nullptr};
}

}  // namespace

void add_max_pool2d(KernelTable& table) noexcept {
    table.max_pool2d_f32 = {forward_workspace<float>, forward<float>, scatter_planes<float>};
    if (!kRareTypes) return;
    table.max_pool2d_f64 = {forward_workspace<double>, forward<double>, scatter_planes<double>};
    table.max_pool2d_u8 = forward_only<std::uint8_t>();
    table.max_pool2d_i8 = forward_only<std::int8_t>();
    table.max_pool2d_i16 = forward_only<std::int16_t>();
    table.max_pool2d_i32 = forward_only<std::int32_t>();
    table.max_pool2d_i64 = forward_only<std::int64_t>();
}

}  // namespace rushlight::kernels::RUSHLIGHT_ISA
