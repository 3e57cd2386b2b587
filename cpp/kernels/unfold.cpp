// Unfold (windows of an image side by side) and fold (the sums of overlapping windows) of one plane: each the
// other's gradient, row after row in whole vectors.
#include "conv2d_tile.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {

void add_unfold(KernelTable& table) noexcept;

namespace {

// The windows along one direction whose tap at `offset` lies inside an image of `size` pixels.
RUSHLIGHT_INLINE Range inside(Index offset, Index stride, Index size, Index windows) {
    const Index first = min_of(windows, offset >= 0 ? 0 : (-offset + stride - 1) / stride);
    return Range{first, max_of(first, min_of(windows, floor_div(size - 1 - offset, stride) + 1))};
}

// ---------------------------------------------------------------- unfold

// to[j] = row[offset + j] where that is in [0, W), else 0.
template <class T>
RUSHLIGHT_INLINE void copy_clipped(const T* row, Index offset, Index W, T* to, Index count) {
    Index j = 0;
    for (; j + lanes<T> <= count; j += lanes<T>) store(to + j, load_clipped(row, offset + j, W));
    if (j < count) store_lanes(to + j, load_clipped(row, offset + j, W), 0, count - j);
}

template <class T>
void unfold_tap(const UnfoldShape& p, const Unfold<T>& tile, Index r, Index s, T* to) {
    const Index offset = s * p.dilation_w - p.pad_left;
    const Range cols = inside(offset, p.stride_w, p.W, p.OW);
    const bool neighbours = p.stride_w == 1 && tile.stride_w == 1;
    for (Index oh = tile.rows.begin; oh < tile.rows.end; ++oh, to += p.OW) {
        const Index h = oh * p.stride_h - p.pad_top + r * p.dilation_h;
        if (h < 0 || h >= p.H) {
            fill_zero(to, p.OW);
            continue;
        }
        const T* row = tile.x + h * tile.stride_h;
        if (neighbours) {
            copy_clipped(row, offset, p.W, to, p.OW);
        } else {
            fill_zero(to, cols.begin);
            copy_row(row + (cols.begin * p.stride_w + offset) * tile.stride_w, p.stride_w * tile.stride_w,
                     to + cols.begin, cols.end - cols.begin);
            fill_zero(to + cols.end, p.OW - cols.end);
        }
    }
}

template <class T>
void unfold(const UnfoldShape& p, const Unfold<T>& tile) noexcept {
    for (Index r = 0; r < p.R; ++r)
        for (Index s = 0; s < p.S; ++s)
            unfold_tap(p, tile, r, s, tile.y + ((r * p.S + s) * p.OH + tile.rows.begin) * p.OW);
}

// ---------------------------------------------------------------- fold

// to[j * step] += from[j * stride], j < count. Touches nothing else.
template <class T>
RUSHLIGHT_INLINE void add_row(const T* from, Index stride, T* to, Index step, Index count) {
    if (stride == 1 && step == 1) {
        Index j = 0;
        for (; j + lanes<T> <= count; j += lanes<T>) store(to + j, load(to + j) + load(from + j));
        if (j < count) {
            const Vec<T> sum = load_lanes(to + j, 0, count - j) + load_lanes(from + j, 0, count - j);
            store_lanes(to + j, sum, 0, count - j);
        }
    } else {
        for (Index j = 0; j < count; ++j) to[j * step] = T(to[j * step] + from[j * stride]);
    }
}

// A row of the image is summed up where it lies, tap after tap: each pixel's sum has one order, that of the
// reference.
template <class T>
void fold(const UnfoldShape& p, const Fold<T>& tile) noexcept {
    for (Index h = tile.rows.begin; h < tile.rows.end; ++h) {
        T* to = tile.x + h * p.W;
        fill_zero(to, p.W);
        for (Index r = 0; r < p.R; ++r) {
            const Index i = h + p.pad_top - r * p.dilation_h;
            if (i < 0 || i % p.stride_h != 0 || i / p.stride_h >= p.OH) continue;
            const T* places = tile.y + i / p.stride_h * p.OW * tile.stride_place;
            for (Index s = 0; s < p.S; ++s) {
                const Index offset = s * p.dilation_w - p.pad_left;
                const Range cols = inside(offset, p.stride_w, p.W, p.OW);
                add_row(places + (r * p.S + s) * tile.stride_tap + cols.begin * tile.stride_place,
                        tile.stride_place, to + cols.begin * p.stride_w + offset, p.stride_w,
                        cols.end - cols.begin);
            }
        }
    }
}

}  // namespace

void add_unfold(KernelTable& table) noexcept {
    table.fold_f32.fold = fold<float>;
    if (!kRareTypes) return;
    table.unfold_u8.unfold = unfold<std::uint8_t>;
    table.unfold_u16.unfold = unfold<std::uint16_t>;
    table.unfold_u32.unfold = unfold<std::uint32_t>;
    table.unfold_u64.unfold = unfold<std::uint64_t>;
    table.fold_f64.fold = fold<double>;
    table.fold_u8.fold = fold<std::uint8_t>;
    table.fold_u16.fold = fold<std::uint16_t>;
    table.fold_u32.fold = fold<std::uint32_t>;
    table.fold_u64.fold = fold<std::uint64_t>;
}

}  // namespace rushlight::kernels::RUSHLIGHT_ISA
