#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What it costs to count together with other nodes.

N1   CPU per hit in kernel durability with --node and a healthy Redis / without Redis, 64 connections, rounds interleaved: 1.03;
     where totals are counted together, and where who is online and the visitors of a day are too (--cluster-key): there
     each visitor is written to Redis by a thread beside the shards
N2   99th percentile of acknowledgements in disk durability at 20,000 hits/s, open loop, while Redis is stopped / while it runs: 1.10
P21  writes to Redis per dirty site and flush, at two rates of hits, `footfall bench` keeping every site dirty in every flush; beside it the
     bytes that the README's arithmetic is made of

Daemons are pinned to core 0, clients and Redis to core 1.
"""
import concurrent.futures
import contextlib
import os
import re
import secrets
import time

from browsers import SITE, lua
from figures import footfall_bench, main
from hits import ratios
from side_by_side import measure

DIRTY = 8  # sites that are hit
RATES = (5, 1000)  # hits a second of each, so that none is clean at a flush, which begins a second after the one before
FLUSHES = 10  # over so many


@contextlib.contextmanager
def redis_server():
    from redis_server import Redis
    redis = Redis()
    try:
        os.sched_setaffinity(redis.process.pid, {1})
        yield redis
    finally:
        redis.close()


def together(bench, redis, name, cluster_key=False):
    """The options of a node."""
    options = ["--redis", redis.uri, "--node", name, "--snapshot-interval", "0"]
    if cluster_key:
        key = bench.at / "cluster-key"
        key.touch(0o600)
        key.write_text(secrets.token_hex(32))
        options += ["--cluster-key", str(key)]
    return options


def cost(bench):
    with redis_server() as redis, contextlib.ExitStack() as ends:
        nodes = {}
        for name, options in (("alone", []), ("together", together(bench, redis, "a")), ("online", together(bench, redis, "b", cluster_key=True))):
            nodes[name] = bench.server(name, *options)
            ends.callback(nodes[name].close)
            if name != "online":  # it hears of it by Redis
                nodes[name].add_site(SITE, visibility="full")
        until_known(nodes["online"])
        for label, depth in (("single", 1), ("16 pipelined", 16)):
            us, _ = measure(label, {name: node.process for name, node in nodes.items()}, {name: node.port for name, node in nodes.items()},
                            lua(depth), "alone", bench.rounds, bench.seconds)
            bench.row("N1", f"CPU per hit with a Redis / without, {label}", 1.03, 1.0, ratios(us, "together", "alone"), "x", 3)
            bench.row("N1", f"the same, who is online too, {label}", 1.03, 1.0, ratios(us, "online", "alone"), "x", 3)


def until_known(node):
    for _ in range(100):
        if node.get(f"/v1/sites/{SITE}/stats").status == 200:
            return
        time.sleep(0.1)
    raise AssertionError(f"{SITE} did not reach a node")


def stopped(bench):
    with redis_server() as redis:
        node = bench.server("waiting", *together(bench, redis, "c"), durability="disk")
        try:
            node.add_site(SITE, visibility="full")

            def p99():
                found = footfall_bench(node, SITE, "--rate", 20000, "--seconds", bench.seconds, "--connections", 64, "--shape", "chrome-windows")
                assert found["acknowledged"] == found["sent"], found
                return found["latency_ns"]["p99"] / 1000

            def paused_p99():
                redis.pause()
                try:
                    time.sleep(1)
                    return p99()
                finally:
                    redis.go_on()
                    time.sleep(3)

            us, of_running = bench.against(paused_p99, p99)
            bench.note("N2", "99th percentile while Redis is stopped", us, "us", 0)
            bench.row("N2", "the same / while it runs", 1.10, 1.0, of_running, "x")
        finally:
            node.close()


def writes(bench):
    with redis_server() as redis:
        node = bench.server("writes", *together(bench, redis, "d"), durability="memory")
        try:
            sites = [f"site-{n}.example" for n in range(DIRTY)]
            for site in sites:
                node.add_site(site)
            for rate in RATES:
                with concurrent.futures.ThreadPoolExecutor(DIRTY) as all_sites:
                    load = [all_sites.submit(footfall_bench, node, site, "--rate", rate, "--seconds", 2 * FLUSHES + 4, "--connections", 4) for site in sites]
                    time.sleep(2)
                    begin = after_flushes(node, redis, 1)
                    end = after_flushes(node, redis, FLUSHES)
                    assert not any(done.done() for done in load), "the load was over before the flushes were"
                    for done in load:
                        done.result()
                flushes, written, sets, sent = (end[name] - begin[name] for name in ("flushes", "written", "sets", "bytes"))
                what = f"per site and flush, {rate:,} hits/s on each of {DIRTY} sites"
                bench.row("P21", f"writes {what}", 1, 1, [written / (flushes * DIRTY)], "")
                bench.note("P21", f"HSETs that Redis had, {what}", [sets / (flushes * DIRTY)], "")
                bench.note("P21", "bytes to Redis for each, reads among them", [sent / written], "B", 0)
            slots = f"footfall:{{{sites[0]}}}:slots"
            bench.note("P21", "a slot", [int(redis.run("HSTRLEN", slots, redis.run("HKEYS", slots).splitlines()[0]))], "B", 0)
            bench.note("P21", "a hash of one slot, in Redis", [int(redis.run("MEMORY", "USAGE", slots))], "B", 0)
        finally:
            node.close()


def after_flushes(node, redis, count):
    """What was written, read when so many more flushes have just ended, so that none is cut in two."""
    def flushes():
        metrics = node.metrics()
        return metrics['footfall_replication_flushes_total{result="done"}'], metrics["footfall_replication_slot_writes_total"]
    first, end = flushes()[0], time.monotonic() + 5 * FLUSHES
    while (now := flushes())[0] < first + count:
        assert time.monotonic() < end, "Redis is not told"
        time.sleep(0.02)
    sets = re.search(r"cmdstat_hset:calls=(\d+)", redis.run("INFO", "commandstats"))
    return {"flushes": now[0], "written": now[1], "sets": int(sets.group(1)), "bytes": int(info(redis, "total_net_input_bytes"))}


def info(redis, name):
    return next(line.split(":")[1] for line in redis.run("INFO").splitlines() if line.startswith(name + ":"))


GOALS = {"P21": writes, "N1": cost, "N2": stopped}
if __name__ == "__main__":
    main(__doc__, GOALS)
