-- A catalog of version 1, as the sqlite3 shell dumps it. Never edited: catalog_file_test.cc reads it.
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
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
INSERT INTO pipes VALUES('6c0d3d0e-52f4-4f0c-9d52-1a3f5f0a9b11','shop','{"name":"shop"}','Running','','Running','server-uuid','mariadb-gtid:0-1-5','mariadb-gtid:0-1-9',1700000000000,1700000000500);
CREATE TABLE transitions (
    pipe_id TEXT NOT NULL REFERENCES pipes (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    from_state TEXT NOT NULL,
    to_state TEXT NOT NULL,
    reason TEXT NOT NULL,
    time INTEGER NOT NULL,
    PRIMARY KEY (pipe_id, number)
) STRICT, WITHOUT ROWID;
INSERT INTO transitions VALUES('6c0d3d0e-52f4-4f0c-9d52-1a3f5f0a9b11',1,'Provisioning','Setup','checks passed',1700000000100);
INSERT INTO transitions VALUES('6c0d3d0e-52f4-4f0c-9d52-1a3f5f0a9b11',2,'Setup','Running','cdc_only',1700000000500);
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
INSERT INTO tables VALUES('6c0d3d0e-52f4-4f0c-9d52-1a3f5f0a9b11',0,'items',3,'mariadb-gtid:0-1-7',10,42,3,2,1,0);
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
INSERT INTO schemas VALUES('6c0d3d0e-52f4-4f0c-9d52-1a3f5f0a9b11',0,1,'mariadb-gtid:0-1-5','{"columns":[{"columnType":"bigint(20)","name":"id","type":5}],"database":"shop","engine":"InnoDB","key":[0],"keyIsPrimary":true,"name":"items"}');
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
INSERT INTO partitions VALUES('6c0d3d0e-52f4-4f0c-9d52-1a3f5f0a9b11',0,0,'`id` < 100',40,2,42,1);
CREATE TABLE checkpoints (
    pipe_id TEXT NOT NULL PRIMARY KEY REFERENCES pipes (id) ON DELETE CASCADE,
    position TEXT NOT NULL,
    next_version INTEGER NOT NULL,
    next_batch INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO checkpoints VALUES('6c0d3d0e-52f4-4f0c-9d52-1a3f5f0a9b11','mariadb-gtid:0-1-12',50,2);
CREATE TABLE intents (
    pipe_id TEXT NOT NULL PRIMARY KEY REFERENCES pipes (id) ON DELETE CASCADE,
    batch INTEGER NOT NULL,
    from_position TEXT NOT NULL,
    first_version INTEGER NOT NULL,
    last_version INTEGER NOT NULL,
    block_bytes INTEGER NOT NULL,
    closed INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO intents VALUES('6c0d3d0e-52f4-4f0c-9d52-1a3f5f0a9b11',2,'mariadb-gtid:0-1-12',50,99,16777216,0);
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
INSERT INTO batches VALUES('6c0d3d0e-52f4-4f0c-9d52-1a3f5f0a9b11',1,'mariadb-gtid:0-1-12',50,1700000001000,1700000002000,1,512,3,2,1,0);
COMMIT;
PRAGMA application_id = 1347310420;
PRAGMA user_version = 1;
