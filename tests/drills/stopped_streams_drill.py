# SPDX-License-Identifier: Apache-2.0
"""Live streams of which half are not read any more. Each of these costs little and no more with time, and is cut when it has taken nothing for 10 s,
which is counted; the other half is told of every change. Who begins to read in time is told the newest, and nothing of what it missed.

The kernel keeps some 300 KB for a reader who has stopped, more than a stream says in minutes; so answers to other requests are before the stream,
which fill that. FOOTFALL_ROUNDS streams, 400 by default."""
import fcntl
import json
import re
import socket
import struct
import termios
import time

from drill import SITE, add_site, daemon, resident_bytes, rounds
from redis_server import until

EACH_BYTES_MAX = 16 << 10
UNSENT = 24 << 10  # bytes that a stopped reader leaves to the daemon: the kernel's share of the answers is not the same for all
LATE = 5  # of the stopped, those who begin to read
STATS = f"GET /v1/sites/{SITE}/stats HTTP/1.1\r\nHost: x\r\n\r\n".encode()
LIVE = f"GET /v1/sites/{SITE}/live HTTP/1.1\r\nHost: x\r\n\r\n".encode()
EVENT = re.compile(rb"data: (\{.*\})\n")


class Reader:
    """Of a stream, behind `before` answers."""

    def __init__(self, node, before=0):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.connect(("127.0.0.1", node.port))
        self.port, self.received, self.ended = self.socket.getsockname()[1], b"", False
        self.socket.sendall(STATS * before + LIVE)
        self.socket.setblocking(False)

    def read(self):
        """What there is."""
        try:
            while more := self.socket.recv(1 << 16):
                self.received += more
            self.ended = True
        except BlockingIOError:
            pass
        except ConnectionError:
            self.ended = True

    @property
    def totals(self):
        """Of the events so far."""
        return [json.loads(text)["total"] for text in EVENT.findall(self.received)]

    def told(self, total):
        self.read()
        return self.totals[-1:] == [total]


def in_kernel(node, reader):
    """Bytes of answers that were sent, and not read."""
    ours, theirs = (f"0100007F:{port:04X}" for port in (node.port, reader.port))
    rows = [line.split() for line in open("/proc/net/tcp")]
    sent = sum(int(row[4].split(":")[0], 16) for row in rows if row[1:3] == [ours, theirs])
    return sent + struct.unpack("i", fcntl.ioctl(reader.socket, termios.FIONREAD, b"\0" * 4))[0]


def answers_that_stop(node):
    """So many that the kernel takes all but UNSENT bytes of them, from a reader that reads nothing."""
    one = len(node_raw(node, STATS))
    probe = Reader(node, before=600)
    taken = settled(lambda: in_kernel(node, probe))
    probe.socket.close()
    until(lambda: node.metrics()["footfall_http_connections"] == 0, "connections stay")
    assert taken < 600 * one, "the kernel takes all answers"
    return (taken + UNSENT) // one


def node_raw(node, request):
    return node.raw(request.replace(b"Host: x\r\n", b"Host: x\r\nConnection: close\r\n"))


def settled(what):
    """When it has been the same ten times."""
    seen, times = what(), 0
    while times < 10:
        time.sleep(0.02)
        now = what()
        seen, times = now, times + 1 if now == seen else 0
    return seen


def live(node):
    return node.metrics()["footfall_live_subscribers"]


def cut(node):
    metrics = node.metrics()
    return metrics["footfall_live_evicted_total"], metrics['footfall_http_timeouts_total{for="reading"}']


class Site:
    def __init__(self, node, readers):
        self.node, self.readers, self.total = node, readers, 0

    def change(self):
        """A hit; when this ends all readers were told."""
        assert self.node.hit(SITE, "/").status == 204
        self.total += 1
        until(lambda: all([reader.told(self.total) for reader in self.readers]), lambda: f"{sum(r.told(self.total) for r in self.readers)} readers know")


def streams(count):
    node = daemon("--threads", "1", "--durability", "kernel")
    try:
        node.start()
        add_site(node)
        before = answers_that_stop(node)
        at_first = resident_bytes(node)
        readers = [Reader(node) for _ in range(count // 2)]
        until(lambda: live(node) == len(readers), lambda: f"{live(node)} streams of {len(readers)}")
        site = Site(node, readers)
        for _ in range(2):
            site.change()
        each = (resident_bytes(node) - at_first) / len(readers)
        assert each <= EACH_BYTES_MAX, f"{each:.0f} bytes for each stream that is read"

        began, evicted, told = resident_bytes(node), sum(cut(node)), site.total
        stopped = [Reader(node, before) for _ in range(count - count // 2)]
        until(lambda: live(node) + sum(cut(node)) - evicted >= count, lambda: f"{live(node)} streams of {count}")
        stopped_each = (resident_bytes(node) - began) / len(stopped)
        assert stopped_each <= (64 << 10) + EACH_BYTES_MAX, f"{stopped_each:.0f} bytes for each stream that is not read"  # 64: kOutputMax, of the answers before
        for _ in range(2):  # each is an event, if a small one
            site.change()
        missed = range(told + 1, site.total)
        more_each = (resident_bytes(node) - began) / len(stopped) - stopped_each
        assert more_each <= 1024, f"{more_each:.0f} bytes more for each, two events later"

        late = stopped[:LATE]
        until(lambda: all([reader.told(site.total) or reader.ended for reader in late]), "who reads again is told nothing")
        in_time = [reader for reader in late if reader.told(site.total)]
        for reader in in_time:
            assert len(re.findall(rb"HTTP/1\.1 200 ", reader.received)) == before + 1, "an answer before the stream is missing"
            assert not set(reader.totals) & set(missed) - {reader.totals[0]}, f"{reader.totals} behind {told}: events of before were kept"
        others = len(stopped) - len(in_time)
        until(lambda: live(node) == len(readers) + len(in_time), lambda: f"{live(node)} streams, {len(readers) + len(in_time)} are read")
        by_hub, by_loop = cut(node)
        assert by_hub + by_loop - evicted >= others, (by_hub, by_loop, evicted, others)
        until(lambda: node.metrics()["footfall_http_connections"] == len(readers) + len(in_time), "connections stay")
        site.readers = readers + in_time
        site.change()
        assert not any(reader.ended for reader in site.readers)
        assert node.metrics()["footfall_ledger_mismatch"] == 0
    finally:
        node.close()
    return (f"{len(readers)} streams that are read, {each:.0f} bytes each; {len(stopped)} that are not, {stopped_each:.0f} each, {more_each:.0f} more two events later; "
            f"{others} cut, {len(in_time)} read again and told the newest alone")


if __name__ == "__main__":
    print(streams(rounds(400)), flush=True)
