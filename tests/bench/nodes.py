#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What it costs to count together with other nodes, against the goals.

    nodes.py BUILD_DIR [--rounds 5] [--seconds 3] [--sites 200] [--cluster-key]

With --cluster-key who is online and the visitors of a day are counted together too: each visitor is written to Redis.

cost   CPU per hit in kernel durability, with --node and a healthy Redis / without Redis, 64 connections, rounds interleaved: 1.03.
p99    of acknowledgements in disk durability at 20,000 hits/s, open loop, while Redis is stopped / while it runs: 1.10.
P21    writes to Redis per dirty site and flush, whatever the rate of hits: 1.
sizes  bytes that a flush sends for a site, and that a slot takes in Redis: what the arithmetic of the README is made of.

Daemons are pinned to core 0, clients and Redis to core 1.
"""
import argparse
import os
import pathlib
import secrets
import statistics
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

from figures import footfall_bench  # noqa: E402
from hits import LUA, SITE  # noqa: E402
from side_by_side import measure  # noqa: E402


def start(directory, *options):
    node = Daemon("--rate-limit", "0", "--threads", "1", "--log-level", "warning", *options, directory=directory)
    node.prefix = ["taskset", "-c", "0"]
    directory.mkdir(exist_ok=True)
    return node.start()


def together(work, redis, args, name):
    """The options of a node."""
    options = ["--redis", redis.uri, "--node", name, "--snapshot-interval", "0"]
    if args.cluster_key:
        key = work / "cluster-key"
        if not key.exists():
            key.touch(0o600)
            key.write_text(secrets.token_hex(32))
        options += ["--cluster-key", str(key)]
    return options


def ratio(name, figures, goal):
    median = statistics.median(figures)
    print(f"{name}: {median:.3f} ({min(figures):.3f}-{max(figures):.3f}), goal {goal}: {'met' if median <= goal else 'missed'}", flush=True)


def cost(work, redis, args):
    nodes = {"alone": start(work / "alone", "--durability", "kernel"),
             "together": start(work / "together", "--durability", "kernel", *together(work, redis, args, "a"))}
    try:
        for node in nodes.values():
            node.add_site(SITE, visibility="full")
        for label, depth in (("single", 1), ("16 pipelined", 16)):
            us, _ = measure(label, {name: node.process for name, node in nodes.items()}, {name: node.port for name, node in nodes.items()},
                            LUA % depth, "alone", args.rounds, args.seconds)
            ratio(f"cost, {label}", [t / a for t, a in zip(us["together"], us["alone"])], 1.03)
    finally:
        for node in nodes.values():
            node.close()


def waiting(work, redis, args):
    node = start(work / "waiting", "--durability", "disk", *together(work, redis, args, "b"))
    try:
        site = "waiting.example"  # of its own: others bring what cost() counted
        node.add_site(site, visibility="full")

        def p99():
            found = footfall_bench(node, site, "--rate", 20000, "--seconds", args.seconds, "--connections", 64, "--shape", "chrome-windows")
            assert found["acknowledged"] == found["sent"], found
            return found["latency_ns"]["p99"] / 1000

        p99()
        ratios = []
        for _ in range(args.rounds):
            runs = p99()
            redis.pause()
            try:
                time.sleep(1)
                stopped = p99()
            finally:
                redis.go_on()
            time.sleep(3)
            print(f"  p99 {runs} us with Redis, {stopped} us while it is stopped")
            ratios.append(stopped / runs)
        ratio("p99", ratios, 1.10)
    finally:
        node.close()


def writes(work, redis, args):
    node = start(work / "writes", "--durability", "memory", *together(work, redis, args, "c"))
    try:
        sites = [f"site-{n}.example" for n in range(args.sites)]
        for site in sites:
            node.add_site(site)
        time.sleep(5)
        for hits in (1, 20):
            before, sent = node.metrics(), int(info(redis, "total_net_input_bytes"))
            for _ in range(hits):
                for site in sites:
                    node.hit(site)
            time.sleep(3)
            after = node.metrics()
            flushes = after['footfall_replication_flushes_total{result="done"}'] - before['footfall_replication_flushes_total{result="done"}']
            written = after["footfall_replication_slot_writes_total"] - before["footfall_replication_slot_writes_total"]
            received = int(info(redis, "total_net_input_bytes")) - sent
            print(f"P21: {hits} hits on each of {len(sites)} sites: {written:.0f} writes in {flushes:.0f} flushes, "
                  f"{received / written:.0f} bytes to Redis for each, reads among them", flush=True)
            assert written <= flushes * len(sites)
        slots = f"footfall:{{{sites[0]}}}:slots"
        field = redis.run("HKEYS", slots).splitlines()[0]
        print(f"sizes: a slot is {redis.run('HSTRLEN', slots, field)} bytes, a hash of one {redis.run('MEMORY', 'USAGE', slots)} in Redis")
    finally:
        node.close()


def info(redis, name):
    return next(line.split(":")[1] for line in redis.run("INFO").splitlines() if line.startswith(name + ":"))


def main():
    args = argparse.ArgumentParser()
    args.add_argument("build")
    args.add_argument("--rounds", type=int, default=5)
    args.add_argument("--seconds", type=int, default=3)
    args.add_argument("--sites", type=int, default=200)
    args.add_argument("--cluster-key", action="store_true", help="count who is online together too")
    args = args.parse_args()
    os.environ["FOOTFALL_BUILD"] = str(pathlib.Path(args.build).resolve())
    global BUILD, Daemon  # they look at the environment
    from footfall import BUILD, Daemon
    from redis_server import Redis
    print(f"load average {os.getloadavg()[0]:.1f}" + ("; other work is running: times are not to be quoted" if os.getloadavg()[0] > 0.5 else ""))
    redis = Redis()
    try:
        os.sched_setaffinity(redis.process.pid, {1})
        with tempfile.TemporaryDirectory(prefix="nodes.", dir="/var/tmp") as work:
            for measured in (writes, cost, waiting):
                measured(pathlib.Path(work), redis, args)
    finally:
        redis.close()


if __name__ == "__main__":
    main()
