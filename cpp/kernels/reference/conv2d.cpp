// The plain convolution: loops around the definition. Slow, obvious, and kept for ever: specification,
// oracle, zero of the benchmark.
#include "../definition.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {

void add_conv2d(KernelTable& table) noexcept;

namespace {

Index no_workspace(const Conv2dShape&, const Conv2dBlocking&) noexcept {
    return 0;
}

template <class T>
void forward(const Conv2dShape& p, const Conv2dBlocking&, const Conv2dForward<T>& tile, T*) noexcept {
    const Index Kg = p.K / p.groups;
    for (Index g = tile.groups.begin; g < tile.groups.end; ++g)
        for (Index k = g * Kg + tile.channels.begin; k < g * Kg + tile.channels.end; ++k)
            for (Index oh = tile.rows.begin; oh < tile.rows.end; ++oh)
                for (Index ow = tile.cols.begin; ow < tile.cols.end; ++ow)
                    tile.y[((tile.n * p.K + k) * p.OH + oh) * p.OW + ow] =
                        conv2d_output_at(p, tile.x, tile.w, tile.b, tile.n, k, oh, ow, p.C);
}

template <class T>
void backward_input(const Conv2dShape& p, const Conv2dBlocking&, const Conv2dBackwardInput<T>& tile,
                    T*) noexcept {
    const Index Cg = p.C / p.groups;
    for (Index g = tile.groups.begin; g < tile.groups.end; ++g)
        for (Index c = g * Cg + tile.channels.begin; c < g * Cg + tile.channels.end; ++c)
            for (Index ih = tile.rows.begin; ih < tile.rows.end; ++ih)
                for (Index iw = tile.cols.begin; iw < tile.cols.end; ++iw)
                    tile.dx[((tile.n * p.C + c) * p.H + ih) * p.W + iw] =
                        conv2d_grad_input_at(p, tile.dy, tile.w, tile.b, tile.n, c, ih, iw, p.K);
}

template <class T>
void add_forward(Conv2dKernels<T>& kernels) {
    kernels.forward_workspace = no_workspace;
    kernels.forward = forward<T>;
}

template <class T>
void add_backward_input(Conv2dKernels<T>& kernels) {
    kernels.backward_input_workspace = no_workspace;
    kernels.backward_input = backward_input<T>;
}

}  // namespace

void add_conv2d(KernelTable& table) noexcept {
    add_forward(table.conv2d_f32);
    add_forward(table.conv2d_f64);
    add_forward(table.conv2d_u8);
    add_forward(table.conv2d_u16);
    add_forward(table.conv2d_u32);
    add_forward(table.conv2d_u64);
    add_backward_input(table.conv2d_u64);
    add_backward_input(table.conv2d_f32);
    add_backward_input(table.conv2d_f64);
}

}  // namespace rushlight::kernels::RUSHLIGHT_ISA
