#include "thread_limits.hpp"

#include <algorithm>
#include <climits>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <vector>

#include "placement.hpp"

namespace rushlight {
namespace {

// The whole number >= 1 that fills `text` but for spaces around it.
std::optional<int> positive_integer(const std::string& text) {
    const char* const spaces = " \t\n";
    const std::size_t begin = text.find_first_not_of(spaces);
    if (begin == std::string::npos) return std::nullopt;
    const std::size_t end = text.find_last_not_of(spaces) + 1;
    long value = 0;
    for (std::size_t i = begin; i < end; ++i) {
        if (text[i] < '0' || text[i] > '9') return std::nullopt;
        value = value * 10 + (text[i] - '0');
        if (value > INT_MAX) return std::nullopt;
    }
    return value >= 1 ? std::optional<int>(static_cast<int>(value)) : std::nullopt;
}

std::string environment(const char* name) {
    const char* const value = std::getenv(name);
    return value == nullptr ? "" : value;
}

// -----------------------------------------------------------------------------------------------------------
// cgroups

std::string first_line(const std::string& path) {
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    return line;
}

// Quota over period of one directory, in CPUs; 0 for "no limit" and for anything that cannot be read.
double ratio(const std::string& quota, const std::string& period) {
    char* end = nullptr;
    const double numerator = std::strtod(quota.c_str(), &end);  // "max" and "-1" mean unlimited
    if (end == quota.c_str() || !(numerator > 0)) return 0;
    const double denominator = std::strtod(period.c_str(), &end);
    return end != period.c_str() && denominator > 0 ? numerator / denominator : 0;
}

double quota_v2(const std::string& directory) {
    std::istringstream line(first_line(directory + "/cpu.max"));
    std::string quota, period;
    line >> quota >> period;
    return ratio(quota, period);
}

double quota_v1(const std::string& directory) {
    return ratio(first_line(directory + "/cpu.cfs_quota_us"), first_line(directory + "/cpu.cfs_period_us"));
}

// The tightest quota from mount/path up to the mount itself. Directories that are not there are passed over:
// inside a container the path is often the host's, and only the mount's top is visible.
double tightest(const std::string& mount, std::string path, double (*quota)(const std::string& directory)) {
    double least = 0;
    for (;;) {
        const double here = quota(mount + path);
        if (here > 0 && (least == 0 || here < least)) least = here;
        const std::size_t slash = path.find_last_of('/');
        if (slash == std::string::npos) return least;
        path.resize(slash);
    }
}

bool lists_cpu(const std::string& controllers) {
    return ("," + controllers + ",").find(",cpu,") != std::string::npos;
}

}  // namespace

int cgroup_cpus(const std::string& root) {
    const std::string mount = root + "/sys/fs/cgroup";
    std::ifstream memberships(root + "/proc/self/cgroup");
    double least = 0;
    const auto consider = [&least](double quota) {
        if (quota > 0 && (least == 0 || quota < least)) least = quota;
    };
    // Lines are hierarchy:controllers:path; v2 is hierarchy 0 without controllers. Systems with both mount v2
    // under "unified" and each v1 hierarchy under its list of controllers, often with links for the single
    // names.
    for (std::string line; std::getline(memberships, line);) {
        const std::size_t first = line.find(':');
        const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
        if (second == std::string::npos) continue;
        const std::string controllers = line.substr(first + 1, second - first - 1);
        const std::string path = line.substr(second + 1);
        if (controllers.empty()) {
            consider(tightest(mount, path, quota_v2));
            consider(tightest(mount + "/unified", path, quota_v2));
        } else if (lists_cpu(controllers)) {
            consider(tightest(mount + "/" + controllers, path, quota_v1));
            consider(tightest(mount + "/cpu", path, quota_v1));
        }
    }
    if (least == 0) return 0;
    return static_cast<int>(std::min(std::ceil(least), static_cast<double>(INT_MAX)));
}

int allowed_cpus() {
    return CpuSet::allowed().count();
}

int default_num_threads() {
    const std::string ours = environment("RUSHLIGHT_NUM_THREADS");
    if (!ours.empty()) {
        if (const auto number = positive_integer(ours)) return *number;
        throw std::invalid_argument("RUSHLIGHT_NUM_THREADS must be a whole number of at least 1, got '" +
                                    ours + "'");
    }
    const std::string everybodys = environment("OMP_NUM_THREADS");
    if (const auto number = positive_integer(everybodys.substr(0, everybodys.find(',')))) return *number;

    int threads = static_cast<int>(std::thread::hardware_concurrency());
    for (const int limit : {allowed_cpus(), cgroup_cpus(environment("RUSHLIGHT_CGROUP_ROOT"))}) {
        if (limit > 0 && (threads < 1 || limit < threads)) threads = limit;
    }
    return std::max(threads, 1);
}

}  // namespace rushlight
