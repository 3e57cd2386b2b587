#include "parallel.hpp"

#include <algorithm>
#include <atomic>
#include <limits>
#include <stdexcept>
#include <string>

#include "team.hpp"
#include "thread_limits.hpp"

#ifdef _OPENMP
#include <omp.h>
#endif

namespace rushlight {
namespace {

// Each thread of a job should have this much to do, else its wake-up costs more than it brings.
constexpr double kShareNanoseconds = 15'000.0;

// Claiming a chunk costs about 0.1 us, and the last chunk is waited for: so chunks of a few microseconds, and
// enough of them to even out threads of unequal speed.
constexpr double kChunkNanoseconds = 4'000.0;
constexpr int kChunksPerThread = 16;

std::atomic<int> setting{0};   // 0: not asked yet
thread_local int assumed = 0;  // 0: nothing assumed

// threadpoolctl and its like lower OpenMP's own limit (of the calling thread); we follow, though our team is
// not sized by it. A value at or above the one we started with is nobody's wish. Jobs only get here if they
// are not small.
int openmp_limit() {
#ifdef _OPENMP
    static const int at_start = omp_get_max_threads();
    const int now = omp_get_max_threads();
    return now < at_start ? now : kMostThreads;
#else
    return 1;
#endif
}

#if !defined(_OPENMP)
#define RUSHLIGHT_LAYER "none (serial)"
#else
#if _OPENMP >= 202111
#define RUSHLIGHT_OPENMP "OpenMP 5.2"
#elif _OPENMP >= 202011
#define RUSHLIGHT_OPENMP "OpenMP 5.1"
#elif _OPENMP >= 201811
#define RUSHLIGHT_OPENMP "OpenMP 5.0"
#elif _OPENMP >= 201511
#define RUSHLIGHT_OPENMP "OpenMP 4.5"
#else
#define RUSHLIGHT_OPENMP "OpenMP"
#endif
#if defined(__clang__)
#define RUSHLIGHT_LAYER RUSHLIGHT_OPENMP " (libomp), one ticket-fed team"
#elif defined(__GNUC__)
#define RUSHLIGHT_LAYER RUSHLIGHT_OPENMP " (libgomp), one ticket-fed team"
#else
#define RUSHLIGHT_LAYER RUSHLIGHT_OPENMP ", one ticket-fed team"
#endif
#endif

}  // namespace

const char* threading_layer() {
    return RUSHLIGHT_LAYER;
}

ThreadsAssumed::ThreadsAssumed(int n) {
    assumed = n;
}
ThreadsAssumed::~ThreadsAssumed() {
    assumed = 0;
}

int num_threads() {
    if (assumed > 0) return assumed;
    int threads = setting.load(std::memory_order_relaxed);
    if (threads > 0) return threads;
    openmp_limit();  // takes note of the value at start
    const int found = default_num_threads();
    // Somebody may have set the number meanwhile; then theirs stands.
    return setting.compare_exchange_strong(threads, found) ? found : threads;
}

void set_num_threads(int n) {
    if (n < 1)
        throw std::invalid_argument("set_num_threads expects a positive integer, got " + std::to_string(n));
    openmp_limit();
    setting.store(n);
}

int threads_for(std::int64_t count, double nanoseconds) {
    if (count <= 1 || !(nanoseconds >= kSmallestJobNanoseconds) || inside_job()) return 1;
    const int allowed = std::min({num_threads(), kMostThreads, openmp_limit()});
    const double worthwhile = std::min(nanoseconds / kShareNanoseconds, static_cast<double>(count));
    return worthwhile < allowed ? static_cast<int>(worthwhile) : allowed;
}

namespace detail {

void run_blocks(std::int64_t count, double nanoseconds, Block block, const void* body) {
    const int threads = threads_for(count, nanoseconds);
    if (threads > 1) {
        const double wanted = std::min(nanoseconds / kChunkNanoseconds, 1.0 * kChunksPerThread * threads);
        const std::int64_t chunks =
            std::clamp<std::int64_t>(static_cast<std::int64_t>(wanted), threads, count);
        const std::int64_t per_chunk = (count - 1) / chunks + 1;
        Job job{block, body,      nanoseconds,
                count, per_chunk, static_cast<std::uint32_t>((count - 1) / per_chunk + 1)};
        if (run_on_team(job, threads - 1, std::min(num_threads(), kMostThreads) - 1)) {
            if (job.error) std::rethrow_exception(job.error);
            return;
        }
    }
    block(body, 0, count);
}

}  // namespace detail
}  // namespace rushlight
