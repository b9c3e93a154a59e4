# SPDX-License-Identifier: Apache-2.0
"""A steady load on several nodes that count one site together, and a reader that holds every answer to what was sent by then."""
import collections
import http.client
import json
import random
import threading
import time

from drill import BROWSER, SITE, Connection

BATCH = 20
VISITORS = 3_000  # of a node; of two neighbours a third is the same


class Thread(threading.Thread):
    """Ends with `with`; what went wrong in it is raised then."""

    def __init__(self, act):
        super().__init__()
        self.act, self.ended, self.wrong = act, threading.Event(), None

    def run(self):
        try:
            while not self.ended.is_set():
                self.act()
        except Exception as error:  # noqa: BLE001  told at the end
            self.wrong = error
            self.ended.set()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, kind, *_):
        self.ended.set()
        self.join()
        if self.wrong is not None and kind is None:
            raise self.wrong


class Reader(Thread):
    """Reads the stats of all nodes, again and again. No answer ever shows more hits than `attempted()` says right after it has come, nor
    more visitors than `visitors_max()`; nor fewer hits than `at_least(node)` said before it was asked for. A node that is down, or does not
    know the site yet, has no answer."""

    def __init__(self, nodes, attempted, visitors_max, at_least=lambda node: 0):
        super().__init__(self.read)
        self.nodes, self.attempted, self.visitors_max, self.at_least = nodes, attempted, visitors_max, at_least
        self.reads = collections.Counter()  # node -> answers

    def read(self):
        for node in list(self.nodes):
            at_least = self.at_least(node)
            try:
                answer = node.get(f"/v1/sites/{SITE}/stats")
            except (OSError, http.client.HTTPException):
                continue
            at_most, visitors = self.attempted(), self.visitors_max()
            if answer.status != 200:
                continue
            stats = json.loads(answer.body)
            assert at_least <= stats["total"] <= at_most, f"{node.port} shows a total of {stats['total']}: at least {at_least}, at most {at_most}"
            assert stats["online"] <= visitors, f"{node.port} shows {stats['online']} online, of {visitors} visitors"
            self.reads[node] += 1
        self.ended.wait(0.05)


class Steady:
    """From `with` to its end. Then `acknowledged` hits, `visitors` that they were of, and the `reads` that were held to it.
    `before`: visitors that may be online already. `apart`: a visitor of two nodes is two."""

    def __init__(self, nodes, seed, before=(), apart=False, pause_s=0.02):
        self.nodes, self.apart, self.pause_s = nodes, apart, pause_s
        self.attempted, self.acknowledged_by = [0] * len(nodes), [0] * len(nodes)
        self.epochs_of, self.visitors_of = [collections.Counter() for _ in nodes], [set() for _ in nodes]
        base = [node.stats(SITE)["total"] for node in nodes]
        self.attempted_visitors = set(before)
        self.connections = [Connection(node) for node in nodes]
        self.threads = [Thread(lambda n=n, rng=random.Random(seed + n): self.send(n, rng)) for n in range(len(nodes))]
        self.reader = Reader(nodes, lambda: max(base) + sum(self.attempted), lambda: len(self.attempted_visitors),
                             lambda node: base[nodes.index(node)] + self.acknowledged_by[nodes.index(node)])
        self.threads.append(self.reader)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        for thread in self.threads:
            thread.ended.set()
        for thread in self.threads:
            thread.join()
        for connection in self.connections:
            connection.socket.close()

    def settle(self, books, pages):
        """Behind the end: the books have what was acknowledged, and no answer was wrong."""
        wrong = [thread.wrong for thread in self.threads if thread.wrong is not None]
        assert not wrong, wrong[:3]
        assert len(self.reader.reads) == len(self.nodes) and all(self.acknowledged_by)
        books.acknowledged[pages] += self.acknowledged
        books.sent[pages] += self.acknowledged
        for epochs in self.epochs_of:
            books.epochs.update(epochs)

    @property
    def reads(self):
        return sum(self.reader.reads.values())

    @property
    def acknowledged(self):
        return sum(self.acknowledged_by)

    @property
    def visitors(self):
        return set().union(*self.visitors_of)

    def send(self, n, rng):
        visitors = [n * VISITORS * 2 // 3 + rng.randrange(VISITORS) for _ in range(BATCH)]
        self.attempted_visitors.update((n if self.apart else 0, visitor) for visitor in visitors)
        self.attempted[n] += BATCH
        connection = self.connections[n]
        connection.socket.sendall(b"".join(request(visitor) for visitor in visitors))
        for visitor in visitors:
            answer = connection.answer()
            assert answer is not None and answer.status == 204, answer
            self.acknowledged_by[n] += 1
            self.epochs_of[n][answer.fields["footfall-epoch"]] += 1
            self.visitors_of[n].add((n if self.apart else 0, visitor))
        time.sleep(self.pause_s)


def request(visitor):
    return (f"GET /hit?site={SITE}&path=/steady HTTP/1.1\r\nHost: stats.example\r\nUser-Agent: {BROWSER % (100 + visitor % 7)}\r\n"
            f"X-Forwarded-For: 10.1.{visitor >> 8}.{visitor & 255}\r\n\r\n").encode()
