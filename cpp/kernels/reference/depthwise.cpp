// The reference ISA computes depthwise convolutions by conv2d's own loops. Empty entries tell the operator
// so.
#include "../kernels.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {

void add_depthwise(KernelTable&) noexcept {}

}  // namespace rushlight::kernels::RUSHLIGHT_ISA
