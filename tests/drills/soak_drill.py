# SPDX-License-Identifier: Apache-2.0
"""Hours under a moderate load with everything that can go wrong in turn, on two nodes that count one site together.

    the first      is killed (-9), stopped (SIGSTOP), reloaded; a successor takes over from it, and no client notices; its disk, of its
                   own, is filled and freed, and each second time it is killed and started in between
    the steady one is reloaded alone: its memory and descriptors are judged
    both           get malformed requests, slow readers, streams that are never read; seeds, resets and undo; a Redis that
                   is killed, comes back, and now and then comes back empty

Of three faults one comes right on top of another. Behind each the load rests, and both nodes have to show one total, which is at least
what was acknowledged and at most what was sent (what was in flight at a kill is known then); each minute with ledgers that balance. At
the end both stop cleanly, and `footfall verify` finds their directories whole.

    FOOTFALL_BUILD=build/release python3 tests/drills/soak_drill.py [--hours 1] [--minutes N]

By hand, as root (it mounts the disk); ctest does not run it. Under 30 minutes memory is printed and not judged: the first tenth, 10 minutes at most, is for what
grows to its bound (pages, visitors, buffers)."""
import argparse
import collections
import contextlib
import os
import pathlib
import random
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from disk_full_drill import RESUMED_MAX_S, Full, check_refused, fill, load_until_refused, resumed
from drill import BROWSER, BUILD, PAGES, SEED, SITE, SKIPPED, Books, Connection, Limits, Mount, daemon, need_root
from redis_server import Redis

RESET_SITE = "reset.example"
PINGERS, BATCH, PAUSE_S = 4, 8, 0.02  # of each node: some thousand hits a second on both, where the machine can
# So few that all are online on every page within the window: the tables of presence have their size then, and do not grow and shrink
# by 16 MiB with how fast the machine is.
VISITORS = 300
DISK_SIZE = "64m"  # of the first node
SLOPE_MAX = 1 << 20  # bytes an hour
DESCRIPTORS_MORE_MAX = 12  # than at the first look: connections to Redis come and go
MALFORMED = (b"GET /\x00 HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01", b"GET / HTTP/9.9\r\n\r\n", b"POST /hit HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
             b"POST /hit HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\nhello", b"GET /hit?site=%zz HTTP/1.1\r\nHost: x\r\n\r\n",
             b"POST /v1/hits HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\nContent-Length: 9\r\n\r\n{\"site\":\n", b"A" * 70_000, b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 5000)


class Pinger(threading.Thread):
    """Hits on one node, a few at a time, whatever becomes of it. `sent` and `acknowledged` may be read while `resting` is held.
    `batches` were answered whole; `broken` ended with their connection."""

    def __init__(self, node, number):
        super().__init__(daemon=True)
        self.node, self.chance = node, random.Random(SEED + number)
        self.sent = self.acknowledged = self.batches = self.broken = 0
        self.refused = collections.Counter()  # why -> hits
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
                        self.broken += connection is not None
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
            if answer.status == 204:
                self.acknowledged += 1
            else:
                self.refused[answer.fields.get("footfall-rejected", answer.status)] += 1
        self.batches += 1


class Soak:
    def __init__(self, directory, disk):
        self.chance, self.limits = random.Random(SEED), Limits()
        self.redis = Redis()
        key = os.path.join(directory, "key")
        with open(os.open(key, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write(secrets.token_hex(32))
        options = ("--redis", self.redis.uri, "--cluster-key", key, "--threads", "1", "--checkpoint-interval", "5", "--snapshot-interval", "1")
        self.disk = disk
        (disk / "data").mkdir()
        on_disk = pathlib.Path(directory, "first")  # beside it is the log, which is not to be on a full disk
        on_disk.symlink_to(disk / "data")
        self.first = daemon("--node", "first", "--segment-size", str(1 << 20), *options, directory=on_disk)
        self.steady = daemon("--node", "steady", *options)
        self.nodes = (self.first, self.steady)
        self.pingers, self.samples = [], []
        self.loads = Books()  # what was sent and acknowledged besides what the pingers did
        self.base = 0  # total that was settled
        self.acknowledged = self.unknown = 0
        self.faults = collections.Counter()  # what -> how often
        self.descriptors, self.descriptors_most = None, 0
        self.slowest_start = self.slowest_agreement = self.slowest_resumption = 0.0

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
        self.slowest_start = max(self.slowest_start, time.monotonic() - begin)

    def take_over(self):
        """No connection ends by it."""
        self.all_ping()
        before = [pinger.broken for pinger in self.pingers]
        self.first.take_over()
        self.all_ping()
        broken = [pinger.broken - was for pinger, was in zip(self.pingers, before)]
        assert not any(broken), f"connections were broken by a take-over: {broken}\n{self.first.log_text()[-3000:]}"

    def fill_disk(self):
        ballast = self.disk / "ballast"
        with Full(ballast):
            load_until_refused(self.first, self.chance.randrange(1 << 32), self.loads)
            check_refused(self.first, self.loads)
            for target in (f"/v1/sites/{SITE}/stats", f"/v1/sites/{SITE}/pages", f"/widget/{SITE}.svg"):
                assert self.first.get(target).status == 200, target
        if self.faults["full disk"] % 2 == 0:
            self.start_on_a_full_disk(ballast)
        ballast.unlink()
        if self.first.process.poll() is not None:
            self.first.start()
        self.slowest_resumption = max(self.slowest_resumption, resumed(self.first, self.loads, RESUMED_MAX_S * Limits.slack))

    def start_on_a_full_disk(self, ballast):
        """It serves, or says what it needs: where a checkpoint had the reserve when the disk became full there is none."""
        self.first.stop(signal.SIGKILL)
        fill(ballast)
        try:
            self.first.start(ready="/startupz")
            self.faults["start on a full disk"] += 1
        except AssertionError:
            if self.first.process.wait(30) != 1 or "footfalld: there is no room on the disk: " not in self.first.log_text().strip().splitlines()[-1]:
                raise
            self.first.log.close()
            self.faults["start refused on a full disk"] += 1

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

    def all_ping(self):
        """Each pinger has answers, from now on."""
        before = [pinger.batches for pinger in self.pingers]
        self.wait(lambda: all(pinger.batches > was or pinger.wrong for pinger, was in zip(self.pingers, before)), "hits have no answers", 60)

    @contextlib.contextmanager
    def resting(self):
        with contextlib.ExitStack() as held:
            for pinger in self.pingers:
                held.enter_context(pinger.resting)
            for pinger in self.pingers:
                if pinger.wrong is not None:
                    raise pinger.wrong
            yield

    def settle(self):
        """While the load rests: what was acknowledged is there on both nodes, and no more than was sent; how long they took to agree.
        What was in flight is known then."""
        sent = self.base + sum(pinger.sent for pinger in self.pingers) + self.loads.attempted()
        acknowledged = self.base + sum(pinger.acknowledged for pinger in self.pingers) + self.loads.total()
        seen = [()]

        def agree():
            with contextlib.suppress(OSError):
                seen[0] = [node.stats(SITE)["total"] for node in self.nodes]
                return len(set(seen[0])) == 1 and acknowledged <= seen[0][0] <= sent
            return False
        took = self.wait(agree, lambda: f"the totals are {seen[0]}, acknowledged were {acknowledged} and sent {sent}: {max(0, acknowledged - min(seen[0], default=0))} lost, "
                                        f"{max(0, max(seen[0], default=0) - sent)} doubled; faults: {dict(self.faults)}", 60)
        self.slowest_agreement = max(self.slowest_agreement, took)
        self.acknowledged += acknowledged - self.base
        self.unknown += sent - acknowledged
        self.base = seen[0][0]
        for pinger in self.pingers:
            pinger.sent = pinger.acknowledged = 0
        self.loads = Books()
        return took

    def look(self, minute):
        with self.resting():
            took = self.settle()
            resets = [None]

            def resets_agree():
                resets[0] = [node.stats(RESET_SITE)["total"] for node in self.nodes]
                return len(set(resets[0])) == 1
            self.wait(resets_agree, lambda: f"{RESET_SITE}: {resets[0]}", 60)
            for node in self.nodes:
                metrics = node.metrics()
                assert metrics["footfall_ledger_mismatch"] == 0, node.log_text()[-3000:]
                accepted = {metrics[f"footfall_hits_{of}_total"] for of in ("accepted", "applied", "acknowledged")}
                assert len(accepted) == 1, accepted
                assert metrics["footfall_ready"] == 1
            self.judge_descriptors()
        metrics = self.steady.metrics()
        resident = metrics["process_resident_memory_bytes"]
        self.samples.append((time.monotonic(), resident))
        print(f"minute {minute}: total {self.base}, {self.unknown} sent without a 204 so far; {self.faults.total()} faults; steady node: {resident / 1048576:.2f} MiB, "
              f"{int(metrics['process_open_fds'])} descriptors; agreed in {took:.1f} s", flush=True)

    def judge_descriptors(self):
        count = {}

        def few():
            count.update({node: node.metrics()["process_open_fds"] for node in self.nodes})
            if self.descriptors is None:
                self.descriptors = int(max(count.values()))
            return max(count.values()) <= self.descriptors + DESCRIPTORS_MORE_MAX
        self.wait(few, lambda: f"descriptors: {list(count.values())}, at the first look {self.descriptors}", 30)
        self.descriptors_most = max(self.descriptors_most, *map(int, count.values()))

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
        faults = {"kill": self.kill, "stop": self.stop_for_a_while, "reload": self.reload, "take-over": self.take_over, "full disk": self.fill_disk,
                  "Redis away": self.redis_goes, "change": self.change, "slow readers": self.read_slowly, "nonsense": self.send_nonsense}
        end = time.monotonic() + minutes * 60
        next_look, minute, order = time.monotonic() + 60, 0, []
        while time.monotonic() < end:
            for _ in range(1 + (self.chance.random() < 1 / 3)):
                order = order or self.chance.sample(sorted(faults), len(faults))
                what = order.pop()
                self.faults[what] += 1
                faults[what]()
            with self.resting():
                self.settle()
            time.sleep(self.chance.uniform(0, 4))
            if time.monotonic() >= next_look:
                minute += 1
                self.look(minute)
                next_look = max(next_look + 60, time.monotonic())
        missed = set(faults) - set(self.faults)
        assert not missed or minutes < 3, f"in {minutes:g} minutes nothing of {missed}"
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
        refused = sum((pinger.refused for pinger in self.pingers), collections.Counter())
        print(f"{minutes:g} minutes: {self.acknowledged} hits acknowledged, 0 lost, 0 doubled; {self.unknown} more were sent, {self.base - self.acknowledged} of these counted; "
              f"pingers were refused {dict(refused)}; {self.faults.total()} faults: {dict(self.faults)}; "
              f"slowest start {self.slowest_start:.2f} s, a freed disk was used after {self.slowest_resumption:.1f} s, nodes agreed within {self.slowest_agreement:.1f} s; "
              f"the steady node grew by {slope:+.0f} bytes an hour over {over_s / 60:.0f} minutes{'' if judged else ' (too few to judge)'}, "
              f"descriptors {self.descriptors} at first, {self.descriptors_most} at most", flush=True)
        assert not judged or slope < SLOPE_MAX, f"memory grows by {slope:.0f} bytes an hour, and {SLOPE_MAX} are allowed"

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
    need_root()
    print(f"FOOTFALL_SEED={SEED}", flush=True)
    with tempfile.TemporaryDirectory(prefix="footfall-soak-") as at, Mount("-t", "tmpfs", "-o", f"size={DISK_SIZE}", "tmpfs") as disk:
        soak = Soak(at, disk.at)
        try:
            soak.start()
            soak.run(wanted.minutes or wanted.hours * 60)
        finally:
            soak.close()
