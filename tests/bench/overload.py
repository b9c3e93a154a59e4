#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""P19: the daemon under a CPU quota, offered twice as many hits as it can carry: hits acknowledged a second, by those of its best in a closed loop.

The quota is of a control group (Linux's cfs: 20 ms in 100), so that the generator on the other core always has more to give. Both loops go in turn;
at the end of each the daemon's total is compared with what it acknowledged (`footfall bench` does). What is acknowledged after the time in which
hits were offered is late, and does not count. With a connection for each hit the generator opens more where all are busy, up to 10,000.
"""
import contextlib
import os
import pathlib

from figures import footfall_bench, main

SITE = "bench.example"
QUOTA_US, PERIOD_US = 20_000, 100_000
# The best of a closed loop; in an open one requests that find no idle connection are pipelined, or open one.
SHAPES = {
    "64 connections": (["--connections", "64"], ["--pipeline", "16"]),
    "2,000 connections": (["--connections", "2000"], ["--pipeline", "16"]),
    "a connection each": (["--connections", "64", "--reconnect"], []),
    "batches of 1,000": (["--connections", "16", "--batch", "1000"], []),
}


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
        peaks, ratios, slowest, late, lost = [], [], [], [], []
        footfall_bench(node, SITE, *options, *closed, "--seconds", "1")  # warm
        for _ in range(bench.rounds):
            peak = footfall_bench(node, SITE, *options, *closed, *seconds)["in_time_per_s"]
            twice = footfall_bench(node, SITE, *options, *seconds, "--rate", str(2 * peak))
            peaks.append(peak / 1000)
            ratios.append(twice["in_time_per_s"] / peak)
            late.append((twice["acknowledged"] - twice["in_time"]) / twice["due"])
            lost.append((twice["unsent"] + twice["unanswered"]) / twice["due"])
            slowest.append(twice["latency_ns"]["p99"] / 1e9)
        bench.note("P19", f"{name}: the best of a fifth of a core", peaks, "k hits/s", 1)
        bench.row("P19", f"{name}: offered twice that, acknowledged in time / best", 0.95, 0.98, ratios, "x", at_least=True)
        bench.note("P19", f"{name}: of those due, acknowledged late", late, "")
        bench.note("P19", f"{name}: of those due, never sent or answered", lost, "")
        bench.note("P19", f"{name}: 99th percentile from when they were due, these among them", slowest, "s")


GOALS = {"P19": overload}
if __name__ == "__main__":
    main(__doc__, GOALS)
