// cgroup_cpus() on faked file trees, with numbers that do not depend on this machine's CPUs.
// tests/test_threads.py has more trees, but sees them only through the minimum with the CPUs there are.
#include "core/thread_limits.hpp"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

namespace fs = std::filesystem;
using Files = std::vector<std::pair<std::string, std::string>>;

namespace {

bool all_right = true;

void expect(int cpus, const std::string& name, const std::string& membership, const Files& files) {
    const fs::path root = fs::temp_directory_path() / ("rushlight_limits_" + std::to_string(std::rand()));
    const auto write = [&root](const std::string& path, const std::string& text) {
        fs::create_directories((root / path).parent_path());
        std::ofstream(root / path) << text << "\n";
    };
    write("proc/self/cgroup", membership);
    for (const auto& [path, text] : files) write("sys/fs/cgroup/" + path, text);
    const int found = rushlight::cgroup_cpus(root.string());
    fs::remove_all(root);
    if (found == cpus) return;
    std::fprintf(stderr, "%s: %d CPUs instead of %d\n", name.c_str(), found, cpus);
    all_right = false;
}

}  // namespace

int main() {
    std::srand(static_cast<unsigned>(fs::file_time_type::clock::now().time_since_epoch().count()));
    expect(4, "v2, rounded up", "0::/a", {{"a/cpu.max", "350000 100000"}});
    expect(3, "v2, exact", "0::/a", {{"a/cpu.max", "150000 50000"}});
    expect(0, "v2, unlimited", "0::/a", {{"a/cpu.max", "max 100000"}});
    expect(5, "v2, tightest of three", "0::/a/b/c",
           {{"a/b/c/cpu.max", "900000 100000"},
            {"a/b/cpu.max", "500000 100000"},
            {"a/cpu.max", "700000 100000"}});
    expect(6, "v2, the mount itself", "0::/a", {{"a/cpu.max", "max 100000"}, {"cpu.max", "600000 100000"}});
    expect(6, "v2, period left out", "0::/", {{"cpu.max", "600000"}, {"unified/cpu.max", "600000 100000"}});
    expect(7, "v1", "3:cpu,cpuacct:/a/b",
           {{"cpu,cpuacct/a/b/cpu.cfs_quota_us", "680000"}, {"cpu,cpuacct/a/b/cpu.cfs_period_us", "100000"}});
    expect(2, "v1, parent", "3:cpuacct,cpu:/a/b",
           {{"cpu/a/b/cpu.cfs_quota_us", "-1"},
            {"cpu/a/b/cpu.cfs_period_us", "100000"},
            {"cpu/a/cpu.cfs_quota_us", "20000"},
            {"cpu/a/cpu.cfs_period_us", "10000"}});
    expect(3, "v1 and v2, tightest", "3:cpu:/a\n0::/a",
           {{"cpu/a/cpu.cfs_quota_us", "500000"},
            {"cpu/a/cpu.cfs_period_us", "100000"},
            {"unified/a/cpu.max", "300000 100000"}});
    expect(2147483647, "absurd", "0::/a", {{"a/cpu.max", "1e30 1"}});
    expect(0, "rubbish", "0::/a\n::::\n\n5", {{"a/cpu.max", "nan nan"}});
    expect(0, "no files", "0::/a", {});
    if (all_right) std::printf("all passed\n");
    return all_right ? 0 : 1;
}
