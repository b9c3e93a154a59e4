# SPDX-License-Identifier: Apache-2.0
"""A daemon of one shard under callgrind: user instructions of what it is sent.

Counts depend neither on the machine's speed nor on its load. The instruction set is that of any x86-64: glibc's string functions are told to do
without AVX2 and the like, and of the daemon's own code the CRC alone chooses at run time (SSE4.2). What else its threads do in that time, once a
second, is in it.
"""
import itertools
import json
import os
import re
import socket
import subprocess
import time

from side_by_side import whole

BASELINE = "glibc.cpu.hwcaps=-AVX2,-AVX512F,-AVX512VL,-AVX_Fast_Unaligned_Load,-ERMS,-FSRM,-BMI2,-RTM"
PASS = "footfall::http::Loop::Impl::pass()"  # what a shard does with what it was sent; --toggle-collect leaves out what is done once a second
TRIES = 5


def away_from_midnight():
    """For a window (300 s) after midnight a visitor is also looked for under yesterday's key, which is a thousand instructions of each hit; and
    a count that midnight falls into is none."""
    second = time.time() % 86_400
    if second < 305 or second > 86_340:
        time.sleep((305 - second) % 86_400)


class Counted:
    """`options` are callgrind's, `daemon` the daemon's."""

    def __init__(self, bench, name, *options, daemon=()):
        self.out = bench.at / f"callgrind.{name}"
        self.dumps = 0
        self.node = bench.Daemon("--rate-limit", "0", "--threads", "1", "--durability", "kernel", "--checkpoint-interval", "86400", "--checkpoint-journal", str(1 << 40), *daemon,
                                 directory=bench.at / name)
        self.node.directory.mkdir()
        self.node.environment = {**os.environ, "GLIBC_TUNABLES": BASELINE}
        self.pipes = bench.at / f"vgdb.{name}"  # of its own: it would try those that others left, too
        self.node.prefix = ["valgrind", "--tool=callgrind", f"--vgdb-prefix={self.pipes}", f"--callgrind-out-file={self.out}", "--instr-atstart=no", "--quiet", *options]
        self.node.start_s_max = 300

    def __enter__(self):
        away_from_midnight()
        try:
            self.node.start()
        except BaseException:
            self.node.close()
            raise
        return self

    def __exit__(self, *_):
        self.node.close()

    def instructions(self, send, before=None):
        """Of what send() has the daemon do; and callgrind's file. send() answers how often it was refused: then it is done again, and that alone counted.
        before() is done under callgrind and not counted: its caches are empty at first."""
        self.control("--instr=on")
        if before:
            before()
            self.control("--zero")
        for _ in range(TRIES):
            refused = send()
            if refused == 0:
                break
            self.control("--zero")
        assert refused == 0, f"{refused} batches were refused each time"
        self.control("--instr=off")
        self.control("--dump")
        self.dumps += 1
        dump = self.out.with_name(f"{self.out.name}.{self.dumps}")
        total = events(dump)["Ir"]
        assert total > 0, "callgrind counted nothing"
        return total, dump

    def control(self, what):
        for _ in range(10):  # it gives up where the process does not answer at once
            if subprocess.run(["callgrind_control", f"--vgdb-prefix={self.pipes}", what, str(self.node.process.pid)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0:
                return
            time.sleep(0.5)
        raise AssertionError("callgrind cannot be controlled")


def events(dump):
    """callgrind's name of an event -> how many there were; zeros at the end of the line are not written"""
    line = lambda name: re.search(rf"^{name}: (.+)$", dump.read_text(), re.M).group(1).split()
    return dict(itertools.zip_longest(line("events"), map(int, line("totals")), fillvalue=0))


class Batches:
    """One after another over a connection that stays. One may take longer than the daemon lets others wait: it is sent again where it was refused."""

    def __init__(self, node):
        self.port = node.port
        self.accepted = 0
        self.connect()

    def connect(self):
        self.connection = socket.create_connection(("127.0.0.1", self.port))

    def send(self, requests):
        """How often it was refused."""
        refused = 0
        for request in requests:
            begin = time.monotonic()
            while (answer := self.exchange(request)).startswith(b"HTTP/1.1 503"):
                refused += 1
                self.connection.close()
                time.sleep(0.5)
                self.connect()
            assert answer.startswith(b"HTTP/1.1 200"), answer
            self.accepted += json.loads(answer[answer.index(b"\r\n\r\n"):])["accepted"]
            if time.monotonic() > begin + 0.1:  # so slow that the next one might be refused (queue_delay.h)
                time.sleep(0.2)
        return refused

    def exchange(self, request):
        answer = b""
        try:
            self.connection.sendall(request)
        except ConnectionError:  # refused at its head; the answer is there
            pass
        while b"\r\n\r\n" not in answer or len(answer) < whole(answer):
            more = self.connection.recv(65536)
            assert more, answer
            answer += more
        return answer
