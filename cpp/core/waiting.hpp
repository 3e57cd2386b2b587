// How a thread waits for an atomic word to change: spin for a moment, then sleep (futex on Linux, a condition
// variable elsewhere). Knows nothing of jobs or teams.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#if defined(__x86_64__) || defined(__i386__) || defined(_M_X64)
#include <immintrin.h>
#endif

namespace rushlight {

using Word = std::atomic<std::uint32_t>;

// Sleeps while `word` holds `value`; may also return early, so callers look again. `groups` are the bits that
// wake() has to name to end this sleep.
void sleep_while(const Word& word, std::uint32_t value, std::uint32_t groups);

// Ends the sleeps on `word` of all threads that share a bit with `groups`.
// NOTE: a lost wake-up. Sleeper: announce itself (A), sleep_while(word, v). Waker: change the word (B), look
// whether anybody is announced (C), wake. With A, B and C sequentially consistent either C sees A, or B comes
// before A and the sleeper finds the word changed. Weaker orders allow neither to see the other.
void wake(const Word& word, std::uint32_t groups);

// Puts the waiting machinery of a forked child, where no thread sleeps, into its first state.
void forget_sleepers();

inline void relax() {
#if defined(__x86_64__) || defined(__i386__) || defined(_M_X64)
    _mm_pause();
#elif defined(__aarch64__)
    asm volatile("isb");  // `yield` is a no-op on most cores; isb costs about as much as x86's pause
#endif
}

// Spinning with a time limit: `while (!ready() && spin.again()) {}`. Time and not rounds, because one pause
// takes from 10 to 140 cycles depending on the CPU.
class Spin {
  public:
    explicit Spin(std::chrono::nanoseconds limit) : limit_(limit) {}

    bool again() {
        relax();
        if (++rounds_ % kRoundsPerLook != 0) return true;
        const Clock::time_point now = Clock::now();
        if (rounds_ == kRoundsPerLook) end_ = now + limit_;
        return now < end_;
    }

  private:
    using Clock = std::chrono::steady_clock;
    static constexpr unsigned kRoundsPerLook = 32;
    unsigned rounds_ = 0;
    std::chrono::nanoseconds limit_;
    Clock::time_point end_;
};

}  // namespace rushlight
