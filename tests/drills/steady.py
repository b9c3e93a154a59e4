# SPDX-License-Identifier: Apache-2.0
"""A steady load on several nodes that count one site together, and a reader that holds every answer to what was sent by then."""
import random
import threading
import time

from drill import BROWSER, SITE, Connection

BATCH = 20
VISITORS = 3_000  # of a node; of two neighbours a third is the same


class Steady:
    """From `with` to its end. Then `acknowledged` hits, `visitors` that they were of, and the `reads` that were held to it.
    `before`: visitors that may be online already. `apart`: a visitor of two nodes is two."""

    def __init__(self, nodes, seed, before=(), apart=False, pause_s=0.02):
        self.nodes, self.apart, self.pause_s = nodes, apart, pause_s
        self.attempted, self.acknowledged_by = [0] * len(nodes), [0] * len(nodes)
        self.visitors_of = [set() for _ in nodes]
        self.base = [node.stats(SITE)["counted"] for node in nodes]
        self.attempted_visitors = set(before)
        self.reads, self.wrong, self.ended = 0, [], threading.Event()
        self.threads = [threading.Thread(target=self.guarded, args=(self.send, n, random.Random(seed + n))) for n in range(len(nodes))]
        self.threads.append(threading.Thread(target=self.guarded, args=(self.read,)))

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        for thread in self.threads:
            thread.join()

    def guarded(self, act, *arguments):
        try:
            act(*arguments)
        except Exception as error:  # noqa: BLE001  told by settle()
            self.wrong.append(f"{act.__name__}{arguments[:1]}: {error!r}")
            self.ended.set()

    def settle(self, books, pages):
        """Behind the end: the books have what was acknowledged, and no answer was wrong."""
        assert not self.wrong, self.wrong[:3]
        assert self.reads > 0 and all(self.acknowledged_by)
        books.acknowledged[pages] += self.acknowledged
        books.sent[pages] += self.acknowledged

    @property
    def acknowledged(self):
        return sum(self.acknowledged_by)

    @property
    def visitors(self):
        return set().union(*self.visitors_of)

    def send(self, n, rng):
        with Connection(self.nodes[n]) as connection:
            while not self.ended.is_set():
                visitors = [n * VISITORS * 2 // 3 + rng.randrange(VISITORS) for _ in range(BATCH)]
                self.attempted_visitors.update((n if self.apart else 0, visitor) for visitor in visitors)
                self.attempted[n] += BATCH
                connection.socket.sendall(b"".join(request(visitor) for visitor in visitors))
                for visitor in visitors:
                    answer = connection.answer()
                    assert answer is not None and answer.status == 204, answer
                    self.acknowledged_by[n] += 1
                    self.visitors_of[n].add((n if self.apart else 0, visitor))
                time.sleep(self.pause_s)

    def read(self):
        while not self.ended.is_set():
            for n, node in enumerate(self.nodes):
                at_least = self.base[n] + self.acknowledged_by[n]
                stats = node.stats(SITE)
                at_most = max(self.base) + sum(self.attempted)
                assert at_least <= stats["counted"] <= at_most, (n, at_least, stats["counted"], at_most)
                assert stats["online"] <= len(self.attempted_visitors), (n, stats["online"], len(self.attempted_visitors))
                self.reads += 1
            time.sleep(0.05)


def request(visitor):
    return (f"GET /hit?site={SITE}&path=/steady HTTP/1.1\r\nHost: stats.example\r\nUser-Agent: {BROWSER % (100 + visitor % 7)}\r\n"
            f"X-Forwarded-For: 10.1.{visitor >> 8}.{visitor & 255}\r\n\r\n").encode()
