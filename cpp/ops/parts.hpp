// Counting in blocks, and cutting a range into nearly equal parts: the arithmetic that every operator's
// tiling is made of. Knows nothing of what is cut.
#pragma once

#include <algorithm>

#include "core/parallel.hpp"
#include "core/tensor.hpp"
#include "kernels/kernels.hpp"

namespace rushlight {

// a >= 0, b > 0.
inline Index divide_up(Index a, Index b) {
    return (a + b - 1) / b;
}
inline Index round_up(Index a, Index b) {
    return divide_up(a, b) * b;
}

// Part i of `parts` nearly equal parts of [0, count).
inline kernels::Range part(Index i, Index parts, Index count) {
    return {count * i / parts, count * (i + 1) / parts};
}

// Into how many groups of neighbours to cut so many channels whose sums are apart: as few as give every
// thread one, because long pieces of memory are read faster than short ones.
inline Index channel_groups(Index channels) {
    return std::max(divide_up(channels, kernels::kMostChannels), std::min<Index>(num_threads(), channels));
}

}  // namespace rushlight
