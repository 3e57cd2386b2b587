// Which CPUs this process's threads may use, and moving a thread among them. Linux only; elsewhere every
// answer is "unknown" and every move does nothing.
#pragma once

#if defined(__linux__)
#include <sched.h>
#endif

namespace rushlight {

// A set of CPUs, trivial so that it can live in static storage. Empty means unknown: more than CPU_SETSIZE
// CPUs, not Linux, or a system that does not tell.
class CpuSet {
  public:
    static CpuSet allowed();  // where the calling thread's team may run, see NOTE in placement.cpp

    int count() const { return count_; }
    CpuSet without(int cpu) const;
    CpuSet only(int cpu) const;  // empty if `cpu` is not in the set

    // Confines a thread (0: the calling one) to this set. An empty set and a refusal by the system are
    // ignored: placement is a matter of speed alone.
    void confine(int thread) const;

  private:
#if defined(__linux__)
    cpu_set_t cpus_ = {};
#endif
    int count_ = 0;
};

int current_cpu();     // -1 where unknown
int current_thread();  // the system's number, as confine() takes it; 0 where unknown

}  // namespace rushlight
