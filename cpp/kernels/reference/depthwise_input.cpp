// The reference ISA computes depthwise input gradients by conv2d's own loops. Empty entries tell the operator
// so.
#include "../kernels.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {

void add_depthwise_input(KernelTable&) noexcept {}

}  // namespace rushlight::kernels::RUSHLIGHT_ISA
