// The plain unfold and fold: the specification. The order of fold's sums, tap after tap, is part of it.
#include "../kernels.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {

void add_unfold(KernelTable& table) noexcept;

namespace {

template <class T>
void unfold(const UnfoldShape& p, const Unfold<T>& tile) noexcept {
    for (Index r = 0; r < p.R; ++r)
        for (Index s = 0; s < p.S; ++s)
            for (Index oh = tile.rows.begin; oh < tile.rows.end; ++oh)
                for (Index ow = 0; ow < p.OW; ++ow) {
                    const Index h = oh * p.stride_h - p.pad_top + r * p.dilation_h;
                    const Index w = ow * p.stride_w - p.pad_left + s * p.dilation_w;
                    const bool inside = h >= 0 && h < p.H && w >= 0 && w < p.W;
                    tile.y[((r * p.S + s) * p.OH + oh) * p.OW + ow] =
                        inside ? tile.x[h * tile.stride_h + w * tile.stride_w] : T(0);
                }
}

template <class T>
T fold_at(const UnfoldShape& p, const Fold<T>& tile, Index h, Index w) {
    T sum = T(0);
    for (Index r = 0; r < p.R; ++r) {
        const Index i = h + p.pad_top - r * p.dilation_h;
        if (i < 0 || i % p.stride_h != 0 || i / p.stride_h >= p.OH) continue;
        for (Index s = 0; s < p.S; ++s) {
            const Index j = w + p.pad_left - s * p.dilation_w;
            if (j < 0 || j % p.stride_w != 0 || j / p.stride_w >= p.OW) continue;
            const Index place = i / p.stride_h * p.OW + j / p.stride_w;
            sum = T(sum + tile.y[(r * p.S + s) * tile.stride_tap + place * tile.stride_place]);
        }
    }
    return sum;
}

template <class T>
void fold(const UnfoldShape& p, const Fold<T>& tile) noexcept {
    for (Index h = tile.rows.begin; h < tile.rows.end; ++h)
        for (Index w = 0; w < p.W; ++w) tile.x[h * p.W + w] = fold_at(p, tile, h, w);
}

}  // namespace

void add_unfold(KernelTable& table) noexcept {
    table.unfold_u8.unfold = unfold<std::uint8_t>;
    table.unfold_u16.unfold = unfold<std::uint16_t>;
    table.unfold_u32.unfold = unfold<std::uint32_t>;
    table.unfold_u64.unfold = unfold<std::uint64_t>;
    table.fold_f32.fold = fold<float>;
    table.fold_f64.fold = fold<double>;
    table.fold_u8.fold = fold<std::uint8_t>;
    table.fold_u16.fold = fold<std::uint16_t>;
    table.fold_u32.fold = fold<std::uint32_t>;
    table.fold_u64.fold = fold<std::uint64_t>;
}

}  // namespace rushlight::kernels::RUSHLIGHT_ISA
