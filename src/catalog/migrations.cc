#include "catalog/migrations.h"

#include <chrono>
#include <string>
#include <thread>

#include "base/error.h"
#include "catalog/sqlite.h"

namespace penstock {

namespace {

// Positions are the text of Position::to_string(), times ms since 1970 UTC, counts and versions 64 bits
// (unsigned ones as the signed number with the same bits).
constexpr const char* kVersion1 = R"sql(
CREATE TABLE pipes (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    spec TEXT NOT NULL,
    state TEXT NOT NULL,
    state_reason TEXT NOT NULL,
    resume_state TEXT NOT NULL,
    source_identity TEXT NOT NULL DEFAULT '',
    start_position TEXT NOT NULL DEFAULT '',
    snapshot_high TEXT NOT NULL DEFAULT '',
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE transitions (
    pipe_id TEXT NOT NULL REFERENCES pipes (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    from_state TEXT NOT NULL,
    to_state TEXT NOT NULL,
    reason TEXT NOT NULL,
    time INTEGER NOT NULL,
    PRIMARY KEY (pipe_id, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE tables (
    pipe_id TEXT NOT NULL REFERENCES pipes (id) ON DELETE CASCADE,
    table_index INTEGER NOT NULL,
    target_table TEXT NOT NULL,
    load_state INTEGER NOT NULL,
    exact_position TEXT NOT NULL,
    snapshot_version INTEGER NOT NULL,
    rows_loaded INTEGER NOT NULL,
    inserted INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    deleted INTEGER NOT NULL,
    adjusted INTEGER NOT NULL,
    PRIMARY KEY (pipe_id, table_index)
) STRICT, WITHOUT ROWID;

CREATE TABLE schemas (
    pipe_id TEXT NOT NULL,
    table_index INTEGER NOT NULL,
    number INTEGER NOT NULL,
    position TEXT NOT NULL,
    schema TEXT NOT NULL,
    PRIMARY KEY (pipe_id, table_index, number),
    UNIQUE (pipe_id, table_index, position),
    FOREIGN KEY (pipe_id, table_index) REFERENCES tables (pipe_id, table_index) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE partitions (
    pipe_id TEXT NOT NULL,
    table_index INTEGER NOT NULL,
    partition INTEGER NOT NULL,
    predicate TEXT NOT NULL,
    estimated_rows INTEGER NOT NULL,
    state INTEGER NOT NULL,
    rows INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    PRIMARY KEY (pipe_id, table_index, partition),
    FOREIGN KEY (pipe_id, table_index) REFERENCES tables (pipe_id, table_index) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE checkpoints (
    pipe_id TEXT NOT NULL PRIMARY KEY REFERENCES pipes (id) ON DELETE CASCADE,
    position TEXT NOT NULL,
    next_version INTEGER NOT NULL,
    next_batch INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE intents (
    pipe_id TEXT NOT NULL PRIMARY KEY REFERENCES pipes (id) ON DELETE CASCADE,
    batch INTEGER NOT NULL,
    from_position TEXT NOT NULL,
    first_version INTEGER NOT NULL,
    last_version INTEGER NOT NULL,
    block_bytes INTEGER NOT NULL,
    closed INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE batches (
    pipe_id TEXT NOT NULL REFERENCES pipes (id) ON DELETE CASCADE,
    batch INTEGER NOT NULL,
    to_position TEXT NOT NULL,
    next_version INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    finished_at INTEGER NOT NULL,
    blocks INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    inserted INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    deleted INTEGER NOT NULL,
    adjusted INTEGER NOT NULL,
    PRIMARY KEY (pipe_id, batch)
) STRICT, WITHOUT ROWID;
)sql";

// Pipes of a service; intakes (pipes with a parent, see catalog.h); what the service itself keeps. A sealed
// text is base64 (secrets/master_key.h).
constexpr const char* kVersion2 = R"sql(
ALTER TABLE pipes ADD COLUMN service_id TEXT NOT NULL DEFAULT '';
ALTER TABLE pipes ADD COLUMN sealed_password TEXT NOT NULL DEFAULT '';
ALTER TABLE pipes ADD COLUMN parent_id TEXT REFERENCES pipes (id) ON DELETE CASCADE;
ALTER TABLE pipes ADD COLUMN purpose INTEGER NOT NULL DEFAULT 0;
ALTER TABLE pipes ADD COLUMN resync_wanted TEXT NOT NULL DEFAULT '';
ALTER TABLE pipes ADD COLUMN version_floor INTEGER NOT NULL DEFAULT 0;
CREATE UNIQUE INDEX one_intake ON pipes (parent_id) WHERE parent_id IS NOT NULL;
ALTER TABLE tables ADD COLUMN mapping TEXT NOT NULL DEFAULT '';
UPDATE tables SET mapping = coalesce((
    SELECT json_extract(spec, '$.source.mysql.tableMappings[' || table_index || ']')
    FROM pipes WHERE id = pipe_id), '');
ALTER TABLE tables ADD COLUMN joined_position TEXT NOT NULL DEFAULT '';
ALTER TABLE tables ADD COLUMN target_uuid TEXT NOT NULL DEFAULT '';

CREATE TABLE services (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    settings TEXT NOT NULL,
    sealed_password TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE cdc_scaling (
    service_id TEXT NOT NULL PRIMARY KEY,
    cpu_millicores INTEGER NOT NULL,
    memory_gb INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE api_keys (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    secret_hash TEXT NOT NULL,
    role TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    revoked_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE facts (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
)sql";

// Tables that are out of the flow; tables.adjusted by column.
constexpr const char* kVersion3 = R"sql(
ALTER TABLE tables ADD COLUMN stop_reason TEXT NOT NULL DEFAULT '';
ALTER TABLE tables ADD COLUMN stop_position TEXT NOT NULL DEFAULT '';
ALTER TABLE tables ADD COLUMN stopped_from INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tables ADD COLUMN stopped_at INTEGER NOT NULL DEFAULT 0;
CREATE TABLE adjusted_columns (
    pipe_id TEXT NOT NULL,
    table_index INTEGER NOT NULL,
    column_name TEXT NOT NULL,
    adjusted INTEGER NOT NULL,
    PRIMARY KEY (pipe_id, table_index, column_name),
    FOREIGN KEY (pipe_id, table_index) REFERENCES tables (pipe_id, table_index) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
)sql";

// A description of thousands of tables is megabytes: apart from what is read and written all the time.
constexpr const char* kVersion4 = R"sql(
CREATE TABLE specs (
    pipe_id TEXT NOT NULL PRIMARY KEY REFERENCES pipes (id) ON DELETE CASCADE,
    spec TEXT NOT NULL
) STRICT;
INSERT INTO specs SELECT id, spec FROM pipes;
ALTER TABLE pipes DROP COLUMN spec;
)sql";

// What proves the place of a checkpoint in the source's log: LogAnchor::to_string().
constexpr const char* kVersion5 = R"sql(
ALTER TABLE checkpoints ADD COLUMN anchor TEXT NOT NULL DEFAULT '';
ALTER TABLE batches ADD COLUMN anchor TEXT NOT NULL DEFAULT '';
)sql";

// What a pipe knows of its destination (pipe/destination_check.h). `turn` grows with every change of a pipe's
// checkpoint or tables, `tables_turn` is the turn of the last change that versions depend on.
constexpr const char* kVersion6 = R"sql(
ALTER TABLE pipes ADD COLUMN ledger_id TEXT NOT NULL DEFAULT '';
ALTER TABLE pipes ADD COLUMN turn INTEGER NOT NULL DEFAULT 0;
ALTER TABLE pipes ADD COLUMN tables_turn INTEGER NOT NULL DEFAULT 0;
ALTER TABLE pipes ADD COLUMN destination_server TEXT NOT NULL DEFAULT '';
ALTER TABLE pipes ADD COLUMN destination_life INTEGER NOT NULL DEFAULT 0;
ALTER TABLE pipes ADD COLUMN repair_until INTEGER NOT NULL DEFAULT 0;
ALTER TABLE pipes ADD COLUMN repair_salt TEXT NOT NULL DEFAULT '';
ALTER TABLE pipes ADD COLUMN keeps_all_batches INTEGER NOT NULL DEFAULT 0;  -- since start_position
ALTER TABLE tables ADD COLUMN last_block INTEGER NOT NULL DEFAULT -1;
ALTER TABLE tables ADD COLUMN incomplete INTEGER NOT NULL DEFAULT 0;
ALTER TABLE batches ADD COLUMN first_version INTEGER NOT NULL DEFAULT 0;
ALTER TABLE batches ADD COLUMN tables_turn INTEGER NOT NULL DEFAULT -1;
CREATE TRIGGER turn_of_new_checkpoint AFTER INSERT ON checkpoints BEGIN
    UPDATE pipes SET turn = turn + 1 WHERE id = new.pipe_id;
END;
CREATE TRIGGER turn_of_checkpoint AFTER UPDATE ON checkpoints BEGIN
    UPDATE pipes SET turn = turn + 1 WHERE id = new.pipe_id;
END;
CREATE TRIGGER turn_of_new_table AFTER INSERT ON tables BEGIN
    UPDATE pipes SET turn = turn + 1, tables_turn = turn + 1 WHERE id = new.pipe_id;
END;
CREATE TRIGGER turn_of_old_table AFTER DELETE ON tables BEGIN
    UPDATE pipes SET turn = turn + 1, tables_turn = turn + 1 WHERE id = old.pipe_id;
END;
CREATE TRIGGER turn_of_table AFTER UPDATE OF pipe_id, table_index, load_state, snapshot_version, stop_reason,
    stopped_from, exact_position, joined_position ON tables BEGIN
    UPDATE pipes SET turn = turn + 1, tables_turn = turn + 1 WHERE id = new.pipe_id;
END;
CREATE TRIGGER turn_of_source AFTER UPDATE OF source_identity, version_floor ON pipes
    WHEN new.source_identity <> old.source_identity OR new.version_floor <> old.version_floor BEGIN
    UPDATE pipes SET turn = turn + 1, tables_turn = turn + 1 WHERE id = new.id;
END;
)sql";

// A version for each partition of a load; tables that a load is written to. Intakes that were under way have
// given out nothing yet, or have their first version above the one of all their loads.
constexpr const char* kVersion7 = R"sql(
ALTER TABLE partitions ADD COLUMN version INTEGER NOT NULL DEFAULT 0;
UPDATE partitions SET version = (
    SELECT snapshot_version FROM tables AS t
    WHERE t.pipe_id = partitions.pipe_id AND t.table_index = partitions.table_index);
ALTER TABLE tables ADD COLUMN load_table TEXT NOT NULL DEFAULT '';
ALTER TABLE tables ADD COLUMN load_uuid TEXT NOT NULL DEFAULT '';
ALTER TABLE pipes ADD COLUMN first_version INTEGER NOT NULL DEFAULT 0;
UPDATE pipes SET first_version = coalesce(
    (SELECT min(snapshot_version) + 1 FROM tables WHERE pipe_id = id AND load_state > 1),
    (SELECT next_version FROM checkpoints WHERE pipe_id = id), 1)
WHERE parent_id IS NOT NULL;
)sql";

// Files of the source's log that a load has seen (LogAnchor texts, a line each), until the flow has passed
// them.
constexpr const char* kVersion8 = R"sql(
ALTER TABLE pipes ADD COLUMN seen_log TEXT NOT NULL DEFAULT '';
)sql";

// Up to where a power cut at the destination takes nothing any more. Of tables that come or are loaded anew
// nothing is known.
constexpr const char* kVersion9 = R"sql(
ALTER TABLE pipes ADD COLUMN safe_version INTEGER NOT NULL DEFAULT 0;
CREATE TRIGGER unsafe_new_table AFTER INSERT ON tables BEGIN
    UPDATE pipes SET safe_version = 0 WHERE id = new.pipe_id;
END;
CREATE TRIGGER unsafe_table AFTER UPDATE OF pipe_id, load_state, target_table ON tables BEGIN
    UPDATE pipes SET safe_version = 0 WHERE id = new.pipe_id;
END;
)sql";

constexpr const char* kMigrations[] = {kVersion1, kVersion2, kVersion3, kVersion4, kVersion5,
                                       kVersion6, kVersion7, kVersion8, kVersion9};

/// The file's version; 0 for an empty file. Only reads.
int64_t check_file(Database& database, int64_t known) {
    // One read transaction: another process may be making the file just now.
    database.execute("BEGIN");
    int64_t application = database.query_integer("PRAGMA application_id");
    int64_t version = database.query_integer("PRAGMA user_version");
    int64_t objects = database.query_integer("SELECT count(*) FROM sqlite_schema");
    database.execute("COMMIT");
    if (application == 0 && version == 0 && objects == 0) return 0;
    if (application != kCatalogApplicationId) database.fail("the file is not a Penstock catalog");
    if (version > known) {
        database.fail("the file was written by a newer Penstock (catalog version " + std::to_string(version) +
                      ", this one knows up to " + std::to_string(known) + ")");
    }
    std::string verdict = database.query_text("PRAGMA quick_check(1)");
    if (verdict != "ok") database.fail("the file is damaged (" + verdict + ")");
    return version;
}

/// SQLite does not wait for the lock that this change needs, so we do: another process may look at the file.
std::string set_write_ahead_log(Database& database) {
    std::string mode = database.query_text("PRAGMA journal_mode");
    for (int attempt = 0; mode != "wal"; ++attempt) {
        try {
            return database.query_text("PRAGMA journal_mode = WAL");
        } catch (const Error& e) {
            if (e.disposition() != Disposition::kRetry || attempt == 200) throw;
            std::this_thread::sleep_for(std::chrono::milliseconds(25));
        }
    }
    return mode;
}

}  // namespace

std::span<const char* const> catalog_migrations() {
    return kMigrations;
}

void prepare_catalog(Database& database, std::span<const char* const> migrations) {
    database.set_doing("open");
    auto known = static_cast<int64_t>(migrations.size());
    int64_t version = check_file(database, known);
    if (set_write_ahead_log(database) != "wal") {
        database.fail("the file system cannot hold SQLite's write-ahead log");
    }
    database.execute("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON");
    if (version == known) return;
    database.set_doing("migrate");
    while (true) {
        Transaction transaction(database);
        // Read again under the write lock: two processes may have found the same old file.
        int64_t current = database.query_integer("PRAGMA user_version");
        if (current >= known) return;
        database.execute(migrations[static_cast<size_t>(current)]);
        database.execute(("PRAGMA application_id = " + std::to_string(kCatalogApplicationId)).c_str());
        database.execute(("PRAGMA user_version = " + std::to_string(current + 1)).c_str());
        transaction.commit();
    }
}

}  // namespace penstock
