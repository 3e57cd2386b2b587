// See the header.
#include "fuzz/arguments.hpp"

namespace fuzz {

DType read_dtype(Bytes& bytes) {
    constexpr DType kTypes[] = {DType::float32, DType::float32, DType::float32, DType::float32,
                                DType::float32, DType::float64, DType::float64, DType::float64,
                                DType::int64,   DType::int32,   DType::int16,   DType::int8,
                                DType::uint8,   DType::boolean, DType::other};
    return kTypes[bytes.below(std::size(kTypes))];
}

Sizes spoilt(Bytes& bytes, Sizes sizes) {
    if (!bytes.one_in(12)) return sizes;
    const Index kind = bytes.below(8);
    if (kind == 0) sizes.push_back(bytes.size());
    if (kind == 1 && !sizes.empty()) sizes.erase(sizes.begin());
    if (kind > 1 && !sizes.empty())
        sizes[std::size_t(bytes.below(Index(sizes.size())))] = kind == 2 ? bytes.number() : bytes.size();
    return sizes;
}

Sizes unbatched(Bytes& bytes, Sizes sizes) {
    if (bytes.one_in(6)) sizes.erase(sizes.begin());
    return sizes;
}

Sizes sizes_like(const Sizes& input, const Sizes& batched) {
    return Sizes(batched.end() - std::ptrdiff_t(input.size()), batched.end());
}

Pair read_pair(Bytes& bytes, Index least) {
    const Index both = bytes.number();
    if (bytes.one_in(3)) return {both, bytes.number()};
    return both == 0 ? Pair{least, least} : Pair{both, both};
}

Padding read_padding(Bytes& bytes) {
    const Pair pad = read_pair(bytes, 0);
    if (bytes.one_in(4)) return {pad.h, bytes.number(), pad.w, bytes.number()};
    return {pad.h, pad.h, pad.w, pad.w};
}

}  // namespace fuzz
