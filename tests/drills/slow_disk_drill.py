# SPDX-License-Identifier: Apache-2.0
"""Every fdatasync takes long: answers are late, none is lost, and what waits for the disk is bounded.

FOOTFALL_ROUNDS=1 by default."""
import random
import socket
import subprocess
import time

from drill import SEED, SITE, Books, Connection, Load, add_site, daemon, rounds, strace

DELAY_US, LATE_US, BEHIND_US = 300_000, 2_000_000, 20_000_000
WAITING_MAX = 1 << 17  # hits of a shard
RSS_GROWTH_MAX = 256 << 20  # bytes: far over what may wait (131,072 hits a shard, 20 MB), far under what was sent


def once(seed):
    books = Books()
    node = daemon("--checkpoint-interval", "1", "--threads", "2")
    node.prefix = strace("-o", "/dev/null", "-e", "trace=fdatasync", "-e", f"inject=fdatasync:delay_enter={DELAY_US}")
    try:
        node.start()
        add_site(node)
        with Connection(node) as connection:
            begin = time.monotonic()
            assert [a.status for a in connection.ping(["/first"], books)] == [204]
            late = time.monotonic() - begin
            assert late >= DELAY_US / 1e6, f"acknowledged after {late} s, before its fdatasync was over"
        before = node.metrics()["process_resident_memory_bytes"]
        load = Load(node, seed, connections=64, pipeline=32)
        time.sleep(random.Random(seed).uniform(4, 6))
        metrics = node.metrics()
        assert metrics["footfall_unsynced_hits"] > 0, "footfall_unsynced_hits must show what waits"
        a_sync = metrics["footfall_journal_sync_seconds_total"] / metrics["footfall_journal_syncs_total"]
        assert a_sync >= DELAY_US / 1e6, f"footfall_journal_sync_seconds_total must show it: {a_sync} s"
        grown = metrics["process_resident_memory_bytes"] - before
        node.process.kill()
        node.process.wait()
        node.log.close()
        truth = load.truth()
        assert truth["acknowledged"] > 0
        books.add(truth)
        node.prefix = []
        node.start()
        books.settle(node)
    finally:
        node.close()
    assert grown < RSS_GROWTH_MAX, grown
    return f"first answer after {late:.2f} s, {truth['refused']} refused, memory grew by {grown / 1048576:.0f} MiB, {books.figures()}"


def behind(seed):
    """A disk that takes many times longer than it takes to send all that may wait for it: the rest is refused, and nothing of what was not."""
    books = Books()
    node = daemon("--checkpoint-interval", "86400", "--threads", "1")
    tracer = None
    try:
        node.start()
        add_site(node)
        tracer = subprocess.Popen(["strace", "-f", "-qqq", "-o", "/dev/null", "-p", str(node.process.pid), "-e", "trace=fdatasync", "-e",
                                   f"inject=fdatasync:delay_enter={BEHIND_US}"])
        load = Load(node, seed, connections=1200, pipeline=128)  # 153,600 in flight
        end = time.monotonic() + 120
        while (refused := node.metrics()['footfall_hits_rejected_total{reason="overload"}']) == 0:
            assert time.monotonic() < end, f"nothing was refused, {node.metrics()['footfall_unsynced_hits']} hits wait"
            time.sleep(0.1)
        waiting = node.metrics()["footfall_unsynced_hits"]
        assert waiting <= WAITING_MAX, waiting
        node.process.kill()
        node.process.wait()
        node.log.close()
        books.add(load.truth())
        tracer.wait()
        node.start()
        books.settle(node)
    finally:
        if tracer is not None and tracer.poll() is None:
            tracer.terminate()
            tracer.wait()
        node.close()
    return f"{refused:.0f} refused while {waiting:.0f} waited, {books.figures()}"


def fails_late():
    """A sync fails after hits have waited for it for long, and reads behind them: all are answered, and as many reads are taken as before."""
    readers = 80  # more than may wait at a time
    node = daemon("--threads", "1")
    tracer = None
    try:
        node.start()
        add_site(node)
        tracer = subprocess.Popen(["strace", "-f", "-qqq", "-o", "/dev/null", "-p", str(node.process.pid), "-e", "trace=fdatasync", "-e",
                                   f"inject=fdatasync:error=EIO:delay_enter={LATE_US}:when=1"])
        time.sleep(1)  # until it is attached
        requests = f"GET /hit?site={SITE}&path=/ HTTP/1.1\r\nHost: x\r\n\r\nGET /v1/sites/{SITE}/pages HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        connections = [socket.create_connection(("127.0.0.1", node.port), timeout=60) for _ in range(readers)]
        for connection in connections:
            connection.sendall(requests.encode())
        for connection in connections:
            received = b""
            while more := connection.recv(65536):
                received += more
            assert received.count(b"HTTP/1.1 ") == 2, received
            connection.close()
        tracer.terminate()
        tracer.wait()
        end = time.monotonic() + 60
        while node.metrics()["footfall_journal_streams_failed"] > 0:
            assert time.monotonic() < end, "the journal was not begun again"
            time.sleep(0.1)
        assert node.get(f"/v1/sites/{SITE}/pages").status == 200
    finally:
        if tracer is not None and tracer.poll() is None:
            tracer.terminate()
            tracer.wait()
        node.close()
    return f"{readers} hits and the reads behind them were answered"


if __name__ == "__main__":
    for number in range(rounds(1)):
        print(once(SEED + number), flush=True)
        print(behind(SEED + number), flush=True)
        print(fails_late(), flush=True)
