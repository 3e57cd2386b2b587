#include "placement.hpp"

#if defined(__linux__)

#include <sys/syscall.h>
#include <unistd.h>

#include <vector>

#ifdef _OPENMP
#include <omp.h>
#endif

namespace rushlight {
namespace {

// NOTE: OMP_PROC_BIND. With it the OpenMP library confines the main thread to the first place as soon as it
// is loaded, so the thread's own mask would say "one CPU" and the whole team would inherit that CPU. The
// union of the places is what the user allowed.
bool add_openmp_places([[maybe_unused]] cpu_set_t& cpus) {
#ifdef _OPENMP
    if (omp_get_proc_bind() == omp_proc_bind_false) return false;
    for (int place = 0; place < omp_get_num_places(); ++place) {
        std::vector<int> ids(omp_get_place_num_procs(place));
        omp_get_place_proc_ids(place, ids.data());
        for (const int id : ids) {
            if (id >= 0 && id < CPU_SETSIZE) CPU_SET(id, &cpus);
        }
    }
    return CPU_COUNT(&cpus) > 0;
#else
    return false;
#endif
}

}  // namespace

CpuSet CpuSet::allowed() {
    CpuSet set;
    if (!add_openmp_places(set.cpus_) && sched_getaffinity(0, sizeof set.cpus_, &set.cpus_) != 0)
        return CpuSet();
    set.count_ = CPU_COUNT(&set.cpus_);
    return set;
}

CpuSet CpuSet::without(int cpu) const {
    CpuSet rest = *this;
    if (cpu >= 0 && cpu < CPU_SETSIZE) CPU_CLR(cpu, &rest.cpus_);
    rest.count_ = CPU_COUNT(&rest.cpus_);
    return rest;
}

CpuSet CpuSet::only(int cpu) const {
    CpuSet one;
    if (cpu < 0 || cpu >= CPU_SETSIZE || !CPU_ISSET(cpu, &cpus_)) return one;
    CPU_SET(cpu, &one.cpus_);
    one.count_ = 1;
    return one;
}

void CpuSet::confine(int thread) const {
    if (count_ > 0) sched_setaffinity(thread, sizeof cpus_, &cpus_);
}

int current_cpu() {
    return sched_getcpu();
}
int current_thread() {
    return static_cast<int>(syscall(SYS_gettid));
}

}  // namespace rushlight

#else

namespace rushlight {

CpuSet CpuSet::allowed() {
    return CpuSet();
}
CpuSet CpuSet::without(int) const {
    return CpuSet();
}
CpuSet CpuSet::only(int) const {
    return CpuSet();
}
void CpuSet::confine(int) const {}
int current_cpu() {
    return -1;
}
int current_thread() {
    return 0;
}

}  // namespace rushlight

#endif
