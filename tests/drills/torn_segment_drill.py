# SPDX-License-Identifier: Apache-2.0
"""The last segment is truncated at every byte, and segments are swapped, stale, recycled, foreign, empty and missing: what is
whole before the damage is kept, and each damage is cut or refused with a text that says where.

FOOTFALL_ROUNDS=0 by default: every byte behind a new segment's header, fewer in it and of a recycled one;
FOOTFALL_ROUNDS=1 takes every byte."""
import json
import pathlib
import random
import shutil
import subprocess
import tempfile
import time

from drill import BUILD, SEED, Books, Connection, add_site, copy_directory, daemon, rounds

HEADER, BLOCK = 4096, 40  # bytes: of a segment, of a block
OPTIONS = ("--checkpoint-interval", "3600", "--threads", "1", "--segment-size", str(1 << 20))


def verify(directory):
    done = subprocess.run([str(BUILD / "footfall"), "verify", str(directory), "--json"], capture_output=True, text=True, timeout=60)
    assert done.returncode in (0, 1), f"verify ended with {done.returncode}: {done.stderr}"
    return json.loads(done.stdout) if done.stdout else {"problems": [done.stderr], "sites": []}


def counted(report):
    return sum(site["counted"] for site in report["sites"])


def make(at, hits, stale=None):
    """A directory that was killed behind so many hits; at half of them its segment is copied to `stale`."""
    books = Books()
    node = daemon(*OPTIONS, directory=at)
    at.mkdir()
    try:
        node.start()
        add_site(node)
        with Connection(node) as connection:
            for i in range(hits):
                connection.ping([f"/{i % 5}"], books)
                if stale and i == hits // 2:
                    shutil.copy(segments(at)[-1], stale)
        node.stop(9)
    finally:
        node.close()
    return books.total()


def make_recycled(at):
    """The last segment has old blocks behind its own."""
    books, first_name = Books(), {}  # inode -> the name that it was first seen under
    at.mkdir()
    node = daemon("--threads", "1", "--segment-size", str(1 << 20), "--checkpoint-interval", "1", directory=at)
    try:
        node.start()
        add_site(node)
        for _ in range(400):
            with Connection(node) as connection:
                connection.ping(["/recycled"] * 20, books)
            for segment in segments(at):
                first_name.setdefault(segment.stat().st_ino, segment.name)
            last = segments(at)[-1]
            if first_name.get(last.stat().st_ino, last.name) != last.name:
                break
            time.sleep(0.05)
        else:
            raise AssertionError("no segment was recycled")
        with Connection(node) as connection:
            connection.ping(["/last"] * 3, books)
        node.stop(9)
    finally:
        node.close()
    return books.total()


def segments(at):
    return sorted((at / "journal" / "hits-000").glob("0*.seg"))


def end_of_blocks(content):
    """A block says how long it is; its sequence is the one before, and one."""
    at, expected = HEADER, int.from_bytes(content[48:56], "little")
    while at + BLOCK <= len(content):
        length, sequence = int.from_bytes(content[at + 4:at + 8], "little"), int.from_bytes(content[at + 8:at + 16], "little")
        if sequence != expected or length == 0:
            break
        at, expected = at + BLOCK + length, expected + 1
    return at


def truncate(at, what, total, header_step, block_step):
    assert counted(verify(at)) == total
    last = segments(at)[-1]
    content = last.read_bytes()
    end = end_of_blocks(content)
    before, cuts = -1, 0
    for size in [*range(0, HEADER, header_step), *range(HEADER, end, block_step), end]:
        last.write_bytes(content[:size])
        report = verify(at)
        kept = counted(report)
        assert not report["problems"], f"at {size}: {report['problems']}"
        assert before <= kept <= total, f"at {size}: {kept} after {before}"
        before, cuts = kept, cuts + 1
    assert before == total, f"the whole segment gives {before} of {total}"
    # What verify says is what a start does, and shows.
    size = random.Random(SEED).randrange(end - BLOCK, end)
    last.write_bytes(content[:size])
    kept = counted(verify(at))
    node = daemon(*OPTIONS, directory=at)
    try:
        node.start()
        torn = node.metrics()["footfall_recovery_torn_bytes"]
        assert torn > 0, "footfall_recovery_torn_bytes must fire"
        assert node.pages("example.org")["counted"] == kept
        node.stop()
    finally:
        node.close()
    print(f"{what}: {cuts} truncations of {end} bytes: {total} hits, never fewer with more bytes, none invented; "
          f"a start behind the one at {size} cut {torn:.0f} bytes and kept {kept}", flush=True)


def expect_refused(copy, what, total):
    """A start names the segment and refuses; where it names --accept-loss, that goes on without what is lost, and shows it."""
    node = daemon(*OPTIONS, directory=copy)
    try:
        node.start()
        raise RuntimeError(f"{what}: started, and counts {node.pages('example.org')['counted']} of {total}")
    except AssertionError as refused:
        said = str(refused).strip().splitlines()[-1]
        assert "ended with" in str(refused) and ("seg" in said or "hits-000" in said), f"{what}: {refused}"
    finally:
        node.close()
    print(f"{what}: refused: {said[:300]}", flush=True)
    if "--accept-loss" not in said:
        return
    node = daemon(*OPTIONS, "--accept-loss", "true", directory=copy)
    try:
        node.start()
        lost = node.metrics()["footfall_recovery_lost_blocks"]
        assert lost > 0, f"{what}: footfall_recovery_lost_blocks must fire"
        kept = node.pages("example.org")["counted"]
        assert kept < total, f"{what}: {kept} of {total}"
        node.stop()
    finally:
        node.close()
    print(f"    with --accept-loss: {kept} of {total} hits, {lost:.0f} blocks lost", flush=True)


def misplaced(at, other, stale, total):
    """Segments where they do not belong."""
    def with_copy(what, damage):
        with tempfile.TemporaryDirectory(prefix="footfall-drill-") as into:
            copy = pathlib.Path(into) / "data"
            copy_directory(at, copy)
            damage(copy)
            expect_refused(copy, what, total)

    def swap(copy):
        first, second = segments(copy)[:2]
        a, b = first.read_bytes(), second.read_bytes()
        first.write_bytes(b)
        second.write_bytes(a)

    with_copy("two segments swapped", swap)
    with_copy("a segment of another directory", lambda copy: shutil.copy(segments(other)[-1], segments(copy)[-1]))
    with_copy("an older segment under a new name", lambda copy: shutil.copy(segments(copy)[0], segments(copy)[-1]))
    with_copy("a segment as it was earlier", lambda copy: shutil.copy(stale, segments(copy)[0]))
    with_copy("an empty segment", lambda copy: segments(copy)[0].write_bytes(b""))
    with_copy("a missing segment", lambda copy: segments(copy)[0].unlink())


if __name__ == "__main__":
    every = rounds(0) > 0
    with tempfile.TemporaryDirectory(prefix="footfall-drill-") as base:
        base = pathlib.Path(base)
        total = make(base / "data", 40, stale=base / "stale")
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
        total_new, total_recycled = make(base / "other", 10), make_recycled(base / "recycled")
        misplaced(base / "data", base / "other", base / "stale", total)
        truncate(base / "other", "a new segment", total_new, 1 if every else 61, 1)
        truncate(base / "recycled", "a recycled segment", total_recycled, 1 if every else 307, 1 if every else 5)
