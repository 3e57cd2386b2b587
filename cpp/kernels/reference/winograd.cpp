// The reference ISA has no Winograd: it is the definition, and these algorithms must agree with it. Empty
// entries tell the operator so.
#include "../kernels.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {

void add_winograd(KernelTable&) noexcept {}

}  // namespace rushlight::kernels::RUSHLIGHT_ISA
