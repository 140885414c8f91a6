#!/usr/bin/env python3
"""Plays every method of every path of the API through validating proxies, on real servers.

Usage: api_conformance.py PENSTOCK, with the PENSTOCK_TEST_* environment of ./dev test.

One proxy holds requests and answers against the ClickPipes API (tests/data/clickpipes-mysql.openapi.json: its
paths, names, types and ranges), the other against Penstock's own document, as /openapi.json serves it. Each method
of a document must be answered with 200 at least once. Prints one line for each violation; exit code 1 when there
is any.
"""

import json
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from serve import PATIENCE, ROOT, Database, Failure, Process, Serve, basic, environment, expect

CONTRACT = ROOT / "tests/data/clickpipes-mysql.openapi.json"
METHODS = ("get", "post", "put", "patch", "delete")
NOBODY = "11111111-1111-4111-8111-111111111111"


class Proxy:
    """Prism in front of the API: what a document does not allow is answered with an error."""

    def __init__(self, program, document, url, folder, name):
        self.document = json.loads(Path(document).read_text(encoding="utf-8"))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.name = name
        self.done = set()  # (method, path of the document) that was answered with 200
        self.violations = []
        self.process = Process(["node", program, "proxy", str(document), url, "--port", str(port), "--errors"],
                               f"{folder}/{name}.log")
        self.process.wait_for_line(lambda line: "is listening on" in line)

    def path_of(self, path):
        """The document's path that a request's path belongs to; those without parameters go first."""
        asked = path.split("?")[0].split("/")
        for known in sorted(self.document["paths"], key=lambda p: p.count("{")):
            parts = known.split("/")
            if len(parts) == len(asked) and all(k == a or k.startswith("{") for k, a in zip(parts, asked)):
                return known
        raise Failure(f"{self.name} has no path for {path}")

    def missing(self):
        for path, item in self.document["paths"].items():
            for method in METHODS:
                if method in item and (method, path) not in self.done:
                    yield f"{self.name}: {method.upper()} {path} was not answered with 200"

    def call(self, key, method, path, body=None, status=200):
        request = urllib.request.Request(self.url + path, method=method.upper())
        if key:
            request.add_header("Authorization", basic(*key))
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json; charset=utf-8")
        try:
            answer = urllib.request.urlopen(request, timeout=PATIENCE)
        except urllib.error.HTTPError as error:
            answer = error
        text = answer.read().decode()
        what = f"{self.name}: {method.upper()} {path}: {answer.status}"
        if answer.headers.get("sl-violations"):
            self.violations.append(f"{what}: {answer.headers['sl-violations']}")
        if "problem+json" in answer.headers.get("Content-Type", ""):
            raise Failure(f"{what}: the proxy: {text}")
        if answer.status != status:
            raise Failure(f"{what} instead of {status}: {text}")
        if status == 200:
            self.done.add((method, self.path_of(path)))
        return json.loads(text)


class Client:
    """The API through one proxy."""

    def __init__(self, proxy, key, service):
        self.proxy, self.key, self.service = proxy, key, service

    def call(self, method, path, body=None, status=200):
        answer = self.proxy.call(self.key, method, path, body, status)
        return answer.get("result") if status == 200 else answer["error"]

    def pipes(self, method, path="", body=None, status=200):
        return self.call(method, f"{self.service}/clickpipes{path}", body, status)

    def wait(self, pipe, *states):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            shown = self.pipes("get", "/" + pipe)
            if shown["state"] in states:
                return shown
            if shown["state"] == "Failed":
                break
            time.sleep(0.2)
        raise Failure(f"pipe {shown['name']} is {shown['state']}, not {' or '.join(states)}")


class Source(Database):
    """Three tables."""

    def __init__(self):
        super().__init__("MYSQL", "conformance")
        for table in ("orders", "lines", "visits"):
            self.sql(f"CREATE TABLE {self.name}.{table} (id INT PRIMARY KEY, day DATE, t TEXT); "
                     f"INSERT INTO {self.name}.{table} VALUES (1, '2020-01-01', 'a'), (2, NULL, 'b')")

    def mapping(self, table, **more):
        return {"sourceSchemaName": self.name, "sourceTable": table, "targetTable": table, **more}

    def pipe(self, name, mode, tables):
        return {"name": name,
                "source": {"mysql": {"type": "mysql", **self.endpoint(), "credentials": self.credentials(),
                                     "authentication": "basic", "disableTls": False, "skipCertVerification": True,
                                     "settings": {"replicationMode": mode, "replicationMechanism": "GTID",
                                                  "syncIntervalSeconds": 1, "pullBatchSize": 1000,
                                                  "useCompression": False, "allowNullableColumns": True,
                                                  "initialLoadParallelism": 2,
                                                  "snapshotNumRowsPerPartition": 1000,
                                                  "snapshotNumberOfParallelTables": 2, "deleteOnMerge": False},
                                     "tableMappings": tables},
                           "validateSamples": True},
                "destination": {"database": f"{self.name}_{name}", "roles": []},
                "fieldMappings": [], "settings": {"clickhouse_max_threads": 4}}


def play_contract(client, source):
    """What clients of the ClickPipes API send. Returns the id of a pipe that is Running."""
    pipes = client.pipes
    expect(pipes("get") == [], "a new service has pipes")
    body = source.pipe("shop", "cdc", [source.mapping("orders", tableEngine="ReplacingMergeTree", sortingKeys=["id"],
                                                      useCustomSortingKey=True, excludedColumns=["t"],
                                                      partitionKey="id")])
    made = pipes("post", "", body)
    pipe = "/" + made["id"]
    shown = client.wait(made["id"], "Running")
    for field, value in body["source"]["mysql"].items():
        if field not in ("credentials", "tableMappings", "settings"):
            expect(shown["source"]["mysql"].get(field) == value, f"{field} came back as {shown['source']['mysql'].get(field)}")
    for field, value in body["source"]["mysql"]["settings"].items():
        expect(shown["source"]["mysql"]["settings"].get(field) == value, f"settings.{field} did not come back as sent")
    expect("credentials" not in json.dumps(shown), "credentials came back")
    expect(len(pipes("get")) == 1, "the pipe is not in the list")

    expect(pipes("get", pipe + "/settings")["clickhouse_max_threads"] == 4, "the settings are not those sent")
    changed = pipes("put", pipe + "/settings", {"clickhouse_max_threads": 8, "object_storage_concurrency": None})
    expect(changed["clickhouse_max_threads"] == 8, "the settings were not changed")

    edit = {**source.endpoint(), "settings": {"syncIntervalSeconds": 2, "pullBatchSize": None},
            "tableMappingsToAdd": [source.mapping("lines")], "tableMappingsToRemove": []}
    pipes("patch", pipe, {"name": "shop-2", "source": {"mysql": edit}})
    shown = client.wait(made["id"], "Running")
    expect(shown["name"] == "shop-2", "the name was not changed")
    expect(shown["source"]["mysql"]["settings"]["syncIntervalSeconds"] == 2, "the interval was not changed")
    expect(len(shown["source"]["mysql"]["tableMappings"]) == 2, "the table was not added")

    for _ in range(2):  # stop on a paused pipe changes nothing
        pipes("patch", pipe + "/state", {"command": "stop"})
        client.wait(made["id"], "Paused")
    remove = {**source.endpoint(), "tableMappingsToRemove": [source.mapping("lines", tableEngine="MergeTree")]}
    pipes("patch", pipe, {"name": None, "source": {"mysql": remove}, "destination": {"columns": []}, "settings": {}})
    shown = client.wait(made["id"], "Running")  # an edit of a paused pipe resumes it
    expect(len(shown["source"]["mysql"]["tableMappings"]) == 1, "the table was not removed")
    error = pipes("patch", pipe + "/state", {"command": "start"}, 400)
    expect("already running" in error, f"a second start: {error}")
    pipes("patch", pipe + "/state", {"command": "stop"})
    client.wait(made["id"], "Paused")
    pipes("patch", pipe + "/state", {"command": "start"})
    client.wait(made["id"], "Running")
    pipes("patch", pipe, {"source": {"mysql": {"host": None, "port": None, "credentials": source.credentials()}}})
    client.wait(made["id"], "Running")

    pipes("patch", pipe + "/scaling", {"replicas": None})
    pipes("patch", pipe + "/scaling", {"replicas": 2, "replicaMemoryGb": 0.5}, 400)
    scaling = client.service + "/clickpipesCdcScaling"
    client.call("get", scaling)
    wanted = {"replicaCpuMillicores": 4000, "replicaMemoryGb": 16}
    client.call("patch", scaling, wanted)
    expect(client.call("get", scaling) == wanted, "the scaling that was set is not shown")
    client.call("patch", scaling, {"replicaCpuMillicores": 2000, "replicaMemoryGb": 32}, 400)

    pipes("post", "", source.pipe("lost", "cdc", [source.mapping("not_there")]), 400)
    once = pipes("post", "", source.pipe("once", "snapshot", [source.mapping("visits", tableEngine="MergeTree")]))
    client.wait(once["id"], "Completed")
    error = pipes("patch", "/" + once["id"] + "/state", {"command": "start"}, 400)
    pipes("patch", "/" + once["id"] + "/state", {"command": "resync"})
    client.wait(once["id"], "Completed")
    pipes("delete", "/" + once["id"])
    return made["id"]


def play_additions(client, source, organization, pipe):
    """All of Penstock's own document."""
    call, pipes = client.call, client.pipes
    call("get", "/healthz")
    call("get", "/readyz")
    expect(call("get", "/v1/organizations")[0]["id"] == organization.split("/")[-1], "another organization")
    call("get", organization)
    call("get", f"/v1/organizations/{NOBODY}", None, 404)

    made = call("post", organization + "/keys", {"name": "looker", "role": "reader", "expiresInDays": 1})
    expect(len(call("get", organization + "/keys")) == 2, "the key is not in the list")
    reader = Client(client.proxy, (made["keyId"], made["keySecret"]), client.service)
    reader.pipes("get")
    reader.pipes("delete", "/" + pipe, None, 403)
    call("delete", organization + "/keys/" + made["keyId"])
    reader.pipes("get", "", None, 401)

    service = call("post", organization + "/services", {"name": "far", "url": "http://127.0.0.1:9", "password": "x"})
    call("get", organization + "/services")
    call("post", organization + "/services", {"name": "far", "url": "http://127.0.0.1:9"}, 409)
    call("get", f"{organization}/services/{service['id']}")
    call("patch", f"{organization}/services/{service['id']}", {"name": "farther", "password": "y"})
    call("patch", f"{organization}/services/{service['id']}", {"url": "nonsense"}, 400)
    call("delete", f"{organization}/services/{service['id']}")

    for view in ("tables", "partitions", "partitions?table=orders", "batches?limit=5", "events", "progress"):
        pipes("get", f"/{pipe}/{view}")
    events = pipes("get", f"/{pipe}/events")
    expect([events[0]["from"]] + [e["to"] for e in events[:4]] == ["", "Provisioning", "Setup", "Snapshot", "Running"],
           f"the events begin with {events[:4]}")
    expect(pipes("get", f"/{pipe}/events?limit=1&before=3") == [events[1]], "the page before the third event")
    pipes("get", f"/{pipe}/partitions?table=nothing", None, 400)
    pipes("get", f"/{NOBODY}/tables", None, 404)
    pipes("get", "")
    pipes("get", f"/{pipe}")
    pipes("get", f"/{pipe}/settings")
    pipes("put", f"/{pipe}/settings", {"clickhouse_max_threads": 2})
    pipes("patch", f"/{pipe}/scaling", {})
    pipes("patch", f"/{pipe}", {"name": "shop-3", "source": None, "destination": None, "settings": None})
    pipes("patch", f"/{pipe}/state", {"command": "resync", "tables": ["orders"]})
    client.wait(pipe, "Running")
    call("get", client.service + "/clickpipesCdcScaling")
    call("patch", client.service + "/clickpipesCdcScaling", {"replicaCpuMillicores": 2000, "replicaMemoryGb": 8})

    body = source.pipe("other", "cdc", [source.mapping("visits")])
    body["source"]["mysql"]["settings"].update({"invalidDates": "null", "tinyInt1": "int8", "geometry": "ewkt"})
    items = call("post", client.service + "/clickpipesCheck", body)
    expect(items and all(item["state"] != "failed" for item in items), f"the check found {items}")
    other = pipes("post", "", body)
    client.wait(other["id"], "Running")
    pipes("post", "", body, 409)
    pipes("delete", "/" + other["id"])
    pipes("get", "/" + other["id"], None, 404)

    discovery = client.service + "/clickpipesDiscovery/"
    mysql = {"mysql": {**source.endpoint(), "credentials": source.credentials(), "skipCertVerification": True}}
    expect(source.name in call("post", discovery + "schemas", {"source": mysql}), "the database was not discovered")
    tables = call("post", discovery + "tables", {"source": mysql, "schema": source.name})
    expect([t["name"] for t in tables] == ["lines", "orders", "visits"], f"tables discovered: {tables}")
    columns = call("post", discovery + "columns", {"source": mysql, "schema": source.name, "table": "visits"})
    expect([c["key"] for c in columns] == [1, None, None], f"columns discovered: {columns}")
    mysql["mysql"]["credentials"]["password"] = "wrong"
    call("post", discovery + "schemas", {"source": mysql}, 400)
    pipes("delete", "/" + pipe)


def play(penstock, program, folder, source):
    server = Serve(penstock, folder)
    running = [server]
    try:
        own_document = f"{folder}/openapi.json"
        with urllib.request.urlopen(server.url + "/openapi.json") as answer:
            Path(own_document).write_bytes(answer.read())
        contract = Proxy(program, CONTRACT, server.url, folder, "contract")
        running.append(contract.process)
        own = Proxy(program, own_document, server.url, folder, "own")
        running.append(own.process)

        organization, key = server.organization, server.key
        service = own.call(key, "post", organization + "/services", {
            "name": "test", "url": environment("CLICKHOUSE_URL"), "user": environment("CLICKHOUSE_USER"),
            "password": environment("CLICKHOUSE_PASSWORD")})["result"]["id"]
        path = f"{organization}/services/{service}"
        pipe = play_contract(Client(contract, key, path), source)
        # Deleting is the contract's too, and the additions need the pipe until their end.
        play_additions(Client(own, key, path), source, organization, pipe)
        own.done.add(("get", "/openapi.json"))  # its answer is what the proxy itself reads
        return [*contract.violations, *own.violations, *contract.missing(), *own.missing()]
    except Failure as failure:
        raise Failure(f"{failure}\nThe end of the service's log:\n{server.log()}") from failure
    finally:
        for process in reversed(running):
            process.stop()


def main():
    penstock = sys.argv[1]
    program = subprocess.run([ROOT / "tests/conformance/install.sh"], check=True, text=True,
                             stdout=subprocess.PIPE).stdout.strip()
    source = Source()
    try:
        with tempfile.TemporaryDirectory(prefix="penstock-conformance-") as folder:
            problems = play(penstock, program, folder, source)
    except Failure as failure:
        problems = [str(failure)]
    finally:
        source.drop()
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
