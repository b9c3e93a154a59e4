# SPDX-License-Identifier: Apache-2.0
"""Connections that say nothing, as many as the daemon has room for: each takes little memory, and who pings beside them is answered. Then a
process without descriptors: those who come are closed one by one, accepting never spins, and all is well when there are descriptors again.

FOOTFALL_ROUNDS floods, 1 by default."""
import collections
import contextlib
import http.client
import itertools
import multiprocessing
import os
import pathlib
import re
import resource
import select
import socket
import time

from drill import BROWSER, SITE, add_site, cpu_s, daemon, resident_bytes, rounds
from redis_server import until

CONNECTIONS, OPENERS = 15_000, 2
THREADS = 2
OWN = 160 + 80 * THREADS  # of daemon/descriptors.cc: what no client may take
EACH_BYTES_MAX = 8 << 10
GOOD_MIN, GOOD_SHARE = 1_000, 0.999
PING = f"GET /hit?site={SITE}&path=/ HTTP/1.1\r\nHost: x\r\nUser-Agent: {BROWSER % 120}\r\n\r\n".encode()
PAUSE_S = 0.1  # kPause of daemon/http/listener.cc
WAITING_S, CPU_SHARE_MAX = 3, 0.25  # without descriptors; a thread that spins takes all that a core gives it


def open_many(pipe, port, source, count):
    """A process: `count` connections, every second one of which pings once; tells when they are there, and in the end how many still are."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    held = []
    for n in range(count):
        connection = socket.create_connection(("127.0.0.1", port), timeout=60, source_address=(source, 0))
        if n % 2:
            connection.sendall(PING)
            assert connection.recv(4096).startswith(b"HTTP/1.1 204 ")
        connection.setblocking(False)
        held.append(connection)
    pipe.send(len(held))
    pipe.recv()
    open_ones = 0
    for connection in held:
        with contextlib.suppress(ConnectionError):
            try:
                open_ones += connection.recv(1) != b""
            except BlockingIOError:
                open_ones += 1
    pipe.send(open_ones)


class Opener:
    def __init__(self, node, source, count):
        context = multiprocessing.get_context("fork")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=open_many, args=(theirs, node.port, source, count), daemon=True)
        self.process.start()
        theirs.close()
        self.opened = None

    def done(self):
        if self.opened is None and self.pipe.poll():
            self.opened = self.pipe.recv()
        return self.opened is not None

    def open_now(self):
        self.pipe.send(None)
        return self.pipe.recv()

    def close(self):
        self.process.kill()
        self.process.join()


class GoodClient:
    """A ping over a connection of its own, and one over a kept one; not so often that it has no port left, of those that its ended connections hold for a while."""

    PAUSE_S = 0.002

    def __init__(self, node):
        self.node, self.tries, self.successes = node, 0, 0
        self.failed = collections.Counter()
        self.kept = socket.create_connection(("127.0.0.1", node.port), timeout=20)

    def ping(self):
        time.sleep(self.PAUSE_S)
        with self.one_try(), socket.create_connection(("127.0.0.1", self.node.port), timeout=20) as connection:
            self.over(connection)
        self.over_kept()

    def over_kept(self):
        with self.one_try():
            self.over(self.kept)

    @contextlib.contextmanager
    def one_try(self):
        self.tries += 1
        try:
            yield
        except OSError as error:
            self.failed[str(error)] += 1

    def over(self, connection):
        connection.sendall(PING)
        answer = connection.recv(4096)
        if not answer.startswith(b"HTTP/1.1 204 "):
            raise OSError(f"answered {answer[:40]}")
        self.successes += 1


def flood():
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    count = min(CONNECTIONS, (limit - OWN - 100) // OPENERS * OPENERS)
    node = daemon("--threads", str(THREADS), "--durability", "kernel")
    openers = []
    try:
        node.start()
        add_site(node)
        good = GoodClient(node)
        for _ in range(100):  # buffers have their size
            good.ping()
        good.tries = good.successes = 0
        before = resident_bytes(node)
        openers = [Opener(node, f"127.0.0.{2 + n}", count // OPENERS) for n in range(OPENERS)]
        while not all([opener.done() for opener in openers]):
            good.ping()
            assert all(opener.process.is_alive() or opener.done() for opener in openers), "not all connections were taken"
        assert sum(opener.opened for opener in openers) == count
        # A connection is accepted behind its opener's back.
        until(lambda: node.metrics()["footfall_http_connections"] >= count, lambda: f"{node.metrics()['footfall_http_connections']} connections of {count}")
        grown = resident_bytes(node) - before
        while good.tries < 2 * GOOD_MIN:
            good.ping()
        metrics = node.metrics()
        still_open = sum(opener.open_now() for opener in openers)
        idle_ended = metrics['footfall_http_timeouts_total{for="next request"}']  # behind 75 s, where this takes so long
    finally:
        for opener in openers:
            opener.close()
        node.close()
    assert still_open + idle_ended >= count, (still_open, idle_ended)
    assert grown <= EACH_BYTES_MAX * count, f"{grown / count:.0f} bytes a connection"
    assert good.successes >= GOOD_SHARE * good.tries, f"{good.successes} of {good.tries} pings beside the flood were answered: {good.failed}"
    assert metrics['footfall_http_connections_refused_total{reason="limit"}'] == 0
    assert metrics["footfall_ledger_mismatch"] == 0
    return f"{count} idle connections: {grown / count:.0f} bytes each; {good.successes} of {good.tries} pings beside them were answered"


def descriptors(node):
    """number -> what it is"""
    found = {}
    for each in pathlib.Path(f"/proc/{node.process.pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed in between
            found[int(each.name)] = os.readlink(each)
    return found


SPARE = "/dev/null"  # what listeners keep, to have a descriptor for each whom they turn away


def spares(node):
    return list(descriptors(node).values()).count(SPARE)


def least_limit(node):
    """Under which no spare is cut off, and how many descriptors are still free below it: spares that were opened anew may stand behind some."""
    taken = descriptors(node)
    limit = next(n for n in itertools.count(max(number for number, what in taken.items() if what == SPARE)) if n not in taken)
    return limit, limit - sum(number < limit for number in taken)


class Tight:
    """The daemon, from `with` to its end, has no descriptor from `first` on."""

    def __init__(self, node, first):
        self.node, self.first = node, first

    def __enter__(self):
        self.before = resource.prlimit(self.node.process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(self.node.process.pid, resource.RLIMIT_NOFILE, (self.first, self.before[1]))

    def __exit__(self, *_):
        resource.prlimit(self.node.process.pid, resource.RLIMIT_NOFILE, self.before)


class Admin:
    """A connection to the admin listener that is kept: there is no descriptor for another."""

    def __init__(self, node):
        self.connection, self.token = http.client.HTTPConnection("127.0.0.1", node.admin_port, timeout=20), node.token
        self.turned_away()

    def turned_away(self):
        self.connection.request("GET", "/metrics", headers={"Authorization": f"Bearer {self.token}"})
        text = self.connection.getresponse().read().decode()
        return int(re.search(r'^footfall_http_connections_refused_total\{reason="descriptors"\} (\d+)$', text, re.M)[1])


def newcomers(node, count):
    """Connected in the kernel; whether the daemon ever takes them is another thing."""
    return [socket.create_connection(("127.0.0.1", node.port), timeout=20) for _ in range(count)]


def ended(connections):
    """Of these, those that the other side closed."""
    poll = select.poll()
    for connection in connections:
        poll.register(connection, select.POLLRDHUP)
    return len(poll.poll(0))


def closed_one_by_one(node, admin, good, free):
    """Without a descriptor to spare once `free` are taken; gives the share of a core that this takes, and how many were closed."""
    waiting = newcomers(node, free + 200)
    before, began, spent = admin.turned_away(), time.monotonic(), cpu_s(node)
    until(lambda: admin.turned_away() - before >= 10, "nobody is turned away")
    good.over_kept()
    time.sleep(max(0, began + WAITING_S - time.monotonic()))
    spent, turned = cpu_s(node) - spent, admin.turned_away() - before
    took_s = time.monotonic() - began
    # One each time that a listener has paused, and once before: of two shards, of which each listens.
    assert turned <= THREADS * (took_s / PAUSE_S + 2), f"{turned} were turned away in {took_s:.1f} s: accepting spins"
    assert spent <= CPU_SHARE_MAX * took_s, f"{spent:.2f} s of CPU in {took_s:.1f} s: accepting spins"
    assert ended(waiting) >= 10, f"{turned} were turned away, and {ended(waiting)} know"
    return waiting, spent / took_s, turned


def nobody_is_closed(node):
    """Not even the descriptor that is kept for turning newcomers away may be opened again; gives the share of a core that this takes."""
    waiting = newcomers(node, 50)
    began, spent = time.monotonic(), cpu_s(node)
    time.sleep(WAITING_S)
    spent, took_s = cpu_s(node) - spent, time.monotonic() - began
    assert spent <= CPU_SHARE_MAX * took_s, f"{spent:.2f} s of CPU in {took_s:.1f} s: accepting spins"
    return waiting, spent / took_s


def out_of_descriptors():
    node = daemon("--threads", str(THREADS))
    try:
        node.start()
        add_site(node)
        good, admin, kept = GoodClient(node), Admin(node), spares(node)
        assert kept >= THREADS, kept
        good.ping()
        limit, free = least_limit(node)
        with Tight(node, limit):
            waiting, share, turned = closed_one_by_one(node, admin, good, free)
        until(lambda: served(node), "there are descriptors again, and nobody is served")
        with Tight(node, 3):
            more, share_without = nobody_is_closed(node)
        until(lambda: served(node), "there are descriptors again, and nobody is served")
        for connection in waiting + more:
            connection.close()
        until(lambda: node.metrics()["footfall_http_connections"] <= 1, "connections stay")
        until(lambda: spares(node) == kept, "the descriptors that are kept for turning newcomers away are not there again")
        limit, free = least_limit(node)
        with Tight(node, limit):
            waiting, share_again, turned_again = closed_one_by_one(node, admin, good, free)
        for connection in waiting:
            connection.close()
        until(lambda: served(node), "there are descriptors again, and nobody is served")
        good.ping()
        assert good.successes == good.tries, good.failed
        assert node.metrics()["footfall_ledger_mismatch"] == 0
    finally:
        node.close()
    return (f"without descriptors: {turned} turned away at {share:.1%} of a core, none at {share_without:.1%} where the spare was lost too, "
            f"then {turned_again} at {share_again:.1%}")


def served(node):
    with contextlib.suppress(OSError, http.client.HTTPException):
        return node.hit(SITE).status == 204


if __name__ == "__main__":
    for _ in range(rounds(1)):
        print(flood(), flush=True)
        print(out_of_descriptors(), flush=True)
