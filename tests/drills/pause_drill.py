# SPDX-License-Identifier: Apache-2.0
"""The process is stopped for a while and goes on; and the wall clock jumps an hour forward, and back. No hit is lost or counted twice,
and a visitor is online once.

FOOTFALL_ROUNDS seconds of SIGSTOP, 60 by default."""
import glob
import os
import signal
import tempfile
import time

from drill import SITE, Books, Connection, add_site, daemon, rounds

HOUR = 3600


def settled_restart(node, books):
    node.stop(signal.SIGKILL)
    node.start()
    books.settle(node)


def pause(seconds):
    books = Books()
    with daemon("--threads", "2") as node:
        add_site(node)
        with Connection(node, wait=seconds + 20) as connection:
            connection.ping(["/a"] * 50, books)
            node.process.send_signal(signal.SIGSTOP)
            time.sleep(seconds)
            node.process.send_signal(signal.SIGCONT)
            answers = connection.ping(["/a"] * 50, books) or []
        with Connection(node) as again:
            assert [a.status for a in again.ping(["/a"], books)] == [204]
        assert node.admin("GET", "/readyz", token=False).status == 200
        metrics = node.metrics()
        assert metrics["footfall_ready"] == 1
        assert metrics["footfall_stall_seconds_max"] >= seconds - 2, "footfall_stall_seconds_max must fire"
        assert node.stats(SITE)["online"] == 1
        settled_restart(node, books)
        assert node.stats(SITE)["online"] == 1
    print(f"stopped for {seconds} s: {books.figures()}, {len(answers)} of 50 answered on the connection that waited", flush=True)


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
