# SPDX-License-Identifier: Apache-2.0
"""Hours under a moderate load with everything that can go wrong in turn, on two nodes that count one site together.

    the first      is killed (-9), stopped (SIGSTOP), reloaded
    the steady one is reloaded alone: its memory and descriptors are judged
    both           get malformed requests, slow readers, streams that are never read; seeds, resets and undo; a Redis that
                   is killed, comes back, and now and then comes back empty

Each minute the load rests, and both nodes have to show one total, which is at least what was acknowledged and at most what was sent
(what was in flight at a kill is known then), with ledgers that balance. At the end both stop cleanly, and `footfall verify` finds
their directories whole.

    FOOTFALL_BUILD=build/release python3 tests/drills/soak_drill.py [--hours 1] [--minutes N]

By hand; ctest does not run it. Under 30 minutes memory is printed and not judged: the first tenth, 10 minutes at most, is for what
grows to its bound (pages, visitors, buffers)."""
import argparse
import contextlib
import os
import random
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from drill import BROWSER, BUILD, PAGES, SEED, SITE, SKIPPED, VISITORS, Connection, Limits, daemon
from redis_server import Redis

RESET_SITE = "reset.example"
PINGERS, BATCH, PAUSE_S = 4, 8, 0.02  # of each node: some thousand hits a second on both, where the machine can
SLOPE_MAX = 1 << 20  # bytes an hour
DESCRIPTORS_MORE_MAX = 12  # than at the first look: connections to Redis come and go
MALFORMED = (b"GET /\x00 HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01", b"GET / HTTP/9.9\r\n\r\n", b"POST /hit HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
             b"POST /hit HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\nhello", b"GET /hit?site=%zz HTTP/1.1\r\nHost: x\r\n\r\n",
             b"POST /v1/hits HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\nContent-Length: 9\r\n\r\n{\"site\":\n", b"A" * 70_000, b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 5000)


class Pinger(threading.Thread):
    """Hits on one node, a few at a time, whatever becomes of it. `sent` and `acknowledged` may be read while `resting` is held."""

    def __init__(self, node, number):
        super().__init__(daemon=True)
        self.node, self.chance = node, random.Random(SEED + number)
        self.sent = self.acknowledged = self.refused = 0
        self.resting, self.ended = threading.Lock(), threading.Event()
        self.wrong = None

    def run(self):
        connection = None
        try:
            while not self.ended.wait(self.chance.uniform(0, 2 * PAUSE_S)):
                with self.resting:
                    try:
                        connection = connection or Connection(self.node, wait=30)
                        self.ping(connection)
                    except OSError:  # it was killed, or is stopped for long
                        connection = None
        except Exception as error:  # noqa: BLE001  told by the next look
            self.wrong = error

    def ping(self, connection):
        requests = []
        for _ in range(BATCH):
            visitor = self.chance.randrange(VISITORS)
            requests.append(f"GET /hit?site={SITE}&path=/page/{self.chance.randrange(PAGES)} HTTP/1.1\r\nHost: x\r\nUser-Agent: {BROWSER % (100 + visitor % 7)}\r\n"
                            f"X-Forwarded-For: 10.1.{visitor >> 8}.{visitor & 255}\r\n\r\n".encode())
        self.sent += BATCH
        connection.socket.sendall(b"".join(requests))
        for _ in range(BATCH):
            answer = connection.answer()
            if answer is None:
                raise ConnectionError("it is gone")
            self.acknowledged += answer.status == 204
            self.refused += answer.status != 204


class Soak:
    def __init__(self, directory):
        self.chance, self.limits = random.Random(SEED), Limits()
        self.redis = Redis()
        key = os.path.join(directory, "key")
        with open(os.open(key, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write(secrets.token_hex(32))
        options = ("--redis", self.redis.uri, "--cluster-key", key, "--threads", "1", "--checkpoint-interval", "5", "--snapshot-interval", "1")
        self.first, self.steady = daemon("--node", "first", *options), daemon("--node", "steady", *options)
        self.nodes = (self.first, self.steady)
        self.pingers, self.samples = [], []
        self.base = 0  # total that was settled
        self.total = self.faults = self.kills = 0
        self.descriptors = None
        self.slowest_start = self.slowest_agreement = 0.0

    def start(self):
        for node in self.nodes:
            node.start()
        self.steady.add_site(SITE, window_s=300, visibility="full")
        self.steady.add_site(RESET_SITE, visibility="full")
        self.wait(lambda: all(node.get(f"/v1/sites/{site}/stats").status == 200 for node in self.nodes for site in (SITE, RESET_SITE)), "the sites are not on both nodes", 30)
        self.pingers = [Pinger(node, n) for n, node in enumerate(self.nodes * PINGERS)]
        for pinger in self.pingers:
            pinger.start()

    def wait(self, seen, what, limit_s):
        """How long it took."""
        begin = time.monotonic()
        while not seen():
            if time.monotonic() - begin > limit_s * Limits.slack:
                raise AssertionError(f"{what() if callable(what) else what}\n{self.first.log_text()[-3000:]}\n{self.steady.log_text()[-3000:]}")
            time.sleep(0.1)
        return time.monotonic() - begin

    # ---- What goes wrong

    def kill(self):
        self.first.stop(signal.SIGKILL)
        begin = time.monotonic()
        self.first.start()
        self.kills += 1
        self.slowest_start = max(self.slowest_start, time.monotonic() - begin)

    def stop_for_a_while(self):
        self.first.process.send_signal(signal.SIGSTOP)
        time.sleep(self.chance.uniform(0.2, 4))
        self.first.process.send_signal(signal.SIGCONT)

    def reload(self):
        for node in self.nodes:
            answer = node.admin("POST", "/v1/admin/reload")
            assert answer.status == 200, answer.text
            node.process.send_signal(signal.SIGHUP)

    def redis_goes(self):
        self.redis.kill()
        if self.chance.random() < 0.3:
            self.redis.empty()
        time.sleep(self.chance.uniform(0.5, 6))
        self.redis.start()

    def change(self):
        """A seed, its undo, and a reset, each exact at the node that it was sent to."""
        def send(what, body=None, site=RESET_SITE):
            answer = self.steady.admin("POST", f"/v1/admin/sites/{site}/{what}", body or {}, Idempotency_Key=f"soak-{self.chance.randrange(1 << 60)}")
            assert answer.status == 200, answer.text
            return answer.json

        def hits(count):
            done = 0
            with Connection(self.steady) as connection:
                for n in range(count):
                    connection.socket.sendall(f"GET /hit?site={RESET_SITE}&path=/{n} HTTP/1.1\r\nHost: x\r\nUser-Agent: {BROWSER % 120}\r\n\r\n".encode())
                    done += connection.answer().status == 204
            return done

        send("reset")
        counted = hits(self.chance.randrange(1, 50))
        assert self.steady.stats(RESET_SITE)["total"] == counted, (self.steady.stats(RESET_SITE), counted)
        seed = send("seed", {"add": 1000})
        assert self.steady.stats(RESET_SITE)["total"] == counted + 1000
        undone = self.steady.admin("POST", f"/v1/admin/changes/{seed['id']}/undo", {})
        assert undone.status == 200, undone.text
        assert self.steady.stats(RESET_SITE)["total"] == counted

    def read_slowly(self):
        """Streams and lists that nobody reads, and requests that take long to come."""
        with contextlib.ExitStack() as open_ones:
            for node in self.nodes:
                for n in range(30):
                    s = open_ones.enter_context(socket.socket())
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
                    s.settimeout(5)
                    with contextlib.suppress(OSError):
                        s.connect(("127.0.0.1", node.port))
                        target = (f"/v1/sites/{SITE}/live", f"/v1/sites/{SITE}/pages?limit=10000", "/hit?site=" + SITE)[n % 3]
                        s.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\n".encode() + (b"" if n % 3 == 2 else b"\r\n"))
            time.sleep(self.chance.uniform(1, 5))

    def send_nonsense(self):
        for node in self.nodes:
            for bytes_ in (*MALFORMED, bytes(self.chance.randrange(256) for _ in range(300))):
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", node.port), timeout=1) as s:
                    s.sendall(bytes_)
                    s.settimeout(0.2)
                    s.recv(4096)

    # ---- What has to hold

    def look(self, minute):
        for pinger in self.pingers:
            pinger.resting.acquire()
        try:
            for pinger in self.pingers:
                if pinger.wrong is not None:
                    raise pinger.wrong
            sent, acknowledged = (self.base + sum(getattr(pinger, which) for pinger in self.pingers) for which in ("sent", "acknowledged"))
            seen = {}

            def agree():
                with contextlib.suppress(OSError):
                    seen["totals"] = [node.stats(SITE)["total"] for node in self.nodes]
                    return len(set(seen["totals"])) == 1 and acknowledged <= seen["totals"][0] <= sent
                return False
            took = self.wait(agree, lambda: f"the totals are {seen.get('totals')}, acknowledged were {acknowledged}, sent {sent}", 60)
            self.slowest_agreement = max(self.slowest_agreement, took)
            resets = [None]

            def resets_agree():
                resets[0] = [node.stats(RESET_SITE)["total"] for node in self.nodes]
                return len(set(resets[0])) == 1
            self.wait(resets_agree, lambda: f"{RESET_SITE}: {resets[0]}", 60)
            self.total = self.base = seen["totals"][0]
            for pinger in self.pingers:
                pinger.sent = pinger.acknowledged = 0
            for node in self.nodes:
                metrics = node.metrics()
                assert metrics["footfall_ledger_mismatch"] == 0, node.log_text()[-3000:]
                accepted = {metrics[f"footfall_hits_{of}_total"] for of in ("accepted", "applied", "acknowledged")}
                assert len(accepted) == 1, accepted
                assert metrics["footfall_ready"] == 1
            self.judge_descriptors()
        finally:
            for pinger in self.pingers:
                pinger.resting.release()
        metrics = self.steady.metrics()
        resident = metrics["process_resident_memory_bytes"]
        self.samples.append((time.monotonic(), resident))
        print(f"minute {minute}: total {self.total}, {sent - acknowledged} were in doubt, {sum(p.refused for p in self.pingers)} refused; {self.faults} faults, {self.kills} kills; "
              f"steady node: {resident / 1048576:.2f} MiB, {int(metrics['process_open_fds'])} descriptors; agreed in {took:.1f} s", flush=True)

    def judge_descriptors(self):
        count = {}

        def few():
            count.update({node: node.metrics()["process_open_fds"] for node in self.nodes})
            if self.descriptors is None:
                self.descriptors = max(count.values())
            return max(count.values()) <= self.descriptors + DESCRIPTORS_MORE_MAX
        self.wait(few, lambda: f"descriptors: {list(count.values())}, at the first look {self.descriptors}", 30)

    def slope(self):
        """Bytes an hour by which the steady node grows, by least squares, and over how long: behind the beginning."""
        begin, end = self.samples[0][0], self.samples[-1][0]
        kept = [(at - begin, size) for at, size in self.samples if at - begin >= min((end - begin) / 10, 600)]
        mean_at, mean_size = (sum(one[n] for one in kept) / len(kept) for n in (0, 1))
        spread = sum((at - mean_at) ** 2 for at, _ in kept)
        if spread == 0:
            return 0.0, 0.0
        return sum((at - mean_at) * (size - mean_size) for at, size in kept) / spread * 3600, kept[-1][0] - kept[0][0]

    def run(self, minutes):
        faults = [self.kill, self.stop_for_a_while, self.reload, self.redis_goes, self.change, self.read_slowly, self.send_nonsense]
        end = time.monotonic() + minutes * 60
        next_look, minute, order = time.monotonic() + 60, 0, []
        while time.monotonic() < end:
            order = order or self.chance.sample(faults, len(faults))
            order.pop()()
            self.faults += 1
            time.sleep(self.chance.uniform(0, 4))
            if time.monotonic() >= next_look:
                minute += 1
                self.look(minute)
                next_look = max(next_look + 60, time.monotonic())
        self.look("of the end")
        for pinger in self.pingers:
            pinger.ended.set()
        for pinger in self.pingers:
            pinger.join()
        for node in self.nodes:
            node.stop()
            verified = subprocess.run([str(BUILD / "footfall"), "verify", str(node.directory)], capture_output=True, text=True, timeout=600)
            assert verified.returncode == 0, verified.stdout + verified.stderr
        slope, over_s = self.slope()
        judged = over_s >= 25 * 60
        print(f"{minutes:g} minutes: {self.total} hits kept, {self.faults} faults, {self.kills} kills, slowest start {self.slowest_start:.2f} s, nodes agreed in {self.slowest_agreement:.1f} s "
              f"at most; the steady node grew by {slope / 1048576:+.2f} MiB an hour over {over_s / 60:.0f} minutes{'' if judged else ', too few to judge'}", flush=True)
        assert not judged or slope < SLOPE_MAX, f"memory grows by {slope / 1048576:.2f} MiB an hour, and 1 is allowed"

    def close(self):
        for pinger in self.pingers:
            pinger.ended.set()
        for node in self.nodes:
            node.close()
        self.redis.close()


if __name__ == "__main__":
    options = argparse.ArgumentParser(description="Hours under load and faults.")
    options.add_argument("--hours", type=float, default=1)
    options.add_argument("--minutes", type=float, help="instead")
    wanted = options.parse_args()
    if subprocess.run(["sh", "-c", "command -v redis-server"], stdout=subprocess.DEVNULL).returncode != 0:
        print("SKIPPED: there is no redis-server here (Debian: redis-server)")
        sys.exit(SKIPPED)
    print(f"FOOTFALL_SEED={SEED}", flush=True)
    with tempfile.TemporaryDirectory(prefix="footfall-soak-") as at:
        soak = Soak(at)
        try:
            soak.start()
            soak.run(wanted.minutes or wanted.hours * 60)
        finally:
            soak.close()
