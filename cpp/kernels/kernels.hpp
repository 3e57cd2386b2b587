// The contract between operators and kernels: what one tile is, and the table of functions that every ISA
// fills.
//
// A kernel is serial, noexcept and allocates nothing: one tile in, one tile out. It trusts its arguments; the
// operator has checked them. The structs here are plain aggregates without member functions, because this
// header is compiled once per ISA and an inline function that the compiler does not inline would be a symbol
// shared between ISAs (see NOTE [ One namespace per ISA ] in CMakeLists.txt).
//
// Names: N images, C input channels, K output channels, H x W input, R x S kernel, OH x OW output; height
// before width. x, w, b, y are input, weight, bias, output; dx, dw, db, dy their gradients. All strides count
// elements.
#pragma once

#include "batch_norm_kernels.hpp"
#include "depthwise_kernels.hpp"
#include "pooling_kernels.hpp"
#include "softmax_kernels.hpp"
#include "types.hpp"

namespace rushlight::kernels {

// ---------------------------------------------------------------- convolution

// How an operator cuts the reduction and the pixels, so that one thread's scratch memory stays O(tile).
struct Conv2dBlocking {
    Index reduction;   // channels (forward: C, backward_input: K) whose sums are added up before they reach
                       // memory
    Index rows, cols;  // most pixels of a tile
};

// y[n, g * K/groups + k, rows, cols] for g in groups, k in channels (both ranges are within their own axis).
template <class T>
struct Conv2dForward {
    Images<const T> x;
    const T* w;  // (K, C/groups, R, S), contiguous
    const T* b;  // (K) or null
    T* y;        // (N, K, OH, OW), contiguous
    Index n;
    Range groups, channels, rows, cols;
    bool repair;  // some padding may meet a weight that is not finite: see NOTE [ NaN and padding ] in
                  // conv2d.cpp
    // What forward_weights has made of w, or null. Then channels.begin is a multiple of kChannelCut.
    const T* prepared = nullptr;
};

// Output channels that are cut into tiles are cut at multiples of this, which is one of every ISA's vectors.
constexpr Index kChannelCut = 16;

// dx[n, g * C/groups + c, rows, cols], written, never added to. The same sums are conv_transpose2d's forward,
// with its input for dy, its output for dx, and a bias.
template <class T>
struct Conv2dBackwardInput {
    Images<const T> dy;
    const T* w;
    const T* b;  // (C) or null
    T* dx;       // (N, C, H, W), contiguous
    Index n;
    Range groups, channels, rows, cols;
    bool repair;
};

// The part of dw[g * K/groups + k, c, :, :] that images `batch` and output rows `rows` contribute; written,
// never added to.
template <class T>
struct Conv2dBackwardWeight {
    Images<const T> x;
    Images<const T> dy;
    T* dw;  // (K, C/groups, R, S), contiguous
    Index g;
    Range k, c;  // within the group
    Range batch, rows;
};

// db[k] = sum of dy[:, k], for at most kMostChannels k.
template <class T>
struct Conv2dBackwardBias {
    Images<const T> dy;
    T* db;
    Index N, OH, OW;
    Range k;
};

template <class T>
struct Conv2dKernels {
    // Elements of scratch memory that the three kernels below want for tiles of at most this blocking.
    Index (*forward_workspace)(const Conv2dShape&, const Conv2dBlocking&) noexcept;
    void (*forward)(const Conv2dShape&, const Conv2dBlocking&, const Conv2dForward<T>&,
                    T* workspace) noexcept;
    // For weights that stay put: the elements of what `forward` makes of them in every call, 0 if nothing;
    // and the writer of it. Null where there is no such thing (integers, the reference ISA).
    Index (*forward_weights_size)(const Conv2dShape&, const Conv2dBlocking&) noexcept;
    void (*forward_weights)(const Conv2dShape&, const T* w, T* prepared) noexcept;

    Index (*backward_input_workspace)(const Conv2dShape&, const Conv2dBlocking&) noexcept;
    void (*backward_input)(const Conv2dShape&, const Conv2dBlocking&, const Conv2dBackwardInput<T>&,
                           T* workspace) noexcept;

    Index (*backward_weight_workspace)(const Conv2dShape&, const Conv2dBlocking&, Index k, Index c) noexcept;
    void (*backward_weight)(const Conv2dShape&, const Conv2dBlocking&, const Conv2dBackwardWeight<T>&,
                            T* workspace) noexcept;

    void (*backward_bias)(const Conv2dBackwardBias<T>&) noexcept;

    bool (*all_finite)(const T*, Index count) noexcept;

    // Computes again, by the definition, what came out infinite or NaN; for algorithms that compute with sums
    // of pixels. Not in the reference ISA, which has no such algorithm.
    void (*repair_forward)(const Conv2dShape&, const Conv2dForward<T>&) noexcept;
    void (*repair_backward_input)(const Conv2dShape&, const Conv2dBackwardInput<T>&) noexcept;
};

// The weight gradient with output channels in the lanes takes its pixels in blocks: `images` whole images, or
// rows x cols of one. The blocks decide the order of the sums.
struct Conv2dWeightBlocking {
    Index images, rows, cols;
};

template <class T>
struct Conv2dWeightChannelsKernels {
    Index lanes, panel;  // output channels of a vector, and the most that one tile may have
    Index (*workspace)(const Conv2dShape&, const Conv2dWeightBlocking&, Index k, Index c) noexcept;
    void (*backward_weight)(const Conv2dShape&, const Conv2dWeightBlocking&, const Conv2dBackwardWeight<T>&,
                            T* workspace) noexcept;
};

// ---------------------------------------------------------------- Winograd convolution

// A 3 x 3, stride 1 convolution in m x m output tiles, by either direction's roles: forward sums over the
// channels of x, the input gradient over those of dy (then dy is the source and dx the result).
struct WinogradShape {
    Index N;
    Index channels, H, W;   // source: what is summed over
    Index outputs, OH, OW;  // result
    // Elements between the result's images, channels, rows and columns: groups and dilations are interleaved.
    Index result_image, result_channel, result_row, result_col;
    Index pad_top, pad_left;     // may be negative
    Index tile_rows, tile_cols;  // tiles of m x m per image: OH / m and OW / m, rounded up
    bool backward;
};

// Tiles are taken in strips: strip s is row s % tile_rows of tiles of image s / tile_rows. Within a block of
// strips, tile number (s - first) * tile_cols + column. A transformed plane has `tiles` of them side by side
// (padded to whole vectors), and there are (m + 2)^2 planes `plane` elements apart.
template <class T>
struct WinogradBlock {
    T* data;
    Index tiles, plane;
};

template <class T>
struct WinogradKernels {
    Index tile;   // m
    Index panel;  // outputs of a panel of weights
    Index sum;    // channels whose products are added up before they meet those of others

    // Weights w (K, C, 3, 3) of some outputs and channels in panels: number c of the channels of number k of
    // the outputs is at u[xi * plane + (k / panel * count + c) * panel + k % panel], with `count` channels.
    // Forward, outputs are K and channels C; backward it is the other way round, and the kernels are turned
    // by 180 degrees.
    void (*weights)(const T* w, Index C, Range outputs, Range channels, bool backward, T* u,
                    Index plane) noexcept;

    // Source pixels of the strips: v[xi * plane + channel * tiles + tile], for `channels` of all channels.
    Index (*input_workspace)(const WinogradShape&, Index strips) noexcept;
    void (*input)(const WinogradShape&, const Images<const T>& source, Range strips, Range channels,
                  const WinogradBlock<T>& v, T* workspace) noexcept;

    // Products of u, the panels of so many outputs and of these channels, and v, `count` tiles. The first of
    // the channels is a multiple of `sum`: if not 0, products are added to what the workspace holds.
    Index (*output_workspace)(Index outputs, Index tiles) noexcept;
    void (*products)(const T* u, Index u_plane, const WinogradBlock<const T>& v, Index outputs,
                     Range channels, Index count, T* workspace) noexcept;

    // They, transformed back: channels `outputs` of y (N, outputs, OH, OW).
    void (*output)(const WinogradShape&, Range strips, Range outputs, const T* b, T* y,
                   const T* workspace) noexcept;
};

// Channels of transformed tiles, side by side: channel c of tile t at point xi is data[xi * plane + t * row +
// c].
template <class T>
struct WinogradChannels {
    T* data;
    Index plane, row;
};

// Sums of products, output channels side by side: data[xi * plane + c * row + k], in so many segments
// `segment` elements apart, still to be added up in their order.
template <class T>
struct WinogradSums {
    T* data;
    Index plane, row;
    Index segments, segment;
};

// The weight gradient of the same convolutions: tiles of m x m of dy are the filter, (m + 2)^2 of x the
// input, 3 x 3 weights the output. In WinogradShape's terms x is the source and dy the result.
template <class T>
struct WinogradWeightKernels {
    Index tile;          // m
    Index lanes, panel;  // output channels of a vector, and the most that products takes

    // Tiles of the strips for `channels` of all, in whole vectors: zero beyond the last channel.
    Index (*workspace)(const WinogradShape&) noexcept;
    void (*source)(const WinogradShape&, const Images<const T>& x, Range strips, Range channels,
                   const WinogradChannels<T>& v, T* workspace) noexcept;
    void (*gradient)(const WinogradShape&, const Images<const T>& dy, Range strips, Range channels,
                     const WinogradChannels<T>& u, T* workspace) noexcept;

    // sums[c][k] (+)= sum over tiles of v[tile][c] * u[tile][k] at one point, for `channels` c and `outputs`
    // k; the rows of u are as long as outputs, in whole vectors.
    void (*products)(const T* v, Index v_row, Index channels, const T* u, Index outputs, Index tiles, T* sums,
                     Index sums_row, bool accumulate) noexcept;

    // dw[k * dw_row + c * 9 + tap], whether all of them are finite.
    Index (*weights_workspace)(Index outputs) noexcept;
    bool (*weights)(const WinogradSums<const T>& sums, Index channels, Index outputs, T* dw, Index dw_row,
                    T* workspace) noexcept;

    // Computes again, by the definition, what came out infinite or NaN.
    void (*repair)(const Conv2dShape&, const Conv2dBackwardWeight<T>&) noexcept;
};

// ---------------------------------------------------------------- relu

template <class T>
struct ReluKernels {
    // y = x < 0 ? 0 : x, so NaN and -0.0 stay what they are. x == y is allowed.
    // past_caches: memory is where the arrays come from and go to.
    void (*forward)(const T* x, T* y, Index count, bool past_caches) noexcept;
    // dx = y <= 0 ? 0 : dy (torch's rule, on the result; NaN lets the gradient pass). Floating point only.
    void (*backward)(const T* dy, const T* y, T* dx, Index count, bool past_caches) noexcept;
};

// ---------------------------------------------------------------- unfold and fold

// The R x S windows of an image and their places: window (oh, ow) has its tap (r, s) at pixel
// (oh * stride_h - pad_top + r * dilation_h, ow * stride_w - pad_left + s * dilation_w).
struct UnfoldShape {
    Index N, C, H, W;
    Index R, S;
    Index OH, OW;
    Index stride_h, stride_w;
    Index pad_top, pad_left;
    Index dilation_h, dilation_w;
};

// y[r, s, oh, ow] = the pixel of that tap, 0 outside the image, for the window rows `rows` of one plane.
template <class T>
struct Unfold {
    const T* x;  // one plane (H, W) of any strides
    Index stride_h, stride_w;
    T* y;  // (R, S, OH, OW), contiguous
    Range rows;
};

// x[h, w] = sum of y over the taps that lie there, in the order of the taps: rows `rows` of one plane,
// written, never added to.
template <class T>
struct Fold {
    const T* y;  // (R * S, OH * OW) of any strides
    Index stride_tap, stride_place;
    T* x;  // one plane (H, W), contiguous
    Range rows;
};

// Copies elements of a size, whatever they mean.
template <class T>
struct UnfoldKernels {
    void (*unfold)(const UnfoldShape&, const Unfold<T>&) noexcept;
};

template <class T>
struct FoldKernels {
    void (*fold)(const UnfoldShape&, const Fold<T>&) noexcept;
};

// ---------------------------------------------------------------- the table of one ISA

// Convolution of integers wraps modulo 2^n, and there signed and unsigned are the same bits: int8 runs as
// uint8, and so on.
struct KernelTable {
    const char* isa;
    double (*fma_chain)(Index steps,
                        bool float64) noexcept;  // flops done; bench/ divides by the time: the machine's peak

    WinogradKernels<float> winograd2_f32, winograd4_f32;
    WinogradKernels<double> winograd2_f64;
    WinogradWeightKernels<float> winograd2_weight_f32, winograd4_weight_f32;
    WinogradWeightKernels<double> winograd2_weight_f64;

    Conv2dWeightChannelsKernels<float> conv2d_weight_channels_f32;
    Conv2dWeightChannelsKernels<double> conv2d_weight_channels_f64;

    DepthwiseKernels<float> depthwise_f32;
    DepthwiseKernels<double> depthwise_f64;

    Conv2dKernels<float> conv2d_f32;
    Conv2dKernels<double> conv2d_f64;
    Conv2dKernels<std::uint8_t> conv2d_u8;  // of the integer tables, all have `forward` alone but u64,
    Conv2dKernels<std::uint16_t> conv2d_u16;
    Conv2dKernels<std::uint32_t> conv2d_u32;
    Conv2dKernels<std::uint64_t> conv2d_u64;  // which has `backward_input` too, for conv_transpose2d

    BatchNormKernels<float> batch_norm_f32;
    BatchNormKernels<double> batch_norm_f64;
    MaxPool2dKernels<float> max_pool2d_f32;
    MaxPool2dKernels<double> max_pool2d_f64;
    MaxPool2dKernels<std::uint8_t> max_pool2d_u8;
    MaxPool2dKernels<std::int8_t> max_pool2d_i8;
    MaxPool2dKernels<std::int16_t> max_pool2d_i16;
    MaxPool2dKernels<std::int32_t> max_pool2d_i32;
    MaxPool2dKernels<std::int64_t> max_pool2d_i64;

    AvgPool2dKernels<float> avg_pool2d_f32;
    AvgPool2dKernels<double> avg_pool2d_f64;
    AvgPool2dKernels<std::int64_t> avg_pool2d_i64;

    ReluKernels<float> relu_f32;
    ReluKernels<double> relu_f64;
    ReluKernels<std::uint8_t> relu_u8;
    ReluKernels<std::int8_t> relu_i8;
    ReluKernels<std::int16_t> relu_i16;
    ReluKernels<std::int32_t> relu_i32;
    ReluKernels<std::int64_t> relu_i64;

    SoftmaxKernels<float> softmax_f32;
    SoftmaxKernels<double> softmax_f64;

    UnfoldKernels<std::uint8_t> unfold_u8;
    UnfoldKernels<std::uint16_t> unfold_u16;
    UnfoldKernels<std::uint32_t> unfold_u32;
    UnfoldKernels<std::uint64_t> unfold_u64;

    FoldKernels<float> fold_f32;
    FoldKernels<double> fold_f64;
    FoldKernels<std::uint8_t> fold_u8;
    FoldKernels<std::uint16_t> fold_u16;
    FoldKernels<std::uint32_t> fold_u32;
    FoldKernels<std::uint64_t> fold_u64;
};

// The kernel files, one line each. Every ISA's namespace has `void add_<file>(KernelTable&) noexcept` for
// each.
#define RUSHLIGHT_KERNEL_FILES(X) \
    X(avg_pool2d)                 \
    X(batch_norm)                 \
    X(conv2d)                     \
    X(conv2d_bias)                \
    X(conv2d_weight)              \
    X(conv2d_weight_channels)     \
    X(depthwise)                  \
    X(depthwise_input)            \
    X(depthwise_weight)           \
    X(max_pool2d)                 \
    X(peak)                       \
    X(relu)                       \
    X(softmax)                    \
    X(unfold)                     \
    X(winograd)                   \
    X(winograd_weight)

// The ISAs, best first: X(name). CMake says which of them this build has (RUSHLIGHT_HAVE_<name>).
#define RUSHLIGHT_ISAS(X) \
    X(avx512)             \
    X(avx2)               \
    X(baseline)           \
    X(reference)

}  // namespace rushlight::kernels
