#include "catalog/position_merge.h"

#include <string>
#include <string_view>

#include "base/error.h"

namespace penstock {

namespace {

GtidSet merge_sets(GtidSet all, const GtidSet& more) {
    for (const auto& [source, intervals] : more.intervals()) {
        for (const GtidSet::Interval& interval : intervals) all.add(source, interval);
    }
    return all;
}

/// Takes each domain's GTID from the position that is further there. The text form is the only list of them.
MariadbGtidPos merge_domains(const MariadbGtidPos& a, const MariadbGtidPos& b) {
    std::string more = b.to_string();
    MariadbGtidPos result = a;
    std::string_view rest = more;
    while (!rest.empty()) {
        size_t comma = rest.find(',');
        std::string_view one = rest.substr(0, comma);
        MariadbGtidPos domain = MariadbGtidPos::parse(one);
        if (!result.contains(domain)) {
            MariadbGtid gtid;
            size_t dash = one.find('-');
            size_t dash2 = one.find('-', dash + 1);
            gtid.domain = static_cast<uint32_t>(std::stoul(std::string(one.substr(0, dash))));
            gtid.server_id =
                static_cast<uint32_t>(std::stoul(std::string(one.substr(dash + 1, dash2 - dash - 1))));
            gtid.sequence = std::stoull(std::string(one.substr(dash2 + 1)));
            result.advance(gtid);
        }
        rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
    }
    return result;
}

}  // namespace

Position merge_positions(const Position& a, const Position& b) {
    if (a.none()) return b;
    if (b.none()) return a;
    if (a.mysql() != nullptr && b.mysql() != nullptr) return Position(merge_sets(*a.mysql(), *b.mysql()));
    if (a.mariadb() != nullptr && b.mariadb() != nullptr) {
        return Position(merge_domains(*a.mariadb(), *b.mariadb()));
    }
    if (a.file() != nullptr && b.file() != nullptr) return a.file()->at_or_after(*b.file()) ? a : b;
    throw Error(Disposition::kFailPipe, "merge positions",
                "\"" + a.to_string() + "\" and \"" + b.to_string() + "\" are of two kinds");
}

}  // namespace penstock
