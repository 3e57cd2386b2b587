// What the contracts of all kernels are made of. See kernels.hpp, which includes this, for the names.
#pragma once

#include <cstddef>
#include <cstdint>

namespace rushlight::kernels {

using Index = std::int64_t;

// Half-open: begin <= i < end.
struct Range {
    Index begin, end;
};

// A batch of images in any layout. Only read through the strides, so transposed, reversed and broadcast
// arrays need no copy.
template <class T>
struct Images {
    T* data;
    Index stride_n, stride_c, stride_h, stride_w;
};

struct Conv2dShape {
    Index N, C, H, W;
    Index K, R, S;
    Index OH, OW;
    Index groups;
    Index stride_h, stride_w;
    Index pad_top, pad_left;  // the bottom and right paddings are implied by OH and OW
    Index dilation_h, dilation_w;
};

}  // namespace rushlight::kernels
