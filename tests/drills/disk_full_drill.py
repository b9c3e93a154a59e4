# SPDX-License-Identifier: Apache-2.0
"""The disk is filled and freed under load: pings become 503, reads and admin go on, ingest resumes by itself, nothing acknowledged is lost.

FOOTFALL_ROUNDS=40 by default, every tenth ending with kill -9 and a restart. Then the journal itself fills the disk, which must
free itself; a clean stop and two starts on a full disk, of a single daemon and of one of several nodes; and a first start on one, which
says what it needs."""
import contextlib
import os
import pathlib
import secrets
import signal
import socket
import subprocess
import tempfile
import threading
import time

from drill import BUILD, SEED, SITE, Books, Connection, Load, Mount, add_site, daemon, free_port, need_root, rounds

LOADS_MAX = 100  # far more than the preallocated segments hold
VISITORS = 100   # few, so that checkpoints are small beside the disk
RESUMED_MAX_S = 5


def fill(path):
    with open(path, "ab", buffering=0) as file:
        for size in (1 << 20, 1 << 12):
            with contextlib.suppress(OSError):
                while True:
                    file.write(b"x" * size)


class Full:
    """A disk that stays full: what the daemon frees is taken too."""

    def __init__(self, path):
        self.path, self.ended = path, threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.ended.wait(0.002):
            fill(self.path)

    def __enter__(self):
        fill(self.path)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()


def streams_failed(node):
    return node.metrics()["footfall_journal_streams_failed"]


def load_until_refused(node, seed, books, hits=20_000):
    for part in range(LOADS_MAX):
        truth = Load(node, (seed << 8) + part, hits=hits, visitors=VISITORS).truth()
        assert not truth["gone"], "the daemon went away"
        books.add(truth)
        if truth["refused"] > 0:
            return
    raise AssertionError(f"the disk is full, and no ping was refused\n{node.log_text()[-3000:]}")


def check_refused(node, books):
    with contextlib.ExitStack() as stack:  # open together, so that every shard has some
        connections = [stack.enter_context(Connection(node)) for _ in range(8)]
        answers = [connection.ping(["/refused"], books)[0] for connection in connections]
    refused = [a for a in answers if a.status != 204]
    assert refused, "a stream has failed, and every ping was taken"
    for answer in refused:
        assert answer.status == 503, answer.status
        assert answer.fields.get("footfall-rejected") == "disk" and int(answer.fields["retry-after"]) > 0, answer.fields


def check_reads(node):
    for target in (f"/v1/sites/{SITE}/stats", f"/v1/sites/{SITE}/pages", f"/widget/{SITE}", f"/widget/{SITE}.svg"):
        assert node.get(target).status == 200, target
    with socket.create_connection(("127.0.0.1", node.port), timeout=20) as stream:
        stream.sendall(f"GET /v1/sites/{SITE}/live HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        received = b""
        while b"data: " not in received:
            more = stream.recv(65536)
            assert more, received
            received += more
    assert node.admin("GET", "/v1/admin/sites").status == 200
    answer = node.admin("POST", f"/v1/admin/sites/{SITE}/seed", {"add": 1, "reason": "while the disk is full"})
    assert answer.status == 200, answer.text
    metrics = node.metrics()
    assert metrics["footfall_ledger_mismatch"] == 0
    return metrics


def check_free_is_told(node, directory):
    """As the file system has it: a checkpoint gives its reserve back and takes it again, so a look is between two of ours."""
    looks = []
    for _ in range(100):
        before = free_bytes(directory)
        told = node.metrics()["footfall_disk_free_bytes"]
        after = free_bytes(directory)
        if min(before, after) <= told <= max(before, after):
            return
        looks.append((before, told, after))
        time.sleep(0.02)
    raise AssertionError(f"the metrics do not tell what is free: {looks[-5:]}")


def free_bytes(directory):
    disk = os.statvfs(directory)
    return disk.f_bavail * disk.f_frsize


def resumed(node, books, within):
    """Seconds until every stream takes pings again."""
    begin = time.monotonic()
    while time.monotonic() - begin < within:
        if streams_failed(node) == 0:
            with Connection(node) as connection:
                if [a.status for a in connection.ping(["/again"], books)] == [204]:
                    return time.monotonic() - begin
        time.sleep(0.05)
    raise AssertionError(f"ingest did not resume within {within} s:\n{node.log_text()[-3000:]}")


def filled_and_freed(count):
    """By somebody else."""
    books, slowest = Books(), 0
    with Mount("-t", "tmpfs", "-o", "size=32m", "tmpfs") as disk, contextlib.ExitStack() as stack:
        ballast = disk.at / "ballast"
        node = on(disk, stack, "--checkpoint-interval", "1", "--threads", "1")
        begin = time.monotonic()
        for number in range(1, count + 1):
            with Full(ballast):
                load_until_refused(node, SEED + number, books)
                check_refused(node, books)
                metrics = check_reads(node)
            assert metrics["footfall_journal_streams_failed"] > 0, "footfall_journal_streams_failed must fire"
            assert metrics["footfall_journal_write_failures_total"] > 0, "footfall_journal_write_failures_total must fire"
            check_free_is_told(node, disk.at)
            ballast.unlink()
            slowest = max(slowest, resumed(node, books, RESUMED_MAX_S))
            books.settle(node)
            if number % 10 == 0:
                node.stop(signal.SIGKILL)
                node.start()
                books.settle(node)
        took = time.monotonic() - begin
        node.stop()
    print(f"{count} times full and freed in {took:.0f} s: {books.figures()}; resumed within {slowest:.1f} s", flush=True)


def filled_by_the_journal():
    """No checkpoint is due for an hour, but for the stream that found no room."""
    books, slowest = Books(), 0
    with Mount("-t", "tmpfs", "-o", "size=20m", "tmpfs") as disk, contextlib.ExitStack() as stack:
        node = on(disk, stack, "--checkpoint-interval", "3600", "--checkpoint-journal", str(1 << 40), "--threads", "2")
        for number in range(3):
            before = node.metrics()["footfall_checkpoints_total"]
            load_until_refused(node, SEED - number, books, hits=100_000)
            slowest = max(slowest, resumed(node, books, 60))
            assert node.metrics()["footfall_checkpoints_total"] > before, "it resumed without a checkpoint"
            books.settle(node)
            if number == 1:
                node.stop(signal.SIGKILL)
                node.start()
                books.settle(node)
        node.stop()
    print(f"filled by the journal: {books.figures()}; freed itself within {slowest:.1f} s", flush=True)


def reserve_of(node, at_least):
    """Its size, when it is taken."""
    for _ in range(200):
        reserve = node.metrics()["footfall_reserve_bytes"]
        if reserve >= at_least:
            return reserve
        time.sleep(0.1)
    raise AssertionError(f"there are {reserve} bytes in reserve, not {at_least}")


def stopped_and_started(*options):
    books, reserve = Books(), 1
    with Mount("-t", "tmpfs", "-o", "size=32m", "tmpfs") as disk, contextlib.ExitStack() as stack:
        ballast = disk.at / "ballast"
        node = on(disk, stack, "--checkpoint-interval", "1", "--threads", "2", *options)
        for how in (signal.SIGTERM, signal.SIGKILL):
            reserve = reserve_of(node, reserve)
            with Full(ballast):
                load_until_refused(node, SEED + how, books)
            begin = time.monotonic()
            node.stop(how)  # asserts that a clean stop exits with 0
            took = time.monotonic() - begin
            if how == signal.SIGTERM:
                stop_s = took
                assert (disk.at / "data" / "checkpoint" / "reserve").stat().st_size < reserve, "the stop took nothing of the reserve"
            fill(disk.at / "more")  # also what the stop left of the room that it was given
            node.start(ready="/startupz")
            with Full(disk.at / "more"):
                assert streams_failed(node) > 0
                assert node.admin("GET", "/readyz").status == 503
                check_refused(node, books)
                check_reads(node)
                books.settle(node)
            ballast.unlink()
            (disk.at / "more").unlink()
            resumed(node, books, RESUMED_MAX_S)
        reserve_of(node, reserve)
        node.stop()
        node.start()
        books.settle(node)
        node.stop()
    print(f"stopped (in {stop_s:.1f} s, with 0) and killed on a full disk, and started there{' as a node' if options else ''}: {books.figures()}", flush=True)


def node_stopped_and_started():
    """A start that takes a slot of its own writes what was counted once more. Redis is away."""
    with tempfile.TemporaryDirectory(prefix="footfall-key-") as at:
        key = pathlib.Path(at, "key")
        with open(os.open(key, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write(secrets.token_hex(32))
        stopped_and_started("--node", "first", "--redis", f"redis://127.0.0.1:{free_port()}", "--cluster-key", str(key))


def first_start():
    with Mount("-t", "tmpfs", "-o", "size=512k", "tmpfs") as disk:
        done = subprocess.run([str(BUILD / "footfalld"), "--data-dir", str(disk.at / "data"), "--listen", f"127.0.0.1:{free_port()}",
                               "--admin", f"127.0.0.1:{free_port()}", "--threads", "2"], capture_output=True, text=True, timeout=60)
        said = done.stderr.strip().splitlines()[-1]
        assert done.returncode == 1, done.returncode
        for what in ("No space left on device", "the first start needs ", str(disk.at), " bytes", " are free"):
            assert what in said, said
    print(f"a first start: {said}", flush=True)


def on(disk, stack, *options):
    (disk.at / "data").mkdir()
    node = daemon("--segment-size", str(1 << 20), *options, directory=disk.at / "data")
    stack.callback(node.close)
    node.start()
    add_site(node)
    return node


if __name__ == "__main__":
    need_root()
    filled_and_freed(rounds(40))
    filled_by_the_journal()
    stopped_and_started()
    node_stopped_and_started()
    first_start()
