"""Servers, processes and measurements of the benchmarks: what every workload stands on."""

import contextlib
import datetime
import json
import mmap
import os
import pathlib
import shutil
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
PENSTOCK = pathlib.Path(os.environ.get("PENSTOCK_BINARY", ROOT / "build/release/penstock"))
TICKS = os.sysconf("SC_CLK_TCK")


def run(*command, **options):
    return subprocess.run([str(word) for word in command], check=True, **options)


def children_of(pid):
    """The process and all its descendants."""
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                fields = pathlib.Path(f"/proc/{entry}/stat").read_text().rsplit(")", 1)[1].split()
                parents.setdefault(int(fields[1]), []).append(int(entry))
    found, waiting = [], [pid]
    while waiting:
        found.append(waiting.pop())
        waiting += parents.get(found[-1], [])
    return found


def processor_seconds(pid):
    """Of the process, its descendants, and what those have waited for."""
    total = 0
    for one in children_of(pid):
        with contextlib.suppress(OSError):
            fields = pathlib.Path(f"/proc/{one}/stat").read_text().rsplit(")", 1)[1].split()
            total += sum(int(field) for field in fields[11:15])
    return total / TICKS


def peak_mb(pid):
    """The highest resident memory since forget_peak(), of the process and its descendants together."""
    total = 0
    for one in children_of(pid):
        with contextlib.suppress(OSError):
            for line in pathlib.Path(f"/proc/{one}/status").read_text().splitlines():
                if line.startswith("VmHWM"):
                    total += int(line.split()[1])
    return total / 1024


def forget_peak(pid):
    for one in children_of(pid):
        with contextlib.suppress(OSError):
            pathlib.Path(f"/proc/{one}/clear_refs").write_text("5")


class ClickHouse:
    def __init__(self, env):
        self.url = env["PENSTOCK_TEST_CLICKHOUSE_URL"]
        self.user = env["PENSTOCK_TEST_CLICKHOUSE_USER"]
        self.password = env["PENSTOCK_TEST_CLICKHOUSE_PASSWORD"]
        self.pid = int(env["PENSTOCK_TEST_CLICKHOUSE_PID"])

    def request(self, sql, body=None, **settings):
        address = self.url + "/?" + urllib.parse.urlencode({"query": sql, "wait_end_of_query": 1, **settings})
        request = urllib.request.Request(address, data=body if body is not None else b"", method="POST")
        request.add_header("X-ClickHouse-User", self.user)
        request.add_header("X-ClickHouse-Key", self.password)
        return urllib.request.urlopen(request, timeout=7200)

    def query(self, sql, **settings):
        try:
            with self.request(sql, **settings) as answer:
                return answer.read().decode().strip()
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{sql[:200]}: {error.read().decode()[:600]}") from None

    def query_to_file(self, sql, path, **settings):
        settings["wait_end_of_query"] = 0
        with self.request(sql, **settings) as answer, open(path, "wb") as file:
            shutil.copyfileobj(answer, file, 1 << 20)

    def curl(self, sql, path, **settings):
        """A running curl that inserts a file's bytes; its answer is waited for by whoever called."""
        address = self.url + "/?" + urllib.parse.urlencode({"query": sql, "wait_end_of_query": 1, **settings})
        with open(path, "rb") as body:  # by standard input: given its name, curl would add that to the URL
            return subprocess.Popen(["curl", "-sS", "--fail-with-body", "-X", "POST", "-H", "Expect:",
                                     "-H", "X-ClickHouse-User: " + self.user, "-H", "X-ClickHouse-Key: " + self.password,
                                     "-T", "-", address], stdin=body, stdout=subprocess.DEVNULL)

    def drop_database(self, name):
        self.query(f"DROP DATABASE IF EXISTS {name} SYNC")


class Source:
    def __init__(self, name, env):
        prefix = f"PENSTOCK_TEST_{name.upper()}_"
        self.name = name
        self.host, self.port = env[prefix + "HOST"], int(env[prefix + "PORT"])
        self.user, self.password = env[prefix + "USER"], env[prefix + "PASSWORD"]
        self.pid = int(env[prefix + "PID"])

    def client(self, database=""):
        return ["mariadb", "--no-defaults", "--local-infile=1", "-N", "-B", f"--host={self.host}",
                f"--port={self.port}", f"--user={self.user}", f"--password={self.password}"] + ([database] if database else [])

    def sql(self, text, database=""):
        done = subprocess.run(self.client(database), input=text, text=True, capture_output=True)
        if done.returncode != 0:
            raise RuntimeError(f"{text[:200]}: {done.stderr[:600]}")
        return done.stdout.strip()


class Lab:
    """Servers of one run, on free ports, in a directory that goes with it."""

    def __init__(self, sources):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="penstock-bench-"))
        os.chmod(self.directory, 0o711)
        self.state = self.directory / "servers"
        self.wanted = list(sources)
        self.files = self.directory / "files"
        self.files.mkdir()

    def __enter__(self):
        try:
            os.environ["PENSTOCK_BINARY"] = str(PENSTOCK)
            script = ROOT / "scripts/servers/servers.sh"
            quiet = {"stdout": subprocess.DEVNULL}
            # Room for the data, and no wait for the disk: what is measured is the way of the rows.
            run(script, "start", *self.wanted, "--state", self.state, "--", "--innodb-buffer-pool-size=2G", "--sync-binlog=0",
                "--innodb-flush-log-at-trx-commit=0", "--max-allowed-packet=1G", **quiet)
            run(script, "start", "clickhouse", "--state", self.state, **quiet)
            env = {}
            for line in (self.state / "servers.env").read_text().splitlines():
                key, _, value = line.partition("=")
                env[key] = value
            self.clickhouse = ClickHouse(env)
            self.sources = {name: Source(name, env) for name in self.wanted}
            return self
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_):
        subprocess.run([ROOT / "scripts/servers/servers.sh", "stop", "--state", self.state], check=False)
        shutil.rmtree(self.directory, ignore_errors=True)


class Measurement:
    """Seconds, and of each named process its processor seconds and peak memory, from entering to leaving."""

    def __init__(self, processes):
        self.processes = dict(processes)
        self.peaks, self.used, self.begun = {}, {}, {}
        self.stopping = threading.Event()

    def __enter__(self):
        for pid in self.processes.values():
            forget_peak(pid)
        self.begun = {name: processor_seconds(pid) for name, pid in self.processes.items()}
        self.since = time.monotonic()
        self.sampler = threading.Thread(target=self.sample, daemon=True)
        self.sampler.start()
        return self

    def add(self, name, pid):
        """A process that began since; it is looked at until it is no more."""
        self.begun[name] = 0
        self.processes[name] = pid

    def look(self):
        for name, pid in list(self.processes.items()):
            if os.path.exists(f"/proc/{pid}/stat"):
                used = processor_seconds(pid) - self.begun[name]
                self.used[name] = max(used, self.used.get(name, 0))
                self.peaks[name] = max(peak_mb(pid), self.peaks.get(name, 0))

    def sample(self):
        while not self.stopping.wait(0.1):
            self.look()

    def __exit__(self, *_):
        self.seconds = time.monotonic() - self.since
        self.stopping.set()
        self.sampler.join()
        self.look()

    def result(self):
        return {"seconds": round(self.seconds, 3),
                "processorSeconds": {name: round(used, 2) for name, used in self.used.items()},
                "peakMB": {name: round(peak) for name, peak in self.peaks.items()}}


class Pipe:
    """`penstock run` with a pipe file of its own."""

    def __init__(self, lab, source, database, tables, settings, options=()):
        self.lab = lab
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="pipe-", dir=lab.directory))
        self.data = self.directory / "data"
        self.options = list(options)
        self.process = None
        mappings = [table if isinstance(table, dict) else {"sourceTable": table, "targetTable": table} for table in tables]
        for mapping in mappings:
            mapping.setdefault("sourceSchemaName", database)
        kind = "mysql" if source.name == "mysql" else "mariadb"
        # Without TLS, as the contenders have it: mysql() does not encrypt.
        body = {"name": database, "destination": {"database": database},
                "source": {"mysql": {"type": kind, "host": source.host, "port": source.port, "disableTls": True,
                                     "credentials": {"username": source.user, "password": source.password},
                                     "settings": settings, "tableMappings": mappings}}}
        self.file = self.directory / "pipe.json"
        self.file.write_text(json.dumps(body))
        self.password = self.directory / "password"
        self.password.write_text(lab.clickhouse.password)
        self.log = self.directory / "log"

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [PENSTOCK, "run", self.file, "--data-dir", self.data, "--clickhouse-url", self.lab.clickhouse.url,
                 "--clickhouse-user", self.lab.clickhouse.user, "--clickhouse-password-file", self.password,
                 "--output", "json", *self.options], stdout=log, stderr=log)
        return self.process.pid

    def wait(self):
        """Until it ends by itself; returns the processor seconds that it used."""
        _, status, used = os.wait4(self.process.pid, 0)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        if self.process.returncode != 0:
            raise RuntimeError(f"penstock run ended with {self.process.returncode}: {self.log.read_text()[-2000:]}")
        return used.ru_utime + used.ru_stime

    def stop(self):
        self.process.terminate()
        return self.wait()

    def wait_for_state(self, state):
        """As its progress lines say."""
        until(lambda: f'"state":"{state}"' in self.last_line(), self.process)

    def last_line(self):
        lines = [line for line in self.log.read_text().splitlines() if line.startswith("{")]
        return lines[-1] if lines else ""

    def keep_data(self, place):
        shutil.copytree(self.data, place)

    def restore_data(self, place):
        shutil.rmtree(self.data, ignore_errors=True)
        shutil.copytree(place, self.data)


def until(condition, process=None, every=0.05, limit=7200):
    """Looks again and again; an end of the process before is an error."""
    end = time.monotonic() + limit
    while not condition():
        if process is not None and process.poll() is not None:
            raise RuntimeError(f"the pipe ended with {process.returncode} before its work was done")
        if time.monotonic() > end:
            raise RuntimeError("it took too long")
        time.sleep(every)


def page_fault_micros():
    """What it costs to touch a page of new memory: under 1 on a machine, 15 and more in some virtual ones, where whoever
    takes memory anew, as all servers and pipes do, is slow."""
    pages = 65536
    with mmap.mmap(-1, pages * mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory:
        begin = time.perf_counter()
        memory[::mmap.PAGESIZE] = bytes(pages)
        return round((time.perf_counter() - begin) * 1e6 / pages, 2)


def machine():
    model = "unknown"
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    return {"processor": model, "cores": os.cpu_count(), "pageFaultMicros": page_fault_micros(),
            "memoryGB": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)}


def today():
    return datetime.date.today().isoformat()
