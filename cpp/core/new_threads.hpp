// How threads begin: without the program's signals, and only if the system has any left. Knows nothing of
// teams.
#pragma once

#if defined(__unix__) || defined(__APPLE__)
#include <signal.h>
#endif

namespace rushlight {

// Whether so many threads could be started now, and there is memory for an OpenMP library's account of them.
// NOTE: an OpenMP library that cannot have a thread, or memory, ends the process. So whoever is about to
// enter a region asks before, on the thread that enters: the memory looked for is its part of the heap, and
// what is found stays there to be taken again.
bool can_start_threads(int threads);

// Threads started while this lives handle no signal but those they raise themselves: Ctrl-C belongs to the
// threads of the program.
class SignalsBlocked {
  public:
    SignalsBlocked();
    ~SignalsBlocked();
    SignalsBlocked(const SignalsBlocked&) = delete;
    SignalsBlocked& operator=(const SignalsBlocked&) = delete;

#if defined(__unix__) || defined(__APPLE__)
  private:
    sigset_t before_;
#endif
};

}  // namespace rushlight
