#include "embedded/library.h"

#include <cstdlib>
#include <string>
#include <vector>

#include "base/error.h"

namespace penstock {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFileName = "libchdb.so";
constexpr const char* kHint =
    "Run ./dev setup, or name the file with --library or PENSTOCK_CHDB_LIBRARY, or use a ClickHouse server "
    "of "
    "your own with --clickhouse-url";

std::string from_environment(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? std::string() : std::string(value);
}

fs::path existing_or_throw(const fs::path& path, const std::string& named_by) {
    std::error_code ignored;
    if (!fs::is_regular_file(path, ignored)) {
        throw Error(Disposition::kUsage, "find the ClickHouse library",
                    path.string() + " (from " + named_by + ") is not a file", kHint);
    }
    return fs::absolute(path);
}

std::vector<fs::path> usual_places() {
    std::vector<fs::path> places;
    std::error_code error;
    const fs::path executable = fs::read_symlink("/proc/self/exe", error);
    if (!error) {
        places.push_back(executable.parent_path() / kFileName);
        places.push_back(executable.parent_path().parent_path() / "lib" / "penstock" / kFileName);
    }
    fs::path cache = from_environment("PENSTOCK_CACHE");
    if (cache.empty()) {
        const std::string xdg = from_environment("XDG_CACHE_HOME");
        const std::string home = from_environment("HOME");
        cache =
            (xdg.empty() ? fs::path(home.empty() ? "/root" : home) / ".cache" : fs::path(xdg)) / "penstock";
    }
    places.push_back(cache / "lib" / kFileName);
    return places;
}

}  // namespace

fs::path find_chdb_library(const fs::path& explicit_path) {
    if (!explicit_path.empty()) return existing_or_throw(explicit_path, "--library");
    const std::string named = from_environment("PENSTOCK_CHDB_LIBRARY");
    if (!named.empty()) return existing_or_throw(named, "PENSTOCK_CHDB_LIBRARY");

    std::string looked;
    for (const fs::path& place : usual_places()) {
        std::error_code ignored;
        if (fs::is_regular_file(place, ignored)) return place;
        looked += (looked.empty() ? "" : ", ") + place.string();
    }
    throw Error(Disposition::kUsage, "find the ClickHouse library",
                std::string(kFileName) + " is in none of " + looked, kHint);
}

}  // namespace penstock
