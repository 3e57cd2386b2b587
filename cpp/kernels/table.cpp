// This ISA's table: every kernel file adds its functions. Compiled once per ISA, for `reference` too.
#include "kernels.hpp"

// NOTE [ Rare types ]
// AVX-512 has no kernels of its own for integers, nor for float64 outside dense convolutions: its table
// begins as AVX2's, which every such CPU runs. Mostly memory is their limit, wider vectors gain little, and
// each copy would make the wheel as much larger as float32's does. simd_<isa>.hpp says so as kRareTypes.
// Copies of any type are AVX2's too.
#ifdef RUSHLIGHT_ISA_avx512
namespace rushlight::kernels::avx2 {
void fill(KernelTable& table) noexcept;
}
#endif

namespace rushlight::kernels::RUSHLIGHT_ISA {

#define DECLARE(file) void add_##file(KernelTable& table) noexcept;
RUSHLIGHT_KERNEL_FILES(DECLARE)
#undef DECLARE

void fill(KernelTable& table) noexcept {
#ifdef RUSHLIGHT_ISA_avx512
    avx2::fill(table);
#endif
#define ADD(file) add_##file(table);
    RUSHLIGHT_KERNEL_FILES(ADD)
#undef ADD
}

}  // namespace rushlight::kernels::RUSHLIGHT_ISA
