// The reference ISA's multiply-add rate: one dependent chain, as its loops have.
#include "../kernels.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {

void add_peak(KernelTable& table) noexcept;

namespace {

template <class T>
double run_chain(Index steps) {
    volatile T start = T(1);
    T sum = start;
    for (Index step = 0; step < steps; ++step) sum = sum * T(0.5) + T(1);
    start = sum;
    return 2.0 * double(steps);
}

double fma_chain(Index steps, bool float64) noexcept {
    return float64 ? run_chain<double>(steps) : run_chain<float>(steps);
}

}  // namespace

void add_peak(KernelTable& table) noexcept {
    table.fma_chain = fma_chain;
}

}  // namespace rushlight::kernels::RUSHLIGHT_ISA
