#!/usr/bin/env python3
"""Replays what the official Terraform provider sends, on real servers.

Usage: terraform_replay.py PENSTOCK SERVER, with the PENSTOCK_TEST_* environment of ./dev test; SERVER is MYSQL or
MARIADB, the source.

tests/data/terraform-requests.jsonl holds the provider's requests of 31 steps in order, one a line, with the status that
each needs. A request whose status was not recorded was sent beside others that were, in a step that ended well: it
needs 200 too. Between the requests this waits, as the provider does, until the pipe's state settles. What was sent must
come back as it was sent; what was refused must have changed nothing; a pipe that was deleted is gone; the rows arrive.
"""

import json
import sys
import tempfile

from serve import ROOT, Database, Failure, Serve, clickhouse, expect, wait_until

REQUESTS = ROOT / "tests/data/terraform-requests.jsonl"
NAMES = ("sourceSchemaName", "sourceTable", "targetTable")


def names_of(mapping):
    return tuple(mapping[name] for name in NAMES)


def expect_within(sent, shown, path):
    """Every value of `sent` is in `shown` as it was sent; mappings in any order."""
    if isinstance(sent, dict):
        for name, value in sent.items():
            if name != "credentials":
                expect_within(value, shown.get(name), f"{path}.{name}")
    elif path.endswith("tableMappings"):
        by_names = {names_of(mapping): mapping for mapping in shown}
        expect(set(by_names) == {names_of(mapping) for mapping in sent}, f"{path} came back as {shown}, not {sent}")
        for mapping in sent:
            expect_within(mapping, by_names[names_of(mapping)], f"{path}[{mapping['targetTable']}]")
    else:
        expect(sent == shown, f"{path} came back as {shown}, not {sent}")


class Source(Database):
    def __init__(self, server):
        super().__init__(server, "terraform")
        self.sql(f"CREATE TABLE {self.name}.users (id INT PRIMARY KEY, name VARCHAR(20)); "
                 f"INSERT INTO {self.name}.users VALUES (1, 'a'), (2, NULL); "
                 f"CREATE TABLE {self.name}.orders (id INT PRIMARY KEY, user_id INT NOT NULL, amount DECIMAL(8,2)); "
                 f"INSERT INTO {self.name}.orders VALUES (1, 1, 9.5), (2, 1, NULL), (3, 2, 0.25)")
        self.targets = set()  # databases

    def rows(self, table):
        return self.sql(f"SELECT COUNT(*) FROM {self.name}.{table}")

    def here(self, value):
        """A recorded body for these servers."""
        if isinstance(value, list):
            return [self.here(each) for each in value]
        if not isinstance(value, dict):
            return value
        body = {name: self.here(each) for name, each in value.items()}
        if "host" in body:
            body.update(self.endpoint())
            body["type"] = self.server.lower()
        if "credentials" in body:
            wrong = body["credentials"]["password"] != "secret"
            body["credentials"] = {**self.credentials(), **({"password": "wrong"} if wrong else {})}
        if "sourceSchemaName" in body:
            body["sourceSchemaName"] = self.name
        if "database" in body:
            body["database"] = f"{self.name}_{body['database']}"
            self.targets.add(body["database"])
        return body

    def drop(self):
        for target in self.targets:
            clickhouse(f"DROP DATABASE IF EXISTS {target}")
        super().drop()


class Replay:
    def __init__(self, serve, source):
        self.serve, self.source = serve, source
        self.service = f"{serve.organization}/services/{serve.add_service()}"
        self.pipes = {}  # what was sent, by id, the newest last
        self.scaling = None

    def pipe_path(self, pipe):
        return f"{self.service}/clickpipes/{pipe}"

    def newest(self):
        return next(reversed(self.pipes), "none")

    def shown(self, pipe):
        return self.serve.result("GET", self.pipe_path(pipe))

    def wait(self, pipe, state):
        def look():
            shown = self.shown(pipe)
            if shown["state"] == "Failed":
                events = self.serve.result("GET", self.pipe_path(pipe) + "/events")
                raise Failure(f"pipe {shown['name']} failed: {events[-1]}")
            return shown["state"]
        wait_until(look, state, f"the state of {pipe}")

    def send(self, line):
        path = line["path"].format(organizationId=self.serve.organization_id,
                                   serviceId=self.service.rsplit("/", maxsplit=1)[-1], id=self.newest())
        body = self.source.here(line["body"]) if "body" in line else None
        before = [self.shown(pipe) for pipe in self.pipes]
        status, answer = self.serve.call(line["method"], path, body)
        wanted = line["status"] or 200
        expect(status == wanted, f"{line['method']} {path} {body}: {status} instead of {wanted}: {answer}")
        if status != 200:
            expect(answer["error"], f"{path}: {status} without a reason")
            expect([self.shown(pipe) for pipe in self.pipes] == before, f"{path}: refused, but something changed")
            return
        taken = {"POST": self.created, "PATCH": self.patched, "DELETE": self.deleted, "GET": self.looked_at}
        taken[line["method"]](path, body, answer.get("result"))

    def looked_at(self, path, _, result):
        if path.endswith("/clickpipesCdcScaling"):
            expect(self.scaling in (None, result), f"the scaling is {result}, not {self.scaling}")
        elif path.endswith("/services"):
            expect(self.service.endswith(result[-1]["id"]), f"the services are {result}")
        elif path == self.service:
            expect(path.endswith(result["id"]), f"the service is {result}")
        else:
            expect_within(self.pipes[result["id"]], result, "pipe")

    def created(self, _, body, result):
        self.pipes[result["id"]] = body
        expect(result["warnings"] == [] or "partitionKey" in json.dumps(body), f"warnings: {result['warnings']}")
        self.settled(result["id"])

    def patched(self, path, body, result):
        if path.endswith("/clickpipesCdcScaling"):
            self.scaling = body
            expect(result == body, f"the scaling was set to {result}, not {body}")
            return
        pipe = self.newest()
        if path.endswith("/state"):
            self.wait(pipe, {"stop": "Paused", "start": "Running"}[body["command"]])
            return
        sent = self.pipes[pipe]
        sent["name"] = body.get("name", sent["name"])
        changes = dict(body.get("source", {}).get("mysql", {}))
        mysql = sent["source"]["mysql"]
        mysql["settings"].update(changes.pop("settings", {}))
        gone = [names_of(mapping) for mapping in changes.pop("tableMappingsToRemove", [])]
        mysql["tableMappings"] = [mapping for mapping in mysql["tableMappings"] if names_of(mapping) not in gone]
        mysql["tableMappings"] += changes.pop("tableMappingsToAdd", [])
        mysql.update(changes)
        if "source" in body:  # a paused pipe goes on after an edit of its source
            self.settled(pipe)
        expect_within(sent, self.shown(pipe), "pipe")

    def settled(self, pipe):
        """The pipe is at its work, and every target holds what the source has."""
        sent = self.pipes[pipe]
        mode = sent["source"]["mysql"]["settings"]["replicationMode"]
        self.wait(pipe, "Completed" if mode == "snapshot" else "Running")
        expect_within(sent, self.shown(pipe), "pipe")
        for mapping in sent["source"]["mysql"]["tableMappings"]:
            target = f"{sent['destination']['database']}.{mapping['targetTable']}"
            nothing = mode == "cdc_only" or mapping.get("tableEngine") == "Null"
            rows = "0" if nothing else self.source.rows(mapping["sourceTable"])
            wait_until(lambda query=f"SELECT count() FROM {target}": clickhouse(query), rows, f"rows of {target}")

    def deleted(self, _, body, result):
        expect(body is None and result is None, f"a deletion was answered with {result}")
        pipe = self.newest()
        del self.pipes[pipe]
        for method in ("GET", "DELETE"):
            status, answer = self.serve.call(method, self.pipe_path(pipe))
            expect(status == 404, f"{method} of a pipe that is gone: {answer}")


def play(replay, source):
    lines = [json.loads(line) for line in REQUESTS.read_text(encoding="utf-8").splitlines()]
    expect(len(lines) == 92, f"{REQUESTS} has {len(lines)} requests, not 92")
    for number, line in enumerate(lines, 1):
        try:
            if line["step"].startswith("15e"):  # the pipe is level, and goes on
                source.sql(f"INSERT INTO {source.name}.users VALUES (3, 'c')")
                replay.settled(replay.newest())
            replay.send(line)
        except Failure as failure:
            raise Failure(f"request {number}, step {line['step']}: {failure}") from failure
    # Step 23 was refused when it was recorded, so that nothing deleted its pipe.
    expect([sent["name"] for sent in replay.pipes.values()] == ["part"], f"these are left: {replay.pipes}")
    part = replay.newest()
    events = replay.serve.result("GET", replay.pipe_path(part) + "/events")
    expect("names column user_id, which no index begins with" in events[1]["reason"], f"its second event: {events[1]}")
    replay.serve.result("DELETE", replay.pipe_path(part) + "/")
    expect(replay.serve.result("GET", replay.service + "/clickpipes/") == [], "there are pipes left")


def main():
    penstock, server = sys.argv[1:]
    source = Source(server)
    try:
        with tempfile.TemporaryDirectory(prefix="penstock-terraform-") as folder:
            serve = Serve(penstock, folder)
            try:
                play(Replay(serve, source), source)
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
