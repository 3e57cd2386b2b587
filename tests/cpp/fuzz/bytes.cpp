// See the header.
#include "fuzz/bytes.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <new>
#include <numeric>

namespace fuzz {

namespace {

constexpr Index kHuge[] = {(Index(1) << 31) - 1,
                           Index(1) << 31,
                           (Index(1) << 31) + 1,
                           Index(1) << 32,
                           Index(1) << 40,
                           Index(1) << 62,
                           std::numeric_limits<Index>::max()};

// splitmix64: values that do not cost the fuzzer any bytes.
std::uint64_t next(std::uint64_t& state) {
    std::uint64_t z = state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

double value(std::uint64_t random, Values values) {
    if (values == Values::small) return double(random % 5) - 2;
    if (values == Values::special && random % 13 == 0) {
        constexpr double kSpecial[] = {std::numeric_limits<double>::quiet_NaN(),
                                       std::numeric_limits<double>::infinity(),
                                       -std::numeric_limits<double>::infinity(), 0.0, -0.0};
        return kSpecial[random / 13 % 5];
    }
    return (double(random >> 40) - double(1 << 23)) / double(1 << 21);
}

template <class T>
void fill_with(const Memory& memory, std::uint64_t seed, Values values) {
    T* data = reinterpret_cast<T*>(memory.data());
    for (Index i = 0; i < memory.bytes() / Index(sizeof(T)); ++i) {
        const std::uint64_t random = next(seed);
        if constexpr (std::is_floating_point_v<T>)
            data[i] = T(value(random, values));
        else
            data[i] = values == Values::small ? T(Index(random % 5) - 2) : T(random);
    }
}

template <class T>
void make_positive(const Memory& memory) {
    T* data = reinterpret_cast<T*>(memory.data());
    std::transform(data, data + memory.bytes() / Index(sizeof(T)), data, [](T x) { return std::abs(x); });
}

}  // namespace

Index Bytes::size() {
    const unsigned kind = byte();
    if (kind < 200) return kind % 20;
    if (kind < 250) return 20 + below(70);
    return kHuge[below(std::size(kHuge))];
}

Index Bytes::number() {
    const unsigned kind = byte();
    if (kind < 200) return kind % 5;
    if (kind < 240) return below(32);
    const Index huge = kHuge[below(std::size(kHuge))];
    return kind < 246 ? -1 : kind < 250 ? -huge : kind < 252 ? std::numeric_limits<Index>::min() : huge;
}

std::uint64_t Bytes::seed() {
    return byte() * 256 + byte();
}

std::optional<Index> byte_count(const Sizes& shape, DType dtype) {
    Index bytes = rushlight::element_bytes(dtype);
    for (const Index size : shape)
        if (size < 0 || __builtin_mul_overflow(bytes, std::max<Index>(size, 1), &bytes)) return std::nullopt;
    return std::count(shape.begin(), shape.end(), 0) ? 0 : bytes;
}

namespace {

Index page() {
    static const Index size = Index(sysconf(_SC_PAGESIZE));
    return size;
}
// Of whole pages, and the two around them that nobody may touch.
Index room(Index bytes) {
    return (bytes + page() - 1) / page() * page();
}

}  // namespace

Memory::Memory(Index bytes, bool flush_with_end) : bytes_(bytes) {
    const std::size_t all = std::size_t(room(bytes) + 2 * page());
    void* const mapped = mmap(nullptr, all, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) throw std::bad_alloc();
    pages_ = static_cast<char*>(mapped);
    mprotect(pages_ + page(), std::size_t(room(bytes)), PROT_READ | PROT_WRITE);
    data_ = pages_ + page() + (flush_with_end ? room(bytes) - bytes : 0);
}

Memory::~Memory() {
    if (pages_) munmap(pages_, std::size_t(room(bytes_) + 2 * page()));
}

Memory::Memory(Memory&& other) noexcept : pages_(other.pages_), data_(other.data_), bytes_(other.bytes_) {
    other.pages_ = nullptr;
}

Array::Array(Bytes& bytes, const Sizes& shape, DType dtype, Values values, bool contiguous)
    : dtype_(dtype), shape_(shape) {
    if (!byte_count(shape, dtype)) throw std::bad_alloc();
    choose_strides(bytes, contiguous);
    Index least = 0, most = 0;  // elements that the strides reach
    for (std::size_t i = 0; i < shape.size(); ++i)
        (strides_[i] < 0 ? least : most) += strides_[i] * std::max<Index>(shape[i] - 1, 0);
    const bool empty = std::count(shape.begin(), shape.end(), 0) > 0;
    const Index elements = empty ? 0 : most - least + 1;
    if (elements > kMostBytes / rushlight::element_bytes(dtype)) throw std::bad_alloc();
    memory_.emplace(elements * rushlight::element_bytes(dtype), !bytes.one_in(4));
    first_ = empty ? 0 : -least;
    fill(bytes.seed(), values);
}

// Axes in any order in memory, some of them reversed, with gaps, or repeated; huge ones are always repeated.
void Array::choose_strides(Bytes& bytes, bool contiguous) {
    const std::size_t ndim = shape_.size();
    Sizes order(ndim);
    std::iota(order.begin(), order.end(), 0);
    const bool plain = contiguous || bytes.byte() < 100;
    if (!plain)
        for (std::size_t i = ndim; i > 1; --i)
            std::swap(order[i - 1], order[std::size_t(bytes.below(Index(i)))]);
    strides_.assign(ndim, 0);
    Index stride = 1;
    for (std::size_t i = ndim; i-- > 0;) {
        const std::size_t axis = std::size_t(order[i]);
        const Index size = shape_[axis], kind = plain ? 0 : bytes.below(8);
        if (kind == 7 || (size > kMostBytes && !contiguous)) continue;
        strides_[axis] = kind < 5 ? stride : kind == 5 ? -stride : 2 * stride;
        if (__builtin_mul_overflow(std::abs(strides_[axis]), std::max<Index>(size, 1), &stride) ||
            stride > Index(1) << 50)
            throw std::bad_alloc();
    }
}

void Array::fill(std::uint64_t seed, Values values) {
    switch (dtype_) {
        case DType::float32:
            return fill_with<float>(*memory_, seed, values);
        case DType::float64:
            return fill_with<double>(*memory_, seed, values);
        case DType::int64:
            return fill_with<std::int64_t>(*memory_, seed, values);
        case DType::int32:
            return fill_with<std::int32_t>(*memory_, seed, values);
        case DType::int16:
            return fill_with<std::int16_t>(*memory_, seed, values);
        default:
            return fill_with<std::int8_t>(*memory_, seed, values);
    }
}

rushlight::TensorView Array::view() const {
    return {memory_->data() + first_ * rushlight::element_bytes(dtype_), dtype_, int(shape_.size()),
            shape_.data(), strides_.data()};
}

void Array::make_absolute() {
    if (dtype_ == DType::float32) make_positive<float>(*memory_);
    if (dtype_ == DType::float64) make_positive<double>(*memory_);
}

}  // namespace fuzz
