// Which kernels run: the ISAs of this build that this CPU has, and the active one. The only place that looks
// at CPU features.
#pragma once

#include <cstring>
#include <string>
#include <vector>

#include "kernels/kernels.hpp"

namespace rushlight {

// The active ISA's kernels. Take it once per call, above the loops, and pass it down.
const kernels::KernelTable& active_kernels();

// Whether these are the plain loops, which take their time.
inline bool is_reference(const kernels::KernelTable& table) {
    return std::strcmp(table.isa, "reference") == 0;
}

// Names of the usable ISAs, best first; "reference" is always the last.
std::vector<std::string> available_isas();

// Makes an ISA active for the whole process; calls under way finish with the kernels they took. An unknown or
// unusable name throws std::invalid_argument that lists the right ones. The start value is RUSHLIGHT_ISA,
// else the best.
void set_isa(const std::string& name);

}  // namespace rushlight
