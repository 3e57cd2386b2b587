// The reference ISA computes depthwise weight gradients by conv2d's own loops. Empty entries tell the
// operator so.
#include "../kernels.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {

void add_depthwise_weight(KernelTable&) noexcept {}

}  // namespace rushlight::kernels::RUSHLIGHT_ISA
