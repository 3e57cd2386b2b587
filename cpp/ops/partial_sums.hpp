// Results that are summed up in chunks, by several tasks: memory for the chunks' sums, and adding them up in
// the order of the chunks. How the work is cut into chunks is decided elsewhere, from the shape alone.
#pragma once

#include <memory>

#include "ops/parts.hpp"

namespace rushlight {

template <class T>
class PartialSums {
  public:
    // One chunk needs no memory: its sums are the result. Throws std::bad_alloc.
    PartialSums(Index chunks, Index size, T* result)
        : chunks_(chunks),
          size_(size),
          result_(result),
          sums_(chunks > 1 ? new T[std::size_t(chunks * size)] : nullptr) {}

    // Where a chunk's sums go, all of them; uninitialised.
    T* chunk(Index i) const { return sums_ ? sums_.get() + i * size_ : result_; }

    void add_up() const {
        if (!sums_) return;
        parallel_for(divide_up(size_, kPiece), double(chunks_) * double(size_) / 8, [&](Index i) {
            const Index begin = i * kPiece, end = std::min(begin + kPiece, size_);
            Index at = begin;
            for (; at + kTogether <= end; at += kTogether) add_up_some<kTogether>(at);
            for (; at < end; ++at) add_up_some<1>(at);
        });
    }

  private:
    static constexpr Index kPiece = 4096, kTogether = 16;  // so many stay in registers, in vectors

    template <Index Count>
    void add_up_some(Index at) const {
        T total[Count];
        for (Index j = 0; j < Count; ++j) total[j] = sums_[std::size_t(at + j)];
        for (Index chunk = 1; chunk < chunks_; ++chunk) {
            const T* more = sums_.get() + chunk * size_ + at;
            for (Index j = 0; j < Count; ++j) total[j] += more[j];
        }
        for (Index j = 0; j < Count; ++j) result_[at + j] = total[j];
    }

    const Index chunks_, size_;
    T* const result_;
    const std::unique_ptr<T[]> sums_;
};

}  // namespace rushlight
