// The machine's memory bandwidth, measured by nothing but copying.
#pragma once

#include <cstddef>

namespace rushlight {

// Best rate over `seconds`, in bytes per second, at which the threads of parallel_for copy half of a working
// set of this many bytes onto its other half; bytes read and bytes written both count. Small working sets
// stay in caches, and show their rate. Throws std::bad_alloc.
double measure_bandwidth(std::size_t working_set, double seconds);

}  // namespace rushlight
