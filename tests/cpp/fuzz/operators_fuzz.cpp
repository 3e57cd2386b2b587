// A coverage-guided fuzzer's target: bytes are an operator's call (problems.hpp), an instruction set, a
// precision and a number of threads. The call may throw what is documented; else its answer must be that of
// the plain loops, `reference`. Anything else ends the process, and libFuzzer or a sanitizer says where.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>
#include <string>

#include "core/isa.hpp"
#include "core/parallel.hpp"
#include "core/precision.hpp"
#include "fuzz/problems.hpp"

namespace {

using namespace fuzz;

constexpr double kMostWork = 1.5e6;  // a case should take milliseconds, with sanitizers and without SIMD

struct Setting {
    std::string isa, precision;
    int threads;
};

Setting read_setting(Bytes& bytes) {
    constexpr const char* kPrecisions[] = {"high", "medium", "highest"};
    constexpr int kThreads[] = {1, 2, 3, 7};
    const std::vector<std::string> isas = rushlight::available_isas();
    return {isas[std::size_t(bytes.below(Index(isas.size())))], kPrecisions[bytes.below(3)],
            kThreads[bytes.below(4)]};
}

[[noreturn]] void complain(const Setting& setting, const char* what) {
    std::fprintf(stderr, "%s, %s, %d threads: %s\n", setting.isa.c_str(), setting.precision.c_str(),
                 setting.threads, what);
    std::abort();
}

struct Outcome {
    std::vector<Memory> results;
    bool refused = false;  // an operator found something wrong with the values
};

Outcome solve(const Problem& problem, const Setting& setting) {
    rushlight::set_isa(setting.isa);
    rushlight::set_conv_precision(setting.precision);
    rushlight::set_num_threads(setting.threads);
    Outcome outcome;
    std::vector<void*> pointers;
    for (const Problem::Result& result : problem.results) {
        const std::optional<Index> bytes = byte_count(result.shape, result.dtype);
        if (!bytes || *bytes > kMostBytes) throw std::bad_alloc();
        outcome.results.emplace_back(*bytes, setting.threads != 3);
        std::memset(outcome.results.back().data(), 0x7E, std::size_t(*bytes));
    }
    for (const Memory& memory : outcome.results) pointers.push_back(memory.data());
    try {
        problem.run(problem.inputs, pointers);
    } catch (const std::runtime_error&) {
        outcome.refused = true;
    }
    return outcome;
}

// The largest rounding error that a sum may have, as a share of its absolute values' sum.
double budget(const Problem& problem, const Setting& setting, DType dtype) {
    const double eps = dtype == DType::float64 ? 2.3e-16 : 1.2e-7;
    const double precision = setting.precision == "medium" ? 40 : setting.precision == "high" ? 8 : 2;
    return eps * precision * (2 + std::sqrt(problem.terms));
}

// The same bits, but for those of a NaN: which of two NaNs survives a sum is the instruction's choice.
template <class T>
bool same_bits(const Memory& got, const Memory& want) {
    for (Index i = 0; i < got.bytes(); i += Index(sizeof(T))) {
        T a, b;
        std::memcpy(&a, got.data() + i, sizeof(T));
        std::memcpy(&b, want.data() + i, sizeof(T));
        if (std::memcmp(&a, &b, sizeof(T)) == 0 || (a != a && b != b)) continue;
        std::fprintf(stderr, "element %lld: %.17g and %.17g\n", (long long)(i) / (long long)(sizeof(T)),
                     double(a), double(b));
        return false;
    }
    return true;
}

bool same_bits(DType dtype, const Memory& got, const Memory& want) {
    if (dtype == DType::float32) return same_bits<float>(got, want);
    if (dtype == DType::float64) return same_bits<double>(got, want);
    return same_bits<char>(got, want);
}

// `each`: every element has a scale of its own; else the largest of all counts. Of F(4 x 4) an element may
// also differ by the rounding of what is beside it in its tile.
template <class T>
bool same(const Memory& got, const Memory& want, const Memory* scale, bool each, double relative) {
    const T *a = reinterpret_cast<const T*>(got.data()), *b = reinterpret_cast<const T*>(want.data());
    const T* s = scale ? reinterpret_cast<const T*>(scale->data()) : b;
    double most = 0;
    const Index count = got.bytes() / Index(sizeof(T));
    for (Index i = 0; !each && i < count; ++i)
        if (std::isfinite(double(s[i]))) most = std::max(most, std::abs(double(s[i])));
    for (Index i = 0; i < count; ++i) {
        const double x = double(a[i]), y = double(b[i]);
        if (std::isnan(y) ? std::isnan(x) : x == y) continue;
        const double room =
            relative * (each ? double(s[i]) : most + !scale) + std::numeric_limits<float>::min();
        if (!(std::isfinite(y) && std::abs(x - y) <= room)) {
            std::fprintf(stderr, "element %lld of %lld: %.9g, expected %.9g, may differ by %.3g\n",
                         (long long)(i), (long long)(count), x, y, room);
            return false;
        }
    }
    return true;
}

bool same(const Problem& problem, const Setting& setting, const Outcome& got, const Outcome& want,
          const Outcome* scale) {
    for (std::size_t i = 0; i < got.results.size(); ++i) {
        const DType dtype = problem.results[i].dtype;
        if (problem.answer == Answer::exact && !is_floating_point(dtype)) {
            if (!same_bits(dtype, got.results[i], want.results[i])) return false;
            continue;
        }
        const double relative = problem.answer == Answer::exact   ? 0
                                : problem.answer == Answer::loose ? 1e-3
                                                                  : budget(problem, setting, dtype);
        const Memory* of = scale ? &scale->results[i] : nullptr;
        const bool each = scale && setting.precision != "medium";
        if (!(dtype == DType::float64 ? same<double>(got.results[i], want.results[i], of, each, relative)
                                      : same<float>(got.results[i], want.results[i], of, each, relative)))
            return false;
    }
    return true;
}

void judge(Problem& problem, const Setting& setting) {
    const Outcome got = solve(problem, setting);
    Setting other = setting;
    other.threads = 1;
    const Outcome alone = solve(problem, other);
    if (got.refused != alone.refused) complain(setting, "threads decide what is refused");
    for (std::size_t i = 0; !got.refused && i < got.results.size(); ++i)
        if (!same_bits(problem.results[i].dtype, got.results[i], alone.results[i]))
            complain(setting, "threads change bits");

    other.isa = "reference";
    const Outcome want = solve(problem, other);
    if (got.refused != want.refused) complain(setting, "instruction sets decide what is refused");
    if (got.refused) return;
    if (problem.answer != Answer::sums) {
        if (!same(problem, setting, got, want, nullptr))
            complain(setting, "another answer than the plain loops'");
        return;
    }
    for (Array& input : problem.inputs) input.make_absolute();
    const Outcome scale = solve(problem, other);
    if (!same(problem, setting, got, want, &scale)) complain(setting, "another answer than the plain loops'");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Bytes bytes(data, size);
    try {
        const Setting setting = read_setting(bytes);
        rushlight::set_isa(setting.isa);  // plans are this instruction set's
        rushlight::set_conv_precision(setting.precision);
        Problem problem = read_problem(bytes);
        if (problem.work <= kMostWork) judge(problem, setting);
    } catch (const std::runtime_error&) {     // RuntimeError or NotImplementedError
    } catch (const std::invalid_argument&) {  // ValueError
    } catch (const std::bad_alloc&) {         // MemoryError
    }
    return 0;
}
