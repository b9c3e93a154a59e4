# SPDX-License-Identifier: Apache-2.0
"""Restarts by take-over at half load: no request fails, but for a few over TLS that cross the end of a kept connection, and every hit that was answered is counted once.

Each kind of client has a site of its own, whose total is compared with what was answered at the end: connections that are kept (half
of what the daemon can do, as it was measured before), a connection for each hit, batches, both with TLS, visitors whose connections
rest most of the time and are never opened again, and syslog datagrams. FOOTFALL_ROUNDS take-overs, 3 by default; 100 by hand."""
import json
import os
import pathlib
import random
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time

from drill import BROWSER, BUILD, SEED, Connection, daemon, free_port, rounds

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
from tls_test import make_certificate  # noqa: E402

RESTING, LINES_PER_S = 50, 200
# Of a take-over, requests on kept connections with TLS that may cross the end of theirs. Each of the 16 ends behind an answer, and only what its client sends
# between that end and hearing of it crosses: in a hundred take-overs 51 did. A daemon that ended them with requests unread would lose what came in its pause.
CROSS_MAX = 4


def bench(node, site, *more, wait=3600):
    done = subprocess.run([BUILD / "footfall", "bench", "--json", "--site", site, "--pages", "50", "--visitors", "2000", "--seconds", "3600", *map(str, more)],
                          capture_output=True, text=True, timeout=wait, env={**os.environ, "FOOTFALL_URL": f"http://127.0.0.1:{node.port}",
                                                                           "FOOTFALL_ADMIN": f"http://127.0.0.1:{node.admin_port}",
                                                                           "FOOTFALL_TOKEN_FILE": str(node.directory / "admin-token")})
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


class Resting:
    """Visitors whose connections are open from the beginning to the end; each pings now and then."""

    def __init__(self, node, site):
        self.node, self.site, self.acknowledged = node, site, 0
        self.ended, self.lock = threading.Event(), threading.Lock()
        self.wrong = []
        self.threads = [threading.Thread(target=self.visit, args=[random.Random(SEED + n)]) for n in range(RESTING)]
        for thread in self.threads:
            thread.start()

    def visit(self, chance):
        with Connection(self.node, wait=60) as connection:
            while not self.ended.wait(chance.uniform(0.05, 0.8)):
                try:
                    connection.socket.sendall(f"GET /hit?site={self.site}&path=/ HTTP/1.1\r\nHost: x\r\nUser-Agent: {BROWSER % 120}\r\n\r\n".encode())
                    answer = connection.answer()
                except OSError as error:
                    answer = error
                with self.lock:
                    if getattr(answer, "status", 0) != 204:
                        self.wrong.append(repr(answer and getattr(answer, "status", answer)))
                        return
                    self.acknowledged += 1

    def end(self):
        self.ended.set()
        for thread in self.threads:
            thread.join()


class Load:
    """`footfall bench`, one after the other, each for two seconds."""

    def __init__(self, node, site, options):
        self.may_cross = site == "tls.example"
        self.unanswered = 0
        self.sent = self.requests = self.connections = self.acknowledged = 0
        self.longest_ms = self.median_ms = 0
        self.failed = []
        hits = 2 * options[options.index("--rate") + 1]
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.run, args=[node, site, (*options, "--hits", hits)])
        self.thread.start()

    def run(self, node, site, options):
        while not self.ended.is_set():
            try:
                found = bench(node, site, *options)
            except Exception as error:  # noqa: BLE001  told at the end
                self.failed.append(repr(error))
                return
            self.sent += found["sent"]
            self.requests += found["requests"]
            self.connections += found["connections"]
            self.acknowledged += found["acknowledged"]
            self.longest_ms = max(self.longest_ms, found["latency_ns"]["max"] / 1e6)
            self.median_ms = found["latency_ns"]["p50"] / 1e6
            # A connection with TLS cannot be handed on: a request that crosses its end has no answer, and is not counted.
            self.unanswered += found["undecided"] if self.may_cross else 0
            wrong = not found["ok"] or found["rejected"] or found["acknowledged"] + (found["undecided"] if self.may_cross else 0) != found["sent"]
            if wrong or any(int(status) >= 300 for status in found["answers"]):
                self.failed.append(found)

    def end(self):
        self.ended.set()
        self.thread.join()


class Lines:
    """Sends access log lines by syslog over UDP."""

    def __init__(self, port):
        self.port, self.sent, self.ended = port, 0, threading.Event()
        self.thread = threading.Thread(target=self.send)
        self.thread.start()

    def send(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as to:
            while not self.ended.wait(1 / LINES_PER_S):
                at = time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime())
                to.sendto(f'<190>Jan  1 00:00:00 h nginx: 192.0.2.1 - - [{at}] "GET /log HTTP/1.1" 200 1 "-" "{BROWSER % 120}"'.encode(), ("127.0.0.1", self.port))
                self.sent += 1

    def end(self):
        self.ended.set()
        self.thread.join()


def drill(count):
    at = tempfile.TemporaryDirectory(prefix="footfall-certificate-")
    certificate, key = make_certificate(pathlib.Path(at.name))
    tls, syslog = free_port(), free_port(socket.SOCK_DGRAM)
    node = daemon("--threads", "2", "--listen", f"tls:127.0.0.1:{tls}", "--tls-certificate", str(certificate), "--tls-key", str(key), "--syslog-listen",
                  f"127.0.0.1:{syslog}", "--syslog-site", "syslog.example", "--segment-size", str(4 << 20), "--checkpoint-interval", "5")
    with at, node:
        for site in ("full.example", "kept.example", "new.example", "batch.example", "tls.example", "newtls.example", "resting.example", "syslog.example"):
            node.add_site(site, visibility="full")
        most = bench(node, "full.example", "--connections", 32, "--hits", 40_000)["acknowledged_per_s"]
        # Half of the time that it has: a connection for each hit costs four times as much as a hit, with TLS some thirty times.
        secure = ("--through", f"https://127.0.0.1:{tls}", "--ca-file", certificate)
        kinds = {"kept": ("--connections", 32, "--rate", most // 4), "new": ("--connections", 64, "--reconnect", "--rate", most // 40),
                 "batch": ("--connections", 4, "--batch", 100, "--rate", most // 8), "tls": ("--connections", 16, "--rate", most // 40, *secure),
                 "newtls": ("--connections", 32, "--reconnect", "--resume", "--rate", max(most // 800, 5), *secure)}
        resting, lines = Resting(node, "resting.example"), Lines(syslog)
        loads = {kind: Load(node, f"{kind}.example", options) for kind, options in kinds.items()}
        try:
            for number in range(count):
                time.sleep(random.Random(SEED + number).uniform(0.2, 0.6))
                node.take_over()
        finally:
            for running in (*loads.values(), resting, lines):
                running.end()
        time.sleep(0.5)  # what is in the socket's buffer is read
        log = node.log_text()
        rests = sorted(int(us) for us in re.findall(r"at rest after (\d+) us", log))
        pauses = sorted(int(us) for us in re.findall(r"nobody was accepted for (\d+) us", log))
        failed = {kind: load.failed for kind, load in loads.items() if load.failed}
        counted = node.stats("resting.example")["counted"]
        logged = node.stats("syslog.example")["counted"]
        assert node.metrics()["footfall_ledger_mismatch"] == 0
        for kind, load in loads.items():
            print(f"{kind}: {load.sent} hits in {load.requests} requests over {load.connections} connections, {load.acknowledged} acknowledged, {load.unanswered} crossed the end of their connection; "
                  f"longest {load.longest_ms:.0f} ms, median {load.median_ms:.2f} ms", flush=True)
        print(f"resting: {RESTING} connections, {resting.acknowledged} acknowledged, {counted} counted; syslog: {lines.sent} sent, {logged} counted", flush=True)
        print(f"{count} take-overs at half of {most} hits/s: {sum(load.acknowledged for load in loads.values()) + resting.acknowledged + lines.sent} hits, "
              f"{len(failed)} kinds of clients with a failure; at rest within {rests[len(rests) // 2] / 1000:.0f} ms, {rests[-1] / 1000:.0f} at most; "
              f"nobody was accepted for {pauses[len(pauses) // 2] / 1000:.0f} ms, {pauses[-1] / 1000:.0f} at most", flush=True)
        assert not resting.wrong, resting.wrong[:5]
        assert not failed, f"{failed}\n{log[-3000:]}"
        crossed = loads["tls"].unanswered
        assert crossed <= CROSS_MAX * count, f"{crossed} requests with TLS crossed the end of their connection in {count} take-overs, and {CROSS_MAX} of each may"
        assert (counted, logged) == (resting.acknowledged, lines.sent)
        assert len(rests) == count, "a process went on that was to hand over"
        # What is on the disk is the same.
        totals = {kind: node.stats(f"{kind}.example")["counted"] for kind in kinds}
        node.stop()
        node.start()
        assert totals == {kind: node.stats(f"{kind}.example")["counted"] for kind in kinds}


if __name__ == "__main__":
    drill(rounds(3))
