// This ISA's table: every kernel file adds its functions. Compiled once per ISA, for `reference` too.
#include "kernels.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {

#define DECLARE(file) void add_##file(KernelTable& table) noexcept;
RUSHLIGHT_KERNEL_FILES(DECLARE)
#undef DECLARE

void fill(KernelTable& table) noexcept {
#define ADD(file) add_##file(table);
    RUSHLIGHT_KERNEL_FILES(ADD)
#undef ADD
}

}  // namespace rushlight::kernels::RUSHLIGHT_ISA
