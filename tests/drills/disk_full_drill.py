# SPDX-License-Identifier: Apache-2.0
"""The disk is filled and freed under load: pings become 503, reads go on, ingest resumes by itself, nothing acknowledged is lost.

FOOTFALL_ROUNDS=10 by default, each ending with kill -9 and a restart; by hand 100."""
import contextlib
import signal
import time

from drill import SEED, SITE, Books, Connection, Load, Mount, add_site, daemon, need_root, rounds

ANSWERED = 200_000  # hits of a load: more than the preallocated segments hold
VISITORS = 100      # few, so that checkpoints are small beside the disk


def fill(path):
    with open(path, "wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12):
            with contextlib.suppress(OSError):
                while True:
                    file.write(b"x" * size)


def until_refused(node, seed, books):
    truth = Load(node, seed, hits=ANSWERED, visitors=VISITORS).truth()
    assert truth["refused"] > 0 and not truth["gone"], "the disk is full, and no ping was refused"
    books.add(truth)


def check_full(node, books):
    with contextlib.ExitStack() as stack:  # open together, so that every shard has some
        connections = [stack.enter_context(Connection(node)) for _ in range(8)]
        answers = [connection.ping(["/refused"], books)[0] for connection in connections]
    answer = next(a for a in answers if a.status != 204)
    assert answer.status == 503, answer.status
    assert answer.fields.get("footfall-rejected") == "disk" and int(answer.fields["retry-after"]) > 0, answer.fields
    for target in (f"/v1/sites/{SITE}/stats", f"/v1/sites/{SITE}/pages", f"/widget/{SITE}", f"/widget/{SITE}.svg"):
        assert node.get(target).status == 200, target
    assert node.admin("GET", "/v1/admin/sites").status == 200
    metrics = node.metrics()
    assert metrics["footfall_journal_streams_failed"] > 0, "footfall_journal_streams_failed must fire"
    assert metrics["footfall_journal_write_failures_total"] > 0
    assert metrics["footfall_ledger_mismatch"] == 0


def resumed(node, books):
    """Seconds until every stream takes pings again."""
    begin = time.monotonic()
    while time.monotonic() - begin < 60:
        if node.metrics()["footfall_journal_streams_failed"] == 0:
            with Connection(node) as connection:
                if [a.status for a in connection.ping(["/again"], books)] == [204]:
                    return time.monotonic() - begin
        time.sleep(0.05)
    raise AssertionError(f"ingest did not resume after the disk was freed:\n{node.log_text()[-3000:]}")


def checkpointed(node):
    """Waits for a checkpoint: it gives the journal's room back, so that each round begins alike."""
    before = node.metrics()["footfall_checkpoints_total"]
    for _ in range(600):
        if node.metrics()["footfall_checkpoints_total"] > before:
            return
        time.sleep(0.05)
    raise AssertionError(f"no checkpoint was made:\n{node.log_text()[-3000:]}")


def drill(count):
    books = Books()
    slowest = refused_stop = 0
    with Mount("-t", "tmpfs", "-o", "size=96m", "tmpfs") as disk:
        directory, ballast = disk.at / "data", disk.at / "ballast"
        directory.mkdir()
        node = daemon("--segment-size", str(1 << 20), "--checkpoint-interval", "1", "--threads", "2", directory=directory)
        try:
            node.start()
            add_site(node)
            for number in range(count):
                fill(ballast)
                until_refused(node, SEED + number, books)
                check_full(node, books)
                ballast.unlink()
                slowest = max(slowest, resumed(node, books))
                checkpointed(node)
                books.add(Load(node, SEED - number, hits=10_000, visitors=VISITORS).truth())
                node.stop(signal.SIGKILL)
                node.start()
                books.settle(node)
            # A clean stop where there is no room at all.
            fill(ballast)
            until_refused(node, SEED + count, books)
            begin = time.monotonic()
            code = node.stop(signal.SIGTERM)
            refused_stop = time.monotonic() - begin
            ballast.unlink()
            node.start()
            books.settle(node)
            node.stop()
        finally:
            node.close()
    assert books.total() > 0
    print(f"{count} times full and freed: {books.figures()}; resumed within {slowest:.1f} s; the stop on a full disk took "
          f"{refused_stop:.1f} s and gave {code}", flush=True)


if __name__ == "__main__":
    need_root()
    drill(rounds(10))
