#!/usr/bin/env python3
"""Takes a pipe through its whole life with ClickHouse's command-line client alone, on real servers.

Usage: clickhousectl_life.py PENSTOCK, with the PENSTOCK_TEST_* environment of ./dev test. The client is installed from
PyPI, pinned, into a virtual environment of its own (tests/conformance/clickhousectl.txt).
"""

import json
import os
import subprocess
import sys
import tempfile

from serve import PATIENCE, ROOT, Database, Failure, Serve, clickhouse, expect, wait_until


class Source(Database):
    def __init__(self):
        super().__init__("MYSQL", "clickhousectl")
        for table in ("orders", "visits"):
            self.sql(f"CREATE TABLE {self.name}.{table} (id INT PRIMARY KEY, t TEXT); "
                     f"INSERT INTO {self.name}.{table} VALUES (1, 'a'), (2, NULL)")

    def mapping(self, table, **more):
        return {"sourceSchemaName": self.name, "sourceTable": table, "targetTable": table, **more}

    def drop(self):
        clickhouse(f"DROP DATABASE IF EXISTS {self.name}")
        super().drop()


class Client:
    """clickhousectl cloud, told where the API is and who asks."""

    def __init__(self, program, serve, folder):
        self.command = [program, "cloud", "--url", serve.url + "/v1"]
        self.environment = {"PATH": os.environ["PATH"], "HOME": folder, "DO_NOT_TRACK": "1",
                            "CLICKHOUSE_CLOUD_API_KEY": serve.key[0], "CLICKHOUSE_CLOUD_API_SECRET": serve.key[1]}
        self.service = None

    def run(self, *arguments, code=0, text=None):
        """What it printed, as JSON where it is; with another exit code, what it said."""
        done = subprocess.run([*self.command, "--json", *arguments], env=self.environment, cwd=self.environment["HOME"],
                              input=text or "", text=True, capture_output=True, timeout=PATIENCE, check=False)
        expect(done.returncode == code, f"clickhousectl {' '.join(arguments)}: {done.returncode}: {done.stdout}"
                                        f"{done.stderr}")
        if code != 0:
            return done.stdout + done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    def pipe(self, verb, *arguments, **how):
        return self.run("clickpipe", *verb.split(), self.service, *arguments, **how)

    def wait(self, pipe, state):
        def look():
            shown = self.pipe("get", pipe)
            expect(shown["state"] != "Failed", f"the pipe failed: {shown}")
            return shown["state"]
        wait_until(look, state, f"the state of {pipe}")

    def update(self, pipe, body):
        return self.pipe("update", pipe, "--file", "-", text=json.dumps(body))


def targets_of(shown):
    return sorted(mapping["targetTable"] for mapping in shown["source"]["mysql"]["tableMappings"])


def play(client, source):
    def level(table):
        wait_until(lambda: clickhouse(f"SELECT count() FROM {source.name}.{table}"),
                   source.sql(f"SELECT COUNT(*) FROM {source.name}.{table}"), f"rows of {table}")

    expect(len(client.run("org", "list")) == 1, "there is not one organization")
    services = client.run("service", "list")
    client.service = next(service["id"] for service in services if service["name"] == "test")
    expect(client.run("service", "get", client.service)["name"] == "test", "another service")
    expect(client.pipe("list") == [], "a new service has pipes")

    where, who = source.endpoint(), source.credentials()
    made = client.pipe("create mysql", "--name", "shop", "--host", where["host"], "--port", str(where["port"]),
                       "--username", who["username"], "--password", who["password"], "--sync-interval-seconds", "1",
                       "--destination-database", source.name, "--table-mapping", f"{source.name}.orders:orders")
    pipe = made["id"]
    client.wait(pipe, "Running")
    level("orders")
    expect([each["id"] for each in client.pipe("list")] == [pipe], "the pipe is not the one of the list")
    expect("already running" in client.pipe("start", pipe, code=1), "a second start was taken")

    # As its help says: stop, update, start. An edit lets a paused pipe go on by itself.
    client.pipe("stop", pipe)
    client.wait(pipe, "Paused")
    client.pipe("stop", pipe)
    client.update(pipe, {"source": {"mysql": {**where, "tableMappingsToAdd": [
        source.mapping("visits", useCustomSortingKey=False, excludedColumns=["t"])]}}})
    client.wait(pipe, "Running")
    level("visits")
    expect(targets_of(client.pipe("get", pipe)) == ["orders", "visits"], "the table was not added")

    shown = client.update(pipe, {"name": "shop-2", "source": {"mysql": {
        **where, "settings": {"syncIntervalSeconds": 2, "pullBatchSize": 1000, "useCompression": True}}}})
    client.wait(pipe, "Running")
    shown = client.pipe("get", pipe)
    settings = shown["source"]["mysql"]["settings"]
    expect((shown["name"], settings["syncIntervalSeconds"], settings["pullBatchSize"], settings["useCompression"]) ==
           ("shop-2", 2, 1000, True), f"the settings are {shown}")
    source.sql(f"INSERT INTO {source.name}.orders VALUES (3, 'c')")
    level("orders")

    client.update(pipe, {"source": {"mysql": {**where, "tableMappingsToRemove": [
        source.mapping("visits", tableEngine="ReplacingMergeTree")]}}})
    client.wait(pipe, "Running")
    expect(targets_of(client.pipe("get", pipe)) == ["orders"], "the table was not removed")

    # What is repeated is no change: a paused pipe stays so.
    client.pipe("stop", pipe)
    client.wait(pipe, "Paused")
    client.update(pipe, {"name": "shop-2", "source": {"mysql": {**where, "settings": {"pullBatchSize": 1000}}}})
    expect(client.pipe("get", pipe)["state"] == "Paused", "what was repeated let the pipe go on")
    client.pipe("start", pipe)
    client.wait(pipe, "Running")
    clickhouse(f"TRUNCATE TABLE {source.name}.orders")
    client.pipe("resync", pipe)
    level("orders")
    client.wait(pipe, "Running")

    wanted = {"replicaCpuMillicores": 4000, "replicaMemoryGb": 16}
    client.pipe("cdc-scaling update", "--cpu-millicores", "4000", "--memory-gb", "16")
    scaling = client.pipe("cdc-scaling get")
    expect({name: scaling[name] for name in wanted} == wanted, f"the scaling is {scaling}")
    expect("clickpipesCdcScaling" in client.pipe("scale", pipe, "--replicas", "2", code=1), "replicas were taken")

    client.pipe("delete", pipe)
    gone = client.pipe("get", pipe, code=1)
    expect(f"there is no pipe with the id {pipe}" in gone, f"the pipe is still there: {gone}")
    expect(client.pipe("list") == [], "the pipe is still in the list")
    expect(clickhouse(f"SELECT count() FROM {source.name}.orders") == "3", "its target did not stay")


def main():
    program = subprocess.run([ROOT / "tests/conformance/install_tool.sh", "clickhousectl"], check=True, text=True,
                             stdout=subprocess.PIPE).stdout.strip()
    source = Source()
    try:
        with tempfile.TemporaryDirectory(prefix="penstock-clickhousectl-") as folder:
            serve = Serve(sys.argv[1], folder)
            try:
                serve.add_service()
                play(Client(program, serve, folder), source)
            except Failure as failure:
                raise Failure(f"{failure}\nThe end of the service's log:\n{serve.log()}") from failure
            finally:
                serve.stop()
    except Failure as failure:
        print(failure)
        return 1
    finally:
        source.drop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
