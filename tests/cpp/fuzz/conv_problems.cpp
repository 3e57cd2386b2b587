// The convolutions of problems.hpp, in all directions.
#include <new>

#include "fuzz/arguments.hpp"
#include "fuzz/problems.hpp"
#include "ops/conv2d.hpp"
#include "ops/conv_transpose2d.hpp"

namespace fuzz {

using namespace rushlight;
using Arrays = std::vector<Array>;
using Outs = std::vector<void*>;

namespace {

struct ConvSizes {
    Sizes x, w;
    Conv2dOptions options;
};

ConvSizes read_conv(Bytes& bytes, bool transposed) {
    const Index groups = bytes.one_in(3) ? bytes.number() : 1;
    const Index inside = bytes.size(), outside = bytes.size();
    Index many, others;
    if (__builtin_mul_overflow(groups, inside, &many) || __builtin_mul_overflow(groups, outside, &others))
        throw std::bad_alloc();
    const Index R = bytes.one_in(3) ? bytes.size() : 3, S = bytes.one_in(3) ? bytes.size() : R;
    ConvSizes c;
    c.options = {read_pair(bytes, 1), read_padding(bytes), read_pair(bytes, 1), groups};
    c.x = spoilt(bytes, unbatched(bytes, {bytes.below(4), many, bytes.size(), bytes.size()}));
    c.w = transposed ? spoilt(bytes, {many, outside, R, S}) : spoilt(bytes, {others, inside, R, S});
    return c;
}

double terms_of(const kernels::Conv2dShape& s) {
    return 1 + double(s.R) * double(s.S) * (double(s.C) + double(s.K)) / double(s.groups) +
           double(s.N) * double(s.OH) * double(s.OW);
}

void plan_conv(const kernels::Conv2dShape& s, DType dtype, const Sizes& x) {
    constexpr Index kMost = Index(1) << 56;
    const std::optional<Index> in = byte_count(x, DType::int8),
                               out = byte_count({s.N, s.K, s.OH, s.OW}, DType::int8);
    if (!in || !out || *in > kMost || *out > kMost) return;
    conv2d_plan(Conv2dDirection::forward, s, dtype, false);
    if (!is_floating_point(dtype)) return;
    conv2d_plan(Conv2dDirection::backward_input, s, dtype, false);
    conv2d_plan(Conv2dDirection::backward_weight, s, dtype, false);
}

}  // namespace

Problem conv_forward(Bytes& bytes) {
    const DType dtype = read_dtype(bytes);
    const Values values = read_values(bytes);
    const ConvSizes c = read_conv(bytes, false);
    const bool has_bias = bytes.one_in(2), prepare = bytes.one_in(4);
    Problem p;
    p.inputs.emplace_back(bytes, c.x, dtype, values, false);
    p.inputs.emplace_back(bytes, c.w, bytes.one_in(20) ? read_dtype(bytes) : dtype, values, true);
    if (has_bias)
        p.inputs.emplace_back(bytes, spoilt(bytes, {c.w.empty() ? 0 : c.w[0]}), dtype, values, true);
    const TensorView x = p.inputs[0].view(), w = p.inputs[1].view();
    const TensorView bias = p.inputs.back().view();
    const kernels::Conv2dShape shape = check_conv2d_forward(x, w, has_bias ? &bias : nullptr, c.options);
    plan_conv(shape, dtype, c.x);
    p.results = {{sizes_like(c.x, {shape.N, shape.K, shape.OH, shape.OW}), dtype}};
    if (prepare) p.results.push_back(p.results[0]);
    p.run = [shape, has_bias, prepare](const Arrays& in, const Outs& out) {
        const TensorView bias = in.back().view();
        PreparedWeights prepared;
        for (std::size_t i = 0; i < out.size(); ++i)
            conv2d_forward(shape, in[0].view(), in[1].view(), has_bias ? &bias : nullptr, out[i],
                           prepare ? &prepared : nullptr);
    };
    p.answer = is_floating_point(dtype) ? Answer::sums : Answer::exact;
    p.terms = terms_of(shape);
    p.work = conv2d_multiply_adds(shape);
    return p;
}

// The gradients of conv2d, and conv_transpose2d with its own: the same functions with roles exchanged.
Problem conv_others(Bytes& bytes, bool transposed) {
    const DType dtype = read_dtype(bytes);
    const Values values = read_values(bytes);
    const ConvSizes c = read_conv(bytes, transposed);
    const Index direction = bytes.below(3);
    const ConvTranspose2dOptions options{c.options, read_pair(bytes, 0)};
    const auto shape_of = [&] {
        const int x_ndim = int(c.x.size()), w_ndim = int(c.w.size());
        return transposed ? conv_transpose2d_shape(c.x.data(), x_ndim, c.w.data(), w_ndim, options)
                          : conv2d_shape(c.x.data(), x_ndim, c.w.data(), w_ndim, c.options);
    };
    const kernels::Conv2dShape shape = shape_of();
    const Sizes small = sizes_like(c.x, {shape.N, shape.K, shape.OH, shape.OW}),
                large = sizes_like(c.x, {shape.N, shape.C, shape.H, shape.W});
    const Sizes &output = transposed ? large : small, &input = c.x;
    const bool forward = transposed && direction == 0, weight = direction == 2;
    Problem p;
    p.inputs.emplace_back(bytes, spoilt(bytes, forward ? input : output), dtype, values, false);
    p.inputs.emplace_back(bytes, weight ? input : c.w, dtype, values, !weight);
    const TensorView first = p.inputs[0].view(), second = p.inputs[1].view();
    if (forward)
        check_conv_transpose2d_forward(first, second, nullptr, options);
    else if (transposed)
        check_conv_transpose2d_backward(shape, first, second, "other");
    else
        check_conv2d_backward(shape, first, second, "other");
    p.results = {{weight ? c.w : forward ? output : input, dtype}};
    p.run = [=](const Arrays& in, const Outs& out) {
        if (weight && transposed)
            conv2d_backward_weight(shape, in[1].view(), in[0].view(), out[0]);
        else if (weight)
            conv2d_backward_weight(shape, in[0].view(), in[1].view(), out[0]);
        else if (forward || !transposed)
            conv2d_backward_input(shape, in[0].view(), in[1].view(), nullptr, out[0]);
        else
            conv2d_forward(shape, in[0].view(), in[1].view(), nullptr, out[0]);
    };
    p.answer = is_floating_point(dtype) ? Answer::sums : Answer::exact;
    p.terms = terms_of(shape);
    p.work = conv2d_multiply_adds(shape);
    return p;
}

Problem conv_bias(Bytes& bytes) {
    const DType dtype = bytes.one_in(2) ? DType::float64 : DType::float32;
    const Sizes size = unbatched(bytes, {bytes.size(), bytes.size(), bytes.size(), bytes.size()});
    Problem p;
    p.inputs.emplace_back(bytes, size, dtype, read_values(bytes), false);
    p.results = {{{size[size.size() - 3]}, dtype}};
    p.run = [](const Arrays& in, const Outs& out) { conv2d_backward_bias(in[0].view(), out[0]); };
    p.answer = Answer::sums;
    p.work = p.terms = double(byte_count(size, DType::int8).value());
    return p;
}

}  // namespace fuzz
