// Arguments as most operators have them, made of a fuzzer's bytes: mostly such as fit together, now and then
// not.
#pragma once

#include "fuzz/bytes.hpp"

namespace fuzz {

using rushlight::Padding;
using rushlight::Pair;

DType read_dtype(Bytes& bytes);
inline Values read_values(Bytes& bytes) {
    return Values(bytes.below(3));
}
// Now and then one size becomes another, or there is one more or less.
Sizes spoilt(Bytes& bytes, Sizes sizes);
// Sizes without the batch, perhaps.
Sizes unbatched(Bytes& bytes, Sizes sizes);
// A result's sizes, with a batch if the input has one.
Sizes sizes_like(const Sizes& input, const Sizes& batched);
// Two options, mostly alike; `least` where a small number is 0.
Pair read_pair(Bytes& bytes, Index least);
Padding read_padding(Bytes& bytes);

}  // namespace fuzz
