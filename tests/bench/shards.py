#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""P20: what two shards do, by what one does, fed in memory (shards.cc); divided by what two threads of this machine are worth to a loop that reckons.

One and two take turns within a round, the one on either core. More than 1.05 cannot be, not even of shards that share nothing: two do not do more than
two threads. Then the machine had other work in one of the parts, and there is no verdict. The rates themselves stand beside it, and by perf
the functions whose CPU for a hit grows most from one shard to two, where a site is shared.
"""
import os
import subprocess

import perf
from figures import main


def shards(bench):
    if len(os.sched_getaffinity(0)) < 2:
        return bench.left_out("P20", "there is one core")
    ratios, rates = {"one_site": [], "many_sites": [], "own_sites": []}, {}
    worth = []
    for number in range(bench.rounds):
        out = subprocess.run([str(bench.build / "tests" / "bench" / "shards"), str(bench.seconds / 2), str(RNG_SEED + number)], capture_output=True, text=True, check=True).stdout
        found = {(work, int(threads)): float(rate) for work, threads, rate in (line.split() for line in out.splitlines())}
        worth.append(found["loop", 2] / found["loop", 1])
        for work, ratio in ratios.items():
            ratio.append(found[work, 2] / found[work, 1] / worth[-1])
            for threads in (1, 2):
                rates.setdefault((work, threads), []).append(found[work, threads] / 1000)
    bench.note("P20", "two threads by one, a loop that reckons", worth, "x")
    for work, what, goals in (("one_site", "one hot site", (0.93, 0.97)), ("many_sites", "256 sites that both hit", (0.97, 0.99)), ("own_sites", "a site each, sharing nothing", None)):
        if max(ratios[work]) > POSSIBLE:
            bench.note("P20", f"two shards by one, {what}: no verdict, more than two threads can", ratios[work], "x")
        elif goals:
            bench.row("P20", f"two shards by one, {what}", *goals, ratios[work], "x", at_least=True)
        else:
            bench.note("P20", f"two shards by one, {what}", ratios[work], "x")
    for (work, threads), found in rates.items():
        bench.note("P20", f"{work.replace('_', ' ')}, {threads} shard{'s' * (threads > 1)}", found, "k hits/s", 0)
    if not perf.works():
        return bench.left_out("P20", "perf does not work here: no profile")
    for work in ("one_site", "many_sites"):
        grown(bench, work)


def grown(bench, work):
    one, two = (ns_per_hit(bench, work, threads) for threads in (1, 2))
    bench.note("P20", f"{work.replace('_', ' ')}, by perf: CPU of a hit with two shards, of that with one", [sum(two.values()) / sum(one.values())], "x")
    for name in sorted(two, key=lambda name: one[name] - two[name])[:GROWN]:
        bench.note("P20", f"{work.replace('_', ' ')}, by perf: {name}, {one[name]:.0f} ns a hit with one shard, with two", [two[name]], "ns", 0)


def ns_per_hit(bench, work, threads):
    """function -> of CPU"""
    shares, out = perf.of_command(bench, [str(bench.build / "tests" / "bench" / "shards"), str(bench.seconds), str(RNG_SEED), work, str(threads)])
    rate = float(out.split()[2])
    for name, share in shares.items():
        shares[name] = share / 100 * threads / rate * 1e9
    return shares


POSSIBLE = 1.05
GROWN = 8  # functions
RNG_SEED = 20
GOALS = {"P20": shards}
if __name__ == "__main__":
    main(__doc__, GOALS)
