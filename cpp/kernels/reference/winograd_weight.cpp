// The reference ISA has no Winograd. Empty entries tell the operator so.
#include "../kernels.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {

void add_winograd_weight(KernelTable&) noexcept {}

}  // namespace rushlight::kernels::RUSHLIGHT_ISA
