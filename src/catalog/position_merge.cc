#include "catalog/position_merge.h"

#include "base/error.h"

namespace penstock {

namespace {

GtidSet merge_sets(GtidSet all, const GtidSet& more) {
    for (const auto& [source, intervals] : more.intervals()) {
        for (const GtidSet::Interval& interval : intervals) all.add(source, interval);
    }
    return all;
}

/// Takes each domain's GTID from the position that is further there.
MariadbGtidPos merge_domains(MariadbGtidPos all, const MariadbGtidPos& more) {
    for (const auto& [domain, gtid] : more.last()) {
        if (!all.contains(gtid)) all.advance(gtid);
    }
    return all;
}

}  // namespace

Position merge_positions(const Position& a, const Position& b) {
    if (a.none()) return b;
    if (b.none()) return a;
    if (a.comparable_by_place(b)) {
        // Of one log: what is later there holds all that is before it.
        Position later = a.reached(b) ? a : b;
        if (later.mysql() != nullptr) *later.mysql() = merge_sets(*a.mysql(), *b.mysql());
        return later;
    }
    if (a.mysql() != nullptr && b.mysql() != nullptr) return Position(merge_sets(*a.mysql(), *b.mysql()));
    if (a.mariadb() != nullptr && b.mariadb() != nullptr) {
        return Position(merge_domains(*a.mariadb(), *b.mariadb()));
    }
    if (a.file() != nullptr && b.file() != nullptr) return a.file()->at_or_after(*b.file()) ? a : b;
    throw Error(Disposition::kFailPipe, "merge positions",
                "\"" + a.to_string() + "\" and \"" + b.to_string() + "\" are of two kinds");
}

}  // namespace penstock
