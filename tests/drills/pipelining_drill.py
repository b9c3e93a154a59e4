# SPDX-License-Identifier: Apache-2.0
"""Requests in a pipeline without an end, whose answers nobody reads: the daemon keeps little of them and reads no further; who reads at last finds
every answer, in order; who never does is cut. And whoever pings beside full pipelines waits for one turn of each, not for their end.

FOOTFALL_ROUNDS, 1 by default; each has 40 connections that read nothing."""
import re
import signal
import socket
import time

from drill import BROWSER, SITE, Connection, add_site, daemon, resident_bytes, rounds
from redis_server import until

SENDERS, EACH_BYTES = 40, 1 << 20
PIPELINE_MAX = 128  # kPipelineMax of daemon/http/connection.h
# Of a connection that reads nothing: 64 KiB of answers and those of one turn more, and what one read brought.
KEPT_MAX = (64 << 10) + PIPELINE_MAX * 1024 + (128 << 10)
RACERS = 24
ANSWER = re.compile(rb"HTTP/1\.1 200 [^\r]*\r\n(?:[^\r]+\r\n)*?Content-Length: (\d+)\r\n(?:[^\r]+\r\n)*\r\n")


def request(n):
    return b"GET /v1/sites/%s/stats?path=/%d HTTP/1.1\r\nHost: x\r\n\r\n" % (SITE.encode(), n)


def ping(n):
    return b"GET /hit?site=%s&path=/%d&format=json HTTP/1.1\r\nHost: x\r\nUser-Agent: %s\r\n\r\n" % (SITE.encode(), n % 50, BROWSER.encode() % 120)


def connected(node):
    """Whose kernel keeps little of what comes, and of what is sent."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16384)
    connection.connect(("127.0.0.1", node.port))
    connection.setblocking(False)
    return connection


class Sender:
    """Sends requests that are told apart, as long as they are taken; `sent` bytes."""

    def __init__(self, node, make):
        self.socket, self.make = connected(node), make
        self.requests, self.sent, self.rest, self.cut = 0, 0, b"", False

    def send(self):
        """Until nothing more is taken, or all is sent. False: nothing was taken."""
        before = self.sent
        while self.sent < EACH_BYTES:
            if not self.rest:
                self.rest = b"".join(self.make(self.requests + n) for n in range(100))
                self.requests += 100
            try:
                taken = self.socket.send(self.rest)
            except BlockingIOError:
                break
            except ConnectionError:
                self.cut = True
                break
            self.sent, self.rest = self.sent + taken, self.rest[taken:]
        return self.sent > before


def read_timeouts(node):
    return node.metrics()['footfall_http_timeouts_total{for="reading"}']


def until_nothing_is_taken(senders):
    """Ends while the daemon is still patient: 10 s from the last byte that a connection took."""
    quiet = 0
    while quiet < 10:
        quiet = 0 if any([sender.send() for sender in senders]) else quiet + 1
        time.sleep(0.05)


def unread():
    """Who reads nothing is not read from, and costs little; who begins to read in time has all answers, the others are cut."""
    node = daemon("--threads", "1")
    try:
        node.start()
        add_site(node)
        warm = [Sender(node, request) for _ in range(2)]
        until_nothing_is_taken(warm)
        for sender in warm:
            sender.socket.close()
        until(lambda: node.metrics()["footfall_http_connections"] == 0, "connections stay")
        before, served = resident_bytes(node), node.metrics()["footfall_http_requests_total{route=\"stats\",code_class=\"2xx\"}"]
        senders = [Sender(node, request) for _ in range(SENDERS)]
        until_nothing_is_taken(senders)
        grown = resident_bytes(node) - before
        answered = node.metrics()["footfall_http_requests_total{route=\"stats\",code_class=\"2xx\"}"] - served
        late = [sender for sender in senders if sender.cut]
        assert all(sender.sent < EACH_BYTES for sender in senders), "somebody who reads nothing was read to the end"
        assert grown <= KEPT_MAX * SENDERS, f"{grown >> 10} KiB for {SENDERS} connections that read nothing"
        reader = next(sender for sender in senders if not sender.cut)
        read = in_order(node, reader)
        assert read > PIPELINE_MAX, read
        # The others never read.
        rest = len(senders) - 1
        until(lambda: node.metrics()["footfall_http_connections"] == 1, lambda: f"{node.metrics()['footfall_http_connections']} connections stay")
        assert read_timeouts(node) >= rest - len(late), (read_timeouts(node), rest)
        reader.socket.close()
        with Connection(node) as connection:
            connection.socket.sendall(ping(0))
            assert connection.answer().status == 200
        assert node.metrics()["footfall_ledger_mismatch"] == 0
    finally:
        node.close()
    return (f"{SENDERS} that read nothing: {sum(s.sent for s in senders) >> 10} KiB of requests sent, {answered:.0f} answered, {grown >> 10} KiB kept, "
            f"{rest} cut; one read {read} answers in order")


def in_order(node, sender):
    """Reads all that was asked for over this connection, and goes on asking meanwhile until all is sent."""
    received, n, end = b"", 0, time.monotonic() + 120
    while True:
        sender.send()
        asked = sender.requests - sender.rest.count(b"\r\n\r\n")  # the last of them may be there in part
        if n >= asked and sender.sent >= EACH_BYTES:
            return n
        assert not sender.cut and time.monotonic() < end, f"answer {n} of {asked} did not come"
        try:
            more = sender.socket.recv(1 << 16)
        except BlockingIOError:
            time.sleep(0.005)
            continue
        assert more, f"cut behind answer {n}"
        received += more
        while found := ANSWER.match(received):
            if len(received) < found.end() + int(found[1]):
                break
            body = received[found.end():found.end() + int(found[1])]
            assert b'"path":"/%d"' % n in body, f"answer {n}: {body[:200]}"
            received, n = received[found.end() + int(found[1]):], n + 1


def fair():
    """The daemon stands still while full pipelines come, and behind them one ping: of each pipeline that has so many requests at most are before it
    as one turn takes, or two."""
    node = daemon("--threads", "1", "--durability", "memory")
    try:
        node.start()
        add_site(node)
        racers = [Connection(node) for _ in range(RACERS)]
        good = Connection(node)
        for connection in [*racers, good]:  # each is accepted
            connection.socket.sendall(ping(0))
            assert connection.answer().status == 200
        before = node.stats(SITE)["total"]
        waiting = 0
        node.process.send_signal(signal.SIGSTOP)
        try:
            for connection in racers:
                connection.socket.setblocking(False)
                for n in range(20):  # as much as the kernel keeps of a connection, within 20 turns
                    try:
                        connection.socket.sendall(b"".join(ping(n) for n in range(PIPELINE_MAX)))
                    except BlockingIOError:
                        break
                    waiting += PIPELINE_MAX
                connection.socket.setblocking(True)
            good.socket.sendall(ping(0))
        finally:
            node.process.send_signal(signal.SIGCONT)
        answer = good.answer()
        assert answer.status == 200
        first = answer.json["total"] - before
        for connection in racers:
            connection.socket.settimeout(0.2)
        until(lambda: drained(racers) or node.stats(SITE)["total"] - before >= waiting + 1, "the pipelines are not answered")
        assert waiting >= 4 * RACERS * PIPELINE_MAX, f"too few requests wait to tell: {waiting}"
        assert first <= 2 * RACERS * PIPELINE_MAX + 1, f"{first - 1} of {waiting} requests of {RACERS} pipelines were answered before one ping"
    finally:
        node.close()
    return f"{waiting} pings in {RACERS} pipelines, and {first - 1:.0f} of them before one that came last"


def drained(connections):
    """Reads what there is."""
    for connection in connections:
        try:
            while connection.socket.recv(1 << 20):
                pass
        except TimeoutError:
            continue
    return False


if __name__ == "__main__":
    for _ in range(rounds(1)):
        print(unread(), flush=True)
        print(fair(), flush=True)
