// What the windows of any pooling must satisfy, said in torch's words, and the sizes that follow. Unlike
// torch's, the padding check is one rule and comes first, whatever the dilation, and a kernel of size zero is
// called a bad kernel.
#pragma once

#include <string>

#include "core/tensor.hpp"

namespace rushlight {

struct Pool2dOptions {
    Pair kernel, stride;
    Padding padding;
    Pair dilation;
    bool ceil_mode;
};

struct Pool2dSizes {
    Index N, C, H, W, OH, OW;
};

// All checks but the dtype's, then the sizes. x is (N, C, H, W) or (C, H, W), which counts as N = 1. Messages
// name `function`. Throws std::runtime_error.
Pool2dSizes check_pool2d(const char* function, const TensorView& x, const Pool2dOptions& options);

}  // namespace rushlight
