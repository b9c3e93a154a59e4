#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Memory: resident bytes that are the process's own, as differences.

P12  per online visitor, the worst of a sweep from 1 to 10 million; per (visitor, page) pair
P13  per registered site that was never hit, and per idle site that was hit once, all that it takes up; beside it per page
P18  CPU per scrape of /metrics with 10,000 sites that were hit once; with series of the top 1,000 of them
P22  at rest; the binary; from start to ready
P25  per idle keep-alive connection
"""
import http.client
import json
import re
import resource
import socket
import subprocess
import time

from batches import ITEMS, request, send_all
from figures import SERVER, main, os, rss
from hit_message import field
from side_by_side import cpu_ns

SITE = "bench.example"
SITES = 10_000
PAGES = 100_000
SERIES = 1000  # sites with series of their own


def settled(node):
    """After two ticks and a checkpoint's end nothing grows any more."""
    time.sleep(2.5)
    return rss(node.process.pid)


def per_visitor(bench, name, path):
    """Bytes per visitor, for each million more of them."""
    # A checkpoint holds the state a second time while it is made: none meanwhile.
    node = bench.server(name, "--checkpoint-interval", "86400", "--checkpoint-journal", str(1 << 40), "--online-pairs-max", str(4 * bench.visitors))
    try:
        os.sched_setaffinity(0, {1})
        node.add_site(SITE, visibility="full", window_s=3600)
        empty, million, figures = settled(node), 1_000_000, []
        page = field(2, path) if path else b""
        for step in range(max(bench.visitors // million, 1)):
            whole = (request(node, field(1, SITE.encode()) + b"".join(field(2, page + field(10, b"%d" % v)) for v in range(first, first + ITEMS)))
                     for first in range(step * million, (step + 1) * million, ITEMS))
            send_all(node.port, list(whole))
            online = node.stats(SITE)["online"]
            assert online == (step + 1) * million, online
            figures.append((settled(node) - empty) / online)
        return figures
    finally:
        node.close()


def visitors(bench):
    alone = per_visitor(bench, "visitors", None)
    bench.row("P12", f"bytes per online visitor, the worst of 1 to {len(alone)} million", 20, 16, [max(alone)], "bytes", 1)
    paired = [both - one for both, one in zip(per_visitor(bench, "pairs", b"/p"), alone)]
    bench.row("P12", "bytes per (visitor, page) pair, the worst of as many", 32, 24, [max(paired)], "bytes", 1)


def add_sites(node, numbers):
    connection = http.client.HTTPConnection("127.0.0.1", node.admin_port)
    authorization = {"Authorization": f"Bearer {node.token}"}
    for n in numbers:
        connection.request("POST", "/v1/admin/sites", json.dumps({"name": f"site-{n}.example"}), authorization)
        answer = connection.getresponse()
        text = answer.read()
        assert answer.status in (200, 201), text


def hit_once(node, numbers):
    for first in range(numbers.start, numbers.stop, ITEMS):
        body = b"".join(field(2, field(1, b"site-%d.example" % n) + field(2, b"/") + field(10, b"1")) for n in range(first, first + ITEMS))
        accepted = send_all(node.port, [request(node, body)])
        assert accepted == ITEMS, accepted


def scrapes(bench, node, times=100):
    """CPU of one, in ms, of each round."""
    connection = http.client.HTTPConnection("127.0.0.1", node.admin_port)
    figures = []
    for _ in range(bench.rounds):
        begin = cpu_ns([node.process.pid])
        for _ in range(times):
            connection.request("GET", "/metrics")
            connection.getresponse().read()
        figures.append((cpu_ns([node.process.pid]) - begin) / times / 1e6)
    return figures


def scraped(bench):
    for name, options, what, aim, stretch in (("scraped", [], f"CPU per scrape with {SITES:,} sites, each once hit", 2, 1),
                                              ("series", ["--metrics-sites", str(SERIES)], f"the same, the top {SERIES:,} with series of their own", 15, 8)):
        node = bench.server(name, *options)
        try:
            add_sites(node, range(SITES))
            hit_once(node, range(SITES))
            series = [count for name, count in node.metrics().items() if name.startswith("footfall_site_hits_counted_total")]
            assert series == [1] * (SERIES if options else 0), series
            bench.row("P18", what, aim, stretch, scrapes(bench, node), "ms", 2)
        finally:
            node.close()


def sites(bench):
    node = bench.server("sites", "--checkpoint-interval", "86400")
    try:
        before = settled(node)
        add_sites(node, range(SITES, 2 * SITES))
        first = settled(node)
        add_sites(node, range(SITES))
        never = settled(node)
        bench.row("P13", f"bytes per site never hit, from {SITES:,} sites to {2 * SITES:,}", 512, 256, [(never - first) / SITES], "bytes", 0)
        bench.note("P13", f"the same of the first {SITES:,}, with the latest changes, which are kept whole", [(first - before) / SITES], "bytes", 0)
        hit_once(node, range(SITES))
        once = settled(node)
        bench.row("P13", f"bytes per idle site once hit, all of it, from {SITES:,} sites to {2 * SITES:,}", 4096, 2048, [(once - first) / SITES], "bytes", 0)
        bench.note("P13", "what the hit adds of that", [(once - never) / SITES], "bytes", 0)
        paths = [b"/tin-tuc/bai-viet-%d.html" % n for n in range(PAGES)]
        for first in range(0, PAGES, ITEMS):
            send_all(node.port, [request(node, b"".join(field(2, field(1, b"site-0.example") + field(2, path) + field(10, b"1")) for path in paths[first:first + ITEMS]))])
        bench.note("P13", f"bytes per page, hit today, {PAGES:,} of a site", [(settled(node) - once) / PAGES], "bytes", 0)
    finally:
        node.close()


def until_ready(node):
    """From the start of the process to the first answer that it is ready, in ms."""
    begin = time.perf_counter()
    process = subprocess.Popen([*SERVER, str(node.binary), "--data-dir", str(node.directory), "--listen", f"127.0.0.1:{node.port}", "--admin",
                                f"127.0.0.1:{node.admin_port}", *node.options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while time.perf_counter() - begin < 30:
            try:
                if node.get("/readyz").status == 200:
                    return 1000 * (time.perf_counter() - begin)
            except OSError:
                time.sleep(0.001)
        raise AssertionError("it did not become ready")
    finally:
        process.terminate()
        process.wait()


def starts_and_rests(bench, *options):
    """Resident bytes in MB, and ms from start to ready."""
    resident, starts = [], []
    for _ in range(bench.rounds):
        node = bench.server("rest", *options)
        try:
            resident.append(settled(node) / 1e6)
            node.stop()
            starts.append(until_ready(node))
        finally:
            node.close()
    return resident, starts


def at_rest(bench):
    resident, starts = starts_and_rests(bench, "--agent-list", "/dev/null", "--crawler-list", "/dev/null")
    bench.row("P22", "resident at rest, without the lists of agents", 16, 8, resident, "MB", 1)
    bench.row("P22", "from start to ready, without them", 50, 20, starts, "ms", 0)
    resident, starts = starts_and_rests(bench)
    bench.note("P22", "resident at rest with them", resident, "MB", 1)
    bench.note("P22", "from start to ready with them", starts, "ms", 0)
    stripped = bench.at / "footfalld"
    subprocess.run(["strip", "-o", str(stripped), str(bench.build / "footfalld")], check=True)
    bench.row("P22", "binary, stripped", 10, 5, [stripped.stat().st_size / 1e6], "MB", 1)


def idle_connections(bench):
    count = 10_000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, count + 1000), hard))
    node = bench.server("connections")
    try:
        node.add_site(SITE)
        before = settled(node)
        connections = []
        for _ in range(min(count, hard - 200)):
            connection = socket.create_connection(("127.0.0.1", node.port))
            connection.sendall(f"GET /hit?site={SITE}&path=/ HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert re.match(rb"HTTP/1.1 204", connection.recv(4096))
            connections.append(connection)
        figure = (settled(node) - before) / len(connections)
        bench.row("P25", f"bytes per idle connection, {len(connections):,} of them", 1024, 300, [figure], "bytes", 0)
        for connection in connections:
            connection.close()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        node.close()


GOALS = {"P12": visitors, "P13": sites, "P18": scraped, "P22": at_rest, "P25": idle_connections}
if __name__ == "__main__":
    main(__doc__, GOALS)
