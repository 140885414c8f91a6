"""Draining a backlog of changes, against the same ClickHouse taking the same rows as ready blocks from files."""

import concurrent.futures
import os
import random
import shutil
import subprocess

import data
import results
from lab import ROOT, Measurement, Pipe, until

CONNECTIONS = 2  # as many as a pipe uses
LOG_READER = ROOT / "build/release/bench/log_reader"
TABLE = "id INT NOT NULL PRIMARY KEY, k INT NOT NULL, c CHAR(120) NOT NULL, pad CHAR(60) NOT NULL"
MARKER = "bench_end"


class Backlog:
    """Makes tables and, once a pipe has its start position, their changes. The last transaction fills MARKER."""

    def __init__(self, lab, source, scale):
        self.lab, self.source, self.scale = lab, source, scale
        self.tables, self.rows, self.options = ["changed"], 0, []

    def scaled(self, rows):
        return max(1000, int(rows * self.scale))

    def prepare(self):
        data.create(self.source, "changed", TABLE)

    def change(self):
        raise NotImplementedError

    def log_place(self):
        statement = "SHOW BINARY LOG STATUS" if self.source.name == "mysql" else "SHOW MASTER STATUS"
        return ":".join(self.source.sql(statement).split("\t")[:2])

    def read_log(self, how, *tables):
        """A running process that reads the changes from the log, and drops them."""
        environment = {**os.environ, "PENSTOCK_BENCH_PASSWORD": self.source.password}
        return subprocess.Popen([LOG_READER, self.source.host, str(self.source.port), self.source.user, *self.places, how, *tables],
                                stdout=subprocess.PIPE, text=True, env=environment)

    @staticmethod
    def end_of(reader):
        """What it printed, and the processor seconds that it used."""
        printed = reader.stdout.read().strip()
        _, status, used = os.wait4(reader.pid, 0)
        reader.returncode = os.waitstatus_to_exitcode(status)
        if reader.returncode != 0:
            raise RuntimeError(f"log_reader ended with {reader.returncode}")
        return printed, used.ru_utime + used.ru_stime

    def change_between_places(self):
        before = self.log_place()
        self.change()
        self.places = (before, self.log_place())

    def statements(self, texts, database=data.DATABASE):
        """Many statements through one connection; each is a transaction."""
        client = subprocess.Popen(self.source.client(database), stdin=subprocess.PIPE, text=True)
        for text in texts:
            client.stdin.write(text + ";\n")
        client.stdin.close()
        if client.wait() != 0:
            raise RuntimeError("a change at the source failed")


class Inserts(Backlog):
    def prepare(self):
        super().prepare()
        self.rows = self.scaled(5_000_000)
        data.create(self.source, "staged", TABLE)
        data.fill(self.lab, self.source, "staged", data.SYSBENCH[1], self.rows)

    def change(self):
        self.statements(f"INSERT INTO changed SELECT * FROM staged WHERE id BETWEEN {first} AND {first + 999}"
                        for first in range(1, self.rows + 1, 1000))


class Updates(Backlog):
    def prepare(self):
        super().prepare()
        self.rows = self.scaled(3_000_000)
        data.fill(self.lab, self.source, "changed", data.SYSBENCH[1], self.rows)

    def change(self):
        self.statements(f"UPDATE changed SET k = k + 1, pad = REVERSE(pad) WHERE id BETWEEN {first} AND {first + 999}"
                        for first in range(1, self.rows + 1, 1000))


class HotRow(Backlog):
    def prepare(self):
        super().prepare()
        self.rows = self.scaled(1_000_000)
        self.source.sql("INSERT INTO changed VALUES (1, 0, REPEAT('c', 119), REPEAT('p', 59))", data.DATABASE)

    def change(self):
        self.statements(["SET autocommit = 0"] + ["UPDATE changed SET k = k + 1 WHERE id = 1" +
                        ("; COMMIT" if i % 20 == 19 else "") for i in range(self.rows)] + ["COMMIT"])


class Mixed(Backlog):
    """What sysbench's read-write test writes: two updates, a delete and an insert a transaction, in 20 tables."""

    def prepare(self):
        self.tables = [f"changed{i}" for i in range(20)]
        self.size = 10_000
        for table in self.tables:
            data.create(self.source, table, TABLE)
            numbers = f"seq_1_to_{self.size}" if self.source.name == "mariadb" else "numbers"
            self.source.sql("SET sql_log_bin = 0; " +
                            (f"SET cte_max_recursion_depth = {self.size}; INSERT INTO {table} WITH RECURSIVE numbers AS (SELECT 1 AS seq "
                             f"UNION ALL SELECT seq + 1 FROM numbers WHERE seq < {self.size}) " if numbers == "numbers" else
                             f"INSERT INTO {table} ") +
                            f"SELECT seq, seq, REPEAT('c', 119), REPEAT('p', 59) FROM {numbers}", data.DATABASE)
        self.rows = self.scaled(400_000) * 4

    def change(self):
        dice = random.Random(7)
        self.statements(self.transaction(dice) for _ in range(self.rows // 4))

    def transaction(self, dice):
        table, ids = dice.choice(self.tables), [dice.randint(1, self.size) for _ in range(3)]
        text = "".join(f"{dice.randint(0, 10**11):011d}-" for _ in range(9))
        return (f"BEGIN; UPDATE {table} SET k = k + 1 WHERE id = {ids[0]}; UPDATE {table} SET c = '{text}' WHERE id = {ids[1]}; "
                f"DELETE FROM {table} WHERE id = {ids[2]}; INSERT INTO {table} VALUES ({ids[2]}, {dice.randint(1, 10**6)}, "
                f"'{text}', '{text[:59]}'); COMMIT")


class HugeTransaction(Backlog):
    """4 GB in one transaction, whatever it holds: memory is what is looked at."""

    def prepare(self):
        super().prepare()
        self.rows = self.scaled(20_000_000)
        self.options = ["--memory-mb", "256"]
        data.create(self.source, "staged", TABLE)
        data.fill(self.lab, self.source, "staged", data.SYSBENCH[1], min(self.rows, 1_000_000))

    def change(self):
        step = 1_000_000
        self.statements(["BEGIN"] + [f"INSERT INTO changed SELECT id + {first}, k, c, pad FROM staged WHERE id <= "
                                     f"{min(step, self.rows - first)}" for first in range(0, self.rows, step)] + ["COMMIT"])


class Drain:
    def __init__(self, backlog):
        self.backlog, self.lab, self.source = backlog, backlog.lab, backlog.source
        self.clickhouse = self.lab.clickhouse

    def processes(self):
        return {self.source.name: self.source.pid, "clickhouse": self.clickhouse.pid}

    def pipe_at_start(self, engine):
        """A pipe that stands where the changes begin, and has not read any."""
        mappings = [{"sourceTable": table, "targetTable": table, "tableEngine": engine}
                    for table in [*self.backlog.tables, MARKER]]
        pipe = Pipe(self.lab, self.source, data.DATABASE, mappings,
                    {"replicationMode": "cdc_only", "syncIntervalSeconds": 1}, self.backlog.options)
        self.clickhouse.drop_database(data.DATABASE)
        pipe.start()
        pipe.wait_for_state("Running")
        pipe.stop()
        pipe.keep_data(pipe.directory / "start")
        return pipe

    def marker_is_there(self):
        return self.clickhouse.query(f"SELECT count() FROM {data.DATABASE}.{MARKER}") != "0"

    def prepare(self):
        self.backlog.prepare()
        data.create(self.source, MARKER, "id INT NOT NULL PRIMARY KEY")
        # Both stand at the same place. The second keeps every change as a row: the contender's files are made of it.
        collecting = self.pipe_at_start("MergeTree")
        self.pipe = self.pipe_at_start("ReplacingMergeTree")
        self.definitions = {table: self.clickhouse.query(f"SHOW CREATE TABLE {data.DATABASE}.{table} FORMAT TSVRaw")
                            for table in self.backlog.tables}
        self.backlog.change_between_places()
        self.source.sql(f"INSERT INTO {MARKER} VALUES (1)", data.DATABASE)
        self.collect(collecting)

    def collect(self, pipe):
        self.clickhouse.drop_database(data.DATABASE)
        self.clickhouse.query(f"CREATE DATABASE {data.DATABASE}")
        for table, definition in self.definitions.items():
            merge_tree = definition.replace("ReplacingMergeTree(_peerdb_version, _peerdb_is_deleted)", "MergeTree") \
                .replace("ReplacingMergeTree(_peerdb_version)", "MergeTree")
            self.clickhouse.query(merge_tree)
        self.clickhouse.query(f"CREATE TABLE {data.DATABASE}.{MARKER} (id Int32, _peerdb_synced_at DateTime64(9) DEFAULT now64(9), "
                              "_peerdb_is_deleted UInt8, _peerdb_version UInt64) ENGINE = MergeTree ORDER BY id")
        pipe.start()
        until(self.marker_is_there, pipe.process)
        pipe.stop()
        self.files = []
        shares = 1 if len(self.backlog.tables) > 1 else CONNECTIONS
        self.changes = 0
        for table in self.backlog.tables:
            source = f"{data.DATABASE}.{table}"
            rows = int(self.clickhouse.query(f"SELECT count() FROM {source}"))
            low, high = self.clickhouse.query(f"SELECT min(_peerdb_version), max(_peerdb_version) FROM {source}").split("\t")
            self.changes += rows
            for i in range(shares):
                first = int(low) + (int(high) - int(low) + 1) * i // shares
                last = int(low) + (int(high) - int(low) + 1) * (i + 1) // shares
                path = self.lab.files / f"{table}-{i}.native"
                self.clickhouse.query_to_file(
                    f"SELECT * EXCEPT _peerdb_synced_at FROM {source} WHERE _peerdb_version >= {first} AND _peerdb_version < {last} "
                    "ORDER BY _peerdb_version FORMAT Native", path, max_bytes_before_external_sort=1 << 30)
                self.files.append((table, path))

    def final_rows(self):
        sums = [self.clickhouse.query(f"SELECT count(), sum(cityHash64(id, k, c, pad)) FROM {data.DATABASE}.{table} FINAL WHERE "
                                      "_peerdb_is_deleted = 0") for table in self.backlog.tables]
        return "; ".join(sums)

    def empty_targets(self):
        for table in [*self.backlog.tables, MARKER]:
            self.clickhouse.query(f"DROP TABLE IF EXISTS {data.DATABASE}.{table} SYNC")
        for definition in self.definitions.values():
            self.clickhouse.query(definition)

    def run_pipe(self, contender="pipe", binary=None):
        self.empty_targets()
        self.clickhouse.query(f"CREATE TABLE {data.DATABASE}.{MARKER} (id Int32, _peerdb_synced_at DateTime64(9) DEFAULT now64(9), "
                              "_peerdb_is_deleted UInt8, _peerdb_version UInt64) ENGINE = "
                              "ReplacingMergeTree(_peerdb_version) ORDER BY id")
        self.pipe.restore_data(self.pipe.directory / "start")
        with Measurement(self.processes()) as measured:
            measured.add("pipe", self.pipe.start())
            until(self.marker_is_there, self.pipe.process)
        measured.used["pipe"] = self.pipe.stop()
        return self.result(contender, measured)

    def run_files(self, contender="ready blocks from files", read_log=False):
        """With `read_log` the source sends the changes meanwhile, to a reader that drops them: what no pipe can do without."""
        self.empty_targets()
        with Measurement(self.processes()) as measured:
            reader = self.backlog.read_log("transport") if read_log else None
            if reader:
                measured.add("log reader", reader.pid)
            with concurrent.futures.ThreadPoolExecutor(CONNECTIONS) as pool:
                for done in [pool.submit(self.send, *file) for file in self.files]:
                    done.result()
            used = self.backlog.end_of(reader)[1] if reader else None
        if reader:
            measured.used["log reader"] = used
        return self.result(contender, measured)

    def send(self, table, path):
        if self.clickhouse.curl(f"INSERT INTO {data.DATABASE}.{table} FORMAT Native", path).wait() != 0:
            raise RuntimeError("an insert from a file failed")

    def result(self, contender, measured):
        parts = int(self.clickhouse.query(f"SELECT count() FROM system.parts WHERE active AND database = '{data.DATABASE}'"))
        run = {"contender": contender, "rows": self.changes, **measured.result(), "parts": parts}
        found = self.final_rows()
        if found != getattr(self, "expected", found):
            raise RuntimeError(f"{contender} ended with other rows: {found}, not {self.expected}")
        self.expected = found
        return run

    def clean(self):
        self.clickhouse.drop_database(data.DATABASE)
        self.source.sql(f"DROP DATABASE {data.DATABASE}")
        self.source.sql("PURGE BINARY LOGS BEFORE NOW()")
        shutil.rmtree(self.pipe.directory, ignore_errors=True)
        for path in self.lab.files.glob("*"):
            path.unlink()


def run(kind):
    def workload(lab, name, scale, repetitions, folder):
        for source in lab.sources.values():
            drain = Drain(kind(lab, source, scale))
            drain.prepare()
            runs = []
            for _ in range(repetitions):
                runs += [drain.run_pipe(), drain.run_files(), drain.run_files("the same, the log read meanwhile", read_log=True)]
            drain.clean()
            results.report(f"{name}-{source.name}", runs, ["pipe"], folder=folder, scale=scale)
    return workload


def decode(lab, name, scale, repetitions, folder):
    """The log of inserts read and dropped, against read, decoded into columns and dropped."""
    for source in lab.sources.values():
        backlog = Inserts(lab, source, scale)
        backlog.prepare()
        backlog.change_between_places()
        runs = []
        for _ in range(repetitions):
            for how in ("decode", "transport"):
                with Measurement({source.name: source.pid}) as measured:
                    reader = backlog.read_log(how, *(f"{data.DATABASE}.{table}" for table in backlog.tables if how == "decode"))
                    measured.add("log reader", reader.pid)
                    rows, used = backlog.end_of(reader)
                measured.used["log reader"] = used
                if how == "decode" and int(rows) != backlog.rows:
                    raise RuntimeError(f"{rows} of {backlog.rows} rows were decoded")
                runs.append({"contender": how, "rows": backlog.rows, **measured.result()})
        source.sql(f"DROP DATABASE {data.DATABASE}")
        source.sql("PURGE BINARY LOGS BEFORE NOW()")
        for path in lab.files.glob("*"):
            path.unlink()
        results.report(f"{name}-{source.name}", runs, ["decode"], folder=folder, scale=scale)


WORKLOADS = {"decode": decode, "cdc-insert": run(Inserts), "cdc-update": run(Updates), "cdc-mixed": run(Mixed), "cdc-hot-row": run(HotRow),
             "cdc-one-huge-transaction": run(HugeTransaction)}
