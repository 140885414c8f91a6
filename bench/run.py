#!/usr/bin/env python3
"""./dev bench WORKLOAD...: a pipe against what the machine's servers can do without it.

Starts servers of its own, runs every contender of a workload one after the other, several times, and prints medians
and ratios; bench/results keeps them. Only ratios within one run mean anything on a machine that does other work too.
"""

import argparse
import pathlib
import sys

sys.dont_write_bytecode = True

import changes
import data
import lab
import services
import snapshots

WORKLOADS = {**{name: snapshots.run for name in data.TABLES}, **changes.WORKLOADS, **services.WORKLOADS}


def main():
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__.splitlines()[0], epilog="workloads: " +
                                     ", ".join(WORKLOADS) + "; none named: the micro-benchmarks of decode and encode")
    parser.add_argument("workload", nargs="*", metavar="WORKLOAD")
    parser.add_argument("--all", action="store_true", help="every workload")
    parser.add_argument("--scale", type=float, default=1.0, help="part of the full number of rows (1)")
    parser.add_argument("--repetitions", type=int, default=5, help="rounds of all contenders (5)")
    parser.add_argument("--source", action="append", choices=("mysql", "mariadb"), help="only this source (both)")
    parser.add_argument("--results", type=pathlib.Path, help="where to write (bench/results)")
    options = parser.parse_args()
    wanted = list(WORKLOADS) if options.all else options.workload
    unknown = [name for name in wanted if name not in WORKLOADS]
    if unknown or not wanted:
        parser.error(f"unknown workload {unknown[0]}" if unknown else "name a workload, or --all")
    if options.scale <= 0 or options.repetitions < 1:
        parser.error("--scale and --repetitions must be above 0")
    with lab.Lab(options.source or ["mysql", "mariadb"]) as servers:
        for name in wanted:
            WORKLOADS[name](servers, name, options.scale, options.repetitions, options.results)
    return 0


if __name__ == "__main__":
    sys.exit(main())
