# SPDX-License-Identifier: Apache-2.0
"""kill -9 at the n-th call of each write-family system call, while starting, recovering, counting and making a checkpoint.

Each kill has a directory of its own: an empty one, or one that was killed before and must be recovered first. A run without
a kill tells how many calls there are. strace counts calls for each thread: the kill comes in whichever gets to n first.
FOOTFALL_ROUNDS=12 by default draws so many from all (call, n); 0 takes every one."""
import collections
import contextlib
import pathlib
import random
import re
import shutil
import subprocess
import tempfile
import time

from drill import SEED, SITE, Books, Connection, Daemon, add_site, daemon, rounds, strace

CALLS = ("pwrite64", "write", "fdatasync", "fsync", "rename", "renameat", "renameat2", "ftruncate", "fallocate", "openat", "unlink",
         "unlinkat", "mkdir")
OPTIONS = ("--segment-size", str(1 << 20), "--checkpoint-interval", "1", "--threads", "2")


def work(node, books, site_known, name):
    """A small load over a checkpoint, and a clean stop. False: the daemon was killed."""
    with contextlib.suppress(AssertionError, OSError):
        node.start()
        if not site_known:
            add_site(node)
        for step in range(12):
            with Connection(node) as connection:
                connection.ping([f"/{name}/{step}/{i}" for i in range(4)], books)
            time.sleep(0.1)
        for _ in range(40):
            if node.metrics()["footfall_checkpoints_total"] > 0:
                break
            time.sleep(0.1)
        node.stop()
        return True
    if node.process.poll() is None:  # a broken connection is seen before the end of the process
        node.process.wait(30)
    node.log.close()
    return False


def check(directory, books):
    """A start without strace: everything acknowledged is there once."""
    node = daemon(*OPTIONS, directory=directory)
    try:
        node.start()
        if not books.acknowledged:  # the site may not have been added
            if node.get(f"/v1/sites/{SITE}/pages").status == 404:
                return node.stop()
        books.settle(node)
        node.stop()
    finally:
        node.close()


class Scene:
    """A directory to begin with, and what is in it."""

    def __init__(self, at, name):
        self.name, self.directory, self.books = name, at / name, Books()
        self.directory.mkdir()

    def killed_before(self):
        node = daemon(*OPTIONS, directory=self.directory)
        try:
            work(node, self.books, False, "before")
            node.start()
            with Connection(node) as connection:
                connection.ping([f"/tail/{i}" for i in range(50)], self.books)
            node.process.kill()
            node.process.wait()
        finally:
            node.close()
        return self

    def run(self, prefix):
        """The books, and whether the run came to its end, in a copy that is thrown away."""
        directory = pathlib.Path(tempfile.mkdtemp(prefix="footfall-kill-"))
        books = Books()
        books.sent, books.acknowledged = self.books.sent.copy(), self.books.acknowledged.copy()
        known = bool(books.acknowledged)
        try:
            shutil.copytree(self.directory, directory / "data")
            node = daemon(*OPTIONS, directory=directory / "data")
            node.prefix = prefix
            try:
                ended = work(node, books, known, "run")
                code = node.process.returncode
                assert ended or code == -9, f"the daemon ended with {code}:\n{node.log_text()}"
            finally:
                node.close()
            check(directory / "data", books)
            return books, ended
        finally:
            shutil.rmtree(directory)

    def calls(self):
        """call -> the most that any thread makes."""
        with tempfile.NamedTemporaryFile("r") as out:
            _, ended = self.run(strace("-o", out.name, "-e", "trace=" + ",".join(CALLS)))
            assert ended
            made = collections.Counter(re.findall(r"^(\d+) +(\w+)\(", out.read(), re.M))
        return {call: max((n for (_, c), n in made.items() if c == call), default=0) for call in CALLS}


def drill(count):
    assert subprocess.run(["strace", "-V"], capture_output=True).returncode == 0, "strace is needed: deploy/install-deps.sh --tests"
    chance = random.Random(SEED)
    kills = missed = lost = doubled = 0
    with tempfile.TemporaryDirectory(prefix="footfall-drill-") as at:
        scenes = [Scene(pathlib.Path(at), "empty"), Scene(pathlib.Path(at), "killed").killed_before()]
        points = []
        for scene in scenes:
            calls = scene.calls()
            print(f"{scene.name}: {calls}", flush=True)
            points += [(scene, call, n) for call, most in calls.items() for n in range(1, most + 1)]
        # Each call once at least, as far as the count goes.
        drawn = sorted(points, key=lambda _: chance.random())
        if count:
            drawn = drawn[:count]
        for scene, call, n in drawn:
            try:
                books, ended = scene.run(strace("-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:signal=SIGKILL:when={n}"))
            except AssertionError as failure:
                raise AssertionError(f"killed at {call} {n} of {scene.name}: {failure}") from failure
            kills += not ended
            missed += ended
            lost, doubled = lost + books.lost, doubled + books.doubled
    assert kills > 0
    print(f"{kills} kills at {len(drawn)} of {len(points)} points ({missed} ended before theirs), {lost} lost, {doubled} doubled", flush=True)


if __name__ == "__main__":
    drill(rounds(12))
