// Tables, recorded schemas and the initial load's partitions.
#include <string>

#include "catalog/catalog.h"
#include "catalog/session.h"
#include "catalog/table_schema_json.h"

namespace penstock {

namespace {

constexpr const char* kNoTable = "the catalog has no such table";
constexpr const char* kNoPendingPartition = "the catalog has no such partition that is still to be done";

constexpr const char* kInsertPartition =
    "INSERT INTO partitions (pipe_id, table_index, partition, predicate, estimated_rows, state, rows,"
    " attempts, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";

constexpr const char* kInsertSchema =
    "INSERT INTO schemas (pipe_id, table_index, number, position, schema)"
    " SELECT ?1, ?2, coalesce(max(number), 0) + 1, ?3, ?4 FROM schemas"
    " WHERE pipe_id = ?1 AND table_index = ?2"
    " ON CONFLICT (pipe_id, table_index, position) DO UPDATE SET schema = excluded.schema";

constexpr const char* kInsertTable =
    "INSERT INTO tables (pipe_id, table_index, target_table, load_state, exact_position, joined_position,"
    " target_uuid, mapping, snapshot_version, rows_loaded, inserted, updated, deleted, adjusted,"
    " stop_reason, stop_position, stopped_from, stopped_at, last_block, incomplete, load_table, load_uuid)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

void insert_tables(Statement&& insert, std::string_view pipe_id, const std::vector<TableRecord>& tables) {
    for (const TableRecord& table : tables) {
        insert.run(pipe_id, table.table_index, table.target_table, table.load_state,
                   table.exact_position.to_string(), table.joined_position.to_string(), table.target_uuid,
                   table.mapping_json, table.snapshot_version, table.rows_loaded, table.counts.inserted,
                   table.counts.updated, table.counts.deleted, table.counts.adjusted, table.stop_reason,
                   table.stop_position, table.stopped_from, table.stopped_at, table.last_block,
                   table.incomplete_from, table.load_table, table.load_uuid);
    }
}

}  // namespace

void Catalog::put_tables(std::string_view pipe_id, const std::vector<TableRecord>& tables) {
    Write write(*this, "store the tables");
    write.run("DELETE FROM tables WHERE pipe_id = ?", pipe_id);
    insert_tables(write.prepare(kInsertTable), pipe_id, tables);
    write.commit();
}

void Catalog::add_tables(std::string_view pipe_id, const std::vector<TableRecord>& tables,
                         const std::vector<SchemaRecord>& schemas) {
    Write write(*this, "store more tables");
    insert_tables(write.prepare(kInsertTable), pipe_id, tables);
    for (const SchemaRecord& record : schemas) {
        write.run(kInsertSchema, pipe_id, record.table_index, record.position.to_string(),
                  table_schema_to_json(record.schema));
    }
    write.commit();
}

std::vector<TableRecord> Catalog::tables(std::string_view pipe_id) const {
    Read read(*this, "list the tables");
    Statement row = read.prepare(
        "SELECT table_index, target_table, load_state, exact_position, snapshot_version, rows_loaded,"
        " inserted, updated, deleted, adjusted, joined_position, target_uuid, mapping,"
        " stop_reason, stop_position, stopped_from, stopped_at, last_block, incomplete, load_table, load_uuid"
        " FROM tables"
        " WHERE pipe_id = ? ORDER BY table_index");
    std::vector<TableRecord> list;
    row.bind(pipe_id);
    while (row.step()) {
        list.push_back({.table_index = row.number32(0),
                        .target_table = row.text(1),
                        .mapping_json = row.text(12),
                        .load_state = static_cast<LoadState>(row.integer(2)),
                        .exact_position = Position::parse(row.text(3)),
                        .joined_position = Position::parse(row.text(10)),
                        .target_uuid = row.text(11),
                        .last_block = row.integer(17),
                        .incomplete_from = row.number(18),
                        .snapshot_version = row.number(4),
                        .load_table = row.text(19),
                        .load_uuid = row.text(20),
                        .rows_loaded = row.number(5),
                        .counts = {.inserted = row.number(6),
                                   .updated = row.number(7),
                                   .deleted = row.number(8),
                                   .adjusted = row.number(9)},
                        .stop_reason = row.text(13),
                        .stop_position = row.text(14),
                        .stopped_from = row.number(15),
                        .stopped_at = row.integer(16)});
    }
    Statement adjusted = read.prepare(
        "SELECT table_index, column_name, adjusted FROM adjusted_columns WHERE pipe_id = ?"
        " ORDER BY table_index, column_name");
    adjusted.bind(pipe_id);
    size_t at = 0;  // both lists are by table; another process may have changed the tables in between
    while (adjusted.step()) {
        while (at < list.size() && list[at].table_index < adjusted.number32(0)) ++at;
        if (at == list.size() || list[at].table_index != adjusted.number32(0)) continue;
        list[at].adjusted_columns.push_back({adjusted.number32(0), adjusted.text(1), adjusted.number(2)});
    }
    return list;
}

void Catalog::stop_tables(std::string_view pipe_id, const std::vector<StoppedTable>& stops) {
    if (stops.empty()) return;
    Write write(*this, "stop the tables");
    const int64_t now = write.now();
    for (const StoppedTable& stop : stops) {
        write.run_on(kNoTable,
                     "UPDATE tables SET stop_reason = iif(stop_reason = '', ?1, stop_reason),"
                     " stop_position = iif(stop_reason = '', ?2, stop_position),"
                     " stopped_from = iif(stop_reason = '', ?3, stopped_from),"
                     " stopped_at = iif(stop_reason = '', ?4, stopped_at)"
                     " WHERE pipe_id = ?5 AND table_index = ?6",
                     stop.reason, stop.position, stop.from_version, now, pipe_id, stop.table_index);
    }
    write.commit();
}

void Catalog::put_schema(std::string_view pipe_id, uint32_t table_index, const Position& position,
                         const TableSchema& schema) {
    std::string json = table_schema_to_json(schema);
    Write write(*this, "record the schema");
    write.run(kInsertSchema, pipe_id, table_index, position.to_string(), json);
    write.commit();
}

std::vector<SchemaRecord> Catalog::schemas(std::string_view pipe_id) const {
    Read read(*this, "list the schemas");
    Statement row = read.prepare(
        "SELECT table_index, position, schema FROM schemas WHERE pipe_id = ? ORDER BY table_index, number");
    std::vector<SchemaRecord> list;
    row.bind(pipe_id);
    while (row.step()) {
        list.push_back({.table_index = row.number32(0),
                        .position = Position::parse(row.text(1)),
                        .schema = table_schema_from_json(row.text(2))});
    }
    return list;
}

void Catalog::put_partitions(std::string_view pipe_id, uint32_t table_index,
                             const std::vector<PartitionRecord>& partitions, const Position& exact_position) {
    Write write(*this, "store the partitions");
    if (write.prepare("SELECT 1 FROM intents WHERE pipe_id = ?").bind(pipe_id).step()) {
        write.fail("a batch is still open");
    }
    uint64_t version = 0;
    {
        Statement row = write.prepare(
            "SELECT max(next_version, version_floor) FROM checkpoints AS c JOIN pipes AS p ON p.id = "
            "c.pipe_id"
            " WHERE c.pipe_id = ?");
        if (row.bind(pipe_id).step()) version = row.number(0);
    }
    write.run("UPDATE checkpoints SET next_version = ? WHERE pipe_id = ?", version + partitions.size(),
              pipe_id);
    write.run_on(kNoTable,
                 "UPDATE tables SET load_state = ?, snapshot_version = ?, exact_position = ?, rows_loaded = 0"
                 " WHERE pipe_id = ? AND table_index = ?",
                 LoadState::kLoading, version, exact_position.to_string(), pipe_id, table_index);
    write.run("DELETE FROM partitions WHERE pipe_id = ? AND table_index = ?", pipe_id, table_index);
    {
        Statement insert = write.prepare(kInsertPartition);
        for (const PartitionRecord& part : partitions) {
            insert.run(pipe_id, table_index, part.index, part.predicate, part.estimated_rows, part.state,
                       part.rows, part.attempts, version++);
        }
    }
    write.commit();
}

void Catalog::put_load_table(std::string_view pipe_id, uint32_t table_index, std::string_view load_table,
                             std::string_view load_uuid) {
    Write write(*this, "store where the load goes");
    write.run_on(kNoTable,
                 "UPDATE tables SET load_table = ?, load_uuid = ? WHERE pipe_id = ? AND table_index = ?",
                 load_table, load_uuid, pipe_id, table_index);
    write.commit();
}

void Catalog::put_target_uuid(std::string_view pipe_id, uint32_t table_index, std::string_view uuid) {
    Write write(*this, "store which table the target is");
    write.run_on(kNoTable, "UPDATE tables SET target_uuid = ? WHERE pipe_id = ? AND table_index = ?", uuid,
                 pipe_id, table_index);
    write.commit();
}

std::vector<PartitionRecord> Catalog::partitions(std::string_view pipe_id, uint32_t table_index) const {
    Read read(*this, "list the partitions");
    Statement row = read.prepare(
        "SELECT partition, predicate, estimated_rows, state, rows, attempts, version FROM partitions"
        " WHERE pipe_id = ? AND table_index = ? ORDER BY partition");
    std::vector<PartitionRecord> list;
    row.bind(pipe_id, table_index);
    while (row.step()) {
        list.push_back({.index = row.number32(0),
                        .predicate = row.text(1),
                        .estimated_rows = row.number(2),
                        .state = static_cast<PartitionState>(row.integer(3)),
                        .rows = row.number(4),
                        .attempts = row.number32(5),
                        .version = row.number(6)});
    }
    return list;
}

std::vector<LoadSummary> Catalog::load_summaries(std::string_view pipe_id) const {
    Read read(*this, "sum up the partitions");
    Statement row = read.prepare(
        "SELECT table_index, count(*), sum(state = ?2), sum(estimated_rows) FROM partitions"
        " WHERE pipe_id = ?1 GROUP BY table_index ORDER BY table_index");
    std::vector<LoadSummary> list;
    row.bind(pipe_id, PartitionState::kDone);
    while (row.step()) {
        list.push_back({.table_index = row.number32(0),
                        .partitions = row.number(1),
                        .partitions_done = row.number(2),
                        .estimated_rows = row.number(3)});
    }
    return list;
}

uint32_t Catalog::start_partition(std::string_view pipe_id, uint32_t table_index, uint32_t partition) {
    Write write(*this, "start the partition", Synced::kLater);
    write.run_on(kNoPendingPartition,
                 "UPDATE partitions SET attempts = attempts + 1"
                 " WHERE pipe_id = ? AND table_index = ? AND partition = ? AND state = ?",
                 pipe_id, table_index, partition, PartitionState::kPending);
    uint32_t attempt = 0;
    {
        Statement row = write.prepare(
            "SELECT attempts FROM partitions WHERE pipe_id = ? AND table_index = ? AND partition = ?");
        if (row.bind(pipe_id, table_index, partition).step()) attempt = row.number32(0);
    }
    write.commit();
    return attempt;
}

void Catalog::finish_partition(std::string_view pipe_id, uint32_t table_index, uint32_t partition,
                               uint64_t rows, const std::vector<AdjustedColumn>& adjusted) {
    Write write(*this, "finish the partition", Synced::kLater);
    uint64_t sum = 0;
    for (const AdjustedColumn& column : adjusted) sum += column.values;
    write.run_on(kNoPendingPartition,
                 "UPDATE partitions SET state = ?, rows = ?"
                 " WHERE pipe_id = ? AND table_index = ? AND partition = ? AND state = ?",
                 PartitionState::kDone, rows, pipe_id, table_index, partition, PartitionState::kPending);
    write.run(
        "UPDATE tables SET rows_loaded = rows_loaded + ?, adjusted = adjusted + ?"
        " WHERE pipe_id = ? AND table_index = ?",
        rows, sum, pipe_id, table_index);
    write.add_adjusted(pipe_id, adjusted);
    write.commit();
}

void Catalog::finish_load(std::string_view pipe_id, uint32_t table_index) {
    Write write(*this, "finish the load", Synced::kLater);
    Statement pending =
        write.prepare("SELECT count(*) FROM partitions WHERE pipe_id = ? AND table_index = ? AND state <> ?");
    pending.bind(pipe_id, table_index, PartitionState::kDone).step();
    if (pending.integer(0) != 0) {
        write.fail("table " + std::to_string(table_index) + " still has " + pending.text(0) +
                   " partitions to load");
    }
    write.run_on(kNoTable,
                 "UPDATE tables SET load_state = ?, load_table = '', load_uuid = ''"
                 " WHERE pipe_id = ? AND table_index = ?",
                 LoadState::kLoaded, pipe_id, table_index);
    write.commit();
}

void Catalog::reset_load(std::string_view pipe_id, uint32_t table_index) {
    Write write(*this, "reset the load");
    write.run_on(
        kNoTable,
        "UPDATE tables SET load_state = ?, exact_position = '', snapshot_version = 0, rows_loaded = 0,"
        " load_table = '', load_uuid = '', adjusted = 0 WHERE pipe_id = ? AND table_index = ?",
        LoadState::kPending, pipe_id, table_index);
    for (const char* child : {"partitions", "adjusted_columns"}) {
        write.run(std::string("DELETE FROM ") + child + " WHERE pipe_id = ? AND table_index = ?", pipe_id,
                  table_index);
    }
    write.commit();
}

void Catalog::reopen_partitions(std::string_view pipe_id, uint32_t table_index,
                                const std::vector<uint32_t>& partitions) {
    Write write(*this, "reopen the partitions");
    for (const uint32_t partition : partitions) {
        write.run(
            "UPDATE tables SET rows_loaded = rows_loaded - (SELECT rows FROM partitions WHERE pipe_id = ?1"
            " AND table_index = ?2 AND partition = ?3) WHERE pipe_id = ?1 AND table_index = ?2",
            pipe_id, table_index, partition);
        write.run_on("the catalog has no such partition that is done",
                     "UPDATE partitions SET state = ?, rows = 0"
                     " WHERE pipe_id = ? AND table_index = ? AND partition = ? AND state = ?",
                     PartitionState::kPending, pipe_id, table_index, partition, PartitionState::kDone);
    }
    write.commit();
}

}  // namespace penstock
