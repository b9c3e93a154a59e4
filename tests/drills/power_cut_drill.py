# SPDX-License-Identifier: Apache-2.0
"""Power cuts: a loop-mounted ext4 is shut down without flushing its log under load; what was not synced is gone.

The daemon is stopped an instant before, wherever it stands, an fdatasync under way included: a machine without power answers
no ping either, and ext4 lets an fdatasync that meets the shutdown return 0 for data that are gone (FOUND.md). With --durability
disk nothing acknowledged is lost; with kernel only a tail, never a hole. FOOTFALL_ROUNDS=50 by default (a tenth of them again
with kernel), 500 by hand."""
import contextlib
import fcntl
import os
import pathlib
import random
import signal
import struct
import subprocess
import threading
import time

from drill import SEED, SITE, Books, Connection, Load, Mount, add_site, daemon, need_root, rounds

FS_IOC_SHUTDOWN, NO_LOG_FLUSH = 0x8004587D, 2


def stop(process):
    """Returns once no thread of `process` runs another instruction of its own: each has stopped, or waits for the disk."""
    process.send_signal(signal.SIGSTOP)
    tasks = pathlib.Path(f"/proc/{process.pid}/task")
    while not all(task.read_text().rpartition(")")[2].split()[0] in "TD" for task in tasks.glob("*/stat")):
        time.sleep(0.0005)


def cut(process, directory):
    at = os.open(directory, os.O_RDONLY)
    try:
        stop(process)
        fcntl.ioctl(at, FS_IOC_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
    finally:
        os.close(at)
        process.kill()


class Disk(Mount):
    """An ext4 in an image file."""

    def __init__(self, image):
        super().__init__("-o", "loop", image)


@contextlib.contextmanager
def disk():
    with Mount("-t", "tmpfs", "-o", "size=700m", "tmpfs") as under:
        image = under.at / "image"
        with open(image, "wb") as file:
            file.truncate(600 << 20)
        subprocess.run(["mkfs.ext4", "-q", "-F", str(image)], check=True)
        with Disk(image) as mounted:
            yield mounted


def cut_and_restart(node, mounted):
    node.process.wait()
    node.log.close()
    mounted.unmount()
    mounted.mount()
    node.start()


def checkpointed(node, books):
    while node.metrics()["footfall_checkpoints_total"] == 0:
        with Connection(node) as connection:
            connection.ping(["/a-change"], books)
        time.sleep(0.1)


@contextlib.contextmanager
def on_a_disk(durability, threads):
    """A daemon whose data directory is alone on a disk of its own, with the site; and the disk."""
    with disk() as mounted, contextlib.ExitStack() as stack:
        (mounted.at / "data").mkdir()
        node = daemon("--durability", durability, "--segment-size", str(1 << 20), "--checkpoint-interval", "1", "--threads", str(threads),
                      directory=mounted.at / "data")
        stack.callback(node.close)
        node.start()
        add_site(node)
        yield node, mounted


def lose_nothing(count, chance):
    books = Books()
    torn = replayed = 0
    with on_a_disk("disk", 2) as (node, mounted):
        for number in range(count):
            if number % 4 == 3:
                checkpointed(node, books)  # while little arrives: at full load none may end within a round, and the image would fill
            load = Load(node, SEED + number)
            time.sleep(chance.uniform(0.02, 0.6))
            cut(node.process, mounted.at)
            books.add(load.truth())
            cut_and_restart(node, mounted)
            books.settle(node)
            metrics = node.metrics()
            torn += metrics["footfall_recovery_torn_bytes"]
            replayed += metrics["footfall_recovery_replayed_hits"]
    assert books.total() > 0
    assert replayed > 0, "footfall_recovery_replayed_hits: no start found anything"
    print(f"disk: {count} power cuts, {books.figures()}, {torn:.0f} torn bytes cut", flush=True)


def lose_a_tail(count, chance):
    """One connection sends pages in order, so what is kept must be a prefix of what was acknowledged."""
    lost = kept = 0
    most = 9_000 // count  # of all rounds together in one answer of /pages
    with on_a_disk("kernel", 1) as (node, mounted):
        for number in range(count):
            books = Books()
            paths = []
            timer = threading.Timer(chance.uniform(1.2, 2.5), cut, [node.process, mounted.at])
            timer.start()
            with Connection(node) as connection:
                while timer.is_alive() and len(paths) < most:
                    group = [f"/cut/{number}/{len(paths) + i}" for i in range(4)]
                    paths += group
                    connection.ping(group, books)
                    time.sleep(2.5 * 4 / most)
            timer.join()
            cut_and_restart(node, mounted)
            counted = {row["path"]: row["counted"] for row in node.pages(SITE)["pages"]}
            there = [counted.get(path, 0) for path in paths if books.acknowledged[path]]
            assert all(n in (0, 1) for n in there), "a hit is counted twice"
            assert there == sorted(there, reverse=True), f"a hole: {there}"
            lost += there.count(0)
            kept += there.count(1)
            assert node.metrics()["footfall_ledger_mismatch"] == 0
    assert kept > 0
    assert lost > 0, "nothing was lost of what was not synced: were these power cuts?"
    print(f"kernel: {count} power cuts, {kept} hits kept, {lost} lost, all from the end, none doubled", flush=True)


if __name__ == "__main__":
    need_root()
    wanted = rounds(50)
    lose_nothing(wanted, random.Random(SEED))
    lose_a_tail((wanted + 9) // 10, random.Random(SEED))
