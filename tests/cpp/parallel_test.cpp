// Stress test of parallel_for and the workspace without Python, for sanitizer builds. No framework: a failed
// check prints its line and ends the process. Arguments: how many rounds each part runs (default 20).
#include "core/parallel.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "core/workspace.hpp"

#if defined(__has_feature)
#define HAS_FEATURE(name) __has_feature(name)
#else
#define HAS_FEATURE(name) 0
#endif

// ThreadSanitizer itself does not support threads in a forked child ("dup thread with used id").
#if (defined(__unix__) || defined(__APPLE__)) && !defined(__SANITIZE_THREAD__) && \
    !HAS_FEATURE(thread_sanitizer)
#define TEST_FORK 1
#include <sys/wait.h>
#include <unistd.h>
#endif

using namespace rushlight;

#define CHECK(condition)                                                                  \
    do {                                                                                  \
        if (!(condition)) {                                                               \
            std::fprintf(stderr, "%s:%d: %s is false\n", __FILE__, __LINE__, #condition); \
            std::_Exit(1);                                                                \
        }                                                                                 \
    } while (false)

namespace {

constexpr double kBig = 1e9;  // nanoseconds: as parallel as it gets
int rounds = 20;

void sleep_us(int microseconds) {
    std::this_thread::sleep_for(std::chrono::microseconds(microseconds));
}

// Every body writes its own element without synchronisation, so that ThreadSanitizer sees whether the end of
// parallel_for orders the writes before the reads.
void check_once_each(std::int64_t count, double nanoseconds = kBig) {
    std::vector<int> visits(static_cast<std::size_t>(count), 0);
    parallel_for(count, nanoseconds, [&](std::int64_t i) { visits[static_cast<std::size_t>(i)] += 1; });
    for (const int n : visits) CHECK(n == 1);
}

void every_index_once() {
    for (const int threads : {1, 2, 3, 7, 40}) {
        set_num_threads(threads);
        CHECK(num_threads() == threads);
        for (const std::int64_t count : {0, 1, 2, 3, 7, 31, 32, 33, 100, 1000, 4097, 100'000}) {
            for (const double nanoseconds : {0.0, 29e3, 31e3, 2e5, kBig}) check_once_each(count, nanoseconds);
        }
    }
    check_once_each(1000, std::numeric_limits<double>::quiet_NaN());
    check_once_each(1000, std::numeric_limits<double>::infinity());
    check_once_each(1000, -1.0);
    // The largest count there is must not overflow on the way to the first body.
    bool reached = false;
    try {
        parallel_for(std::numeric_limits<std::int64_t>::max(), kBig,
                     [](std::int64_t) { throw std::string("stop"); });
    } catch (const std::string& text) {
        reached = text == "stop";
    }
    CHECK(reached);
}

void thread_counts_change() {
    for (int round = 0; round < 10 * rounds; ++round) {
        set_num_threads(1 + round * 5 % 9);
        check_once_each(50 + round % 50);
        if (round % 16 == 0) sleep_us(300);  // let members fall asleep
    }
    for (const int wrong : {0, -1, std::numeric_limits<int>::min()}) {
        bool refused = false;
        try {
            set_num_threads(wrong);
        } catch (const std::invalid_argument& error) {
            refused = std::string(error.what()).find(std::to_string(wrong)) != std::string::npos;
        }
        CHECK(refused);
    }
    set_num_threads(std::numeric_limits<int>::max());
    CHECK(threads_for(1 << 20, kBig) <= kMostThreads);
    set_num_threads(3);
    CHECK(threads_for(1 << 20, kBig) <= 3);
    CHECK(threads_for(2, kBig) <= 2);
    CHECK(threads_for(1, kBig) == 1);
    CHECK(threads_for(1 << 20, 1000) == 1);
}

void no_more_threads_than_asked() {
    for (const int threads : {4, 2, 3}) {
        set_num_threads(threads);
        for (int round = 0; round < rounds; ++round) {
            std::atomic<int> present{0}, most{0};
            parallel_for(64, kBig, [&](std::int64_t) {
                const int now = ++present;
                for (int seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {
                }
                sleep_us(20);
                --present;
            });
            CHECK(most <= threads);
        }
    }
}

// Waits inside the bodies until another thread has come, so that a team that never helps fails.
void members_do_come(int times) {
    set_num_threads(2);
    if (threads_for(2, kBig) == 1) return;  // a build without OpenMP
    for (int round = 0; round < times; ++round) {
        if (round % 2 == 0) sleep_us(500);  // asleep, awake
        std::atomic<int> present{0};
        parallel_for(2, kBig, [&](std::int64_t) {
            ++present;
            for (int waited = 0; present < 2; ++waited) {
                CHECK(waited < 100'000);  // 10 s
                sleep_us(100);
            }
        });
    }
}

void exceptions_reach_the_caller() {
    set_num_threads(3);
    for (int round = 0; round < 5 * rounds; ++round) {
        const std::int64_t count = 100, bad = round % count;
        std::vector<int> visits(count, 0);
        std::string caught;
        try {
            parallel_for(count, kBig, [&](std::int64_t i) {
                visits[static_cast<std::size_t>(i)] += 1;
                if (i == bad) throw std::runtime_error("body " + std::to_string(i));
            });
        } catch (const std::runtime_error& error) {
            caught = error.what();
        }
        CHECK(caught == "body " + std::to_string(bad));
        CHECK(visits[static_cast<std::size_t>(bad)] == 1);
        for (const int n : visits) CHECK(n <= 1);
        check_once_each(count);  // and the team is whole
    }
    // After a failure nothing new is begun.
    std::atomic<int> begun{0};
    try {
        parallel_for(1000, kBig, [&](std::int64_t) {
            if (begun++ == 0) throw 1;
            sleep_us(50);
        });
        CHECK(false);
    } catch (int) {
    }
    CHECK(begun < 500);
    // All bodies throw: one exception arrives, the others vanish.
    for (int round = 0; round < rounds; ++round) {
        bool caught = false;
        try {
            parallel_for(50, kBig, [&](std::int64_t) { throw std::bad_alloc(); });
        } catch (const std::bad_alloc&) {
            caught = true;
        }
        CHECK(caught);
    }
}

void nested_jobs_stay_on_their_thread() {
    set_num_threads(3);
    for (int round = 0; round < rounds; ++round) {
        std::vector<int> visits(30 * 40, 0);
        parallel_for(30, kBig, [&](std::int64_t i) {
            const std::thread::id here = std::this_thread::get_id();
            CHECK(threads_for(40, kBig) == 1);
            parallel_for(40, kBig, [&](std::int64_t j) {
                CHECK(std::this_thread::get_id() == here);
                visits[static_cast<std::size_t>(i * 40 + j)] += 1;
            });
        });
        for (const int n : visits) CHECK(n == 1);
    }
}

void many_callers_at_once() {
    set_num_threads(3);
    std::vector<std::thread> callers;
    for (int caller = 0; caller < 8; ++caller) {
        callers.emplace_back([caller] {
            for (int round = 0; round < 5 * rounds; ++round) {
                check_once_each(10 + caller + round);
                if (round % 10 == caller) sleep_us(100);
                if (round % 20 == 0) set_num_threads(2 + (caller + round) % 3);
            }
        });
    }
    for (std::thread& caller : callers) caller.join();
}

void results_are_seen_after_idleness() {
    set_num_threads(4);
    for (int round = 0; round < 2 * rounds; ++round) {
        sleep_us(round % 4 * 500);
        std::vector<double> values(257, 0.0);
        parallel_for(257, kBig, [&](std::int64_t i) { values[static_cast<std::size_t>(i)] = 0.5 * i; });
        for (int i = 0; i < 257; ++i) CHECK(values[static_cast<std::size_t>(i)] == 0.5 * i);
    }
}

// -------------------------------------------------------------------------------------------------------
// workspace

void workspace_is_ones_own() {
    set_num_threads(4);
    for (int round = 0; round < rounds; ++round) {
        parallel_for(64, kBig, [&](std::int64_t i) {
            const std::size_t count = 1 + static_cast<std::size_t>(i * 37 % 500);
            float* const x = workspace<float>(Slot::input, count);
            double* const y = workspace<double>(Slot::output, count);
            CHECK(reinterpret_cast<std::uintptr_t>(x) % kWorkspaceAlignment == 0);
            CHECK(reinterpret_cast<std::uintptr_t>(y) % kWorkspaceAlignment == 0);
            for (std::size_t k = 0; k < count; ++k) x[k] = static_cast<float>(i), y[k] = 2.0 * i;
            CHECK(workspace<float>(Slot::input, 1) == x);  // smaller: the same buffer
            for (std::size_t k = 0; k < count; ++k) CHECK(x[k] == static_cast<float>(i) && y[k] == 2.0 * i);
        });
    }
    CHECK(workspace_bytes() >= 500 * (sizeof(float) + sizeof(double)) / 2);
    CHECK(workspace<char>(Slot::extra, 0) != nullptr);
    const std::size_t before = workspace_bytes();
    for (const std::size_t huge :
         {std::numeric_limits<std::size_t>::max(), std::numeric_limits<std::size_t>::max() / 8 + 2}) {
        bool refused = false;
        try {
            workspace<double>(Slot::weight, huge);
        } catch (const std::bad_alloc&) {
            refused = true;
        }
        CHECK(refused);
        CHECK(workspace_bytes() == before);
    }
    double* const still = workspace<double>(Slot::weight, 3);
    still[0] = still[2] = 1.0;
    // Threads that end give their buffers back (LeakSanitizer looks), and the largest footprint is
    // remembered.
    std::thread([] { workspace<char>(Slot::input, 1 << 20)[0] = 1; }).join();
    CHECK(workspace_bytes() >= 1 << 20);
    CHECK(workspace_bytes() < (1 << 20) + before + 4096);
}

// ------------------------------------------------------------------------------------------------------------
// fork

#ifdef TEST_FORK

[[noreturn]] void child_with_a_team(int depth) {
    alarm(30);
    for (int round = 0; round < 5; ++round) check_once_each(200);
    members_do_come(3);
    if (depth > 0) {
        const pid_t grandchild = fork();
        if (grandchild == 0) child_with_a_team(depth - 1);
        int status = -1;
        CHECK(waitpid(grandchild, &status, 0) == grandchild && status == 0);
        check_once_each(200);
    }
    std::_Exit(0);
}

void forked_children_work() {
    set_num_threads(3);
    for (int round = 0; round < 20; ++round) {
        check_once_each(100);
        if (round % 2 == 0) sleep_us(200);  // fork with members asleep and awake
        const pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) child_with_a_team(round % 5 == 0 ? 1 : 0);
        check_once_each(100);
        int status = -1;
        CHECK(waitpid(child, &status, 0) == child);
        CHECK(status == 0);
    }
}

// Another thread is inside a job at the moment of the fork; its locks must not stay locked in the child.
void fork_beside_a_busy_caller() {
    set_num_threads(3);
    std::atomic<bool> stop{false};
    std::thread other([&] {
        while (!stop) parallel_for(30, kBig, [](std::int64_t) { sleep_us(10); });
    });
    for (int round = 0; round < 20; ++round) {
        const pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            alarm(30);
            std::atomic<int> ran{0};
            parallel_for(100, kBig, [&](std::int64_t) { ++ran; });
            CHECK(ran == 100);
            members_do_come(3);
            std::_Exit(0);
        }
        int status = -1;
        CHECK(waitpid(child, &status, 0) == child);
        CHECK(status == 0);
    }
    stop = true;
    other.join();
}

#endif

void run(const char* name, void (*part)()) {
    std::printf("%s\n", name);
    std::fflush(stdout);
    part();
}

}  // namespace

int main(int argc, char** argv) {
    if (argc > 1) rounds = std::atoi(argv[1]);
    std::printf("%s\n", threading_layer());
    run("every index once", every_index_once);
    run("thread counts change", thread_counts_change);
    run("no more threads than asked", no_more_threads_than_asked);
    run("members do come", [] { members_do_come(rounds); });
    run("exceptions reach the caller", exceptions_reach_the_caller);
    run("nested jobs stay on their thread", nested_jobs_stay_on_their_thread);
    run("many callers at once", many_callers_at_once);
    run("results are seen after idleness", results_are_seen_after_idleness);
    run("workspace is one's own", workspace_is_ones_own);
#ifdef TEST_FORK
    run("forked children work", forked_children_work);
    run("fork beside a busy caller", fork_beside_a_busy_caller);
#endif
    std::printf("all passed\n");
    return 0;
}
