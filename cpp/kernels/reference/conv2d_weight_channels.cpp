// The reference ISA has no lanes to put channels in. Empty entries tell the operator so.
#include "../kernels.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {

void add_conv2d_weight_channels(KernelTable&) noexcept {}

}  // namespace rushlight::kernels::RUSHLIGHT_ISA
