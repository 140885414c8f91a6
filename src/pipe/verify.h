#pragma once
// penstock verify: is the target equal to the source, row by row, value by value?
//
// Both sides are asked for their rows in the order of the target's sorting key and merged: one pass, constant
// memory. Values are read as the servers' own texts and brought to one canonical text per type
// (pipe/verify_value.h), by none of the code that copies: a fault of a decoder shows here.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "destination/clickhouse_client.h"
#include "model/table_plan.h"
#include "source/mysql_connection.h"

namespace penstock {

enum class DifferenceKind : uint8_t {
    kMissing,    ///< the source has the row, the target has not
    kExtra,      ///< the target has it, the source has not
    kDifferent,  ///< both have it, a value differs
};
const char* difference_name(DifferenceKind kind);  ///< "missing", "extra", "different"

/// Texts are for people: shortened, unprintable bytes in hexadecimal.
struct Difference {
    DifferenceKind kind = DifferenceKind::kMissing;
    std::string key;     ///< "id=5, name=x"
    std::string column;  ///< kDifferent only, as the two values
    std::string source;
    std::string target;
};

struct VerifyResult {
    uint64_t rows = 0;                 ///< of the source
    uint64_t missing = 0;              ///< rows
    uint64_t extra = 0;                ///< rows
    uint64_t different = 0;            ///< rows
    std::vector<Difference> examples;  ///< of the first rows that differ, one per column
    static constexpr size_t kExamples = 20;

    bool equal() const { return missing == 0 && extra == 0 && different == 0; }
};

/// Compares one table. A ReplacingMergeTree target counts as its newest, not deleted rows (FINAL). An
/// append-only MergeTree target is compared as a multiset of all its rows, so it is equal only as long as the
/// source has seen no update and no delete.
/// A table whose first key column is an integer is compared in ranges of about `range_rows` source rows.
/// `progress` gets the number of source rows compared so far, now and then.
/// Throws Error: as the two connections do (the source connection is good for nothing then); kFailPipe
/// when a side does not send its rows in key order, or too many rows share one key, rather than answer
/// wrongly; kUsage for a target of engine Null, which keeps no rows.
VerifyResult verify_table(const TablePlan& plan, MysqlConnection& source, ClickHouseClient& target,
                          const std::function<void(uint64_t rows)>& progress, uint64_t range_rows = 500'000);

}  // namespace penstock
