"""The initial load against ClickHouse's own mysql() table function, one query and several ranged ones."""

import threading

import data
import results
from lab import Measurement, Pipe

RANGES = 4


def bounds_of(source, name, rows):
    """RANGES - 1 keys that cut the table into equal parts, as literals."""
    keys = []
    for i in range(1, RANGES):
        key = source.sql(f"SELECT id FROM {data.DATABASE}.{name} ORDER BY id LIMIT 1 OFFSET {rows * i // RANGES}")
        keys.append(key if key.lstrip("-").isdigit() else f"'{key}'")
    return keys


def predicates(bounds):
    edges = [None, *bounds, None]
    for low, high in zip(edges, edges[1:]):
        parts = ([f"id >= {low}"] if low else []) + ([f"id < {high}"] if high else [])
        yield " AND ".join(parts)


class Snapshot:
    def __init__(self, lab, source, name, scale):
        self.lab, self.source, self.name = lab, source, name
        rows, columns, values = data.TABLES[name]
        self.table = name.replace("-", "_")
        self.rows = max(1000, int(rows * scale))
        data.create(source, self.table, columns)
        data.fill(lab, source, self.table, values, self.rows)
        self.bounds = bounds_of(source, self.table, self.rows)
        self.definition = None

    def processes(self):
        return {self.source.name: self.source.pid, "clickhouse": self.lab.clickhouse.pid}

    def finish(self, contender, measured):
        clickhouse, target = self.lab.clickhouse, f"{data.DATABASE}.{self.table}"
        # FINAL and not count(): a row that came twice would not be seen by one, one that is missing by the other.
        counted = int(clickhouse.query(f"SELECT count() FROM {target} FINAL"))
        total = int(clickhouse.query(f"SELECT count() FROM {target}"))
        if counted != self.rows or total < self.rows:
            raise RuntimeError(f"{self.name}: {contender} brought {counted} of {self.rows} rows")
        parts = int(clickhouse.query(f"SELECT count() FROM system.parts WHERE active AND database = '{data.DATABASE}'"))
        return {"contender": contender, "rows": self.rows, **measured.result(), "parts": parts}

    def pipe(self, contender, settings, options=()):
        self.lab.clickhouse.drop_database(data.DATABASE)
        pipe = Pipe(self.lab, self.source, data.DATABASE, [self.table], {"replicationMode": "snapshot", **settings}, options)
        with Measurement(self.processes()) as measured:
            measured.add("pipe", pipe.start())
            measured.used["pipe"] = pipe.wait()
        target = f"{data.DATABASE}.{self.table}"
        self.definition = self.definition or self.lab.clickhouse.query(f"SHOW CREATE TABLE {target} FORMAT TSVRaw")
        return self.finish(contender, measured)

    def engine(self, contender, wheres):
        clickhouse, target = self.lab.clickhouse, f"{data.DATABASE}.{self.table}"
        clickhouse.drop_database(data.DATABASE)
        clickhouse.query(f"CREATE DATABASE {data.DATABASE}")
        clickhouse.query(self.definition)
        names = clickhouse.query(f"SELECT name FROM system.columns WHERE database = '{data.DATABASE}' AND table = "
                                 f"'{self.table}' AND name NOT LIKE '\\\\_peerdb%' ORDER BY position FORMAT TSV").splitlines()
        columns = ", ".join(f"`{name}`" for name in names)
        remote = (f"mysql('{self.source.host}:{self.source.port}', '{data.DATABASE}', '{self.table}', "
                  f"'{self.source.user}', '{self.source.password}')")
        errors = []

        def one(where):
            try:
                clickhouse.query(f"INSERT INTO {target} ({columns}, _peerdb_is_deleted, _peerdb_version) SELECT {columns}, 0, 0 "
                                 f"FROM {remote}" + (f" WHERE {where}" if where else ""))
            except Exception as error:  # told by the thread that waits
                errors.append(error)

        with Measurement(self.processes()) as measured:
            threads = [threading.Thread(target=one, args=(where,)) for where in wheres]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        if errors:
            raise errors[0]
        return self.finish(contender, measured)

    def round(self):
        yield self.pipe("pipe", {})
        yield self.pipe("pipe, 2 readers", {"initialLoadParallelism": 2})
        yield self.engine("mysql() in one query", [""])
        yield self.engine(f"mysql() in {RANGES} ranges", list(predicates(self.bounds)))
        two = self.bounds[RANGES // 2 - 1]
        yield self.engine("mysql() in 2 ranges", list(predicates([two])))


def run(lab, name, scale, repetitions, folder):
    for source in lab.sources.values():
        snapshot = Snapshot(lab, source, name, scale)
        runs = []
        for _ in range(repetitions):
            runs += snapshot.round()
        source.sql(f"DROP DATABASE {data.DATABASE}")
        results.report(f"{name}-{source.name}", runs, ["pipe", "pipe, 2 readers"], folder=folder, scale=scale)
    (lab.files / f"{name.replace('-', '_')}.tsv").unlink(missing_ok=True)
    lab.clickhouse.drop_database(data.DATABASE)
