#include "team.hpp"

#ifdef _OPENMP

#include <algorithm>
#include <chrono>
#include <new>
#include <thread>
#include <type_traits>

#include "new_threads.hpp"
#include "placement.hpp"
#include "waiting.hpp"

#if defined(__unix__) || defined(__APPLE__)
#define RUSHLIGHT_POSIX 1
#include <pthread.h>
#endif

namespace rushlight {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using Clock = std::chrono::steady_clock;

// A member without work spins this long, so that back-to-back calls find it awake. Then it sleeps, so that an
// idle program uses no CPU.
constexpr microseconds kMemberSpin{50};

// After a rest this long CPUs are in a deep sleep of their own, and waking a member takes longer than a short
// job. Back-to-back short jobs gain from the team again as of the second.
constexpr milliseconds kLongRest{2};
constexpr double kShortJobNanoseconds = 100'000.0;

// A caller without work spins this long, plus the time of two chunks, before it takes the others for stuck.
constexpr microseconds kCallerSpin{20};

// NOTE: who may look at a job
// A member may be arbitrarily late: it can be stopped between reading the ticket and acting on it, while the
// job it saw ends and others begin. So reading the ticket permits nothing. Only a claim does: the
// compare-exchange that takes one chunk off the word. Until that chunk is reported in `finished` its caller
// cannot return, so `job`, and all that it points to, stay as they are. A late compare-exchange that succeeds
// because the word has come round to the same value has claimed a chunk of the job that is current now, and
// `job`, read after it, is that job: no epoch is needed. The ticket and `finished` outlive every job, so a
// member that touches them after its report does no harm.
//
// NOTE: why the caller never waits for a chunk that nobody has claimed
// A woken thread starts when the system likes: after 5 us, or after 4 ms when a busy process has the CPU. An
// OpenMP join waits for every thread of the team, late ones included, and calls of 0.4 ms then take 4 to 28
// ms. Here whoever is awake takes the next chunk, the caller first of all; a member that comes late finds
// nothing left. The worst that remains is a member that is stopped while it holds a chunk; see lend_cpu().
//
// NOTE: memory order
// Publishing a job is a store to the ticket. A claim is an acquiring read-modify-write of it, and claims by
// others in between continue the store's release sequence, so whoever claims sees `job`. Reports are
// read-modify-writes of `finished`, so the caller, once it has read the last one, sees what every body wrote.
// The places where a sequentially consistent store is followed by a look at another word are the lost wake-up
// of waiting.hpp.
class Team {
  public:
    bool try_take() {
        return !taken_.load(std::memory_order_relaxed) && !taken_.exchange(true, std::memory_order_acquire);
    }
    void release() { taken_.store(false, std::memory_order_release); }

    // For the thread that has taken the team.
    bool worth_waking_for(const Job& job);
    void hire(int members);
    void run(Job& job, int helpers);

    // The life of a member; never returns.
    void serve();

  private:
    // The ticket: how many chunks of the current job nobody has claimed, below the number of members that may
    // claim.
    static constexpr int kSeatShift = 20;
    static std::uint32_t unclaimed(std::uint32_t ticket) { return ticket & kMostChunks; }
    static int seats(std::uint32_t ticket) { return static_cast<int>(ticket >> kSeatShift); }

    bool claim(int number, std::uint32_t& chunk);
    void run_chunk(std::uint32_t chunk);
    void report(std::uint32_t chunks);
    void drop_unclaimed();

    void wait_for_work(int number);
    void step_aside(int& avoided) const;

    void publish(Job& job, int helpers);
    void wait_for_reports(std::uint32_t expected, nanoseconds patience);
    void lend_cpu();

    // Written by the caller once per job; claimed from by everybody; members without work sleep on the
    // ticket.
    alignas(64) Word ticket_{0};
    Job* job_ = nullptr;
    std::atomic<int> caller_cpu_{-1};

    // Chunks that members have run, and chunks that were dropped after a failure; a waiting caller sleeps on
    // it.
    alignas(64) Word finished_{0};
    std::atomic<bool> caller_sleeps_{false};

    // Members that sleep or are about to.
    alignas(64) Word sleepers_{0};

    // Whether a caller has the team. The next three are for that caller alone, but `cpus_` is constant once a
    // member exists.
    alignas(64) std::atomic<bool> taken_{false};
    int hired_ = 0;
    Clock::time_point last_call_{};
    CpuSet cpus_;

    // Members number themselves on arrival. Their desks are hints for lend_cpu().
    struct Desk {
        std::atomic<int> thread{0};
        std::atomic<bool> working{false};
    };
    alignas(64) std::atomic<int> arrived_{0};
    Desk desks_[kMostThreads];
};

// Constant-initialised and never destroyed: members sleep in it while the process runs its static
// destructors, and a forked child can begin again with a fresh one in its place.
static_assert(std::is_trivially_destructible_v<Team>);
static_assert(kMostThreads < 1 << 12, "seats share the ticket with the chunks");
Team team;

thread_local bool inside = false;

// Members sleep in up to 32 groups, so that a caller wakes those with a seat and nobody else.
std::uint32_t group_of(int number) {
    return 1u << (number % 32);
}
std::uint32_t groups_below(int number) {
    return number >= 32 ? ~0u : (1u << number) - 1;
}

// ------------------------------------------------------------------------------------------ working, on both
// sides

bool Team::claim(int number, std::uint32_t& chunk) {
    std::uint32_t seen = ticket_.load(std::memory_order_relaxed);
    do {
        if (unclaimed(seen) == 0 || number >= seats(seen)) return false;
    } while (
        !ticket_.compare_exchange_weak(seen, seen - 1, std::memory_order_acquire, std::memory_order_relaxed));
    chunk = job_->chunks - unclaimed(seen);
    return true;
}

void Team::run_chunk(std::uint32_t chunk) {
    Job& job = *job_;
    const std::int64_t begin = chunk * job.per_chunk;
    try {
        job.block(job.body, begin,
                  begin + std::min(job.per_chunk, job.count - begin));  // the sum cannot overflow
    } catch (...) {
        if (!job.failed.exchange(true)) job.error = std::current_exception();
        drop_unclaimed();
    }
}

void Team::report(std::uint32_t chunks) {
    finished_.fetch_add(chunks);
    if (caller_sleeps_.load()) wake(finished_, ~0u);
}

void Team::drop_unclaimed() {
    std::uint32_t seen = ticket_.load(std::memory_order_relaxed);
    while (unclaimed(seen) > 0) {
        if (ticket_.compare_exchange_weak(seen, seen & ~kMostChunks)) return report(unclaimed(seen));
    }
}

// ---------------------------------------------------------------------------------------------------- a
// member's side

void Team::serve() {
    const int number = arrived_.fetch_add(1);
    Desk& desk = desks_[number];
    desk.thread.store(current_thread());
    cpus_.confine(0);
    inside = true;
    for (int avoided = -1;;) {
        wait_for_work(number);
        step_aside(avoided);
        desk.working.store(true, std::memory_order_relaxed);
        for (std::uint32_t chunk; claim(number, chunk); report(1)) run_chunk(chunk);
        desk.working.store(false, std::memory_order_relaxed);
    }
}

void Team::wait_for_work(int number) {
    const auto work_for_me = [number](std::uint32_t ticket) {
        return unclaimed(ticket) > 0 && number < seats(ticket);
    };
    for (;;) {
        Spin spin(kMemberSpin);
        do {
            if (work_for_me(ticket_.load(std::memory_order_relaxed))) return;
        } while (spin.again());
        sleepers_.fetch_add(1);
        const std::uint32_t seen = ticket_.load();
        if (!work_for_me(seen)) sleep_while(ticket_, seen, group_of(number));
        sleepers_.fetch_sub(1);
    }
}

// A thread tends to be woken on the CPU of the thread that woke it, where it would stop the caller or wait
// for it. It moves off, within the CPUs of the team; `avoided` remembers what its mask lacks. The mask is
// always made from the whole set, so it never lacks more than one CPU. If there are more threads than CPUs
// everybody may run everywhere.
void Team::step_aside(int& avoided) const {
    const bool enough_cpus = seats(ticket_.load(std::memory_order_relaxed)) < cpus_.count();
    const int cpu = caller_cpu_.load(std::memory_order_relaxed);
    if (enough_cpus && cpu >= 0 && current_cpu() == cpu) {
        cpus_.without(cpu).confine(0);
        avoided = cpu;
    } else if (!enough_cpus && avoided >= 0) {
        cpus_.confine(0);
        avoided = -1;
    }
}

// ---------------------------------------------------------------------------------------------------- a
// caller's side

bool Team::worth_waking_for(const Job& job) {
    const Clock::time_point now = Clock::now();
    const bool rested = now - last_call_ > kLongRest;
    last_call_ = now;
    return !rested || job.nanoseconds >= kShortJobNanoseconds;
}

void Team::publish(Job& job, int helpers) {
    job_ = &job;
    caller_cpu_.store(current_cpu(), std::memory_order_relaxed);
    finished_.store(0, std::memory_order_relaxed);
    ticket_.store(static_cast<std::uint32_t>(helpers) << kSeatShift | job.chunks);
    if (sleepers_.load() > 0) wake(ticket_, groups_below(helpers));
}

void Team::run(Job& job, int helpers) {
    inside = true;
    publish(job, helpers);
    const Clock::time_point start = Clock::now();
    std::uint32_t mine = 0;
    for (std::uint32_t chunk; claim(0, chunk); ++mine)
        run_chunk(chunk);  // who has the team may do what member 0 may
    if (mine < job.chunks) {
        const nanoseconds one_chunk = (Clock::now() - start) / std::max(mine, 1u);
        wait_for_reports(job.chunks - mine, kCallerSpin + 2 * one_chunk);
    }
    inside = false;
}

void Team::wait_for_reports(std::uint32_t expected, nanoseconds patience) {
    Spin spin(patience);
    do {
        if (finished_.load(std::memory_order_acquire) == expected) return;
    } while (spin.again());
    lend_cpu();
    caller_sleeps_.store(true);
    for (std::uint32_t seen; (seen = finished_.load()) != expected;) sleep_while(finished_, seen, ~0u);
    caller_sleeps_.store(false, std::memory_order_relaxed);
}

// Somebody holds a chunk for longer than it takes: most likely another process has its CPU, and that can last
// for milliseconds. The caller has nothing to do but wait, so it offers its own CPU: the first call moves the
// stopped thread here at once, the second gives it its freedom back. Measured beside a busy process on two
// CPUs, calls of 0.47 ms back to back, as multiples of the one-thread time: mean 0.70 and 99th percentile 1.1
// to 8.8; waiting without lending, or yielding in a loop, mean 0.97 and 9.
void Team::lend_cpu() {
    const CpuSet here = cpus_.only(current_cpu());
    const int present = std::min(arrived_.load(), kMostThreads);
    for (int number = 0; number < present; ++number) {
        if (!desks_[number].working.load(std::memory_order_relaxed)) continue;
        here.confine(desks_[number].thread.load());
        cpus_.confine(desks_[number].thread.load());
    }
}

// ------------------------------------------------------------------------------------------------------
// hiring, fork

#ifdef RUSHLIGHT_POSIX

// NOTE: fork
// A forked child has the forking thread alone, and memory in whatever state the other threads left it. An
// OpenMP team does not survive that: its next region in the child waits for ever for threads that are not
// there. The child therefore forgets the team, its locks and its sleepers, all of which are this one object;
// its first job starts a new leader thread, and to the OpenMP library a new thread means a new team.
void begin_again_in_child() {
    new (&team) Team;
    forget_sleepers();
    inside = false;
}

void watch_forks() {
    static const int registered = pthread_atfork(nullptr, nullptr, begin_again_in_child);
    static_cast<void>(registered);
}

#else
void watch_forks() {}
#endif

// NOTE: why the region is led by a thread of its own
// The thread that enters an OpenMP region is a member of its team and leaves with it. A caller of ours comes
// and goes, can be any thread of the program, and may also use OpenMP for itself; a region opened per call is
// what stalls (see above). So a background thread enters once, takes the part of a member, and stays.
void lead(int members) {
    if (!can_start_threads(members - 1)) return;  // the work gets done by those who are there
#pragma omp parallel num_threads(members)
    {
#if defined(__linux__)
        pthread_setname_np(pthread_self(), "rushlight");
#endif
        team.serve();
    }
}

// Members are only ever added, by one more leader with one more region; a smaller team is a matter of fewer
// seats.
void Team::hire(int members) {
    if (members <= hired_) return;
    if (hired_ == 0) {
        watch_forks();
        cpus_ = CpuSet::allowed();
    }
    const int more = members - hired_;
    hired_ = members;  // also if it fails: a system that is out of threads is not asked again by every call
    try {
        const SignalsBlocked blocked;
        std::thread(lead, more).detach();
    } catch (const std::exception&) {
        // The work gets done by those who are there.
    }
}

}  // namespace

bool inside_job() {
    return inside;
}

bool run_on_team(Job& job, int helpers, int members) {
    if (!team.try_take()) return false;
    const bool serve = team.worth_waking_for(job);
    if (serve) {
        team.hire(members);
        team.run(job, helpers);
    }
    team.release();
    return serve;
}

}  // namespace rushlight

#else  // without OpenMP

namespace rushlight {

bool inside_job() {
    return false;
}
bool run_on_team(Job&, int, int) {
    return false;
}

}  // namespace rushlight

#endif
