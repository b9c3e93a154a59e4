#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""H1: what well-behaved clients get beside hostile ones, of what they get alone: hits acknowledged a second by 64 kept connections.

Each kind of hostile client runs in a process of its own, and the daemon under a CPU quota (half a core), so that it is the daemon that is short, and not
the core that the clients share. With and without go in turn. What was shed, refused or cut is said beside it, from the daemon's metrics: an attack that
the daemon does not notice measures nothing, and is a failure.
"""
import contextlib
import itertools
import multiprocessing
import os
import resource
import socket
import time

from figures import CLIENT, footfall_bench, main
from overload import quota

SITE = "bench.example"
QUOTA_US = 50_000
HEAD = b"Host: x\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0\r\n"


def connected(port, small=False):
    connection = socket.socket()
    if small:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(5)
    connection.connect(("127.0.0.1", port))
    connection.setblocking(False)
    return connection


def at_rate(per_s, act):
    began = time.monotonic()
    for n in itertools.count():
        time.sleep(max(0, began + n / per_s - time.monotonic()))
        with contextlib.suppress(OSError):
            act(n)


def trickle(port, count, begin, drop):
    """`count` connections that send `begin` and then one byte a second of `drop` without an end; cut ones come again."""
    drops = itertools.cycle(drop)
    open_ones = []
    while True:
        while len(open_ones) < count:
            connection = connected(port)
            connection.send(begin)
            open_ones.append(connection)
        deadline = time.monotonic() + 1
        byte = bytes([next(drops)])
        for connection in list(open_ones):
            try:
                connection.send(byte)
                if connection.recv(4096) == b"":
                    raise ConnectionError
            except BlockingIOError:
                continue
            except OSError:
                connection.close()
                open_ones.remove(connection)
        time.sleep(max(0, deadline - time.monotonic()))


def slow_heads(port):
    trickle(port, 2000, b"GET /hit?site=bench.example&path=/ HTTP/1.1\r\nX-Slow: ", b"a")


def slow_bodies(port):
    trickle(port, 1000, b"POST /hit HTTP/1.1\r\n" + HEAD + b"Content-Type: text/plain\r\nContent-Length: 60000\r\n\r\n{", b" ")


def unread(port, count, request):
    """Connections that send requests, 1,000 a second in all, as long as they are taken, and read nothing; cut ones come again."""
    held = [connected(port, small=True) for _ in range(count)]

    def act(n):
        try:
            held[n % count].send(request * 10)
        except BlockingIOError:
            return
        except OSError:
            held[n % count].close()
            held[n % count] = connected(port, small=True)
    at_rate(100, act)


def slow_readers(port):
    unread(port, 200, b"GET /footfall.js HTTP/1.1\r\n" + HEAD + b"\r\n")


def pipelines_unread(port):
    unread(port, 200, b"GET /hit?site=bench.example&path=/ HTTP/1.1\r\nX-Forwarded-For: 192.0.2.9\r\n" + HEAD + b"\r\n")


def flood(port):
    """Connections that say nothing, and are reset after a second."""
    held = []

    def act(_):
        held.append(connected(port))
        if len(held) > 100:
            gone = held.pop(0)
            gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            gone.close()
    at_rate(100, act)


def nonsense(port):
    texts = [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET / HTTP/9.9\r\n\r\n", b"GET /" + b"a" * 40000 + b" HTTP/1.1\r\n\r\n", b"\0" * 4096,
             b"POST /hit HTTP/1.1\r\nHost: x\r\nContent-Length: 5,5\r\n\r\n", b"POST /hit HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"]

    def act(n):
        with connected(port) as connection:
            connection.settimeout(1)
            connection.sendall(texts[n % len(texts)])
            connection.recv(4096)
    at_rate(100, act)


def guesses(port):
    """One address far over its rate, over one connection."""
    with connected(port) as connection:
        connection.settimeout(5)
        request = b"GET /hit?site=bench.example&path=/ HTTP/1.1\r\nX-Forwarded-For: 192.0.2.9\r\n" + HEAD + b"\r\n"

        def act(_):
            connection.sendall(request * 20)
            connection.recv(1 << 16)
        at_rate(50, act)


def paths(port):
    """A thousand new paths a second, of ten thousand addresses."""
    with connected(port) as connection:
        connection.settimeout(5)

        def act(n):
            connection.sendall(b"".join(b"GET /hit?site=bench.example&path=/invented/%d HTTP/1.1\r\nX-Forwarded-For: 10.7.%d.%d\r\n" % (n * 20 + i, (n * 20 + i) // 200 % 50, (n * 20 + i) % 200)
                                        + HEAD + b"\r\n" for i in range(20)))
            connection.recv(1 << 16)
        at_rate(50, act)


# Kind: what it does, and the metric that must grow while it does.
KINDS = {
    "2,000 slow heads": (slow_heads, "footfall_http_connections"),
    "1,000 slow bodies": (slow_bodies, "footfall_http_body_bytes"),
    "200 that read no scripts": (slow_readers, "footfall_http_connections"),
    "200 pipelines that read no answers": (pipelines_unread, "footfall_hits_rejected_total"),
    "100 silent connections a second": (flood, "footfall_http_connections_accepted_total"),
    "100 malformed requests a second": (nonsense, "footfall_http_parse_errors_total"),
    "one address, 1,000 pings a second": (guesses, "footfall_hits_rejected_total"),
    "1,000 invented paths a second": (paths, "footfall_http_requests_total"),
}


def noticed(node, metric):
    """The sum of its series."""
    return sum(value for name, value in node.metrics().items() if name.split("{")[0] == metric)


@contextlib.contextmanager
def beside(kind, port):
    def run():
        resource.setrlimit(resource.RLIMIT_NOFILE, (8192, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
        os.sched_setaffinity(0, {int(CLIENT[-1])})
        os.nice(10)
        kind(port)
    process = multiprocessing.get_context("fork").Process(target=run, daemon=True)
    process.start()
    try:
        time.sleep(1)
        yield process
    finally:
        process.terminate()
        process.join()


def hostile(bench):
    for name, (kind, metric) in KINDS.items():
        directory = bench.at / name.replace(" ", "-").replace(",", "")
        directory.mkdir()
        node = bench.Daemon("--threads", "1", "--durability", "kernel", "--log-level", "error", directory=directory)
        node.prefix = ["taskset", "-c", "0"]
        with node:
            node.add_site(SITE)
            with contextlib.ExitStack() as ends:
                try:
                    ends.enter_context(quota(node.process.pid, QUOTA_US))
                except OSError as error:  # a file system that is read only, no controller, no right
                    return bench.left_out("H1", f"no control group can be made here: {error}")
                measure(bench, node, name, kind, metric)


def measure(bench, node, name, kind, metric):
    options = ["--connections", "64", "--seconds", str(2 * bench.seconds)]
    load = lambda: footfall_bench(node, SITE, *options, counted=False)["in_time_per_s"]
    load()
    ratios, told = [], []
    for _ in range(bench.rounds):
        alone, before = load(), noticed(node, metric)
        with beside(kind, node.port) as attack:
            ratios.append(load() / alone)
            told.append(noticed(node, metric) - before)
            assert attack.is_alive(), f"{name}: the hostile clients gave up"
    assert min(told) > 0, f"{name}: {metric} says nothing of them: {told}"
    bench.row("H1", f"beside {name}: of what well-behaved clients get alone", 0.95, 0.99, ratios, "x", at_least=True)
    bench.note("H1", f"{name}: growth of {metric}", told, "", 0)


GOALS = {"H1": hostile}
if __name__ == "__main__":
    main(__doc__, GOALS)
