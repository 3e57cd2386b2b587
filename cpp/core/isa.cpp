// Choice of the active ISA, derived from the one list RUSHLIGHT_ISAS. Compiled without ISA flags: it runs on
// every CPU.
#include "core/isa.hpp"

#include <atomic>
#include <cstdlib>
#include <stdexcept>

namespace rushlight {

namespace kernels {
#define DECLARE(isa)                        \
    namespace isa {                         \
    void fill(KernelTable& table) noexcept; \
    }
RUSHLIGHT_ISAS(DECLARE)
#undef DECLARE
}  // namespace kernels

namespace {

bool cpu_has_avx512() {
#if defined(__x86_64__)
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
    return false;
#endif
}

bool cpu_has_avx2() {
#if defined(__x86_64__)
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
    return false;
#endif
}

bool cpu_has_baseline() {
    return true;
}
bool cpu_has_reference() {
    return true;
}

#ifndef RUSHLIGHT_HAVE_avx512
#define RUSHLIGHT_HAVE_avx512 0
#endif
#ifndef RUSHLIGHT_HAVE_avx2
#define RUSHLIGHT_HAVE_avx2 0
#endif
#ifndef RUSHLIGHT_HAVE_baseline
#define RUSHLIGHT_HAVE_baseline 0
#endif
#ifndef RUSHLIGHT_HAVE_reference
#define RUSHLIGHT_HAVE_reference 0
#endif

struct Isas {
    std::vector<kernels::KernelTable> tables;
    std::atomic<const kernels::KernelTable*> active{nullptr};

    Isas() {
        tables.reserve(8);
#define ADD(name)                          \
    if constexpr (RUSHLIGHT_HAVE_##name) { \
        if (cpu_has_##name()) {            \
            kernels::KernelTable table{};  \
            table.isa = #name;             \
            kernels::name::fill(table);    \
            tables.push_back(table);       \
        }                                  \
    }
        RUSHLIGHT_ISAS(ADD)
#undef ADD
        active = &tables.front();
        const char* wanted = std::getenv("RUSHLIGHT_ISA");
        if (wanted && *wanted) select(wanted, "RUSHLIGHT_ISA");
    }

    void select(const std::string& name, const char* who) {
        std::string right;
        for (const kernels::KernelTable& table : tables) {
            if (name == table.isa) {
                active.store(&table, std::memory_order_release);
                return;
            }
            right += (right.empty() ? "'" : ", '") + std::string(table.isa) + "'";
        }
        throw std::invalid_argument(std::string(who) + ": unknown or unusable ISA '" + name +
                                    "', expected one of " + right);
    }
};

Isas& isas() {
    static Isas instance;
    return instance;
}

}  // namespace

const kernels::KernelTable& active_kernels() {
    return *isas().active.load(std::memory_order_acquire);
}

std::vector<std::string> available_isas() {
    std::vector<std::string> names;
    for (const kernels::KernelTable& table : isas().tables) names.emplace_back(table.isa);
    return names;
}

void set_isa(const std::string& name) {
    isas().select(name, "set_isa");
}

}  // namespace rushlight
