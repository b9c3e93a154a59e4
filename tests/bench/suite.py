#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""All goals, each measured by a script of its own: a table of goal, figure, range and verdict. Run by run.sh.

    run.sh                 everything: half an hour and more, on a machine with nothing else to do
    run.sh --only P3       one goal, or several
    run.sh --results       keeps the table under results/, named by day and revision, after each goal

A goal whose measurement fails has a row that says why, and the others go on; the exit code is 1 then.
"""
import datetime
import subprocess
import sys

import batches
import connections
import durability
import growth
import hits
import hostile
import instructions
import live
import logs
import memory
import nodes
import overload
import reads
import shards
from figures import ROOT, Bench, options, run

SCRIPTS = (hits, batches, durability, instructions, memory, live, logs, reads, overload, hostile, shards, connections, nodes, growth)
GOALS = {goal: function for script in SCRIPTS for goal, function in script.GOALS.items()}


def keep(bench, machine):
    revision = subprocess.run(["git", "-C", str(ROOT), "describe", "--always"], capture_output=True, text=True, check=True).stdout.strip()
    results = ROOT / "tests" / "bench" / "results"
    results.mkdir(exist_ok=True)
    path = results / f"{datetime.date.today()}-{revision}.txt"
    bench.rows.sort(key=lambda row: (row[0][0] != "P", row[0][0], int(row[0][1:])))
    path.write_text(f"{machine}\n\n{bench.table()}\n")
    for name, text in bench.plots.items():
        (results / name).write_text(text)
    return path.relative_to(ROOT)


def main():
    parser = options(__doc__)
    parser.add_argument("--results", action="store_true")
    args = parser.parse_args()
    bench = Bench(args)
    machine = bench.machine()
    print(machine)
    run(bench, GOALS, args.only, lambda: args.results and keep(bench, machine))
    print("\n" + bench.table())
    if args.results:
        print(f"kept in {keep(bench, machine)}")
    sys.exit(1 if bench.failures else 0)


if __name__ == "__main__":
    main()
