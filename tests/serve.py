"""What the tests in Python share: penstock serve and other children, calls of its API, databases at the sources."""

import base64
import json
import os
import queue
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 240  # seconds for a pipe to reach a state, or a process to start


class Failure(Exception):
    pass


def environment(name):
    value = os.environ.get("PENSTOCK_TEST_" + name)
    if not value:
        raise Failure(f"PENSTOCK_TEST_{name} is not set: run ./dev test")
    return value


def expect(condition, what):
    if not condition:
        raise Failure(what)


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def clickhouse(query):
    request = urllib.request.Request(environment("CLICKHOUSE_URL"), query.encode())
    request.add_header("Authorization", basic(environment("CLICKHOUSE_USER"), environment("CLICKHOUSE_PASSWORD")))
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return answer.read().decode().strip()
    except urllib.error.HTTPError as error:
        raise Failure(f"ClickHouse: {query}: {error.read().decode()}") from error


class Process:
    """A child whose output is read line by line, ended by its process id."""

    def __init__(self, command, log, stderr=None):
        self.log = log
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr or subprocess.STDOUT,
                                        text=True)
        self.lines = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        with open(self.log, "w", encoding="utf-8") as log:
            for line in self.process.stdout:
                log.write(line)
                log.flush()
                self.lines.put(line)
        self.lines.put(None)

    def wait_for_line(self, accept):
        end = time.monotonic() + PATIENCE
        while (left := end - time.monotonic()) > 0:
            try:
                line = self.lines.get(timeout=left)
            except queue.Empty:
                break
            if line is None:
                break
            if accept(line):
                return line
        raise Failure(f"{self.process.args[0]} did not start:\n{Path(self.log).read_text(encoding='utf-8')[-3000:]}")

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)


class Serve:
    """penstock serve with a data directory in `folder`: its address, first key and organization."""

    def __init__(self, penstock, folder, *more):
        self.errors = Path(f"{folder}/serve.err")
        self.process = Process([penstock, "serve", "--data-dir", f"{folder}/data", "--listen", "127.0.0.1:0",
                                "--output", "json", *more], f"{folder}/serve.log", open(self.errors, "w", encoding="utf-8"))
        start = json.loads(self.process.wait_for_line(lambda line: line.startswith("{")))
        self.url = start["url"]
        self.key = (start["keyId"], start["keySecret"])
        self.organization_id = start["organizationId"]
        self.organization = "/v1/organizations/" + self.organization_id

    def call(self, method, path, body=None):
        """The status and the whole answer."""
        request = urllib.request.Request(self.url + path, method=method)
        request.add_header("Authorization", basic(*self.key))
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json; charset=utf-8")
        try:
            answer = urllib.request.urlopen(request, timeout=PATIENCE)
        except urllib.error.HTTPError as error:
            answer = error
        return answer.status, json.loads(answer.read().decode())

    def result(self, method, path, body=None):
        status, answer = self.call(method, path, body)
        expect(status == 200, f"{method} {path}: {answer}")
        return answer.get("result")

    def add_service(self):
        """The id of a service at the tests' ClickHouse."""
        return self.result("POST", self.organization + "/services", {
            "name": "test", "url": environment("CLICKHOUSE_URL"), "user": environment("CLICKHOUSE_USER"),
            "password": environment("CLICKHOUSE_PASSWORD")})["id"]

    def log(self):
        return self.errors.read_text(encoding="utf-8")[-3000:]

    def stop(self):
        return self.process.stop()


class Database:
    """A database of its own at the source of the environment's PENSTOCK_TEST_<server>_*."""

    def __init__(self, server, name):
        self.server = server
        self.name = f"{name}_{os.getpid()}"
        self.sql(f"DROP DATABASE IF EXISTS {self.name}; CREATE DATABASE {self.name}")

    def sql(self, text):
        done = subprocess.run(["mariadb", "-h", environment(self.server + "_HOST"), "-P",
                               environment(self.server + "_PORT"), "-u", environment(self.server + "_USER"), "-N", "-B",
                               "-e", text], check=True, text=True, stdout=subprocess.PIPE,
                              env={**os.environ, "MYSQL_PWD": environment(self.server + "_PASSWORD")})
        return done.stdout.strip()

    def drop(self):
        self.sql(f"DROP DATABASE {self.name}")

    def endpoint(self):
        return {"host": environment(self.server + "_HOST"), "port": int(environment(self.server + "_PORT"))}

    def credentials(self):
        return {"username": environment(self.server + "_USER"), "password": environment(self.server + "_PASSWORD")}


def wait_until(look, wanted, what):
    """Looks until it gives what is wanted; a look that raises ends it."""
    end = time.monotonic() + PATIENCE
    while (found := look()) != wanted:
        if time.monotonic() > end:
            raise Failure(f"{what}: {found} instead of {wanted}")
        time.sleep(0.1)  # between two looks
