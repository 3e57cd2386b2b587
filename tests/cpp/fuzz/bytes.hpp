// A fuzzer's bytes as numbers, and as arrays with any strides whose memory is exactly what the strides reach,
// between pages that may not be touched. Knows no operator.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/tensor.hpp"

namespace fuzz {

using rushlight::DType;
using rushlight::Index;
using Sizes = std::vector<Index>;

constexpr Index kMostBytes = Index(1) << 22;  // of an array or a result; more is "out of memory"

// The input, byte by byte; zeros when it is used up.
class Bytes {
  public:
    Bytes(const std::uint8_t* data, std::size_t size) : next_(data), end_(data + size) {}

    unsigned byte() { return next_ == end_ ? 0 : *next_++; }
    Index below(Index count) { return Index(byte()) % count; }
    bool one_in(Index count) { return below(count) == count - 1; }  // false for the zeros at the end
    Index size();    // of a dimension: mostly small, now and then too large for any memory
    Index number();  // of an option: mostly small, now and then negative or huge
    std::uint64_t seed();

  private:
    const std::uint8_t *next_, *end_;
};

enum class Values {
    small,    // whole numbers from -2 to 2: sums are exact in every type and order
    normal,   // of both signs, with fractions
    special,  // as normal, with NaN, infinities and signed zeros among them
};

// Bytes of a C-contiguous array; nothing if there is no such array.
std::optional<Index> byte_count(const Sizes& shape, DType dtype);

// Memory of exactly so many bytes: those after them (or, if not flush with the end, before them) may not be
// touched.
class Memory {
  public:
    Memory(Index bytes, bool flush_with_end);
    ~Memory();
    Memory(Memory&& other) noexcept;
    Memory& operator=(Memory&&) = delete;

    char* data() const { return data_; }
    Index bytes() const { return bytes_; }

  private:
    char *pages_, *data_;
    Index bytes_;
};

// An array with its values. Throws std::bad_alloc for shapes that NumPy would have no array of.
class Array {
  public:
    Array(Bytes& bytes, const Sizes& shape, DType dtype, Values values, bool contiguous);

    rushlight::TensorView view() const;
    const Sizes& shape() const { return shape_; }
    // Every element by its absolute value; for floating point.
    void make_absolute();

  private:
    void choose_strides(Bytes& bytes, bool contiguous);
    void fill(std::uint64_t seed, Values values);

    DType dtype_;
    Sizes shape_, strides_;
    std::optional<Memory> memory_;
    Index first_ = 0;  // element of memory_ that the view begins with
};

}  // namespace fuzz
