// The process-wide precision value.
#include "core/precision.hpp"

#include <atomic>
#include <cstdlib>
#include <stdexcept>

namespace rushlight {

namespace {

constexpr const char* kNames[] = {"highest", "high", "medium"};

Precision parse(const std::string& name, const char* who) {
    for (int i = 0; i < 3; ++i)
        if (name == kNames[i]) return Precision(i);
    throw std::invalid_argument(std::string(who) + ": expected 'highest', 'high' or 'medium', but got '" +
                                name + "'");
}

std::atomic<Precision>& value() {
    static std::atomic<Precision> instance = [] {
        const char* name = std::getenv("RUSHLIGHT_CONV_PRECISION");
        return name && *name ? parse(name, "RUSHLIGHT_CONV_PRECISION") : Precision::high;
    }();
    return instance;
}

}  // namespace

Precision conv_precision() {
    return value().load(std::memory_order_relaxed);
}
const char* conv_precision_name() {
    return kNames[int(conv_precision())];
}
void set_conv_precision(const std::string& name) {
    value() = parse(name, "set_float32_conv_precision");
}

}  // namespace rushlight
