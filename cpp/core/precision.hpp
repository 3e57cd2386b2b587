// How much rounding a float32 convolution may trade for speed: one value for the process, like torch's
// float32 matmul precision.
#pragma once

#include <string>

namespace rushlight {

enum class Precision {
    highest,  // direct sums only
    high,     // F(2x2, 3x3) too: direct's footprint (NaN, zeros, small integers) and direct's class of error.
              // The default.
    medium,   // F(4x4, 3x3) too: a large value disturbs its neighbours by about 1e-7 of it
};

Precision conv_precision();
const char* conv_precision_name();

// "highest", "high" or "medium"; anything else throws std::invalid_argument. The start value is
// RUSHLIGHT_CONV_PRECISION, else "high".
void set_conv_precision(const std::string& name);

}  // namespace rushlight
