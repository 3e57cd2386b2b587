#include "new_threads.hpp"

#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif

namespace rushlight {
namespace {

constexpr std::size_t kTeamBytes = 32 * 1024, kMemberBytes = 1024;

// Where threads wait until all are there.
class Gate {
  public:
    void wait() {
        std::unique_lock<std::mutex> lock(mutex_);
        opened_.wait(lock, [this] { return open_; });
    }
    void open() {
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            open_ = true;
        }
        opened_.notify_all();
    }

  private:
    std::mutex mutex_;
    std::condition_variable opened_;
    bool open_ = false;
};

}  // namespace

bool can_start_threads(int threads) {
    void* const memory = std::malloc(kTeamBytes + kMemberBytes * std::size_t(threads));
    if (!memory) return false;
    std::free(memory);
    Gate gate;
    std::vector<std::thread> started;
    bool all = true;
    try {
        started.reserve(std::size_t(threads));
        while (started.size() < std::size_t(threads)) started.emplace_back([&gate] { gate.wait(); });
    } catch (const std::exception&) {
        all = false;
    }
    gate.open();
    for (std::thread& thread : started) thread.join();
    return all;
}

#if defined(__unix__) || defined(__APPLE__)

SignalsBlocked::SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    for (const int raised : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT}) sigdelset(&all, raised);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
}
SignalsBlocked::~SignalsBlocked() {
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

#else

SignalsBlocked::SignalsBlocked() {}
SignalsBlocked::~SignalsBlocked() {}

#endif

}  // namespace rushlight
