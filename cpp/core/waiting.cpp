#include "waiting.hpp"

#if defined(__linux__) && !defined(RUSHLIGHT_PORTABLE_WAITING)

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>

namespace rushlight {

static_assert(sizeof(Word) == sizeof(std::uint32_t), "the kernel reads the word in place");

void sleep_while(const Word& word, std::uint32_t value, std::uint32_t groups) {
    syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, value, nullptr, nullptr, groups);
}

void wake(const Word& word, std::uint32_t groups) {
    syscall(SYS_futex, &word, FUTEX_WAKE_BITSET_PRIVATE, INT_MAX, nullptr, nullptr, groups);
}

void forget_sleepers() {}  // the kernel's queues belong to the parent

}  // namespace rushlight

#else

#include <condition_variable>
#include <mutex>
#include <new>

namespace rushlight {
namespace {

// One bed for everybody: whoever is woken for nothing looks at its word and lies down again.
struct Bed {
    std::mutex mutex;
    std::condition_variable woken;
};

// Never destroyed: members may sleep here while the process runs its static destructors.
alignas(Bed) unsigned char storage[sizeof(Bed)];
Bed& bed() {
    static Bed* const made = new (storage) Bed;
    return *made;
}

}  // namespace

void sleep_while(const Word& word, std::uint32_t value, std::uint32_t) {
    std::unique_lock<std::mutex> lock(bed().mutex);
    while (word.load() == value) bed().woken.wait(lock);
}

void wake(const Word&, std::uint32_t) {
    // The empty critical section keeps the wake from falling between a sleeper's look and its sleep.
    {
        const std::lock_guard<std::mutex> lock(bed().mutex);
    }
    bed().woken.notify_all();
}

void forget_sleepers() {
    new (&bed()) Bed;
}

}  // namespace rushlight

#endif
