#!/usr/bin/env python3
"""Keeps a benchmark run: record.py FOLDER-OF-JSON writes bench/results/<date>-<cores>core.json, prints its path.

Of repeated runs the fastest is kept: what else the machine did only ever adds. Leaves out what names the machine (host, paths); keeps what explains the numbers (cores, processor, caches).
"""
import datetime
import json
import os
import pathlib
import sys

KEEP = ("num_cpus", "mhz_per_cpu", "caches")
# real_time goes too: on a busy machine it is the scheduler's.
DROP = ("family_index", "per_family_instance_index", "run_name", "run_type", "repetitions",
        "repetition_index", "threads", "real_time")


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith(("model name", "Model")):
            return line.split(":", 1)[1].strip()
    return "unknown"


record = {"date": datetime.date.today().isoformat(), "processor": processor(),
          "load_average": round(os.getloadavg()[0], 1)}
fastest = {}
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.json")):
    run = json.loads(path.read_text())
    record.update((key, run["context"][key]) for key in KEEP)
    for benchmark in run["benchmarks"]:
        if benchmark["run_type"] == "iteration":
            known = fastest.setdefault(benchmark["name"], benchmark)
            if benchmark["cpu_time"] < known["cpu_time"]:
                fastest[benchmark["name"]] = benchmark
record["benchmarks"] = [{key: round(value, 4) if isinstance(value, float) else value
                         for key, value in benchmark.items() if key not in DROP}
                        for _, benchmark in sorted(fastest.items())]

folder = pathlib.Path(__file__).resolve().parent / "results"
folder.mkdir(exist_ok=True)
result = folder / f"{record['date']}-{record['num_cpus']}core.json"
result.write_text(json.dumps(record, indent=1) + "\n")
print(result.relative_to(folder.parent.parent))
