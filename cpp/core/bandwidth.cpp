#include "core/bandwidth.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <vector>

#include "core/parallel.hpp"

namespace rushlight {

namespace {

constexpr std::size_t kPieceBytes = 64 * 1024;
constexpr double kGuessedRate = 16;  // bytes per nanosecond, for parallel_for

void copy(const char* from, char* to, std::size_t bytes) {
    const std::size_t pieces = (bytes + kPieceBytes - 1) / kPieceBytes;
    parallel_for(std::int64_t(pieces), 2 * double(bytes) / kGuessedRate, [&](std::int64_t i) {
        const std::size_t begin = std::size_t(i) * kPieceBytes;
        std::memcpy(to + begin, from + begin, std::min(kPieceBytes, bytes - begin));
    });
}

}  // namespace

double measure_bandwidth(std::size_t working_set, double seconds) {
    using Clock = std::chrono::steady_clock;
    const std::size_t bytes = std::max<std::size_t>(working_set / 2, 4096);
    std::vector<char> from(bytes, 1), to(bytes, 2);
    // The clock's resolution must not matter: small copies are timed many at a time.
    const int repeats = int(std::max<std::size_t>(1, (1 << 20) / bytes));
    double best = 0;
    const auto end = Clock::now() + std::chrono::duration<double>(seconds);
    do {
        const auto start = Clock::now();
        for (int i = 0; i < repeats; ++i) copy(from.data(), to.data(), bytes);
        const double elapsed = std::chrono::duration<double>(Clock::now() - start).count();
        best = std::max(best, 2.0 * double(bytes) * repeats / elapsed);
    } while (Clock::now() < end);
    return best;
}

}  // namespace rushlight
