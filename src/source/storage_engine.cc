#include "source/storage_engine.h"

#include <algorithm>
#include <string>

#include <strings.h>

#include "base/error.h"
#include "model/storage_engine.h"
#include "source/mysql_connection.h"

namespace penstock {
namespace {

constexpr std::string_view kMapThere = "Map the tables at the server that holds the rows";

struct Elsewhere {
    std::string_view engine;
    RowsElsewhere rows;
};
const Elsewhere kElsewhere[] = {
    {"MRG_MYISAM",
     {"has the rows of other tables, and the log names those",
      "Map the tables under it (SHOW CREATE TABLE has them as UNION)"}},
    {"BLACKHOLE", {"keeps no rows, whatever the log has of them", kMapThere}},
    {"FEDERATED", {"has the rows of a table of another server, which logs their changes", kMapThere}},
    {"SPIDER", {"has the rows of tables of other servers, which log their changes", kMapThere}},
    {"CONNECT",
     {"has the rows of files or of other servers, which change without this log",
      "Copy them into a table of this server"}},
    {"S3",
     {"has rows in an object store, where they come and go as whole tables",
      "ALTER TABLE ... ENGINE = InnoDB brings them back"}},
    {"SEQUENCE", {"counts its rows when they are read", "Take it out of the pipe"}},
    {"OQGRAPH", {"has the rows of the table that it reads its graph from", "Map that table"}},
    {"SPHINX", {"has the rows of a search server", "Map the tables that it indexes"}},
    {"Cassandra", {"has the rows of another database", kMapThere}},
    {"XPAND", {"has the rows of another database", kMapThere}},
    {"Columnstore", {"logs statements, not rows", "Load it by snapshots"}},
    {"ndbcluster",
     {"has rows that other servers of its cluster change, and logs parts of them only",
      "Load it by snapshots"}},
    {"ndbinfo", {"shows what a cluster does", "Take it out of the pipe"}},
    {"PERFORMANCE_SCHEMA", {"shows what the server does", "Take it out of the pipe"}},
    {"EXAMPLE", {"keeps no rows", "Take it out of the pipe"}},
};
// TokuDB and Mroonga too, as their documentation says.
const std::string_view kLogged[] = {"InnoDB", "ROCKSDB", "MyISAM", "Aria",   "MEMORY",
                                    "CSV",    "ARCHIVE", "TokuDB", "Mroonga"};

bool same(std::string_view a, std::string_view b) {
    return a.size() == b.size() && ::strncasecmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace

std::optional<RowsElsewhere> rows_elsewhere(std::string_view storage_engine) {
    for (const Elsewhere& elsewhere : kElsewhere) {
        if (same(elsewhere.engine, storage_engine)) return elsewhere.rows;
    }
    return std::nullopt;
}

bool is_unknown_engine(std::string_view storage_engine) {
    return !rows_elsewhere(storage_engine) &&
           std::none_of(std::begin(kLogged), std::end(kLogged),
                        [&](std::string_view engine) { return same(engine, storage_engine); });
}

bool reads_consistently(std::string_view storage_engine) {
    return is_transactional(storage_engine);
}

void require_consistent_engine(std::vector<SnapshotReader>& readers, MysqlConnection& other,
                               const TableSchema& table) {
    // A transaction that has read from a table keeps others from altering it.
    for (SnapshotReader& reader : readers) {
        reader.connection().query("SELECT 1 FROM " + quote_table(table.database, table.name) + " LIMIT 0");
    }
    const std::string engine =
        other
            .query_value("SELECT engine FROM information_schema.tables WHERE table_schema = " +
                         quote_string(table.database) + " AND table_name = " + quote_string(table.name))
            .value_or("");
    if (reads_consistently(engine)) return;
    throw Error(Disposition::kFailPipe, "load the table",
                "its engine is " + (engine.empty() ? "unknown" : engine) +
                    ", which cannot be read consistently, and its target keeps every row twice that is read "
                    "and found in the log",
                std::string(kConsistentWaysOut) + "; then resync the table")
        .at_table(table.qualified_name());
}

}  // namespace penstock
