# SPDX-License-Identifier: Apache-2.0
"""Clients that are slow on purpose, of three kinds at once: heads that come a byte at a time and do not end (slowloris), bodies that come slower than
they may, and readers who ask for more than the kernel keeps for them and take nothing. Each is cut when its time is over, is told (408) where it can be,
and is counted by its kind; none leaves anything behind. Who pings beside them is answered, each time, and counted once.

FOOTFALL_ROUNDS slow clients of each kind, 100 by default; 1,500 by hand. pipelining_drill.py has what one who reads nothing costs."""
import contextlib
import resource
import select
import socket
import time

from drill import SITE, Books, Connection, add_site, daemon, rounds
from redis_server import until
from steady import Thread

PINGERS, BATCH, PAUSE_S = 4, 10, 0.02
STEP_S = 0.5  # from one byte of a head to the next
BODY_RATE = 100  # bytes a second; 512 are wanted, behind the first 10 s
WITHIN_S = 45  # all are cut: 10 s, and for a body 2.5 more; the rest is for a machine that has other things to do
HOST = b"Host: x\r\n"
NEVER = f"/hit?site={SITE}&path=/never HTTP/1.1\r\n".encode()


class Head:
    first, told = b"GET " + NEVER + HOST + b"X: ", b"HTTP/1.1 408 "
    step = b"a"


class Body:
    first, told = b"POST " + NEVER + HOST + b"Content-Type: text/plain\r\nContent-Length: 60000\r\n\r\n", b"HTTP/1.1 408 "
    step = b"a" * int(BODY_RATE * STEP_S)


class Reading:
    answers = 128
    first, told = (b"GET /footfall.js HTTP/1.1\r\n" + HOST + b"\r\n") * answers, b"HTTP/1.1 200 "
    step = b""


KINDS = {"head": Head, "body": Body, "reading": Reading}  # `for` of footfall_http_timeouts_total -> what comes from its clients


class Slow:
    """A client of this kind."""

    def __init__(self, node, kind):
        self.kind, self.received = kind, b""
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.connect(("127.0.0.1", node.port))
        self.socket.sendall(kind.first)
        self.socket.setblocking(False)

    def step(self):
        with contextlib.suppress(BlockingIOError, ConnectionError):
            self.socket.send(self.kind.step)

    def ended(self):
        """Reads what there is; True: the other side has closed."""
        try:
            while more := self.socket.recv(1 << 16):
                self.received += more
            return True
        except BlockingIOError:
            return False
        except ConnectionError:
            return True


class Pinger(Thread):
    """Over a connection that is kept, from `with` to its end. An answer that is none, or another than 204, is what went wrong."""

    def __init__(self, node, number):
        super().__init__(self.ping)
        self.connection, self.books, self.path = Connection(node), Books(), f"/good/{number}"

    def ping(self):
        answers = self.connection.ping([self.path] * BATCH, self.books)
        assert [answer.status for answer in answers] == [204] * BATCH, [answer.status for answer in answers]
        time.sleep(PAUSE_S)


def cut(node):
    """kind -> how many so far."""
    metrics = node.metrics()
    return {kind: int(metrics[f'footfall_http_timeouts_total{{for="{kind}"}}']) for kind in KINDS}


def until_cut(node, clients, count):
    """Each goes on as it is, until all are: who sends is told, and of who reads nothing the metric tells."""
    end = time.monotonic() + WITHIN_S
    senders = [client for client in clients if client.kind is not Reading]
    while senders or cut(node)["reading"] < count:
        assert time.monotonic() < end, f"{len(senders)} that send slowly are not cut; of {count} each were {cut(node)}"
        for client in senders:
            client.step()
        time.sleep(STEP_S)
        for client in [client for client in senders if client.ended()]:
            client.socket.close()  # else it would be waited for
            senders.remove(client)


def slow_clients(count):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    node = daemon("--threads", "2")
    with contextlib.ExitStack() as stack:
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        stack.callback(node.close)
        node.start()
        add_site(node)
        pingers = [Pinger(node, number) for number in range(PINGERS)]
        with contextlib.ExitStack() as pinging:
            for pinger in pingers:
                pinging.enter_context(pinger)
            until(lambda: node.metrics()["footfall_http_connections"] == PINGERS, "not all pingers are there")
            good_before, begin = sum(pinger.books.total() for pinger in pingers), time.monotonic()
            clients = [Slow(node, kind) for _ in range(count) for kind in KINDS.values()]
            for client in clients:
                stack.enter_context(contextlib.closing(client.socket))
            until_cut(node, clients, count)
            until(lambda: node.metrics()["footfall_http_connections"] == PINGERS, lambda: f"{node.metrics()['footfall_http_connections']} connections stay")
            took_s, good = time.monotonic() - begin, sum(pinger.books.total() for pinger in pingers) - good_before
        assert cut(node) == dict.fromkeys(KINDS, count), cut(node)
        for client in clients:
            assert client.kind is not Reading or ends(client), "a reader who was cut has no end"
            assert client.received.startswith(client.kind.told), (client.kind.__name__, client.received[:100])
            assert client.kind is not Reading or client.received.count(b"HTTP/1.1 200 ") < Reading.answers, "all was sent to one who was cut"
        settle(node, pingers, count)
    return f"{count} slow heads, {count} slow bodies and {count} who read nothing were cut within {took_s:.1f} s; {good} pings beside them were answered and counted"


def ends(client):
    poll = select.poll()
    poll.register(client.socket, select.POLLIN)
    while not client.ended():
        if not poll.poll(20_000):
            return False
    return True


def settle(node, pingers, count):
    """What was answered was counted, and nothing of what was cut."""
    acknowledged = {pinger.path: pinger.books.total() for pinger in pingers}
    assert acknowledged == {pinger.path: pinger.books.attempted() for pinger in pingers}
    answer = node.pages(SITE)
    assert {row["path"]: row["counted"] for row in answer["pages"]} == acknowledged, answer
    assert answer["counted"] == node.stats(SITE)["total"] == sum(acknowledged.values())
    metrics = node.metrics()
    assert metrics['footfall_http_parse_errors_total{reason="late"}'] == 2 * count, "heads and bodies"
    rejected = sum(value for name, value in metrics.items() if name.startswith("footfall_hits_rejected_total{"))
    assert metrics["footfall_hits_accepted_total"] == metrics["footfall_hits_received_total"] - rejected == sum(acknowledged.values())
    assert metrics["footfall_ledger_mismatch"] == 0


if __name__ == "__main__":
    print(slow_clients(rounds(100)), flush=True)
