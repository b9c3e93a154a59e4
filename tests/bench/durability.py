#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What it costs to keep what was acknowledged, against the goals: a table of goal, figure, range and verdict.

    durability.py BUILD_DIR [--rounds 5] [--seconds 4] [--visitors 10000000] [--directory /var/tmp]

P8   CPU per hit, --durability disk / memory, 256 connections that each wait for their answer, rounds interleaved; and throughput.
P24  The acknowledgement in disk durability, open loop at half of what P8 reached with it, from the moment at which the ping was due:
     its median in fdatasyncs of the device (one page of a file that was written before, measured before and after each round), and
     its 99.9th percentile against 5 ms + 4 fdatasyncs.
P15  Hits that a start replays in a second, journaled by oracle_load from 5,000 visitors over 300 pages; and once from all visitors of P14.
P14  The longest that a shard worked at once on anything but requests, in CPU time of its thread, with so many visitors online, while
     hits arrive and checkpoints are made.

Daemons are pinned to core 0, clients to core 1. The directory must be on the device that is meant: a tmpfs is refused.
"""
import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

from hit_cost import LUA, SITE  # noqa: E402
from side_by_side import measure  # noqa: E402

CONNECTIONS = 256
REPLAY_HITS = 4_000_000
PAGE = 4096
rows = []


def row(goal, what, aim, stretch, figures, unit, digits=2, at_least=False):
    """The verdict is of the median."""
    figure = statistics.median(figures)
    met = (lambda bound: figure >= bound) if at_least else (lambda bound: figure <= bound)
    verdict = "stretch" if met(stretch) else "met" if met(aim) else "missed"
    sign = ">=" if at_least else "<="
    rows.append((goal, what, f"{sign} {aim:.{digits}f} ({stretch:.{digits}f})", f"{figure:.{digits}f} {unit}",
                 f"{min(figures):.{digits}f}-{max(figures):.{digits}f}", verdict))
    print(f"{goal}: {rows[-1][3]} ({rows[-1][4]}): {verdict}", flush=True)


def note(goal, what, figures, unit, digits=2):
    rows.append((goal, what, "", f"{statistics.median(figures):.{digits}f} {unit}", f"{min(figures):.{digits}f}-{max(figures):.{digits}f}", ""))
    print(f"{goal}: {what}: {rows[-1][3]} ({rows[-1][4]})", flush=True)


def print_table():
    table = [("", "what", "goal (stretch)", "median", "range", "verdict"), *rows]
    widths = [max(len(line[i]) for line in table) for i in range(6)]
    print()
    for n, line in enumerate(table):
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |")
        if n == 0:
            print("|" + "|".join("-" * (width + 2) for width in widths) + "|")


def machine(directory):
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    mounts = [line.split()[:3] for line in open("/proc/mounts")]
    at = max((m for m in mounts if os.path.realpath(directory).startswith(m[1])), key=lambda m: len(m[1]))
    if at[2] == "tmpfs":
        sys.exit(f"durability: {directory} is on a tmpfs; name a directory of a device with --directory")
    load = os.getloadavg()
    print(f"machine: {os.cpu_count()} cores, {cpu}, Linux {platform.release()}, {at[0]} ({at[2]}), load average {load[0]:.1f} {load[1]:.1f}")
    if load[0] > 0.5:
        print("machine: other work is running: the figures are not to be quoted")


def server(directory, durability, *options):
    node = Daemon("--rate-limit", "0", "--threads", "1", "--durability", durability, "--log-level", "warning", *options, directory=directory)
    node.prefix, node.start_s_max = ["taskset", "-c", "0"], 600
    directory.mkdir(exist_ok=True)
    return node


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


def cost_of_disk(work, args):
    """P8. Answers the throughput in disk durability."""
    nodes = {durability: server(work / durability, durability) for durability in ("memory", "disk")}
    try:
        for node in nodes.values():
            node.start().add_site(SITE, visibility="full")
        us, rates = measure(f"{CONNECTIONS} connections", {name: node.process for name, node in nodes.items()},
                            {name: node.port for name, node in nodes.items()}, LUA % 1, "memory", args.rounds, args.seconds, CONNECTIONS)
        for node in nodes.values():
            metrics = node.metrics()
            assert metrics["footfall_hits_accepted_total"] > 0 and metrics["footfall_ledger_mismatch"] == 0
    finally:
        for node in nodes.values():
            node.close()
    row("P8", "CPU per hit, disk / memory", 1.10, 1.05, [d / m for d, m in zip(us["disk"], us["memory"])], "x")
    note("P8", "throughput, disk / memory", [d / m for d, m in zip(rates["disk"], rates["memory"])], "x")
    note("P8", "throughput in disk", rates["disk"], "hits/s", 0)
    return statistics.median(rates["disk"])


def acknowledgement(work, args, rate):
    """P24."""
    node = server(work / "open", "disk")
    medians, beyond, ratio, bound = [], [], [], []
    try:
        node.start().add_site(SITE, visibility="full")
        command = ["taskset", "-c", "1", str(BUILD / "tests" / "bench" / "open_loop"), str(node.port), SITE, str(rate)]
        for number in range(args.rounds + 1):
            before = fdatasync_us(work)
            out = subprocess.run([*command, str(args.seconds), str(CONNECTIONS)], capture_output=True, text=True, check=True).stdout
            found = json.loads(out)
            assert found["answered"] == found["sent"], found
            device = (before + fdatasync_us(work)) / 2
            if number == 0:  # warm: segments are recycled from the next on, caches filled
                continue
            medians.append(found["p50_us"])
            beyond.append(found["p999_us"] / 1000)
            ratio.append(found["p50_us"] / device)
            bound.append(device / 1000)
    finally:
        node.close()
    device = statistics.median(bound)
    row("P24", f"p50 of the acknowledgement / fdatasync, {rate:.0f} hits/s", 2.2, 1.6, ratio, "x")
    row("P24", "p99.9 of the acknowledgement", 5 + 4 * device, 2 + 3 * device, beyond, "ms")
    note("P24", "p50 of the acknowledgement", medians, "us", 0)
    note("P24", "fdatasync of the device", [b * 1000 for b in bound], "us", 0)


def fill(node, hits, pages, visitors):
    load = subprocess.run(["taskset", "-c", "1", str(BUILD / "oracle_load"), str(node.port), SITE, str(hits), "16", "64", str(pages),
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


def replayed(work, args):
    """P15."""
    node = server(work / "replay", "kernel", "--checkpoint-interval", "86400")
    try:
        node.start().add_site(SITE, visibility="full")
        fill(node, REPLAY_HITS, 300, 5_000)
        row("P15", f"replay, M hits/s, of {REPLAY_HITS / 1e6:.0f} M", 4, 10, replay(node, args.rounds), "M/s", at_least=True)
    finally:
        node.close()


def many_online(work, args):
    """P14, and the replay of what makes it."""
    drawn = args.visitors * 11 // 10  # at random: as many hits find 93 % of them
    node = server(work / "many", "kernel", "--checkpoint-interval", "86400", "--online-pairs-max", str(3 * args.visitors))
    try:
        node.start().add_site(SITE, visibility="full", window_s=3600)
        fill(node, 3 * args.visitors, 1, drawn)
        online = node.stats(SITE)["online"]
        note("P15", f"replay, M hits/s, {online:,} visitors online", replay(node, 1), "M/s")
        slices, checkpoints = [], 0
        node.options[node.options.index("86400")] = "1"
        for _ in range(args.rounds):
            kill(node)
            node.start()  # the longest slice is since the start
            assert node.stats(SITE)["online"] == online, node.stats(SITE)
            begun, end = time.monotonic(), 0
            while end < 2 and time.monotonic() < begun + 300:  # two whole checkpoints, hits arriving
                fill(node, 20_000, 1, drawn)
                end = node.metrics()["footfall_checkpoints_total"]
            assert end >= 2, "no checkpoint was made"
            checkpoints += end
            slices.append(node.metrics()["footfall_shard_slice_seconds_max"] * 1000)
        row("P14", f"longest slice not spent on pings, {online:,} online, {checkpoints:.0f} checkpoints", 1, 0.3, slices, "ms", 3)
    finally:
        node.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--visitors", type=int, default=10_000_000)
    parser.add_argument("--directory", default="/var/tmp")
    arguments = parser.parse_args()
    os.environ["FOOTFALL_BUILD"] = os.path.abspath(arguments.build)
    from footfall import BUILD, Daemon
    machine(arguments.directory)
    with tempfile.TemporaryDirectory(prefix="footfall-bench-", dir=arguments.directory) as at:
        at = pathlib.Path(at)
        half = cost_of_disk(at, arguments) / 2
        acknowledgement(at, arguments, half)
        replayed(at, arguments)
        many_online(at, arguments)
    print_table()
