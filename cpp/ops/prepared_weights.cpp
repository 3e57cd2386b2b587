#include "ops/prepared_weights.hpp"

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <new>

namespace rushlight {

namespace {

constexpr std::size_t kAlignment = 64;

std::atomic<std::size_t> total{0};

// Not cryptographic, but every bit of the input changes it. Four chains, because one multiplication waits for
// the one before it.
std::uint64_t fingerprint(const void* data, std::size_t bytes) {
    constexpr std::size_t chains = 4, word = sizeof(std::uint64_t);
    constexpr std::uint64_t factor = 0x9E3779B97F4A7C15u;  // odd, so no bit is lost
    const auto* from = static_cast<const unsigned char*>(data);
    std::uint64_t state[chains] = {1, 2, 3, bytes}, value[chains];
    for (; bytes >= sizeof value; bytes -= sizeof value, from += sizeof value) {
        std::memcpy(value, from, sizeof value);
        for (std::size_t i = 0; i < chains; ++i) {
            state[i] = (state[i] ^ value[i]) * factor;
            state[i] ^= state[i] >> 32;
        }
    }
    std::memset(value, 0, sizeof value);
    std::memcpy(value, from, bytes);
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < chains; ++i) sum = (sum ^ state[i] ^ value[i]) * factor + (sum >> 29);
    static_assert(sizeof value == chains * word, "no gaps");
    return sum;
}

}  // namespace

std::shared_ptr<void> PreparedWeights::allocate(std::size_t bytes) {
    const std::size_t whole_lines = (bytes + kAlignment - 1) / kAlignment * kAlignment;
    void* memory = std::aligned_alloc(kAlignment, whole_lines);
    if (!memory) throw std::bad_alloc();
    total += bytes;
    return {memory, [bytes](void* p) {
                std::free(p);
                total -= bytes;
            }};
}

void PreparedWeights::check(const void* weights, std::size_t bytes) {
    const std::uint64_t found = fingerprint(weights, bytes);
    const std::lock_guard<std::mutex> lock(mutex_);
    if (found == fingerprint_) return;
    fingerprint_ = found;
    for (Form& form : forms_) form = Form{};
}

std::size_t PreparedWeights::bytes() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return forms_[0].bytes + forms_[1].bytes;
}

std::size_t PreparedWeights::total_bytes() {
    return total;
}

}  // namespace rushlight
