// The plain weight gradient: loops around the definition.
#include "../definition.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {

void add_conv2d_weight(KernelTable& table) noexcept;

namespace {

Index no_workspace(const Conv2dShape&, const Conv2dBlocking&, Index, Index) noexcept {
    return 0;
}

template <class T>
void backward_weight(const Conv2dShape& p, const Conv2dBlocking&, const Conv2dBackwardWeight<T>& tile,
                     T*) noexcept {
    const Index Cg = p.C / p.groups, Kg = p.K / p.groups;
    for (Index k = tile.g * Kg + tile.k.begin; k < tile.g * Kg + tile.k.end; ++k)
        for (Index c = tile.c.begin; c < tile.c.end; ++c)
            for (Index r = 0; r < p.R; ++r)
                for (Index s = 0; s < p.S; ++s)
                    tile.dw[((k * Cg + c) * p.R + r) * p.S + s] =
                        conv2d_grad_weight_at(p, tile.x, tile.dy, k, c, r, s, tile.batch, tile.rows);
}

template <class T>
void add(Conv2dKernels<T>& kernels) {
    kernels.backward_weight_workspace = no_workspace;
    kernels.backward_weight = backward_weight<T>;
}

}  // namespace

void add_conv2d_weight(KernelTable& table) noexcept {
    add(table.conv2d_f32);
    add(table.conv2d_f64);
}

}  // namespace rushlight::kernels::RUSHLIGHT_ISA
