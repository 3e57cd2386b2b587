// Splitting one operator's work over threads: how many, and parallel_for. Policy and the public face only;
// the threads themselves live in team.hpp. Knows nothing of tensors or kernels.
#pragma once

#include <cstdint>

namespace rushlight {

// How many threads a job may use, the caller included. Process-wide. It starts as default_num_threads()
// (thread_limits.hpp); the first query therefore throws std::invalid_argument if RUSHLIGHT_NUM_THREADS holds
// rubbish, so a module asks once while it is imported.
int num_threads();

// n >= 1, else std::invalid_argument. Takes effect with the next job; a job under way keeps its threads. Any
// n is remembered and reported, but no job uses more than kMostThreads.
void set_num_threads(int n);
constexpr int kMostThreads = 256;

// While it lives, num_threads() is n on this thread: for asking operators what they would do, and for
// measuring what so many could. n >= 1.
class ThreadsAssumed {
  public:
    explicit ThreadsAssumed(int n);
    ~ThreadsAssumed();
    ThreadsAssumed(const ThreadsAssumed&) = delete;
    ThreadsAssumed& operator=(const ThreadsAssumed&) = delete;
};

// What runs the threads, for show_config: "OpenMP 4.5 (libgomp), one ticket-fed team" or "none (serial)".
const char* threading_layer();

// A job whose one-thread time is below this stays on the caller's thread: waking a sleeping thread costs
// about as much as it would save.
constexpr double kSmallestJobNanoseconds = 30'000.0;

// How many threads, the caller included, a job of this size may use now. 1 inside a job's body.
int threads_for(std::int64_t count, double nanoseconds);

namespace detail {
using Block = void (*)(const void* body, std::int64_t begin, std::int64_t end);
void run_blocks(std::int64_t count, double nanoseconds, Block block, const void* body);
}  // namespace detail

// Calls body(i) once for each i in [0, count), in any order and on any thread of the team, and returns when
// all calls are over; what the bodies wrote is then visible to the caller. `nanoseconds` is the estimated
// time of the whole job on one thread. It decides how many threads take part and how many neighbouring i
// travel together, never a result.
//
// - Small jobs, single items, jobs inside a job and jobs that find the team busy run on the caller's thread.
// - The first exception that a body throws is rethrown here once every thread has left the job; calls that
//   had not begun by then are not made.
// - Nothing is allocated. `body` is called through a const reference, by several threads at once, and must
//   not fork.
template <class Body>
void parallel_for(std::int64_t count, double nanoseconds, const Body& body) {
    if (count <= 1 || !(nanoseconds >= kSmallestJobNanoseconds)) {
        for (std::int64_t i = 0; i < count; ++i) body(i);
        return;
    }
    const auto block = [](const void* erased, std::int64_t begin, std::int64_t end) {
        const Body& typed = *static_cast<const Body*>(erased);
        for (std::int64_t i = begin; i < end; ++i) typed(i);
    };
    detail::run_blocks(count, nanoseconds, block, &body);
}

}  // namespace rushlight
