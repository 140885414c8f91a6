#!/usr/bin/env python3
"""Fifty pipes of five tables each in one penstock serve: how long until all are Running, how much memory the process
holds then, and how much of one core it uses while nothing changes at the source.

Usage: fifty_pipes.py PENSTOCK [--pipes N] [--idle SECONDS]. The servers are those of PENSTOCK_TEST_* (start them with
./dev servers start mariadb clickhouse). Prints one JSON line; exit code 1 when the memory is above 1 GB or the idle
use above 5 % of a core.
"""

import argparse
import base64
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request

TABLES = 5
ROWS = 2000


def variable(name):
    return os.environ["PENSTOCK_TEST_" + name]


def sql(text):
    subprocess.run(["mariadb", "--host=" + variable("MARIADB_HOST"), "--port=" + variable("MARIADB_PORT"),
                    "--user=" + variable("MARIADB_USER"), "--password=" + variable("MARIADB_PASSWORD")],
                   input=text, text=True, check=True)


class Api:
    def __init__(self, facts):
        self.base = facts["url"] + "/v1/organizations/" + facts["organizationId"]
        self.key = base64.b64encode((facts["keyId"] + ":" + facts["keySecret"]).encode()).decode()

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data=data, method=method)
        request.add_header("Authorization", "Basic " + self.key)
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.load(answer).get("result")


def resident_mb(pid):
    with open(f"/proc/{pid}/status") as status:
        for line in status:
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1024


def processor_seconds(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def body(name):
    mysql = {"type": "mariadb", "host": variable("MARIADB_HOST"), "port": int(variable("MARIADB_PORT")),
             "credentials": {"username": variable("MARIADB_USER"), "password": variable("MARIADB_PASSWORD")},
             "settings": {"replicationMode": "cdc"},
             "tableMappings": [{"sourceSchemaName": name, "sourceTable": f"t{i}", "targetTable": f"t{i}"}
                               for i in range(TABLES)]}
    return {"name": name, "source": {"mysql": mysql}, "destination": {"database": name}}


def drop_targets(names):
    for name in names:
        request = urllib.request.Request(variable("CLICKHOUSE_URL"), data=f"DROP DATABASE IF EXISTS {name}".encode())
        request.add_header("X-ClickHouse-User", variable("CLICKHOUSE_USER"))
        request.add_header("X-ClickHouse-Key", variable("CLICKHOUSE_PASSWORD"))
        urllib.request.urlopen(request, timeout=120).read()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("penstock")
    parser.add_argument("--pipes", type=int, default=50)
    parser.add_argument("--idle", type=int, default=60)
    options = parser.parse_args()
    names = [f"fifty_{i}" for i in range(options.pipes)]
    drop_targets(names)
    for name in names:
        sql(f"DROP DATABASE IF EXISTS {name}; CREATE DATABASE {name}; USE {name};" + "".join(
            f"CREATE TABLE t{i} (id INT PRIMARY KEY, v INT); INSERT INTO t{i} SELECT seq, seq FROM seq_1_to_{ROWS};"
            for i in range(TABLES)))
    with tempfile.TemporaryDirectory() as directory:
        config = os.path.join(directory, "config.yaml")
        service = {"name": "target", "url": variable("CLICKHOUSE_URL"), "user": variable("CLICKHOUSE_USER"),
                   "password": variable("CLICKHOUSE_PASSWORD")}
        with open(config, "w") as file:
            json.dump({"data_dir": directory + "/data", "listen": ["127.0.0.1:0"], "requests_per_minute": 100000,
                       "services": [service]}, file)
        process = subprocess.Popen([options.penstock, "serve", "--config", config, "--output", "json"],
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            api = Api(json.loads(process.stdout.readline()))
            target = next(s["id"] for s in api.call("GET", "/services") if s["name"] == "target")
            pipes = f"/services/{target}/clickpipes"
            begin = time.monotonic()
            for name in names:
                api.call("POST", pipes, body(name))
            while any(pipe["state"] != "Running" for pipe in api.call("GET", pipes)):
                time.sleep(0.2)
            running = time.monotonic() - begin
            time.sleep(5)
            used, since = processor_seconds(process.pid), time.monotonic()
            time.sleep(options.idle)
            idle = (processor_seconds(process.pid) - used) / (time.monotonic() - since)
            memory = resident_mb(process.pid)
        finally:
            process.terminate()
            process.wait()
    drop_targets(names)
    sql("".join(f"DROP DATABASE {name};" for name in names))
    print(json.dumps({"pipes": options.pipes, "tables": TABLES, "secondsUntilRunning": round(running, 1),
                      "residentMB": round(memory), "idlePercentOfACore": round(idle * 100, 2)}))
    return 0 if memory < 1024 and idle < 0.05 else 1


if __name__ == "__main__":
    sys.exit(main())
