#include "source/storage_engine.h"

#include <string>

#include "base/error.h"
#include "source/mysql_connection.h"

namespace penstock {

bool reads_consistently(std::string_view storage_engine) {
    return storage_engine == "InnoDB" || storage_engine == "ROCKSDB";
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
