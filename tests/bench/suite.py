#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""All goals, each measured by a script of its own: a table of goal, figure, range and verdict. Run by run.sh.

    run.sh                 everything: half an hour and more, on a machine with nothing else to do
    run.sh --only P3       one goal, or several
    run.sh --results       keeps the table under results/, named by day and revision, after each goal (kept.py)

A goal whose measurement fails has a row that says why, and the others go on; the exit code is 1 then.
"""
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
from figures import Bench, options, run
from kept import Kept

SCRIPTS = (hits, batches, durability, instructions, memory, live, logs, reads, overload, hostile, shards, connections, nodes, growth)
GOALS = {goal: function for script in SCRIPTS for goal, function in script.GOALS.items()}


def main():
    parser = options(__doc__)
    parser.add_argument("--results", action="store_true")
    args = parser.parse_args()
    bench = Bench(args)
    machine = bench.machine()
    print(machine)
    kept = Kept() if args.results else None
    run(bench, GOALS, args.only, lambda: kept and kept.add(bench, machine))
    print("\n" + bench.table())
    if kept:
        print(f"kept in {kept.path}")
    sys.exit(1 if bench.failures else 0)


if __name__ == "__main__":
    main()
