# SPDX-License-Identifier: Apache-2.0
"""The last segment is truncated at every byte, and segments are swapped, stale and foreign: what is whole before the damage is
kept, and each damage is cut or refused with a text that says where.

FOOTFALL_ROUNDS=0 by default and a step of 7 bytes; FOOTFALL_ROUNDS=1 takes every byte."""
import json
import pathlib
import random
import shutil
import subprocess
import tempfile

from drill import BUILD, SEED, Books, Connection, add_site, daemon, rounds

OPTIONS = ("--checkpoint-interval", "3600", "--threads", "1", "--segment-size", str(1 << 20))


def verify(directory):
    done = subprocess.run([str(BUILD / "footfall"), "verify", str(directory), "--json"], capture_output=True, text=True, timeout=60)
    assert done.returncode in (0, 1), f"verify ended with {done.returncode}: {done.stderr}"
    return json.loads(done.stdout) if done.stdout else {"problems": [done.stderr], "sites": []}


def counted(report):
    return sum(site["counted"] for site in report["sites"])


def make(at, hits):
    """A directory that was killed behind so many hits."""
    books = Books()
    node = daemon(*OPTIONS, directory=at)
    at.mkdir()
    try:
        node.start()
        add_site(node)
        with Connection(node) as connection:
            for i in range(hits):
                connection.ping([f"/{i % 5}"], books)
        node.stop(9)
    finally:
        node.close()
    return books.total()


def segments(at):
    return sorted((at / "journal" / "hits-000").glob("0*.seg"))


def truncate(at, step):
    whole = verify(at)
    total = counted(whole)
    last = segments(at)[-1]
    content = last.read_bytes()
    end = len(content.rstrip(b"\0"))
    before, cuts = -1, 0
    for size in [*range(4096, end, step), end]:
        last.write_bytes(content[:size])
        report = verify(at)
        kept = counted(report)
        assert not report["problems"], f"at {size}: {report['problems']}"
        assert before <= kept <= total, f"at {size}: {kept} after {before}"
        before, cuts = kept, cuts + 1
    assert before == total, f"the whole segment gives {before} of {total}"
    last.write_bytes(content)
    print(f"{cuts} truncations of {end} bytes: {total} hits, never fewer with more bytes, none invented", flush=True)


def start_fails_or_cuts(at, what, total, words):
    """A start refuses with one of these words, or counts no more than there was."""
    node = daemon(*OPTIONS, directory=at)
    try:
        node.start()
        now = node.pages("example.org")["counted"]
        assert now <= total, f"{what}: {now} of {total}"
        assert any(w in node.log_text() for w in words), f"{what}: nothing is said:\n{node.log_text()}"
        outcome = f"cut to {now} of {total}"
    except AssertionError as refused:
        text = str(refused)
        assert "ended with" in text and any(w in text for w in words), f"{what}: {text}"
        outcome = "refused"
    finally:
        said = [line for line in node.log_text().splitlines() if any(w in line for w in words)]
        node.close()
    print(f"{what}: {outcome}: {said[-1][:300] if said else ''}", flush=True)


def foreign(at, other, total):
    """Segments where they do not belong."""
    def with_copy(what, damage, words):
        with tempfile.TemporaryDirectory(prefix="footfall-drill-") as into:
            copy = pathlib.Path(into) / "data"
            shutil.copytree(at, copy)
            damage(copy)
            start_fails_or_cuts(copy, what, total, words)

    def swap(copy):
        first, second = segments(copy)[:2]
        a, b = first.read_bytes(), second.read_bytes()
        first.write_bytes(b)
        second.write_bytes(a)

    with_copy("two segments swapped", swap, ["seg"])
    with_copy("a segment of another directory", lambda copy: shutil.copy(segments(other)[-1], segments(copy)[-1]), ["seg"])
    with_copy("an older segment under a new name", lambda copy: shutil.copy(segments(copy)[0], segments(copy)[-1]), ["seg"])
    with_copy("an empty segment", lambda copy: segments(copy)[0].write_bytes(b""), ["seg", "hits-000"])
    with_copy("a missing segment", lambda copy: segments(copy)[0].unlink(), ["seg", "hits-000"])


if __name__ == "__main__":
    every = rounds(0)
    with tempfile.TemporaryDirectory(prefix="footfall-drill-") as base:
        base = pathlib.Path(base)
        total = make(base / "data", 40)
        for _ in range(2):  # each start begins a segment
            node = daemon(*OPTIONS, directory=base / "data")
            try:
                node.start()
                with Connection(node) as connection:
                    connection.ping([f"/{random.Random(SEED).randrange(5)}"], books := Books())
                node.stop(9)
            finally:
                node.close()
            total += books.total()
        make(base / "other", 10)
        foreign(base / "data", base / "other", total)
        truncate(base / "other", 1 if every else 7)
