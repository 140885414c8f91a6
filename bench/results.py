"""Medians, ratios, and the file that a run leaves behind."""

import json
import os
import statistics

import lab


def medians(runs):
    """Contender -> the medians of its runs."""
    out = {}
    for name in dict.fromkeys(run["contender"] for run in runs):
        own = [run for run in runs if run["contender"] == name]
        row = {"runs": len(own), "rows": own[0].get("rows"), "seconds": statistics.median(run["seconds"] for run in own)}
        if row["rows"]:
            row["rowsPerSecond"] = round(row["rows"] / row["seconds"])
        for key in ("processorSeconds", "peakMB"):
            names = {name: None for run in own for name in run.get(key, {})}
            row[key] = {name: round(statistics.median(run[key].get(name, 0) for run in own), 2) for name in names}
        for key in own[0]:
            if key not in ("contender", "rows", "seconds", "processorSeconds", "peakMB") and \
                    isinstance(own[0][key], (int, float)):
                row[key] = round(statistics.median(run[key] for run in own), 4)
        out[name] = row
    return out


def ratios(runs, ours):
    """How many times as fast `ours` is as each other contender: the median over the repetitions, each of which ran
    them one after the other, so that what the machine did besides falls on both."""
    out = {}
    own = [run["seconds"] for run in runs if run["contender"] == ours]
    for name in dict.fromkeys(run["contender"] for run in runs):
        others = [run["seconds"] for run in runs if run["contender"] == name]
        if name != ours and own:
            out[name] = round(statistics.median(other / mine for other, mine in zip(others, own)), 3)
    return out


def share(row, ours="pipe"):
    """Our part of all processor time."""
    used = row["processorSeconds"]
    return round(used.get(ours, 0) / max(sum(used.values()), 0.001), 3)


def report(workload, runs, ours=None, checks=None, folder=None, scale=1.0):
    """Prints the run and writes it down. Returns the path."""
    table, machine = medians(runs), lab.machine()
    print(f"\n{workload} (scale {scale:g}, load {os.getloadavg()[0]:.1f}, {machine['pageFaultMicros']:g} us a page fault)", flush=True)
    for name, row in table.items():
        used = "  ".join(f"{process} {seconds:.1f} s" for process, seconds in row["processorSeconds"].items())
        peak = "  ".join(f"{process} {mb:.0f} MB" for process, mb in row["peakMB"].items())
        rate = f"{row['rowsPerSecond']:>11,} rows/s" if row.get("rowsPerSecond") else " " * 18
        more = "  ".join(f"{key} {value:g}" for key, value in row.items()
                         if key not in ("runs", "rows", "seconds", "rowsPerSecond", "processorSeconds", "peakMB"))
        print(f"  {name:<24} {row['seconds']:>8.2f} s {rate}  cpu: {used}  peak: {peak}  {more}")
    record = {"workload": workload, "date": lab.today(), "scale": scale, **machine,
              "loadAverage": round(os.getloadavg()[0], 1), "medians": table, "runs": runs}
    for contender in ours or []:
        found = ratios(runs, contender)
        record.setdefault("ratios", {})[contender] = found
        if "pipe" in table[contender]["processorSeconds"]:
            record.setdefault("shareOfProcessor", {})[contender] = share(table[contender])
        print(f"  {contender} is as fast as: " + ", ".join(f"{value:g} x {name}" for name, value in found.items()) +
              f"; its part of the processor time: {share(table[contender]):.1%}")
    if checks:
        record["checks"] = checks
        for name, value in checks.items():
            print(f"  {name}: {value}")
    folder = folder or lab.ROOT / "bench/results"
    folder.mkdir(exist_ok=True, parents=True)
    path = folder / f"{lab.today()}-{os.cpu_count()}core-{workload}.json"
    path.write_text(json.dumps(record, indent=1) + "\n")
    print(f"  written to {path.relative_to(lab.ROOT) if path.is_relative_to(lab.ROOT) else path}", flush=True)
    return path
