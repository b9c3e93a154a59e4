# SPDX-License-Identifier: Apache-2.0
"""What the drills share: the books of what was sent and acknowledged, a client, load, mounts that go away, strace.

Each drill is a program: it prints its seed and its figures. FOOTFALL_ROUNDS sets how often (the default is the short
form), FOOTFALL_SEED the seed. Drills that mount need root; where mounting is refused they say so and are skipped.
FOOTFALL_SLACK is what the times are multiplied by within which something has to have happened (1)."""
import collections
import contextlib
import json
import mmap
import os
import pathlib
import random
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

from footfall import BROWSER, BUILD, SKIPPED, Answer, Daemon, copy_directory, free_port  # noqa: E402,F401

signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # a drill that is ended unmounts too

SITE = "example.org"
SEED = int(os.environ.get("FOOTFALL_SEED", random.SystemRandom().randrange(1 << 32)))
PAGES, VISITORS = 300, 5_000


def rounds(short):
    count = int(os.environ.get("FOOTFALL_ROUNDS", short))
    print(f"FOOTFALL_SEED={SEED} FOOTFALL_ROUNDS={count}", flush=True)
    return count


def daemon(*options, directory=None):
    return Daemon("--rate-limit", "0", *options, directory=directory)


def add_site(of):
    of.add_site(SITE, window_s=3600, visibility="full")


class Limits:
    """How long something may take. What took longer fails the drill at its end, so that all figures are seen."""

    slack = float(os.environ.get("FOOTFALL_SLACK", 1))

    def __init__(self):
        self.exceeded = []

    def hold(self, what, took_s, limit_s):
        if took_s > limit_s * self.slack:
            self.exceeded.append(f"{what}: {took_s:.1f} s, and {limit_s} s are allowed")
            print("TOO LATE: " + self.exceeded[-1], flush=True)

    def settle(self):
        assert not self.exceeded, self.exceeded


def visitors_of(truth):
    """Of what oracle_load printed: visitor n is bit n."""
    return int(truth["seen"][::-1], 16)


def resident_bytes(of):
    return int(open(f"/proc/{of.process.pid}/statm").read().split()[1]) * mmap.PAGESIZE


def cpu_s(of):
    """What the process has spent so far, all its threads."""
    fields = open(f"/proc/{of.process.pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Books:
    """Per page: how many hits were sent, and how many acknowledged. acknowledged <= counted <= sent, always. And of the acknowledged:
    `epochs`, by what their answers said, and `visitors`, as the bits of a number."""

    def __init__(self):
        self.sent, self.acknowledged = collections.Counter(), collections.Counter()
        self.epochs, self.visitors = collections.Counter(), 0
        self.lost = self.doubled = 0

    def add(self, truth):
        """What oracle_load printed."""
        for page, (sent, acknowledged, _) in enumerate(truth["pages"]):
            self.sent[f"/page/{page}"] += sent
            self.acknowledged[f"/page/{page}"] += acknowledged
        self.epochs.update(truth["epochs"])
        self.visitors |= visitors_of(truth)

    def settle(self, of, lost_allowed=False):
        """Checks a daemon that was restarted, and takes what it counted as the truth: what was in flight is known now."""
        answer = of.pages(SITE)
        counted = {row["path"]: row["counted"] for row in answer["pages"]}
        assert sum(counted.values()) + answer["rest"] == answer["counted"], "pages and rest do not add up to counted"
        lost = {p: a - counted.get(p, 0) for p, a in self.acknowledged.items() if a > counted.get(p, 0)}
        doubled = {p: c - self.sent[p] for p, c in counted.items() if c > self.sent[p]}
        self.lost += sum(lost.values())
        self.doubled += sum(doubled.values())
        assert not doubled, f"counted more often than sent: {doubled}\n{of.log_text()[-3000:]}"
        assert lost_allowed or not lost, f"acknowledged and lost: {lost}\n{of.log_text()[-3000:]}"
        assert of.metrics()["footfall_ledger_mismatch"] == 0
        self.sent, self.acknowledged = collections.Counter(counted), collections.Counter(counted)
        return sum(lost.values())

    def total(self):
        return sum(self.acknowledged.values())

    def attempted(self):
        return sum(self.sent.values())

    def in_epoch(self, number):
        """What was acknowledged as of an epoch of this number."""
        return sum(hits for epoch, hits in self.epochs.items() if epoch.startswith(f"{number}."))

    def figures(self):
        return f"{self.total()} hits kept, {self.lost} lost, {self.doubled} doubled"


class Load:
    """oracle_load at full speed, until `hits` were answered, stop() is called, or the daemon is gone."""

    def __init__(self, of, seed, hits=1 << 40, connections=16, pipeline=16, pages=PAGES, visitors=VISITORS, in_turn=False):
        with tempfile.NamedTemporaryFile(prefix="footfall-load-") as file:
            file.truncate(16)
            self.of = of
            self.progress = mmap.mmap(file.fileno(), 16)
            self.process = subprocess.Popen([str(BUILD / "oracle_load"), str(of.port), SITE, str(hits), str(connections), str(pipeline),
                                             str(pages), str(visitors), str(seed), f"progress={file.name}", *(["in-turn"] if in_turn else [])],
                                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            while self.attempted == 0 and self.process.poll() is None:  # it has its end of the file
                time.sleep(0.01)

    @property
    def attempted(self):
        """So far; raised before a hit is sent."""
        return struct.unpack_from("Q", self.progress, 0)[0]

    @property
    def acknowledged(self):
        return struct.unpack_from("Q", self.progress, 8)[0]

    def stop(self):
        """It sends no more; truth() tells when all is answered."""
        self.process.terminate()

    def truth(self):
        out, errors = self.process.communicate(timeout=120)
        assert self.process.returncode == 0, errors.decode()
        return json.loads(out)


class Connection:
    """A keep-alive connection that pipelines."""

    def __init__(self, of, wait=20):
        self.socket = socket.create_connection(("127.0.0.1", of.port), timeout=wait)
        self.received = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def ping(self, paths, books):
        """One answer for each path, or fewer if the daemon went away; the books know either."""
        for path in paths:
            books.sent[path] += 1
        answers = []
        with contextlib.suppress(ConnectionError):
            self.socket.sendall(b"".join(f"GET /hit?site={SITE}&path={path} HTTP/1.1\r\nHost: stats.example\r\nUser-Agent: {BROWSER % 120}\r\n\r\n".encode()
                                         for path in paths))
            for path in paths:
                answer = self.answer()
                if answer is None:
                    break
                answers.append(answer)
                if answer.status == 204:
                    books.acknowledged[path] += 1
        return answers

    def answer(self):
        while b"\r\n\r\n" not in self.received:
            if not self.more():
                return None
        head, self.received = self.received.split(b"\r\n\r\n", 1)
        lines = head.decode().split("\r\n")
        fields = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines[1:])}
        length = int(fields.get("content-length", 0))
        while len(self.received) < length:
            if not self.more():
                return None
        body, self.received = self.received[:length], self.received[length:]
        return Answer(int(lines[0].split()[1]), fields, body)

    def more(self):
        data = self.socket.recv(65536)
        self.received += data
        return bool(data)


class Mount:
    """A mount in a directory of its own; unmounted and removed at the end, whatever happened."""

    def __init__(self, *arguments):
        self.at = pathlib.Path(tempfile.mkdtemp(prefix="footfall-drill-"))
        self.arguments = arguments
        self.mounted = False

    def mount(self):
        done = subprocess.run(["mount", *map(str, self.arguments), str(self.at)], capture_output=True, text=True)
        if done.returncode != 0:
            print(f"SKIPPED: mounting is refused here: {done.stderr.strip()}", flush=True)
            sys.exit(SKIPPED)
        self.mounted = True

    def unmount(self):
        subprocess.run(["umount", str(self.at)], check=True)
        self.mounted = False

    def __enter__(self):
        try:
            self.mount()
        except BaseException:
            self.at.rmdir()
            raise
        return self

    def __exit__(self, *_):
        if self.mounted and subprocess.run(["umount", str(self.at)]).returncode != 0:
            subprocess.run(["umount", "-l", str(self.at)])
        self.at.rmdir()


def need_root():
    if os.geteuid() != 0:
        print("SKIPPED: mounting needs root", flush=True)
        sys.exit(SKIPPED)


def strace(*arguments):
    """A prefix of the daemon's command. -D: the daemon stays our child, and strace watches from aside."""
    return ["strace", "-D", "-f", "-qqq", *arguments]
