#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What it costs to keep what was acknowledged, against the goals.

P8   CPU per hit, --durability disk / memory, 256 connections that each wait for their answer, rounds interleaved; and throughput.
P24  The acknowledgement in disk durability, open loop at half of what P8 reached with it, from the moment at which the ping was due:
     its median in fdatasyncs of the device (one page of a file that was written before, measured before and after each round), and
     its 99.9th percentile as a multiple of that round's bound, 5 ms + 4 fdatasyncs. No verdict of rounds whose two measurements of
     the device differ by more than 1.5 times: then it is the device that was not steady.
P15  Hits that a start replays in a second, journaled by oracle_load from 5,000 visitors over 300 pages; and once from all visitors of P14.
P14  The longest that a shard worked at once on anything but requests, in CPU time of its thread, with so many visitors online, while
     hits arrive and checkpoints are made.

Daemons are pinned to core 0, clients to core 1. The directory must be on the device that is meant: a tmpfs is refused.
"""
import json
import os
import subprocess
import tempfile
import time

from browsers import SITE, lua
from figures import CLIENT, footfall_bench, main, statistics
from side_by_side import measure

CONNECTIONS = 256
REPLAY_HITS = 4_000_000
PAGE = 4096


def kill(node):
    node.process.kill()
    node.process.wait()
    node.log.close()


def fdatasync_us(directory, count=300):
    """The median, in a file whose blocks were written before."""
    with tempfile.NamedTemporaryFile(dir=directory) as file:
        os.pwrite(file.fileno(), b"\0" * PAGE * count, 0)
        os.fsync(file.fileno())
        taken = []
        for n in range(count):
            os.pwrite(file.fileno(), b"\1" * PAGE, n * PAGE)
            begin = time.perf_counter()
            os.fdatasync(file.fileno())
            taken.append((time.perf_counter() - begin) * 1e6)
    return statistics.median(taken)


def cost_of_disk(bench):
    nodes = {durability: bench.server(f"cost-{durability}", durability=durability) for durability in ("memory", "disk")}
    try:
        for node in nodes.values():
            node.add_site(SITE, visibility="full")
        us, rates = measure(f"{CONNECTIONS} connections", {name: node.process for name, node in nodes.items()},
                            {name: node.port for name, node in nodes.items()}, lua(1), "memory", bench.rounds, bench.seconds, CONNECTIONS)
        for node in nodes.values():
            metrics = node.metrics()
            assert metrics["footfall_hits_accepted_total"] > 0 and metrics["footfall_ledger_mismatch"] == 0
        metrics = nodes["disk"].metrics()
    finally:
        for node in nodes.values():
            node.close()
    bench.row("P8", "CPU per hit, disk / memory", 1.10, 1.05, [d / m for d, m in zip(us["disk"], us["memory"])], "x")
    bench.note("P8", "throughput, disk / memory", [d / m for d, m in zip(rates["disk"], rates["memory"])], "x")
    bench.note("P8", "throughput in disk", rates["disk"], "hits/s", 0)
    bench.note("P8", "hits that one fdatasync covers", [metrics["footfall_hits_accepted_total"] / metrics["footfall_journal_syncs_total"]], "", 0)
    return statistics.median(rates["disk"])


def disk(bench):
    acknowledgement(bench, cost_of_disk(bench) / 2)


STEADY = 1.5


def acknowledgement(bench, rate):
    node = bench.server("open", durability="disk")
    rounds = []  # p50 and p99.9 in us, fdatasync before and after
    try:
        node.add_site(SITE, visibility="full")
        for number in range(bench.rounds + 1):
            before = fdatasync_us(bench.at)
            found = footfall_bench(node, SITE, "--rate", rate, "--seconds", bench.seconds, "--connections", CONNECTIONS, "--shape", "chrome-windows")
            assert found["acknowledged"] == found["due"], found
            after = fdatasync_us(bench.at)
            if number > 0:  # the first warms: segments are recycled from the next on, caches filled
                rounds.append((found["latency_ns"]["p50"] / 1000, found["latency_ns"]["p999"] / 1000, before, after))
    finally:
        node.close()
    steady = [(p50, p999, (before + after) / 2) for p50, p999, before, after in rounds if max(before, after) <= STEADY * min(before, after)]
    bench.note("P24", "fdatasync of the device", [us for _, _, before, after in rounds for us in (before, after)], "us", 0)
    bench.note("P24", "p50 of the acknowledgement", [p50 for p50, *_ in rounds], "us", 0)
    bench.note("P24", "p99.9 of the acknowledgement", [p999 / 1000 for _, p999, *_ in rounds], "ms")
    what = f"p50 of the acknowledgement / fdatasync, {rate:.0f} hits/s, {len(steady)} of {len(rounds)} rounds steady"
    beyond = "p99.9 of the acknowledgement / (5 ms + 4 fdatasyncs)"
    if 2 * len(steady) <= len(rounds):
        bench.left_out("P24", f"{what}: device not steady")
        return bench.left_out("P24", f"{beyond}: device not steady")
    bench.row("P24", what, 2.2, 1.6, [p50 / device for p50, _, device in steady], "x")
    bounds = [(p999 / (5000 + 4 * device), (2000 + 3 * device) / (5000 + 4 * device)) for _, p999, device in steady]
    bench.row("P24", beyond, 1, statistics.median(stretch for _, stretch in bounds), [part for part, _ in bounds], "x")


def fill(bench, node, hits, pages, visitors):
    load = subprocess.run([*CLIENT, str(bench.build / "oracle_load"), str(node.port), SITE, str(hits), "16", "64", str(pages),
                           str(visitors), "1"], capture_output=True, text=True)
    assert load.returncode == 0, load.stderr
    truth = json.loads(load.stdout)
    assert truth["acknowledged"] == hits, f"{truth['refused']} refused"


def replay(node, rounds):
    """Hits a second of each start, the process being killed before it makes a checkpoint."""
    speeds = []
    for _ in range(rounds):
        kill(node)
        node.start()
        metrics = node.metrics()
        speeds.append(metrics["footfall_recovery_replayed_hits"] / metrics["footfall_recovery_duration_seconds"] / 1e6)
    return speeds


def replayed(bench):
    node = bench.server("replay", "--checkpoint-interval", "86400")
    try:
        node.add_site(SITE, visibility="full")
        fill(bench, node, REPLAY_HITS, 300, 5_000)
        bench.row("P15", f"replay, M hits/s, of {REPLAY_HITS / 1e6:.0f} M", 4, 10, replay(node, bench.rounds), "M/s", at_least=True)
    finally:
        node.close()


def many_online(bench):
    """P14, and the replay of what makes it."""
    drawn = bench.visitors * 11 // 10  # at random: as many hits find 93 % of them
    node = bench.server("many", "--checkpoint-interval", "86400", "--online-pairs-max", str(3 * bench.visitors))
    try:
        node.add_site(SITE, visibility="full", window_s=3600)
        fill(bench, node, 3 * bench.visitors, 1, drawn)
        online = node.stats(SITE)["online"]
        bench.note("P15", f"replay, M hits/s, {online:,} visitors online", replay(node, 1), "M/s")
        slices, checkpoints = [], 0
        node.options[node.options.index("86400")] = "1"
        for _ in range(bench.rounds):
            kill(node)
            node.start()  # the longest slice is since the start
            assert node.stats(SITE)["online"] == online, node.stats(SITE)
            begun, end = time.monotonic(), 0
            while end < 2 and time.monotonic() < begun + 300:  # two whole checkpoints, hits arriving
                fill(bench, node, 20_000, 1, drawn)
                end = node.metrics()["footfall_checkpoints_total"]
            assert end >= 2, "no checkpoint was made"
            checkpoints += end
            slices.append(node.metrics()["footfall_shard_slice_seconds_max"] * 1000)
        bench.row("P14", f"longest slice not spent on pings, {online:,} online, {checkpoints:.0f} checkpoints", 1, 0.3, slices, "ms", 3)
    finally:
        node.close()


GOALS = {"P8": disk, "P24": disk, "P15": replayed, "P14": many_online}
if __name__ == "__main__":
    main(__doc__, GOALS)
