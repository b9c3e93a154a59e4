#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""P17: readers of live streams of one site: bytes each takes up while nothing happens, events a core sends in a second, and 15,000 at once.

An event goes to each reader a second while the site's numbers change. CPU of the whole daemon over the seconds in which they do is divided by the
events it sent, what it does each second without them among it.
"""
import os
import resource
import select
import socket
import time

from figures import main
from memory import settled
from perf import profile
from side_by_side import cpu_ns

SITE = "bench.example"
READERS, AT_ONCE = 10_000, 15_000
SHARDS_OF_ALL = 2  # a shard takes 10,000 readers: the rest of its connections are for pings


class Readers:
    def __init__(self, node, count):
        self.sockets, self.poll = {}, select.epoll()
        request = f"GET /v1/sites/{SITE}/live HTTP/1.1\r\nHost: x\r\nOrigin: https://{SITE}\r\n\r\n".encode()
        for _ in range(count):
            reader = socket.create_connection(("127.0.0.1", node.port))
            reader.sendall(request)
            self.sockets[reader.fileno()] = reader
            self.poll.register(reader.fileno(), select.EPOLLIN)

    def read_until(self, enough, seconds):
        """reader -> events it has got, when that is enough or so long has passed. Who is cut gets no more."""
        events = dict.fromkeys(self.sockets, 0)
        end = time.monotonic() + seconds
        while not enough(events) and time.monotonic() < end:
            for descriptor, _ in self.poll.poll(0.2):
                got = self.sockets[descriptor].recv(65536)
                events[descriptor] += got.count(b"data: ")
                if not got:
                    self.poll.unregister(descriptor)
        return events

    def reached(self):
        """How many have got an event."""
        return sum(1 for count in self.read_until(lambda events: min(events.values()) >= 1, 120).values() if count)

    def close(self):
        for reader in self.sockets.values():
            reader.close()
        self.poll.close()


def live(bench):
    os.sched_setaffinity(0, {1})
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, AT_ONCE + 1000), hard))
    try:
        one_shard(bench)
        all_at_once(bench)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def one_shard(bench):
    node = bench.server("readers")
    readers = None
    try:
        node.add_site(SITE, visibility="full")
        node.hit(SITE)
        before = settled(node)
        readers = Readers(node, READERS)
        assert readers.reached() == READERS
        bench.row("P17", f"bytes per idle reader, {READERS:,} of them", 1024, 250, [(settled(node) - before) / READERS], "bytes", 0)
        rates = []

        def changing():
            end = time.monotonic() + 2 * bench.seconds
            while time.monotonic() < end:
                node.hit(SITE, visitor=int(1000 * end))
                readers.read_until(lambda _: False, 0.5)
        for _ in range(bench.rounds):
            cpu, sent = cpu_ns([node.process.pid]), node.metrics()["footfall_live_events_total"]
            changing()
            rates.append((node.metrics()["footfall_live_events_total"] - sent) / (cpu_ns([node.process.pid]) - cpu) * 1e6)
        bench.row("P17", "events sent in a second of CPU", 150, 190, rates, "k/s", 0, at_least=True)
        profile(bench, "P17", "a daemon that sends events", node.process.pid, changing)
        assert node.metrics()["footfall_live_evicted_total"] == 0
    finally:
        if readers:
            readers.close()
        node.close()


def all_at_once(bench):
    node = bench.server("all-readers", threads=SHARDS_OF_ALL)
    readers = None
    try:
        node.add_site(SITE, visibility="full")
        readers = Readers(node, AT_ONCE)
        readers.reached()
        begin = time.monotonic()
        node.hit(SITE)
        reached = readers.reached()
        taken = time.monotonic() - begin
        bench.row("P17", f"readers at once, of {AT_ONCE:,} that came, who have the next event", AT_ONCE, AT_ONCE, [reached], "", 0, at_least=True)
        bench.note("P17", "until the last of these has it", [taken], "s")
        metrics = node.metrics()
        assert metrics["footfall_live_subscribers"] >= reached, metrics
    finally:
        if readers:
            readers.close()
        node.close()


GOALS = {"P17": live}
if __name__ == "__main__":
    main(__doc__, GOALS)
