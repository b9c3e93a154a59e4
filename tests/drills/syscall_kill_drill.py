# SPDX-License-Identifier: Apache-2.0
"""kill -9 at the n-th call of each write-family system call that a thread makes: while it starts in an empty directory, while it
recovers one that was killed, and in each thread while it counts, makes a checkpoint and stops.

A run without a kill tells the calls of each thread: (scene, thread, call, n). strace then watches that thread alone, so that the
n-th call is its own; of openat those that may make a file. Each kill has a copy of the directory, and is followed by a start that
must have everything acknowledged once. FOOTFALL_ROUNDS=N draws so many, 100 by default; 0 takes every one."""
import collections
import contextlib
import os
import pathlib
import random
import re
import subprocess
import tempfile
import time

from drill import SEED, SITE, Books, Connection, add_site, copy_directory, daemon, rounds

CALLS = ("write", "pwrite64", "writev", "pwritev", "pwritev2", "fsync", "fdatasync", "sync_file_range", "syncfs", "fallocate",
         "ftruncate", "truncate", "rename", "renameat", "renameat2", "link", "linkat", "unlink", "unlinkat", "mkdir", "mkdirat",
         "open", "openat", "creat")
TRACE = "trace=" + ",".join("?" + call for call in CALLS)  # those that the machine has
OPTIONS = ("--segment-size", str(1 << 20), "--checkpoint-interval", "1", "--threads", "2")


def calls(text):
    """(thread id or "", call, n), in order, of what strace wrote; n is counted for each thread and call."""
    seen = collections.Counter()
    for tid, call, arguments in re.findall(r"^(\d+)? *(\w+)\((.*)$", text, re.M):
        seen[tid, call] += 1
        if not call.startswith("open") or "O_CREAT" in arguments:
            yield tid, call, seen[tid, call]


def inject(call, n):
    return ["-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:signal=SIGKILL:when={n}"]


def threads_of(pid):
    """{thread id: name}; of several of one name the n-th that was made is "NAME n". A thread names itself as it begins."""
    tasks = pathlib.Path("/proc", str(pid), "task")
    for _ in range(500):
        named = {tid: (tasks / tid / "comm").read_text().strip() for tid in sorted(os.listdir(tasks), key=int)}
        if list(named.values()).count(named[str(pid)]) == 1:
            break
        time.sleep(0.01)
    else:
        raise RuntimeError(f"threads without a name: {named}")
    seen = collections.Counter()
    out = {}
    for tid, name in named.items():
        seen[name] += 1
        out[tid] = name if seen[name] == 1 else f"{name} {seen[name]}"
    return out


class Watch:
    """strace on some threads of a daemon that runs: on all, or on those of these names."""

    def __init__(self, node, names, *arguments):
        tasks = pathlib.Path("/proc", str(node.process.pid), "task")
        self.threads = {tid: name for tid, name in threads_of(node.process.pid).items() if names is None or name in names}
        if names is not None and len(self.threads) != len(names):
            raise RuntimeError(f"of the threads {names} there are {self.threads}")
        attach = [argument for tid in self.threads for argument in ("-p", tid)]
        self.process = subprocess.Popen(["strace", "-qqq", *attach, *arguments])
        for _ in range(500):
            if not any("TracerPid:\t0\n" in (tasks / tid / "status").read_text() for tid in self.threads):
                return
            time.sleep(0.01)
        raise RuntimeError("strace did not come")

    def end(self):
        self.process.wait(30)


def work(node, books):
    """A load on both shards over a checkpoint, and a clean stop."""
    for step in range(5):
        with contextlib.ExitStack() as stack:
            for i in range(2):
                stack.enter_context(Connection(node)).ping([f"/work/{step}/{i}/{j}" for j in range(4)], books)
        time.sleep(0.05)
    for _ in range(60):
        if node.metrics()["footfall_checkpoints_total"] > 0:
            break
        time.sleep(0.05)
    node.stop()


class Scene:
    """A directory to begin with, and when the kill comes."""

    def __init__(self, name, directory, books, running):
        self.name, self.directory, self.books, self.running = name, directory, books, running
        self.threads = {"": "footfalld"}  # as strace calls them in the latest run

    def run(self, names, *watching):
        """What a daemon acknowledged, whether it came to its end, and the hits that the start after it replayed."""
        books = Books()
        books.sent, books.acknowledged = self.books.sent.copy(), self.books.acknowledged.copy()
        with tempfile.TemporaryDirectory(prefix="footfall-kill-") as at:
            directory = pathlib.Path(at) / "data"
            copy_directory(self.directory, directory)
            node = daemon(*OPTIONS, directory=directory)
            watch, ended = None, False
            if not self.running:
                node.prefix = ["strace", "-D", "-qqq", *watching]  # -D: the daemon stays our child; no -f: its main thread
            try:
                with contextlib.suppress(AssertionError, OSError):
                    node.start()
                    if self.running:
                        watch = Watch(node, names, *watching)
                        self.threads = watch.threads
                    elif not self.books.acknowledged:
                        add_site(node)
                    work(node, books)
                    ended = True
                if node.process.poll() is None:  # a broken connection is seen before the end of the process
                    node.process.wait(30)
                assert ended or node.process.returncode == -9, f"ended with {node.process.returncode}:\n{node.log_text()}"
            finally:
                node.close()
                if watch is not None:
                    watch.end()
            return books, ended, self.check(directory, books)

    @staticmethod
    def check(directory, books):
        node = daemon(*OPTIONS, directory=directory)
        try:
            node.start()
            replayed = node.metrics()["footfall_recovery_replayed_hits"]
            if books.acknowledged or node.get(f"/v1/sites/{SITE}/stats").status != 404:  # the site may not have been added
                books.settle(node)
            node.stop()
            return replayed
        finally:
            node.close()

    def points(self):
        with tempfile.NamedTemporaryFile("r") as trace:
            _, ended, _ = self.run(None, "-o", trace.name, "-e", TRACE)
            assert ended, f"{self.name}: the run without a kill did not end"
            out = [(self, self.threads[tid], call, n) for tid, call, n in calls(trace.read())]
        print(f"{self.name}: {dict(collections.Counter(thread for _, thread, _, _ in out))}", flush=True)
        return out


def killed_directory(at):
    books = Books()
    at.mkdir()
    node = daemon(*OPTIONS, directory=at)
    try:
        node.start()
        add_site(node)
        work(node, books)
        node.start()
        with Connection(node) as connection:
            connection.ping([f"/tail/{i}" for i in range(50)], books)
        node.process.kill()
        node.process.wait()
    finally:
        node.close()
    return books


def drill(count):
    assert subprocess.run(["strace", "-V"], capture_output=True).returncode == 0, "strace is needed: deploy/install-deps.sh --tests"
    kills = missed = lost = doubled = replayed = 0
    with tempfile.TemporaryDirectory(prefix="footfall-drill-") as at:
        empty, killed = pathlib.Path(at) / "empty", pathlib.Path(at) / "killed"
        empty.mkdir()
        books = killed_directory(killed)
        points = [point for scene in (Scene("a first start", empty, Books(), False), Scene("recovery", killed, books, False),
                                      Scene("at work", killed, books, True)) for point in scene.points()]
        drawn = random.Random(SEED).sample(points, min(count or len(points), len(points)))
        for scene, thread, call, n in drawn:
            try:
                books, ended, again = scene.run([thread], *inject(call, n))
            except AssertionError as failure:
                raise AssertionError(f"killed at {call} {n} of {thread}, {scene.name}: {failure}") from failure
            kills += not ended
            missed += ended
            replayed += again
            lost, doubled = lost + books.lost, doubled + books.doubled
    assert kills > 0
    assert replayed > 0, "footfall_recovery_replayed_hits must show what a start replayed"
    print(f"{kills} kills at {len(drawn)} of {len(points)} points ({missed} ended before theirs), {lost} lost, {doubled} doubled, "
          f"{replayed:.0f} replayed", flush=True)


if __name__ == "__main__":
    drill(rounds(100))
