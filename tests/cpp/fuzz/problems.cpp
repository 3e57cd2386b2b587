// See the header. One function per operator; they end where the operator's own checks have passed.
#include "fuzz/problems.hpp"

#include <new>

#include "fuzz/arguments.hpp"
#include "ops/avg_pool2d.hpp"
#include "ops/batch_norm.hpp"
#include "ops/max_pool2d.hpp"
#include "ops/relu.hpp"
#include "ops/unfold.hpp"

namespace fuzz {

using namespace rushlight;
using Arrays = std::vector<Array>;
using Outs = std::vector<void*>;

namespace {

// ---------------------------------------------------------------- pooling

Pool2dOptions read_window(Bytes& bytes) {
    const Pair kernel = read_pair(bytes, 2);
    return {kernel, bytes.one_in(2) ? kernel : read_pair(bytes, 1), read_padding(bytes), read_pair(bytes, 1),
            bytes.one_in(2)};
}

Sizes read_images(Bytes& bytes) {
    return spoilt(bytes, unbatched(bytes, {bytes.below(4), bytes.size(), bytes.size(), bytes.size()}));
}

Problem max_pool(Bytes& bytes) {
    const DType dtype = read_dtype(bytes);
    const Pool2dOptions window = read_window(bytes);
    const Sizes size = read_images(bytes);
    const bool indices = bytes.one_in(2);
    Problem p;
    p.inputs.emplace_back(bytes, size, dtype, read_values(bytes), false);
    const kernels::MaxPool2dShape shape = check_max_pool2d_forward(p.inputs[0].view(), window);
    max_pool2d_plan(shape, dtype, indices);
    const Sizes output = sizes_like(size, {shape.N, shape.C, shape.OH, shape.OW});
    p.results = {{output, dtype}};
    if (indices) p.results.push_back({output, DType::int64});
    p.run = [=](const Arrays& in, const Outs& out) {
        max_pool2d_forward(shape, in[0].view(), out[0],
                           indices ? static_cast<std::int64_t*>(out[1]) : nullptr);
    };
    p.work =
        double(byte_count(output, DType::int8).value_or(0)) * double(shape.kernel_h) * double(shape.kernel_w);
    return p;
}

Problem max_pool_gradient(Bytes& bytes) {
    const DType dtype = bytes.one_in(2) ? DType::float64 : DType::float32;
    const Sizes output =
        spoilt(bytes, unbatched(bytes, {bytes.below(4), bytes.size(), bytes.size(), bytes.size()}));
    Sizes input = output;
    for (std::size_t i = 1; i <= 2 && i <= input.size(); ++i) input[input.size() - i] = bytes.size();
    input = spoilt(bytes, input);
    Problem p;
    p.inputs.emplace_back(bytes, output, dtype, Values::small, true);
    p.inputs.emplace_back(bytes, output, DType::int64, Values::small, true);
    const TensorView dy = p.inputs[0].view(), positions = p.inputs[1].view();
    check_max_pool2d_backward(dy, positions, input.data(), int(input.size()));
    // Positions inside a plane, but for a rare one.
    Index plane = 1;
    for (std::size_t i = 1; i <= 2; ++i)
        if (__builtin_mul_overflow(plane, input[input.size() - i], &plane)) throw std::bad_alloc();
    const bool bad = bytes.one_in(6);
    const Index outputs = byte_count(output, DType::int8).value();
    for (Index i = 0; i < outputs; ++i) {
        Index& position = positions.as<Index>()[i];
        position = plane && !(bad && i % 7 == 3) ? (i * 7919 + position + 2) % plane : position * plane;
    }
    p.results = {{input, dtype}};
    p.run = [input](const Arrays& in, const Outs& out) {
        max_pool2d_backward(in[0].view(), in[1].view(), input.data(), out[0]);
    };
    p.work = double(outputs);
    return p;
}

Problem avg_pool(Bytes& bytes, bool gradient) {
    const DType dtype = read_dtype(bytes);
    Pool2dOptions window = read_window(bytes);
    window.dilation = {1, 1};
    const Sizes size = read_images(bytes);
    const bool include_pad = bytes.one_in(2), divisor = bytes.one_in(4);
    const AvgPool2dOptions options{window, include_pad, divisor, divisor ? bytes.number() : 0};
    const TensorView sizes_only{nullptr, dtype, int(size.size()), size.data(), nullptr};
    Problem p;
    kernels::AvgPool2dShape shape{};
    const auto output = [&] { return sizes_like(size, {shape.N, shape.C, shape.OH, shape.OW}); };
    if (gradient) {
        if (byte_count(size, dtype)) shape = check_avg_pool2d_forward(sizes_only, options);
        const Sizes dy = size.size() == 3 || size.size() == 4 ? spoilt(bytes, output()) : size;
        p.inputs.emplace_back(bytes, dy, dtype, read_values(bytes), true);
        shape = check_avg_pool2d_backward(p.inputs[0].view(), size.data(), int(size.size()), options);
    } else {
        p.inputs.emplace_back(bytes, size, dtype, read_values(bytes), false);
        shape = check_avg_pool2d_forward(p.inputs[0].view(), options);
    }
    p.results = {{gradient ? size : output(), dtype}};
    p.run = [=](const Arrays& in, const Outs& out) {
        gradient ? avg_pool2d_backward(shape, in[0].view(), out[0])
                 : avg_pool2d_forward(shape, in[0].view(), out[0]);
    };
    p.answer = is_floating_point(dtype) ? Answer::sums : Answer::exact;
    p.terms = double(shape.kernel_h) * double(shape.kernel_w);
    p.work = double(byte_count(output(), DType::int8).value_or(0)) * p.terms;
    return p;
}

// ---------------------------------------------------------------- the others

Problem relu(Bytes& bytes, bool gradient) {
    const DType dtype = read_dtype(bytes);
    const Values values = read_values(bytes);
    Sizes size;
    for (Index n = bytes.below(6); n > 0; --n) size.push_back(bytes.size());
    Problem p;
    p.inputs.emplace_back(bytes, size, dtype, values, true);
    if (gradient)
        p.inputs.emplace_back(bytes, spoilt(bytes, size), bytes.one_in(20) ? read_dtype(bytes) : dtype,
                              values, true);
    if (gradient)
        check_relu_backward(p.inputs[0].view(), p.inputs[1].view());
    else
        check_relu_forward(p.inputs[0].view());
    p.results = {{size, dtype}};
    p.run = [gradient](const Arrays& in, const Outs& out) {
        gradient ? relu_backward(in[0].view(), in[1].view(), out[0]) : relu_forward(in[0].view(), out[0]);
    };
    return p;
}

Problem unfold_or_fold(Bytes& bytes, bool back) {
    const DType dtype = read_dtype(bytes);
    const UnfoldOptions o{read_pair(bytes, 2), read_pair(bytes, 1), read_pair(bytes, 0), read_pair(bytes, 1)};
    Sizes size = read_images(bytes);
    kernels::UnfoldShape shape{};
    Problem p;
    if (back) {
        const TensorView image{nullptr, dtype, int(size.size()), size.data(), nullptr};
        if (!byte_count(size, dtype)) throw std::bad_alloc();
        shape = check_unfold(image, o);
        Sizes columns{shape.N, 0, 0};
        if (__builtin_mul_overflow(shape.C * shape.R, shape.S, &columns[1]) ||
            __builtin_mul_overflow(shape.OH, shape.OW, &columns[2]))
            throw std::bad_alloc();
        if (size.size() == 3) columns.erase(columns.begin());
        p.inputs.emplace_back(bytes, spoilt(bytes, columns), dtype, read_values(bytes), false);
        shape = check_fold(p.inputs[0].view(), {shape.H + bytes.below(2), shape.W}, o);
        p.results = {
            {size.size() == 3 ? Sizes{shape.C, shape.H, shape.W} : Sizes{shape.N, shape.C, shape.H, shape.W},
             dtype}};
    } else {
        p.inputs.emplace_back(bytes, size, dtype, read_values(bytes), false);
        shape = check_unfold(p.inputs[0].view(), o);
        p.results = {{{shape.N, shape.C * shape.R * shape.S, shape.OH * shape.OW}, dtype}};
    }
    p.run = [=](const Arrays& in, const Outs& out) {
        back ? fold(shape, in[0].view(), out[0]) : unfold(shape, in[0].view(), out[0]);
    };
    p.answer = back && is_floating_point(dtype) ? Answer::sums : Answer::exact;
    p.terms = double(shape.R) * double(shape.S);
    p.work = p.terms * double(shape.N) * double(shape.C) * double(shape.OH) * double(shape.OW);
    return p;
}

Problem batch_norm(Bytes& bytes, bool gradient) {
    const DType dtype = bytes.one_in(2) ? DType::float64 : DType::float32;
    Sizes size{bytes.size(), bytes.size()};
    for (Index n = bytes.below(4); n > 0; --n) size.push_back(bytes.size());
    size = spoilt(bytes, size);
    const bool training = bytes.one_in(2);
    const Index channels = size.size() > 1 ? size[1] : 0;
    Problem p;
    p.inputs.emplace_back(bytes, size, dtype, Values::normal, true);
    check_batch_norm(p.inputs[0].view(), channels);
    if (gradient) {
        p.inputs.emplace_back(bytes, spoilt(bytes, size), dtype, Values::normal, true);
        check_batch_norm_backward(p.inputs[1].view(), p.inputs[0].view());
    }
    p.results = {{size, dtype}, {{channels}, DType::float64}, {{channels}, DType::float64}};
    p.run = [=](const Arrays& in, const Outs& out) {
        double *first = static_cast<double*>(out[1]), *second = static_cast<double*>(out[2]);
        if (!gradient) {
            for (Index c = 0; c < channels; ++c) first[c] = 0.5, second[c] = 2;
            return batch_norm_forward(in[0].view(), {nullptr, nullptr, 1e-5, training, first, second},
                                      out[0]);
        }
        const std::vector<double> means(std::size_t(channels), 0.25), ones(std::size_t(channels), 1.0);
        batch_norm_backward(in[1].view(), in[0].view(),
                            {means.data(), ones.data(), ones.data(), training, first, second}, out[0]);
    };
    p.answer = Answer::loose;
    p.terms = double(byte_count(size, DType::int8).value());
    return p;
}

}  // namespace

Problem read_problem(Bytes& bytes) {
    switch (bytes.below(16)) {
        case 0:
        case 1:
        case 2:
            return conv_forward(bytes);
        case 3:
        case 4:
            return conv_others(bytes, false);
        case 5:
            return conv_others(bytes, true);
        case 6:
            return conv_bias(bytes);
        case 7:
            return max_pool(bytes);
        case 8:
            return max_pool_gradient(bytes);
        case 9:
            return avg_pool(bytes, false);
        case 10:
            return avg_pool(bytes, true);
        case 11:
            return relu(bytes, false);
        case 12:
            return relu(bytes, true);
        case 13:
            return unfold_or_fold(bytes, false);
        case 14:
            return unfold_or_fold(bytes, true);
        default:
            return batch_norm(bytes, bytes.one_in(2));
    }
}

}  // namespace fuzz
