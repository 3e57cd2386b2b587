// avg_pool2d cut into rows of planes, forward and backward. Every output is summed by one task, in an order
// that the kernels fix, so no tiling can change a bit.
#include "ops/avg_pool2d.hpp"

#include <algorithm>
#include <string>

#include "core/isa.hpp"
#include "core/parallel.hpp"
#include "core/workspace.hpp"

namespace rushlight {

using kernels::AvgPool2dKernels;
using kernels::AvgPool2dShape;
using kernels::Range;

namespace {

// The image rows of a tile should stay in the second-level cache, its scratch memory in the first.
constexpr Index kTileBytes = 128 * 1024;
constexpr Index kTasksPerThread = 4;
// Small planes are handed over several at a time: finding out which one it is costs as much as a few pixels.
constexpr Index kTaskPixels = 2048;

Index divide_up(Index a, Index b) {
    return (a + b - 1) / b;
}

// Into how many parts the rows of a plane are cut, `bytes` each.
Index choose_parts(Index planes, Index rows, Index bytes, Index kernel) {
    // However narrow, a row takes some vectors of scratch memory.
    Index parts = std::clamp<Index>(divide_up(rows * std::max<Index>(bytes, 256), kTileBytes), 1, rows);
    // More tasks for more threads, as long as few rows are summed twice.
    const Index wanted = num_threads() > 1 ? num_threads() * kTasksPerThread : 1;
    while (planes * parts < wanted && rows / (2 * parts) >= 2 * kernel) parts *= 2;
    return parts;
}

// Calls body(planes, rows) for all tiles.
template <class Body>
void for_each_tile(const AvgPool2dShape& p, Index rows, Index parts, double nanoseconds, const Body& body) {
    const Index planes = p.N * p.C;
    const Index together = parts > 1 ? 1 : std::max<Index>(1, kTaskPixels / std::max<Index>(p.H * p.W, 1));
    parallel_for(divide_up(planes, together) * parts, nanoseconds, [&](Index task) {
        const Index part = task % parts, first = task / parts * together;
        body(Range{first, std::min(first + together, planes)},
             Range{rows * part / parts, rows * (part + 1) / parts});
    });
}

template <class T>
void run_forward(const AvgPool2dKernels<T>& kernels, const AvgPool2dShape& p, const TensorView& view,
                 void* out) {
    const Index* strides = view.strides + view.ndim - 3;
    const Index stride_n = view.ndim == 4 ? view.strides[0] : 0;
    const T* x = view.as<const T>();
    T* y = static_cast<T*>(out);
    const Index row_bytes = std::min(p.stride_h, p.H) * p.W * Index(sizeof(T));
    const Index parts = choose_parts(p.N * p.C, p.OH, row_bytes, p.kernel_h);
    const std::size_t scratch = std::size_t(kernels.forward_workspace(p, divide_up(p.OH, parts)));
    for_each_tile(p, p.OH, parts, avg_pool2d_nanoseconds(p, view.dtype), [&](Range planes, Range rows) {
        T* const memory = workspace<T>(Slot::input, scratch);
        Index n = planes.begin / p.C, c = planes.begin % p.C;
        for (Index plane = planes.begin; plane < planes.end; ++plane, ++c) {
            if (c == p.C) c = 0, ++n;
            kernels.forward(p,
                            {x + n * stride_n + c * strides[0], strides[1], strides[2],
                             y + plane * p.OH * p.OW, rows, Range{0, p.OW}},
                            memory);
        }
    });
}

template <class T>
void run_backward(const AvgPool2dKernels<T>& kernels, const AvgPool2dShape& p, const TensorView& grad,
                  void* out) {
    const T* dy = grad.as<const T>();
    T* dx = static_cast<T*>(out);
    const Index parts = choose_parts(p.N * p.C, p.H, p.W * Index(sizeof(T)), p.kernel_h);
    const std::size_t scratch = std::size_t(kernels.backward_workspace(p, divide_up(p.H, parts)));
    for_each_tile(p, p.H, parts, avg_pool2d_nanoseconds(p, grad.dtype), [&](Range planes, Range rows) {
        for (Index plane = planes.begin; plane < planes.end; ++plane)
            kernels.backward(p, {dy + plane * p.OH * p.OW, dx + plane * p.H * p.W, rows},
                             workspace<T>(Slot::input, scratch));
    });
}

AvgPool2dShape check_shape(const TensorView& x, const AvgPool2dOptions& o) {
    if (o.has_divisor && o.divisor == 0)
        throw std::runtime_error("divisor must be not zero: avg_pool2d got divisor_override=0");
    const Pool2dSizes sizes = check_pool2d("avg_pool2d", x, o.windows);
    const Pool2dOptions& w = o.windows;
    AvgPool2dShape p{};
    p.N = sizes.N;
    p.C = sizes.C;
    p.H = sizes.H;
    p.W = sizes.W;
    p.OH = sizes.OH;
    p.OW = sizes.OW;
    p.kernel_h = w.kernel.h;
    p.kernel_w = w.kernel.w;
    p.stride_h = w.stride.h;
    p.stride_w = w.stride.w;
    p.pad_top = w.padding.top;
    p.pad_bottom = w.padding.bottom;
    p.pad_left = w.padding.left;
    p.pad_right = w.padding.right;
    p.count_include_pad = o.count_include_pad;
    p.divisor = o.has_divisor ? o.divisor : 0;
    return p;
}

// A window counts at most kernel_h * kernel_w pixels; torch's sizes are 32-bit numbers.
void check_range(const AvgPool2dOptions& o) {
    const Pool2dOptions& w = o.windows;
    for (const Index value : {w.kernel.h, w.kernel.w, w.stride.h, w.stride.w, w.padding.top, w.padding.bottom,
                              w.padding.left, w.padding.right})
        if (value != Index(std::int32_t(value)))
            throw std::runtime_error(
                "value cannot be converted to type int without overflow: avg_pool2d's kernel_size, stride "
                "and "
                "padding must fit in 32 bits, but got " +
                std::to_string(value));
}

}  // namespace

AvgPool2dShape check_avg_pool2d_forward(const TensorView& x, const AvgPool2dOptions& options) {
    check_range(options);
    const AvgPool2dShape p = check_shape(x, options);
    if (!is_floating_point(x.dtype) && x.dtype != DType::int64)
        throw NotImplemented(std::string("\"avg_pool2d\" not implemented for '") + scalar_name(x.dtype) +
                             "': input must be float32, float64 or int64");
    return p;
}

AvgPool2dShape check_avg_pool2d_backward(const TensorView& dy, const Index* input_size, int ndim,
                                         const AvgPool2dOptions& options) {
    check_range(options);
    // Only the sizes are looked at.
    const AvgPool2dShape p = check_shape(TensorView{nullptr, dy.dtype, ndim, input_size, nullptr}, options);
    const Index sizes[4] = {p.N, p.C, p.OH, p.OW};
    if (dy.ndim != ndim || !std::equal(dy.shape, dy.shape + ndim, sizes + 4 - ndim))
        throw std::runtime_error("avg_pool2d gradient: expected grad_output of size " +
                                 to_string(sizes + 4 - ndim, ndim) + " for an input of size " +
                                 to_string(input_size, ndim) + ", but got " + to_string(dy));
    if (!is_floating_point(dy.dtype))
        throw NotImplemented(std::string("avg_pool2d gradient: not implemented for '") +
                             scalar_name(dy.dtype) + "', only floating point has gradients");
    return p;
}

double avg_pool2d_nanoseconds(const AvgPool2dShape& p, DType dtype) {
    const double outputs = double(p.N * p.C) * double(p.OH) * double(p.OW),
                 inputs = double(p.N * p.C) * double(p.H) * double(p.W);
    const double taps = double(std::min(p.kernel_h, p.H)) * double(std::min(p.kernel_w, p.W));
    if (is_reference(active_kernels()) || dtype == DType::int64) return outputs * (5 + taps);
    const double bytes = double(element_bytes(dtype));
    return (inputs + outputs * (4 + double(std::min(p.kernel_h, p.H) + std::min(p.kernel_w, p.W)))) * bytes /
           32;
}

void avg_pool2d_forward(const AvgPool2dShape& p, const TensorView& x, void* y) {
    const kernels::KernelTable& table = active_kernels();
    if (x.dtype == DType::float32) return run_forward(table.avg_pool2d_f32, p, x, y);
    if (x.dtype == DType::float64) return run_forward(table.avg_pool2d_f64, p, x, y);
    run_forward(table.avg_pool2d_i64, p, x, y);
}

void avg_pool2d_backward(const AvgPool2dShape& p, const TensorView& dy, void* dx) {
    const kernels::KernelTable& table = active_kernels();
    if (dy.dtype == DType::float32) return run_backward(table.avg_pool2d_f32, p, dy, dx);
    run_backward(table.avg_pool2d_f64, p, dy, dx);
}

}  // namespace rushlight
