// What a statement of the log comes to: which tables it stops.

#include <algorithm>

#include "batch/change_batcher_table.h"
#include "decode/column_definition.h"
#include "model/storage_engine.h"

namespace penstock {
namespace {

constexpr size_t kShownStatement = 200;  // bytes of it in a message

}  // namespace

bool ChangeBatcher::changes(const std::vector<ColumnChange>& columns, const TableSchema& table) const {
    return std::any_of(columns.begin(), columns.end(), [&](const ColumnChange& change) {
        auto found = std::find_if(
            table.columns.begin(), table.columns.end(),
            [&](const SourceColumn& column) { return same_name(column.name, change.name, names_.columns); });
        const bool is_there = found != table.columns.end();
        if (change.conditional && is_there == (change.kind == ColumnChange::Kind::kAdd)) return false;
        return change.kind != ColumnChange::Kind::kChange || !is_there ||
               (!change.new_name.empty() && change.new_name != found->name.str()) ||
               !repeats_definition(change.definition, *found);
    });
}

/// The statement may have changed rows of other tables than those that it names: by functions, triggers,
/// views.
void ChangeBatcher::stop_reached(const QueryEvent& event) {
    const auto is_listed = [&](const std::string& database) {
        std::string_view names = *event.updated_databases;
        for (size_t end; (end = names.find('\0')) != std::string_view::npos; names.remove_prefix(end + 1)) {
            if (same_name(names.substr(0, end), database, names_.tables)) return true;
        }
        return false;
    };
    for (const auto& table : tables_) {
        if (passes_over(*table)) continue;
        if (event.updated_databases && !is_listed(table->mapped.plan->source.database)) continue;
        // What it did to such a table is taken back with its group; to one of another engine it stays.
        const bool transactional = is_transactional(table->mapped.plan->source.storage_engine);
        if (transactional && is_undone()) continue;
        const char* what = event.updated_databases ? "a change in the table's database"
                                                   : "what may be a change of the table";
        stop(*table,
             error("the log holds " + std::string(what) +
                       " as a statement, not as rows: " + std::string(event.query.substr(0, kShownStatement)),
                   "A session used binlog_format=STATEMENT or MIXED; set it to ROW and resync the table"),
             transactional);
    }
}

void ChangeBatcher::check_statement(const LogStatement& statement, const QueryEvent& event) {
    using Kind = LogStatement::Kind;
    if (statement.may_change_rows) stop_reached(event);
    auto refuse = [&](Table* table, const char* what) {
        if (passes_over(*table)) return;
        stop(*table, std::string(what) + ": " + std::string(event.query.substr(0, kShownStatement)),
             "Penstock does not apply this statement; resync the table");
    };
    for (const StatementTable& named : statement.tables) {
        if (statement.kind == Kind::kDropDatabase) {
            for (const auto& table : tables_) {
                const std::string& mapped = table->mapped.plan->source.database;
                if (same_name(mapped, named.database, names_.tables)) {
                    refuse(table.get(), "the source dropped the table's database");
                }
            }
            continue;
        }
        for (Table* table : find_tables(named.database, named.table)) {
            switch (statement.kind) {
                case Kind::kAlterTable:
                    refuse(table, "the source altered the table");
                    break;
                case Kind::kAlterColumns:
                    if (changes(statement.columns, table->mapped.plan->source)) {
                        refuse(table, "the source altered the table");
                        break;
                    }
                    if (!statement.drops_index) break;
                    [[fallthrough]];
                case Kind::kDropIndex:
                    // Without a primary key it may be the index that told the rows apart.
                    if (!table->mapped.plan->source.key_is_primary)
                        refuse(table, "the source dropped an index");
                    break;
                case Kind::kTruncate:
                    refuse(table, "the source emptied the table or a partition of it");
                    break;
                case Kind::kRepairTable:
                    // InnoDB has no such thing.
                    if (table->mapped.plan->source.storage_engine != "InnoDB")
                        refuse(table, "the source repaired the table, which may cost it rows");
                    break;
                case Kind::kDropTable:
                    refuse(table, "the source dropped or replaced the table");
                    break;
                case Kind::kRenameTable:
                    refuse(table, "the source renamed the table, or another to its name");
                    break;
                default:
                    break;
            }
        }
    }
}

}  // namespace penstock
