// Weight gradient of the direct convolution with output channels in the lanes:
// dw[k][c, r, s] = sum over pixels q of x[c][q shifted by (r, s)] * dy[k][q].
//
// dy is transposed a block of pixels at a time to (pixels, channels); x is read where it lies, by broadcast.
// A row of the register tile is an input channel at one tap, and each tap goes over just those pixels whose
// x lies inside the image: no padding, no product too many, not one lane wasted on narrow images. Where a
// group has fewer input channels than the register tile has rows, rows of different taps share it; these must
// go over the same pixels, so x is copied with its padding first.
// conv2d_weight.cpp has pixels in the lanes, for few output channels.
#include "channel_lanes.hpp"
#include "conv2d_tile.hpp"
#include "conv2d_weight_repair.hpp"
#include "outer_products.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {

void add_conv2d_weight_channels(KernelTable& table) noexcept;

namespace {

constexpr Index kTapsPerTable = 16;  // whose runs are listed at a time

// Pixels of dy: `rows` x `cols` of each of `images`.
struct PixelBlock {
    Range images, rows, cols;
};

inline Index extent(Range r) {
    return r.end - r.begin;
}

// The outputs o in `outputs` whose pixel o * stride + offset lies in [0, size).
inline Range reach(Range outputs, Index stride, Index offset, Index size) {
    const Index first = max_of(outputs.begin, -floor_div(offset, stride));
    const Index last = min_of(outputs.end, floor_div(size - 1 - offset, stride) + 1);
    return Range{first, max_of(first, last)};
}

// ---------------------------------------------------------------- scratch memory

// The copy of x that rows of different taps read, (images, channels, height, width) of a block of output
// pixels.
struct PaddedSource {
    Index width, channel, image;
};

inline PaddedSource padded_source(const Conv2dShape& p, const Conv2dWeightBlocking& b, Index channels) {
    const Index height = (b.rows - 1) * p.stride_h + (p.R - 1) * p.dilation_h + 1;
    const Index width = (b.cols - 1) * p.stride_w + (p.S - 1) * p.dilation_w + 1;
    return {width, height * width, channels * height * width};
}

// Whether rows of the register tile are taps of all kinds: not if the copy takes more than it is read (a wide
// dilation).
inline bool mixes_taps(const Conv2dShape& p, const Conv2dWeightBlocking& b) {
    const Index taps = p.R * p.S;
    return p.C / p.groups < kOuterRows && taps > 1 &&
           padded_source(p, b, 1).channel <= taps * b.rows * b.cols;
}

// Where everything begins in the scratch memory, in elements, for tiles of k x c channels.
struct WorkspaceLayout {
    Index runs, rows, grads, sums, source, size;
};

template <class T>
inline WorkspaceLayout workspace_layout(const Conv2dShape& p, const Conv2dWeightBlocking& b, Index k,
                                        Index c) {
    const Index taps = p.R * p.S, block_rows = b.images * b.rows, width = round_up(k, lanes<T>);
    const bool mixed = mixes_taps(p, b);
    const auto elements = [](Index bytes) { return round_up(bytes, kVectorBytes) / Index(sizeof(T)); };
    WorkspaceLayout at{};
    at.rows = at.runs + elements(min_of(taps, kTapsPerTable) * block_rows * Index(sizeof(PixelRun)));
    at.grads = at.rows + elements((mixed ? c * taps : c) * Index(sizeof(Index)));
    at.sums = at.grads + block_rows * b.cols * width;
    at.source = at.sums + c * taps * width;
    at.size = at.source + (mixed ? b.images * padded_source(p, b, c).image + lanes<T> : 0);
    return at;
}

template <class T>
Index workspace_size(const Conv2dShape& p, const Conv2dWeightBlocking& blocking, Index k, Index c) noexcept {
    return workspace_layout<T>(p, blocking, k, c).size;
}

// ---------------------------------------------------------------- one block of pixels

template <class T>
void pack_grads(const Conv2dShape& p, const Conv2dBackwardWeight<T>& tile, const PixelBlock& block,
                T* grads) {
    const Index channels = extent(tile.k), width = round_up(channels, lanes<T>), cols = extent(block.cols);
    const Images<const T>& dy = tile.dy;
    const bool one_run = cols == p.OW && dy.stride_h == p.OW * dy.stride_w;
    const Index runs = one_run ? 1 : extent(block.rows), count = one_run ? extent(block.rows) * cols : cols;
    const T* first = dy.data + (tile.g * (p.K / p.groups) + tile.k.begin) * dy.stride_c +
                     block.rows.begin * dy.stride_h + block.cols.begin * dy.stride_w;
    for (Index n = block.images.begin; n < block.images.end; ++n)
        for (Index i = 0; i < runs; ++i, grads += count * width)
            for (Index c = 0; c < channels; c += lanes<T>)
                pack_lanes(first + n * dy.stride_n + i * dy.stride_h + c * dy.stride_c, dy.stride_c,
                           dy.stride_w, min_of(lanes<T>, channels - c), count, grads + c, width);
}

// The runs of one tap; neighbouring runs that are in step become one. Returns how many.
template <class T>
inline Index list_runs(const Conv2dShape& p, const Images<const T>& x, const PixelBlock& block, Index r,
                       Index s, PixelRun* runs) {
    const Index offset_h = r * p.dilation_h - p.pad_top, offset_w = s * p.dilation_w - p.pad_left;
    const Range rows = reach(block.rows, p.stride_h, offset_h, p.H);
    const Range cols = reach(block.cols, p.stride_w, offset_w, p.W);
    if (extent(cols) == 0) return 0;
    const Index step = p.stride_w * x.stride_w, width = extent(block.cols);
    Index count = 0;
    for (Index n = block.images.begin; n < block.images.end; ++n) {
        const Index image = n * x.stride_n + (cols.begin * p.stride_w + offset_w) * x.stride_w;
        const Index grads = (n - block.images.begin) * extent(block.rows) - block.rows.begin;
        for (Index i = rows.begin; i < rows.end; ++i) {
            const PixelRun run{image + (i * p.stride_h + offset_h) * x.stride_h,
                               (grads + i) * width + cols.begin - block.cols.begin, extent(cols)};
            PixelRun* last = runs + count - 1;
            if (count > 0 && last->grad + last->count == run.grad &&
                last->source + last->count * step == run.source)
                last->count += run.count;
            else
                runs[count++] = run;
        }
    }
    return count;
}

// Rows of the register tile are the channels at one tap. The source is read from L1 for all taps of a table.
template <class T>
void multiply_taps(const Conv2dShape& p, const Images<const T>& x, const PixelBlock& block, PixelRun* table,
                   OuterProducts<T> products) {
    const Index taps = p.R * p.S, width = products.vectors * lanes<T>;
    const Index most_runs = extent(block.images) * extent(block.rows);
    T* const sums = products.sums;
    products.sums_row = taps * width;
    for (Index first = 0; first < taps; first += kTapsPerTable) {
        const Index here = min_of(kTapsPerTable, taps - first);
        Index run_counts[kTapsPerTable];
        for (Index t = 0; t < here; ++t)
            run_counts[t] =
                list_runs(p, x, block, (first + t) / p.S, (first + t) % p.S, table + t * most_runs);
        for (Index i = 0; i < outer_tiles(products); ++i)
            for (Index t = 0; t < here; ++t) {
                products.runs = table + t * most_runs;
                products.run_count = run_counts[t];
                products.sums = sums + (first + t) * width;
                multiply_outer(products, outer_tile(products, i));
            }
    }
}

// Rows of the register tile are any taps, on a copy of x.
template <class T>
void multiply_mixed(const Conv2dShape& p, const Images<const T>& x, const PixelBlock& block, Range channels,
                    const PaddedSource& copy, T* to, PixelRun* runs, OuterProducts<T> products) {
    const Index rows = extent(block.rows), cols = extent(block.cols);
    const Index row0 = block.rows.begin * p.stride_h - p.pad_top,
                col0 = block.cols.begin * p.stride_w - p.pad_left;
    const Index height = (rows - 1) * p.stride_h + (p.R - 1) * p.dilation_h + 1;
    products.source = to;
    products.step = p.stride_w;
    products.runs = runs;
    products.sums_row = products.vectors * lanes<T>;
    for (Index n = 0; n < extent(block.images); ++n) {
        const T* image = x.data + (block.images.begin + n) * x.stride_n;
        for (Index c = channels.begin; c < channels.end; ++c, to += copy.channel)
            pack_plane(Source<T>{image + c * x.stride_c, x.stride_h, x.stride_w, p.H, p.W}, row0, 1, col0, 1,
                       height, copy.width, to);
        for (Index i = 0; i < rows; ++i)
            *runs++ = PixelRun{n * copy.image + i * p.stride_h * copy.width, (n * rows + i) * cols, cols};
    }
    products.run_count = runs - products.runs;
    for (Index i = 0; i < outer_tiles(products); ++i) multiply_outer(products, outer_tile(products, i));
}

// ---------------------------------------------------------------- one tile

// Where the rows of the register tile begin: channels of x, or taps of its copy. Returns how many.
template <class T>
inline Index list_rows(const Conv2dShape& p, const Images<const T>& x, bool mixed, const PaddedSource& copy,
                       Range channels, Index* rows) {
    const Index* const begin = rows;
    if (!mixed)
        for (Index c = channels.begin; c < channels.end; ++c) *rows++ = c * x.stride_c;
    else
        for (Index c = 0; c < extent(channels); ++c)
            for (Index r = 0; r < p.R; ++r)
                for (Index s = 0; s < p.S; ++s)
                    *rows++ = c * copy.channel + r * p.dilation_h * copy.width + s * p.dilation_w;
    return rows - begin;
}

// Calls run(block) for every block of the tile's pixels.
template <class Run>
inline void for_each_block(const Conv2dWeightBlocking& b, Range images, Range rows, Index cols,
                           const Run& run) {
    for (Index n = images.begin; n < images.end; n += b.images)
        for (Index i = rows.begin; i < rows.end; i += b.rows)
            for (Index j = 0; j < cols; j += b.cols)
                run(PixelBlock{{n, min_of(n + b.images, images.end)},
                               {i, min_of(i + b.rows, rows.end)},
                               {j, min_of(j + b.cols, cols)}});
}

template <class T>
void backward_weight(const Conv2dShape& p, const Conv2dWeightBlocking& blocking,
                     const Conv2dBackwardWeight<T>& tile, T* workspace) noexcept {
    const Index Cg = p.C / p.groups, Kg = p.K / p.groups, RS = p.R * p.S;
    const Index kernels = extent(tile.k), rows = extent(tile.c) * RS, width = round_up(kernels, lanes<T>);
    const Range channels{tile.g * Cg + tile.c.begin, tile.g * Cg + tile.c.end};
    const WorkspaceLayout at = workspace_layout<T>(p, blocking, kernels, extent(tile.c));
    PixelRun* const runs = reinterpret_cast<PixelRun*>(workspace + at.runs);
    Index* const row_table = reinterpret_cast<Index*>(workspace + at.rows);
    const bool mixed = mixes_taps(p, blocking);
    const PaddedSource copy = padded_source(p, blocking, extent(tile.c));

    OuterProducts<T> products{};
    products.source = tile.x.data;
    products.rows = row_table;
    products.row_count = list_rows(p, tile.x, mixed, copy, channels, row_table);
    products.step = p.stride_w * tile.x.stride_w;
    products.grads = workspace + at.grads;
    products.vectors = width / lanes<T>;
    products.sums = workspace + at.sums;
    for_each_block(blocking, tile.batch, tile.rows, p.OW, [&](const PixelBlock& block) {
        pack_grads(p, tile, block, workspace + at.grads);
        if (mixed)
            multiply_mixed(p, tile.x, block, channels, copy, workspace + at.source, runs, products);
        else
            multiply_taps(p, tile.x, block, runs, products);
        products.accumulate = true;
    });
    if (!products.accumulate) fill_zero(products.sums, rows * width);  // an empty batch

    T* dw = tile.dw + ((tile.g * Kg + tile.k.begin) * Cg + tile.c.begin) * RS;
    for (Index k = 0; k < kernels; k += lanes<T>)
        unpack_lanes(products.sums + k, width, rows, min_of(lanes<T>, kernels - k), dw + k * Cg * RS,
                     Cg * RS);
    if (mixed) repair_backward_weight(p, tile);  // only the copy of x has padding
}

template <class T>
Conv2dWeightChannelsKernels<T> kernels() {
    return Conv2dWeightChannelsKernels<T>{lanes<T>, kOuterVectors * lanes<T>, workspace_size<T>,
                                          backward_weight<T>};
}

}  // namespace

void add_conv2d_weight_channels(KernelTable& table) noexcept {
    table.conv2d_weight_channels_f32 = kernels<float>();
    table.conv2d_weight_channels_f64 = kernels<double>();
}

}  // namespace rushlight::kernels::RUSHLIGHT_ISA
