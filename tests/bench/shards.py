#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""P20: what two shards do, by what one does, fed in memory (shards.cc); divided by what two threads of this machine are worth to a loop that reckons."""
import os
import subprocess

from figures import main


def shards(bench):
    if len(os.sched_getaffinity(0)) < 2:
        return bench.left_out("P20", "there is one core")
    ratios = {"one_site": [], "own_sites": []}
    for _ in range(bench.rounds):
        out = subprocess.run([str(bench.build / "tests" / "bench" / "shards"), str(bench.seconds / 2)], capture_output=True, text=True, check=True).stdout
        rates = {(work, int(threads)): float(rate) for work, threads, rate in (line.split() for line in out.splitlines())}
        worth = rates["loop", 2] / rates["loop", 1]
        for work, found in ratios.items():
            found.append(rates[work, 2] / rates[work, 1] / worth)
    bench.row("P20", "two shards by one, one hot site", 0.93, 0.97, ratios["one_site"], "x", at_least=True)
    bench.row("P20", "two shards by one, a site each", 0.97, 0.99, ratios["own_sites"], "x", at_least=True)


GOALS = {"P20": shards}
if __name__ == "__main__":
    main(__doc__, GOALS)
