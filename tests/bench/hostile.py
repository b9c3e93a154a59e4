#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""H1: what well-behaved clients get beside hostile ones, of what they get alone: hits acknowledged a second by 64 kept connections.

Each kind of hostile client runs in a process of its own, and the daemon under a CPU quota (half a core), so that it is the daemon that is short, and not
the core that the clients share. With and without go in turn. What was shed, refused or cut is said beside it, from the daemon's metrics, by one that these
clients alone move, or less what the others say they did: an attack that the daemon does not notice, or that does not go on, is a failure.
"""
import contextlib
import itertools
import multiprocessing
import os
import resource
import select
import socket
import time

from batches import protobuf, request
from figures import CLIENT, footfall_bench, main
from overload import quota

SITE = "bench.example"
QUOTA_US = 50_000
HEAD = b"Host: x\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0\r\n"


def connected(port, small=False):
    connection = socket.socket()
    try:
        if small:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(5)
        connection.connect(("127.0.0.1", port))
        connection.setblocking(False)
        return connection
    except OSError:
        connection.close()
        raise


class Line:
    """A connection that is made anew where it was cut."""

    def __init__(self, port):
        self.port, self.connection = port, None

    def send(self, requests):
        try:
            if self.connection is None:
                self.connection = connected(self.port)
                self.connection.settimeout(5)
            self.connection.sendall(requests)
        except OSError:
            self.cut()

    def read(self, count):
        """How many answers came of what was sent: so many, or fewer from one that is cut."""
        answers = b""
        try:
            while self.connection and answers.count(b"HTTP/1.1 ") < count:
                more = self.connection.recv(1 << 16)
                if not more:
                    self.cut()
                answers += more
        except OSError:
            self.cut()
        return answers.count(b"HTTP/1.1 ")

    def cut(self):
        if self.connection:
            self.connection.close()
        self.connection = None


# ---- the kinds: functions of the daemon and of a number to which each adds what it gets done, so that it is seen to go on


def at_rate(per_s, act, acts):
    """act(n), so often; it answers what it got done."""
    began = time.monotonic()
    for n in itertools.count():
        time.sleep(max(0, began + n / per_s - time.monotonic()))
        acts.value += act(n)


def trickle(port, acts, count, begin, drop):
    """`count` connections that send `begin` and then one byte a second of `drop` without an end; cut ones come again."""
    drops = itertools.cycle(drop)
    open_ones = []
    while True:
        with contextlib.suppress(OSError):  # then with the next byte
            while len(open_ones) < count:
                connection = connected(port)
                open_ones.append(connection)
                connection.send(begin)
        deadline = time.monotonic() + 1
        byte = bytes([next(drops)])
        for connection in list(open_ones):
            try:
                acts.value += connection.send(byte)
                if connection.recv(4096) == b"":
                    raise ConnectionError
            except BlockingIOError:
                continue
            except OSError:
                connection.close()
                open_ones.remove(connection)
        time.sleep(max(0, deadline - time.monotonic()))


def slow_heads(node, acts):
    trickle(node.port, acts, 2000, b"GET /hit?site=bench.example&path=/ HTTP/1.1\r\nX-Slow: ", b"a")


def slow_bodies(node, acts):
    trickle(node.port, acts, 1000, b"POST /hit HTTP/1.1\r\n" + HEAD + b"Content-Type: text/plain\r\nContent-Length: 60000\r\n\r\n{", b" ")


def unread(port, acts, count, request):
    """Connections that send requests, 1,000 a second in all, as long as they are taken, and read nothing; cut ones come again."""
    held = [connected(port, small=True) for _ in range(count)]

    def act(n):
        try:
            held[n % count].send(request * 10)
        except BlockingIOError:
            pass  # it holds what it has
        except OSError:
            held[n % count].close()
            with contextlib.suppress(OSError):  # closed, it comes here again
                held[n % count] = connected(port, small=True)
        return 1
    at_rate(100, act, acts)


def slow_readers(node, acts):
    unread(node.port, acts, 200, b"GET /footfall.js HTTP/1.1\r\n" + HEAD + b"\r\n")


def pipelines_unread(node, acts):
    unread(node.port, acts, 200, ONE_ADDRESS)


def streams_unread(node, acts, count=2000):
    """Live streams that nobody reads; cut ones come again."""
    request = f"GET /v1/sites/{SITE}/live HTTP/1.1\r\nHost: x\r\nOrigin: https://{SITE}\r\n\r\n".encode()
    held, cut = {}, select.epoll()
    while True:
        with contextlib.suppress(OSError):
            while len(held) < count:
                stream = connected(node.port, small=True)
                held[stream.fileno()] = stream
                cut.register(stream, select.EPOLLRDHUP)
                stream.send(request)
        for descriptor, _ in cut.poll(1):
            held.pop(descriptor).close()
        acts.value += len(held)


def flood(node, acts):
    """Connections that say nothing, and are reset after a second."""
    held = []

    def act(_):
        try:
            held.append(connected(node.port))
        except OSError:
            return 0
        if len(held) > 100:
            gone = held.pop(0)
            gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            gone.close()
        return 1
    at_rate(100, act, acts)


def nonsense(node, acts):
    texts = [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET / HTTP/9.9\r\n\r\n", b"GET /" + b"a" * 40000 + b" HTTP/1.1\r\n\r\n", b"\0" * 4096,
             b"POST /hit HTTP/1.1\r\nHost: x\r\nContent-Length: 5,5\r\n\r\n", b"POST /hit HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"]

    def act(n):
        try:
            with connected(node.port) as connection:
                connection.settimeout(1)
                connection.sendall(texts[n % len(texts)])
                connection.recv(4096)
        except TimeoutError:
            return 0
        except OSError:  # cut, which is an answer too
            pass
        return 1
    at_rate(100, act, acts)


def guesses(node, acts):
    """One address far over its rate, over one connection."""
    line = Line(node.port)

    def act(_):
        line.send(ONE_ADDRESS * 20)
        return line.read(20)
    at_rate(50, act, acts)


def paths(node, acts):
    """A thousand new paths a second, of ten thousand addresses."""
    line = Line(node.port)

    def act(n):
        line.send(b"".join(b"GET /hit?site=bench.example&path=/invented/%d HTTP/1.1\r\nX-Forwarded-For: 10.7.%d.%d\r\n" % (n * 20 + i, (n * 20 + i) // 200 % 50, (n * 20 + i) % 200)
                           + HEAD + b"\r\n" for i in range(20)))
        return line.read(20)
    at_rate(50, act, acts)


def at_full_speed(acts, lines, request, count):
    while True:
        for line in lines:
            line.send(request)
        for line in lines:
            acts.value += line.read(count)


def pipelines_read(node, acts):
    at_full_speed(acts, [Line(node.port) for _ in range(16)], ONE_ADDRESS * 64, 64)


def largest_batches(node, acts):
    at_full_speed(acts, [Line(node.port) for _ in range(4)], request(node, protobuf(0, 20_000)), 1)


ONE_ADDRESS = b"GET /hit?site=bench.example&path=/ HTTP/1.1\r\nX-Forwarded-For: 192.0.2.9\r\n" + HEAD + b"\r\n"
REQUESTS = 'footfall_http_requests_total{route="%s"'  # well-behaved clients ask for hit_gif
# Kind: what it does; the metric that grows by it in each round, by how much at least; and what of it the well-behaved clients did, as they say.
KINDS = {
    "2,000 slow heads": (slow_heads, "footfall_http_connections", 1000, None),
    "1,000 slow bodies": (slow_bodies, "footfall_http_body_bytes", 1000, None),
    "200 that read no scripts": (slow_readers, "footfall_http_connections", 100, None),
    "200 pipelines that read no answers": (pipelines_unread, "footfall_hits_rejected_total", 100, None),
    "2,000 live streams that are not read": (streams_unread, "footfall_live_subscribers", 1000, None),
    "100 silent connections a second": (flood, "footfall_http_connections_accepted_total", 50, "connections"),
    "100 malformed requests a second": (nonsense, "footfall_http_parse_errors_total", 50, None),
    "one address, 1,000 pings a second": (guesses, "footfall_hits_rejected_total", 100, None),
    "1,000 invented paths a second": (paths, REQUESTS % "hit", 100, None),
    "one address, 16 pipelines of 64 at full speed": (pipelines_read, "footfall_hits_rejected_total", 100, None),
    "batches of 20,000 at full speed": (largest_batches, REQUESTS % "batch", 2, None),
}


def noticed(node, metric):
    """The sum of its series, or of those that begin so."""
    return sum(value for name, value in node.metrics().items() if (name.startswith(metric) if "{" in metric else name.split("{")[0] == metric))


@contextlib.contextmanager
def beside(kind, node):
    """Gives the process, and the number that the kind adds to."""
    acts = multiprocessing.get_context("fork").Value("Q", 0, lock=False)

    def run():
        resource.setrlimit(resource.RLIMIT_NOFILE, (8192, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
        os.sched_setaffinity(0, {int(CLIENT[-1])})
        os.nice(10)
        kind(node, acts)
    process = multiprocessing.get_context("fork").Process(target=run, daemon=True)
    process.start()
    try:
        time.sleep(1)
        yield process, acts
    finally:
        process.terminate()
        process.join()


def hostile(bench):
    for name, kind in KINDS.items():
        directory = bench.at / name.replace(" ", "-").replace(",", "")
        directory.mkdir()
        node = bench.Daemon("--threads", "1", "--durability", "kernel", "--log-level", "error", directory=directory)
        node.prefix = ["taskset", "-c", "0"]
        with node:
            node.add_site(SITE, visibility="full")
            with contextlib.ExitStack() as ends:
                try:
                    ends.enter_context(quota(node.process.pid, QUOTA_US))
                except OSError as error:  # a file system that is read only, no controller, no right
                    return bench.left_out("H1", f"no control group can be made here: {error}")
                measure(bench, node, name, *kind)


def measure(bench, node, name, kind, metric, least, theirs):
    options = ["--connections", "64", "--seconds", str(2 * bench.seconds)]

    def load():
        found = footfall_bench(node, SITE, *options, counted=False)
        assert "429" not in found["answers"], found  # or refusals were not only of the hostile
        return found

    load()
    ratios, told = [], []
    for _ in range(bench.rounds):
        alone, before = load(), noticed(node, metric)
        with beside(kind, node) as (attack, acts):
            begun = acts.value
            found = load()
            told.append(noticed(node, metric) - before - (found[theirs] if theirs else 0))
            done = acts.value
            assert done > begun and goes_on(attack, acts, done), f"{name}: the hostile clients gave up"
        ratios.append(found["in_time_per_s"] / alone["in_time_per_s"])
    assert min(told) >= least, f"{name}: {metric} says nothing of them: {told}"
    bench.row("H1", f"beside {name}: of what well-behaved clients get alone", 0.95, 0.99, ratios, "x", at_least=True)
    bench.note("H1", f"{name}: growth of {metric}{'}' if '{' in metric else ''}", told, "", 0)


def goes_on(attack, acts, done):
    end = time.monotonic() + 10
    while attack.is_alive() and acts.value == done and time.monotonic() < end:
        time.sleep(0.01)
    return attack.is_alive() and acts.value > done


GOALS = {"H1": hostile}
if __name__ == "__main__":
    main(__doc__, GOALS)
