// Every operator with every instruction set against the plain loops, `reference`, without Python: for CPUs
// that are only emulated or cross-compiled for, where NumPy is not at hand. The Python tests say what is
// right; this one says that a build for another CPU is the same.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "core/isa.hpp"
#include "core/parallel.hpp"
#include "ops/conv2d.hpp"
#include "ops/max_pool2d.hpp"
#include "ops/relu.hpp"

namespace {

using rushlight::Index;
using Numbers = std::vector<float>;

std::uint32_t state = 1;
std::uint32_t next() {
    return state = state * 1664525u + 1013904223u;
}
Index between(Index least, Index most) {
    return least + Index((next() >> 8) % std::uint32_t(most - least + 1));
}
Numbers random_numbers(Index count) {
    Numbers numbers(count);
    for (float& number : numbers) number = float(Index(next() >> 8) % 2001 - 1000) / 500;
    return numbers;
}

// A contiguous float32 array with its sizes.
struct Tensor {
    Index shape[4], strides[4];
    Numbers numbers;

    Tensor(Index a, Index b, Index c, Index d) : Tensor(a, b, c, d, random_numbers(a * b * c * d)) {}
    Tensor(Index a, Index b, Index c, Index d, Numbers given)
        : shape{a, b, c, d}, strides{b * c * d, c * d, d, 1}, numbers(std::move(given)) {}
    rushlight::TensorView view() { return {numbers.data(), rushlight::DType::float32, 4, shape, strides}; }
};

// All results of one layer, one after the other.
Numbers layer(std::uint32_t seed) {
    state = seed;
    const Index groups = between(1, 3), C = groups * between(1, 20), K = groups * between(1, 20);
    const Index R = between(1, 4), S = between(1, 4);
    Tensor x(between(1, 3), C, between(R, 40), between(S, 40)), w(K, C / groups, R, S);
    const Index stride = between(1, 2), pad = between(0, 2);
    const rushlight::Conv2dOptions options{{stride, stride}, {pad, pad, pad, pad}, {1, 1}, groups};
    const auto shape = rushlight::check_conv2d_forward(x.view(), w.view(), nullptr, options);

    Tensor y(shape.N, shape.K, shape.OH, shape.OW);
    rushlight::conv2d_forward(shape, x.view(), w.view(), nullptr, y.numbers.data());
    Tensor dy(shape.N, shape.K, shape.OH, shape.OW);
    Numbers dx(x.numbers.size()), dw(w.numbers.size()), positive(x.numbers.size());
    rushlight::conv2d_backward_input(shape, dy.view(), w.view(), nullptr, dx.data());
    rushlight::conv2d_backward_weight(shape, dy.view(), x.view(), dw.data());
    rushlight::relu_forward(x.view(), positive.data());
    const rushlight::MaxPool2dOptions window{{R, S}, {stride, stride}, {0, 0, 0, 0}, {1, 1}, false};
    const auto pool = rushlight::check_max_pool2d_forward(x.view(), window);
    Numbers largest(pool.N * pool.C * pool.OH * pool.OW);
    rushlight::max_pool2d_forward(pool, x.view(), largest.data(), nullptr);

    Numbers all = std::move(y.numbers);
    for (const Numbers* part : {&dx, &dw, &positive, &largest})
        all.insert(all.end(), part->begin(), part->end());
    return all;
}

bool close(const Numbers& got, const Numbers& want) {
    if (got.size() != want.size()) return false;
    for (std::size_t i = 0; i < got.size(); ++i)
        if (!(std::abs(got[i] - want[i]) <= 2e-4f * (1 + std::abs(want[i])))) return false;
    return true;
}

}  // namespace

int main(int count, char** arguments) {
    const std::uint32_t layers = count > 1 ? std::uint32_t(std::atoi(arguments[1])) : 60;
    bool all_right = true;
    for (const std::string& isa : rushlight::available_isas()) {
        std::uint32_t wrong = 0;
        for (std::uint32_t seed = 1; seed <= layers; ++seed) {
            rushlight::set_isa("reference");
            const Numbers want = layer(seed);
            rushlight::set_isa(isa);
            rushlight::set_num_threads(1);
            const Numbers one = layer(seed);
            rushlight::set_num_threads(3);
            const bool right = close(one, want) && layer(seed) == one;
            if (!right) std::printf("%s: layer %u is wrong\n", isa.c_str(), seed);
            wrong += !right;
        }
        std::printf("%s: %u of %u layers right\n", isa.c_str(), layers - wrong, layers);
        all_right = all_right && wrong == 0;
    }
    return all_right ? 0 : 1;
}
