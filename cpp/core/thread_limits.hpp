// How many threads this process should start with: environment, CPU affinity, cgroup quota. Reads the system
// only; starts nothing. Tests hand it a faked file tree.
#pragma once

#include <string>

namespace rushlight {

// RUSHLIGHT_NUM_THREADS, else OMP_NUM_THREADS, else the smallest of allowed_cpus(), cgroup_cpus() and the
// hardware's number of threads; always >= 1.
// - RUSHLIGHT_NUM_THREADS is ours, so a value that is not a whole number >= 1 throws std::invalid_argument.
//   Empty counts as unset.
// - OMP_NUM_THREADS is everybody's, so rubbish is ignored; of a list ("4,2", nesting levels) the first number
//   counts.
int default_num_threads();

// CPUs that the calling thread may run on; 0 where that is unknown.
int allowed_cpus();

// The CPU quota of this process's cgroup in CPUs, rounded up, and at least 1; 0 if there is none. The
// tightest of the cgroup and all its ancestors counts. v2: cpu.max; v1: cpu.cfs_quota_us / cpu.cfs_period_us
// of the cpu controller. `root` stands for "/": <root>/proc/self/cgroup says where we are in the tree
// <root>/sys/fs/cgroup. default_num_threads() takes it from RUSHLIGHT_CGROUP_ROOT, which exists for tests.
int cgroup_cpus(const std::string& root = "");

}  // namespace rushlight
