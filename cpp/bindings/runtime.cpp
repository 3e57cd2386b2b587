// ISA, threads and configuration for Python.
#include <pybind11/stl.h>

#include <chrono>

#include "bindings/arrays.hpp"
#include "core/isa.hpp"
#include "core/parallel.hpp"
#include "core/precision.hpp"
#include "core/workspace.hpp"
#include "ops/prepared_weights.hpp"

namespace rushlight::bindings {

namespace {

std::string compiler() {
#if defined(__clang__)
    return "clang " __clang_version__;
#elif defined(__GNUC__)
    return "g++ " __VERSION__;
#else
    return "unknown compiler";
#endif
}

py::dict config() {
    py::dict d;
    d["version"] = RUSHLIGHT_VERSION;
    d["compiler"] = compiler();
    d["isa"] = active_kernels().isa;
    d["available_isas"] = available_isas();
    d["threads"] = num_threads();
    d["threading_layer"] = threading_layer();
    d["conv_precision"] = conv_precision_name();
    d["workspace_bytes_per_thread"] = workspace_bytes();  // the most that any thread has needed so far
    d["prepared_weights_bytes"] = PreparedWeights::total_bytes();
    return d;
}

// Best rate over `seconds`, in flops per second, of the active ISA on the calling thread.
double measure_fma_peak(double seconds, bool float64) {
    using Clock = std::chrono::steady_clock;
    const auto chain = active_kernels().fma_chain;
    const GilReleased released;
    double best = 0;
    const auto end = Clock::now() + std::chrono::duration<double>(seconds);
    do {
        const auto start = Clock::now();
        const double flops = chain(20000, float64);
        best = std::max(best, flops / std::chrono::duration<double>(Clock::now() - start).count());
    } while (Clock::now() < end);
    return best;
}

}  // namespace

void bind_runtime(py::module_& m) {
    using namespace py::literals;
    // pybind11 looks NumPy up on first use, and would give up the GIL for it: better now than in a thread
    // that is ended by the interpreter's shutdown at that moment (see gil.hpp).
    py::detail::npy_api::get();
    num_threads();  // a bad RUSHLIGHT_NUM_THREADS or RUSHLIGHT_ISA is reported by the import
    active_kernels();
    m.attr("__version__") = RUSHLIGHT_VERSION;
    m.def("isa", [] { return std::string(active_kernels().isa); }, "Name of the active ISA.");
    m.def("available_isas", &available_isas, "Names of the usable ISAs, best first.");
    m.def("set_isa", &set_isa, "name"_a, "Makes an ISA active; ValueError lists the right names.");
    m.def("num_threads", &num_threads, "Most threads that one call uses.");
    m.def("set_num_threads", &set_num_threads, "n"_a);
    m.def("conv_precision", [] { return std::string(conv_precision_name()); });
    m.def("set_conv_precision", &set_conv_precision, "name"_a);
    m.def("config", &config, "Version, compiler, ISAs, threads, scratch memory per thread.");
    m.def("measure_fma_peak", &measure_fma_peak, "seconds"_a = 0.2, "float64"_a = false,
          "Multiply-add peak of the active ISA on one thread, in flops per second, measured now.");
}

}  // namespace rushlight::bindings
