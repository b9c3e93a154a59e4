# SPDX-License-Identifier: Apache-2.0
"""The process is stopped for a while and goes on; and the wall clock jumps an hour forward, and back. No hit is lost or counted twice,
and a visitor is online once. Of 10,000 whose window ends while it is stopped none is online when it answers again, and no reader of a
live stream hears of them; of 10,000 whose window is longer all are.

FOOTFALL_ROUNDS seconds of SIGSTOP, 60 by default."""
import glob
import json
import os
import signal
import socket
import tempfile
import time

from drill import BROWSER, SITE, Books, Connection, add_site, daemon, rounds

HOUR = 3600
LEAVE, STAY, VISITORS = "leave.example", "stay.example", 10_000


def settled_restart(node, books):
    node.stop(signal.SIGKILL)
    node.start()
    books.settle(node)


def visit(node, site, visitors):
    lines = "".join(json.dumps({"site": site, "path": "/", "agent": BROWSER % 100, "address": f"10.0.{n // 256}.{n % 256}"}) + "\n" for n in visitors)
    answer = node.request("POST", "/v1/hits", lines, Content_Type="application/x-ndjson", Authorization=f"Bearer {node.token}")
    assert (answer.status, answer.json["accepted"]) == (200, len(visitors)), answer.text


class Reader:
    """Of a live stream."""

    def __init__(self, node, site):
        self.connection = socket.create_connection(("127.0.0.1", node.port), timeout=20)
        self.connection.sendall(f"GET /v1/sites/{site}/live HTTP/1.1\r\nHost: x\r\nOrigin: https://{site}\r\n\r\n".encode())
        self.text = b""

    def hears(self, online):
        """Every number of who is online, until this one."""
        found = []
        while online not in found:
            more = self.connection.recv(65536)
            assert more, "the stream has ended"
            *events, self.text = (self.text + more).split(b"\n\n")
            found += [json.loads(line[6:])["online"] for event in events for line in event.split(b"\n") if line.startswith(b"data: {")]
        return found


def pause(seconds):
    books = Books()
    window_s = max(15, seconds // 2)
    left = 0 if seconds > window_s else VISITORS
    with daemon("--threads", "2") as node:
        add_site(node)
        node.add_site(LEAVE, window_s=window_s, visibility="full")
        node.add_site(STAY, window_s=HOUR, visibility="full")
        readers = {site: Reader(node, site) for site in (LEAVE, STAY)}
        for site in (LEAVE, STAY):
            visit(node, site, range(VISITORS))
            readers[site].hears(VISITORS)
        with Connection(node, wait=seconds + 20) as connection:
            connection.ping(["/a"] * 50, books)
            node.process.send_signal(signal.SIGSTOP)
            time.sleep(seconds)
            node.process.send_signal(signal.SIGCONT)
            online = {site: node.stats(site)["online"] for site in (LEAVE, STAY)}
            assert online == {LEAVE: left, STAY: VISITORS}, online
            answers = connection.ping(["/a"] * 50, books) or []
        with Connection(node) as again:
            assert [a.status for a in again.ping(["/a"], books)] == [204]
        assert node.admin("GET", "/readyz", token=False).status == 200
        metrics = node.metrics()
        assert metrics["footfall_ready"] == 1
        assert metrics["footfall_stall_seconds_max"] >= seconds - 2, "footfall_stall_seconds_max must fire"
        assert node.stats(SITE)["online"] == 1
        if left == 0:
            assert set(readers[LEAVE].hears(0)) <= {0, VISITORS}  # all at once
        visit(node, STAY, range(VISITORS // 2, VISITORS))
        visit(node, LEAVE, range(VISITORS // 2))
        now = left or VISITORS // 2
        assert readers[LEAVE].hears(now)[-1] == now
        settled_restart(node, books)
        assert node.stats(SITE)["online"] == 1
        assert node.stats(STAY)["online"] == VISITORS
        assert node.stats(STAY)["counted"] == node.stats(LEAVE)["counted"] == 3 * VISITORS // 2
    print(f"stopped for {seconds} s: {books.figures()}, {left} of {VISITORS} online whose window was {window_s} s, {len(answers)} of 50 answered on the connection that waited", flush=True)


def jumps():
    libraries = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
    if not libraries:
        print("SKIPPED: the wall clock's jumps need the package faketime", flush=True)
        return
    books = Books()
    with tempfile.NamedTemporaryFile("w", suffix=".offset") as offset:
        def jump(seconds):
            offset.seek(0)
            offset.write(f"{seconds:+d}\n")
            offset.truncate()
            offset.flush()
            os.fsync(offset.fileno())
            time.sleep(1.5)

        jump(0)
        node = daemon("--threads", "2", "--checkpoint-interval", "1")
        node.environment = {**os.environ, "LD_PRELOAD": libraries[0], "FAKETIME_TIMESTAMP_FILE": offset.name, "FAKETIME_NO_CACHE": "1",
                            "DONT_FAKE_MONOTONIC": "1"}
        try:
            node.start()
            add_site(node)
            now = 0
            for seconds in (0, HOUR, 0, -HOUR, 0):
                steps = int(seconds != now)
                jump(now := seconds)
                for _ in range(20):
                    with Connection(node) as connection:
                        assert [a.status for a in connection.ping(["/a"] * 5, books)] == [204] * 5, seconds
                stats = node.stats(SITE)
                assert stats["counted"] == books.total(), (seconds, stats)
                assert stats["online"] == 1, (seconds, stats)
                assert stats["today"]["hits"] <= books.total()
                metrics = node.metrics()
                assert metrics["footfall_ledger_mismatch"] == 0
                assert metrics["footfall_clock_steps_total"] == steps, "footfall_clock_steps_total must fire at each jump"
                settled_restart(node, books)
                # A start takes the wall clock as it is: an hour that passed in between ends the window.
                assert node.stats(SITE)["online"] <= 1, seconds
        finally:
            node.close()
    print(f"clock jumped an hour both ways: {books.figures()}", flush=True)


if __name__ == "__main__":
    pause(rounds(60))
    jumps()
