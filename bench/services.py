"""What a service feels of its pipes: latency, a backlog under load, pipes that have nothing to do, many tables."""

import json
import os
import subprocess
import threading
import time

import data
import lab as laboratory
import results
from changes import MARKER, Inserts
from lab import Measurement, Pipe, until


def percentile(values, part):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * part))]


class Writer:
    """Commits `rate` rows a second, each with the server's time, until it is stopped."""

    def __init__(self, source, table, rate):
        self.source, self.table, self.rate = source, table, rate
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.write, daemon=True)
        self.written = 0

    def __enter__(self):
        self.client = subprocess.Popen(self.source.client(data.DATABASE), stdin=subprocess.PIPE, text=True)
        self.thread.start()
        return self

    def write(self):
        begin = time.monotonic()
        while not self.stopping.is_set():
            due = int((time.monotonic() - begin) * self.rate)
            for _ in range(due - self.written):
                self.client.stdin.write(f"INSERT INTO {self.table} (at) VALUES (SYSDATE(6));\n")
            self.written = max(due, self.written)
            self.client.stdin.flush()
            time.sleep(0.002)

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join()
        self.client.stdin.close()
        self.client.wait()


LATENCY_TABLE = "id INT NOT NULL PRIMARY KEY AUTO_INCREMENT, at DATETIME(6) NOT NULL"


def latency(lab, name, scale, repetitions, folder):
    """1,000 commits a second; how long after its commit a row is seen by a reader of the target."""
    clickhouse, target = lab.clickhouse, f"{data.DATABASE}.latency"
    seconds = max(5, int(60 * scale))
    for source in lab.sources.values():
        runs = []
        for _ in range(repetitions):
            for contender, settings in (("1 s", {"syncIntervalSeconds": 1}), ("100 ms", {"syncIntervalMilliseconds": 100})):
                clickhouse.drop_database(data.DATABASE)
                data.create(source, "latency", LATENCY_TABLE)
                pipe = Pipe(lab, source, data.DATABASE, ["latency"], {"replicationMode": "cdc_only", **settings})
                seen = []  # (when looked, the highest id there)
                with Measurement({source.name: source.pid, "clickhouse": clickhouse.pid}) as measured:
                    measured.add("pipe", pipe.start())
                    pipe.wait_for_state("Running")
                    time.sleep(3)  # the first batches of a pipe are in a hurry; they are not what is measured
                    with Writer(source, "latency", 1000):
                        end = time.monotonic() + seconds
                        while time.monotonic() < end:
                            highest = int(clickhouse.query(f"SELECT max(id) FROM {target}"))
                            seen.append((time.time(), highest))
                            time.sleep(0.01)
                measured.used["pipe"] = pipe.stop()
                commits = [line.split("\t") for line in clickhouse.query(
                    f"SELECT id, toUnixTimestamp64Micro(at) FROM {target} ORDER BY id").splitlines()]
                delays, look = [], 0
                for key, at in commits:
                    while look < len(seen) and seen[look][1] < int(key):
                        look += 1
                    if look < len(seen):
                        delays.append(seen[look][0] - int(at) / 1e6)
                delays = delays[len(delays) // 10:]  # without the beginning
                runs.append({"contender": contender, "rows": len(delays), **measured.result(),
                             "p50": round(percentile(delays, 0.5), 3), "p99": round(percentile(delays, 0.99), 3)})
        source.sql(f"DROP DATABASE {data.DATABASE}")
        clickhouse.drop_database(data.DATABASE)
        results.report(f"{name}-{source.name}", runs, folder=folder, scale=scale)


def catch_up(lab, name, scale, repetitions, folder):
    """A backlog is drained while as much comes again: time until the target is level with the source."""
    clickhouse = lab.clickhouse
    for source in lab.sources.values():
        runs = []
        for _ in range(repetitions):
            clickhouse.drop_database(data.DATABASE)
            backlog = Inserts(lab, source, scale)
            backlog.prepare()
            data.create(source, MARKER, "id INT NOT NULL PRIMARY KEY")
            data.create(source, "live", LATENCY_TABLE)
            pipe = Pipe(lab, source, data.DATABASE, ["changed", MARKER, "live"],
                        {"replicationMode": "cdc_only", "syncIntervalSeconds": 1})
            pipe.start()
            pipe.wait_for_state("Running")
            pipe.stop()
            backlog.change()
            source.sql(f"INSERT INTO {MARKER} VALUES (1)", data.DATABASE)
            with Writer(source, "live", 1000) as writer:
                with Measurement({source.name: source.pid, "clickhouse": clickhouse.pid}) as measured:
                    measured.add("pipe", pipe.start())
                    until(lambda: clickhouse.query(f"SELECT count() FROM {data.DATABASE}.{MARKER}") != "0", pipe.process)
                    drained = writer.written
                    until(lambda: int(clickhouse.query(f"SELECT count() FROM {data.DATABASE}.live")) >= drained, pipe.process)
            measured.used["pipe"] = pipe.stop()
            runs.append({"contender": "pipe", "rows": backlog.rows + drained, **measured.result()})
            source.sql(f"DROP DATABASE {data.DATABASE}")
            for path in lab.files.glob("*"):
                path.unlink()
        clickhouse.drop_database(data.DATABASE)
        results.report(f"{name}-{source.name}", runs, folder=folder, scale=scale)


def idle(lab, name, scale, repetitions, folder):
    """One hundred pipes of five tables, loaded, then without anything to do. See fifty_pipes.py."""
    del repetitions
    if "mariadb" not in lab.sources:
        raise SystemExit(f"{name} reads from MariaDB: leave out --source mysql")
    pipes = max(2, int(100 * scale))
    environment = dict(line.split("=", 1) for line in (lab.state / "servers.env").read_text().splitlines())
    done = subprocess.run([str(laboratory.ROOT / "bench/fifty_pipes.py"), str(laboratory.PENSTOCK), "--pipes", str(pipes)],
                          env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True)
    facts = json.loads(done.stdout)
    run = {"contender": "pipe", "rows": None, "seconds": facts["secondsUntilRunning"],
           "processorSeconds": {}, "peakMB": {"pipe": facts["residentMB"]}, "idlePercentOfACore": facts["idlePercentOfACore"]}
    results.report(name, [run], folder=folder, scale=scale)


def many_tables(lab, name, scale, repetitions, folder):
    """15,000 tables in one pipe of 256 MB: loaded, then a change in each. Memory is what is looked at."""
    del repetitions
    count = max(10, int(15_000 * scale))
    clickhouse = lab.clickhouse
    for source in lab.sources.values():
        tables = [f"t{i}" for i in range(count)]
        source.sql(f"CREATE DATABASE {data.DATABASE}")
        source.sql("SET sql_log_bin = 0;" + "".join(
            f"CREATE TABLE {table} (id INT PRIMARY KEY, v VARCHAR(100) NOT NULL);"
            f"INSERT INTO {table} VALUES (1, REPEAT('a', 100)), (2, REPEAT('b', 100));" for table in tables), data.DATABASE)
        clickhouse.drop_database(data.DATABASE)
        pipe = Pipe(lab, source, data.DATABASE, tables, {"replicationMode": "cdc", "syncIntervalSeconds": 1},
                    ["--memory-mb", "256"])
        with Measurement({source.name: source.pid, "clickhouse": clickhouse.pid}) as measured:
            measured.add("pipe", pipe.start())
            pipe.wait_for_state("Running")
            source.sql("BEGIN;" + "".join(f"UPDATE {table} SET v = REPEAT('c', 100) WHERE id = 1;" for table in tables) + "COMMIT;",
                       data.DATABASE)
            until(lambda: f'"updated":{count}' in pipe.last_line(), pipe.process)
        measured.used["pipe"] = pipe.stop()
        found = clickhouse.query(f"SELECT count(), countIf(v = repeat('c', 100)) FROM merge('{data.DATABASE}', '^t') FINAL")
        if found != f"{2 * count}\t{count}":
            raise RuntimeError(f"the tables hold other rows: {found}")
        clickhouse.drop_database(data.DATABASE)
        source.sql(f"DROP DATABASE {data.DATABASE}")
        results.report(f"{name}-{source.name}", [{"contender": "pipe of 256 MB", "rows": 3 * count, **measured.result()}],
                       folder=folder, scale=scale)


WORKLOADS = {"many-tables": many_tables, "latency": latency, "catch-up-under-load": catch_up, "idle-100-pipes": idle}
