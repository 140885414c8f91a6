#include "destination/versions.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>

#include <fmt/format.h>

#include "base/byte_buffer.h"
#include "base/error.h"
#include "destination/query_rows.h"
#include "destination/quoting.h"
#include "model/table_plan.h"

namespace penstock {

uint64_t highest_version(ClickHouseClient& client, const std::string& database, const std::string& table) {
    const std::string highest =
        client.query(fmt::format("SELECT max({}) FROM {}", quote_target_identifier(MetaColumns::kVersion),
                                 quoted_target(database, table)),
                     kNewestParts);
    if (highest.starts_with('-')) return 0;  // a signed column of another tool
    uint64_t version = 0;
    const auto [end, error] = std::from_chars(highest.data(), highest.data() + highest.size(), version);
    if (error == std::errc::result_out_of_range) return UINT64_MAX;
    if (error != std::errc() || end != highest.data() + highest.size()) {
        throw Error(Disposition::kFailPipe, "read the highest version of " + quoted_target(database, table),
                    "\"" + highest + "\" is not a whole number");
    }
    return version;
}

VersionCounts count_versions(ClickHouseClient& client, const std::string& database, const std::string& table,
                             uint64_t last) {
    const auto rows = query_rows(
        client,
        fmt::format("SELECT countIf({0} <= {1}), countIf({0} > {1}) FROM {2}",
                    quote_target_identifier(MetaColumns::kVersion), last, quoted_target(database, table)),
        kNewestParts);
    return {std::strtoull(rows.at(0).at(0).c_str(), nullptr, 10),
            std::strtoull(rows.at(0).at(1).c_str(), nullptr, 10)};
}

std::vector<uint64_t> versions_between(ClickHouseClient& client, const std::string& database,
                                       const std::string& table, uint64_t first, uint64_t last) {
    ByteBuffer bytes;
    client.query_stream(fmt::format("SELECT {0} FROM {1} WHERE {0} BETWEEN {2} AND {3} FORMAT RowBinary",
                                    quote_target_identifier(MetaColumns::kVersion),
                                    quoted_target(database, table), first, last),
                        kNewestParts, [&](ByteSpan piece) { bytes.append(piece); });
    std::vector<uint64_t> versions(bytes.size() / 8);
    std::memcpy(versions.data(), bytes.span().data(), versions.size() * 8);
    std::sort(versions.begin(), versions.end());
    return versions;
}

}  // namespace penstock
