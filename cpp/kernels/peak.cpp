// The machine's multiply-add peak, measured by nothing but multiply-adds: the 100 % of every "share of peak".
#include "simd.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {

void add_peak(KernelTable& table) noexcept;

namespace {

// Independent chains, enough to cover the latency; as many as a convolution's register tile has accumulators.
template <class T>
double run_chains(Index steps) {
    constexpr Index chains = kTileRows * kTileCols;
    Vec<T> sums[chains];
    RUSHLIGHT_UNROLL for (Index i = 0; i < chains; ++i) sums[i] = broadcast(T(i));
    const Vec<T> a = broadcast(T(0.5)), b = broadcast(T(1));
    for (Index step = 0; step < steps; ++step) {
        RUSHLIGHT_UNROLL for (Index i = 0; i < chains; ++i) sums[i] = multiply_add<T>(sums[i], a, b);
        asm volatile("");  // the loop must stay a loop
    }
    Vec<T> total{};
    RUSHLIGHT_UNROLL for (Index i = 0; i < chains; ++i) total += sums[i];
    volatile T sink = total[0];
    (void)sink;
    return 2.0 * double(steps) * double(chains) * double(lanes<T>);
}

double fma_chain(Index steps, bool float64) noexcept {
    return float64 ? run_chains<double>(steps) : run_chains<float>(steps);
}

}  // namespace

void add_peak(KernelTable& table) noexcept {
    table.fma_chain = fma_chain;
}

}  // namespace rushlight::kernels::RUSHLIGHT_ISA
