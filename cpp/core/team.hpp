// The threads behind parallel_for: one OpenMP region that is entered once, never left, and fed tickets.
// Mechanism only: whether a job is worth the team is decided in parallel.cpp, how to sleep in waiting.hpp, on
// which CPU in placement.hpp.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>

#include "parallel.hpp"

namespace rushlight {

// One call of parallel_for, on its caller's stack. Who may look at it and when: NOTE in team.cpp.
struct Job {
    detail::Block block;
    const void* body;
    double nanoseconds;      // estimated time of the whole job on one thread
    std::int64_t count;      // items
    std::int64_t per_chunk;  // neighbouring items that are claimed together
    std::uint32_t chunks;    // of them, 1..kMostChunks

    std::atomic<bool> failed{false};
    std::exception_ptr error{};  // of the first body that threw; written by the thread that set `failed`
};

constexpr std::uint32_t kMostChunks = (1u << 20) - 1;  // what a ticket can count

// Runs the job on the calling thread and up to `helpers` members; sees to it that `members` of them exist or
// are on their way. Returns true when every chunk is done or, after a failure, dropped. False, and nothing
// has run: the team serves another caller, or this build has no team.
bool run_on_team(Job& job, int helpers, int members);

// True on a thread that is inside a job's body: what it starts there must run on itself.
bool inside_job();

}  // namespace rushlight
