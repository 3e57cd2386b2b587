// The fuzzer's target without a fuzzer: each file that is named, or pseudo-random inputs, the same on every
// machine.
//   operators_replay FILE...      operators_replay --cases 20000 [--first 0]
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

std::vector<std::uint8_t> made(std::uint64_t number) {
    std::vector<std::uint8_t> bytes(160);
    std::uint64_t state = number * 0x9E3779B97F4A7C15u + 1;
    for (std::uint8_t& byte : bytes) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        byte = std::uint8_t(state >> 32);
    }
    return bytes;
}

}  // namespace

int main(int count, char** arguments) {
    unsigned long cases = 0, first = 0, files = 0;
    for (int i = 1; i < count; ++i) {
        const bool more = i + 1 < count;
        if (more && !std::strcmp(arguments[i], "--cases")) {
            cases = std::strtoul(arguments[++i], nullptr, 10);
        } else if (more && !std::strcmp(arguments[i], "--first")) {
            first = std::strtoul(arguments[++i], nullptr, 10);
        } else {
            std::ifstream file(arguments[i], std::ios::binary);
            const std::vector<char> read{std::istreambuf_iterator<char>(file),
                                         std::istreambuf_iterator<char>()};
            LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(read.data()), read.size());
            ++files;
        }
    }
    for (unsigned long number = first; number < first + cases; ++number) {
        const std::vector<std::uint8_t> bytes = made(number);
        std::FILE* const current = std::getenv("RUSHLIGHT_FUZZ_TRACE") ? stderr : nullptr;
        if (current) std::fprintf(current, "case %lu\n", number);
        LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
    }
    std::printf("%lu files and %lu random inputs, all answered or refused\n", files, cases);
}
