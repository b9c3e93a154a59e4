#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""P19: the daemon under a CPU quota, offered twice as many hits as it can carry: goodput / peak.

Goodput are hits acknowledged within a second of when they were due, while hits are offered, in a second of that. Peak is the best goodput of a sweep
of rates of the same open loop: the same connections, the same batches. Then that rate and twice the peak go in turn; at the end of each the daemon's
total is compared with what it acknowledged (`footfall bench` does). What was answered, and how, stands beside it.

The quota is of a control group (Linux's cfs: 20 ms in 100), so that the generator on the other core always has more to give. With a connection for each
hit the generator opens more where all are busy, up to 10,000.

Beside it what a refusal costs, without a quota: CPU per ping that is refused / per ping that is counted. Refused is what goes over the rate limit of its address,
429: of all refusals of what is too much that is the first to be decided, before the agent is looked up, and nothing is journaled for it.
"""
import contextlib
import pathlib

import side_by_side
from browsers import SITE, lua
from figures import footfall_bench, main

REFUSED = 0.5  # of the pings, at least: one a second of each of 1,000 addresses is counted
QUOTA_US, PERIOD_US = 20_000, 100_000
IN_TIME_S = 1
# Requests that find no idle connection are pipelined, or open one. Beside it what the closed loop has that guesses the rates.
SHAPES = {
    "64 connections": (["--connections", "64"], ["--pipeline", "16"]),
    "2,000 connections": (["--connections", "2000"], ["--pipeline", "16"]),
    "a connection each": (["--connections", "64", "--reconnect"], []),
    "batches of 1,000": (["--connections", "16", "--batch", "1000"], []),
}
STEP, WORSE = 1.15, 2  # of the sweep
CARRIED, AS_GOOD = 0.9, 0.97


@contextlib.contextmanager
def quota(pid, quota_us=QUOTA_US):
    """Of all threads of a process; OSError where control groups cannot be made."""
    first = pathlib.Path("/sys/fs/cgroup/cpu")
    group = (first if first.is_dir() else pathlib.Path("/sys/fs/cgroup")) / f"footfall-bench-{pid}"
    group.mkdir()  # of cgroup2 the controller must be given to groups below, too
    try:
        if (group / "cpu.max").exists():
            (group / "cpu.max").write_text(f"{quota_us} {PERIOD_US}")
        else:
            (group / "cpu.cfs_period_us").write_text(str(PERIOD_US))
            (group / "cpu.cfs_quota_us").write_text(str(quota_us))
            if (group / "cpu.rt_runtime_us").exists():
                (group / "cpu.rt_runtime_us").write_text(str(quota_us))  # the threads that sync are real-time ones
        (group / "cgroup.procs").write_text(str(pid))
        yield
    finally:
        (group.parent / "cgroup.procs").write_text(str(pid))
        group.rmdir()


def overload(bench):
    refusals(bench)
    under_quota(bench)


def refusals(bench):
    with contextlib.ExitStack() as ends:
        nodes = {}
        for name, rate_limit in (("counts", 0), ("refuses", 1)):
            nodes[name] = bench.server(name, "--rate-burst", "1", rate_limit=rate_limit)
            ends.callback(nodes[name].close)
            nodes[name].add_site(SITE)
        servers, ports = ({name: of(node) for name, node in nodes.items()} for of in (lambda node: node.process, lambda node: node.port))
        for label, depth in (("single", 1), ("16 pipelined", 16)):
            counted, totals = nodes["refuses"].stats(SITE)["counted"], {}
            figures, _ = side_by_side.measure(f"refusals, {label}", servers, ports, lua(depth), "counts", bench.rounds, bench.seconds, totals=totals, refused={"refuses": REFUSED})
            bench.note("P19", f"{label}: CPU per ping refused, 429 by the rate limit of its address, / counted", [one / other for one, other in zip(figures["refuses"], figures["counts"])], "x")
            bench.note("P19", f"{label}: of those pings, refused", [1 - (nodes["refuses"].stats(SITE)["counted"] - counted) / totals["refuses"]], "", 3)


def under_quota(bench):
    node = bench.server("overload")
    try:
        node.add_site(SITE)
        with contextlib.ExitStack() as ends:
            try:
                ends.enter_context(quota(node.process.pid))
            except OSError as error:  # a file system that is read only, no controller, no right
                return bench.left_out("P19", f"no control group can be made here: {error}")
            measure(bench, node)
    finally:
        node.close()


def measure(bench, node):
    for name, (options, closed) in SHAPES.items():
        seconds = ["--seconds", str(2 * bench.seconds)]
        offered = lambda rate: footfall_bench(node, SITE, *options, *seconds, "--in-time", str(IN_TIME_S), "--rate", str(max(rate, 1)))
        guess = footfall_bench(node, SITE, *options, *closed, "--seconds", "1")["in_time_per_s"]  # and it warms
        rate, peak = best_of_sweep(lambda rate: offered(rate)["in_time_per_s"], guess / 2)
        peaks, rounds = [], []
        for _ in range(bench.rounds):
            peaks.append(offered(rate)["in_time_per_s"])
            rounds.append(offered(2 * peak))
        bench.note("P19", f"{name}: peak of a fifth of a core, at {rate / 1000:.1f} k hits/s offered", [of / 1000 for of in peaks], "k hits/s", 1)
        bench.row("P19", f"{name}: offered twice that, goodput / peak", 0.95, 0.98, [of["in_time_per_s"] / best for of, best in zip(rounds, peaks)], "x", at_least=True)
        part = lambda count: [count(of) / of["due"] for of in rounds]
        bench.note("P19", f"{name}: of those due, acknowledged late", part(lambda of: of["acknowledged"] - of["in_time"]), "")
        bench.note("P19", f"{name}: of those due, never sent or answered", part(lambda of: of["unsent"] + of["unanswered"]), "")
        for status in sorted({"200", "503"}.union(*(of["answers"] for of in rounds))):
            bench.note("P19", f"{name}: answers {status}", [of["answers"].get(status, 0) for of in rounds], "", 0)
        bench.note("P19", f"{name}: 99th percentile from when they were due, these among them", [of["latency_ns"]["p99"] / 1e9 for of in rounds], "s")


def best_of_sweep(goodput, begin):
    """The least rate offered that brings the most, or as good as that, and the most: up from `begin` until WORSE rates in a row brought less; from lower where
    `begin` was too much."""
    rate = begin
    came = {rate: goodput(rate)}
    while came[rate] < CARRIED * rate and rate > 1:
        rate /= 2
        came[rate] = goodput(rate)
    most, worse = max(came.values()), 0
    while worse < WORSE or rate < begin:
        rate *= STEP
        came[rate] = goodput(rate)
        worse = worse + 1 if came[rate] <= most else 0
        most = max(most, came[rate])
    return min(rate for rate, of in came.items() if of >= AS_GOOD * most), most


GOALS = {"P19": overload}
if __name__ == "__main__":
    main(__doc__, GOALS)
