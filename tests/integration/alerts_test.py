# SPDX-License-Identifier: Apache-2.0
"""deploy/prometheus/alerts.yml: sound by promtool, each with a case and a page of the runbook; and real daemons go wrong in front of a real
Prometheus, which knew each of them as well before, and then has to say so: every alert is seen to fire. `for:` is a second there, and SHORTER says
what else is not as it is shipped. What that leaves out are times, and those have their cases in alerts.yml.

Those who go wrong need root: they mount, and have a network of their own."""
import concurrent.futures
import contextlib
import glob
import json
import os
import pathlib
import re
import select
import shutil
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import yaml

from footfall import BROWSER, BUILD, ROOT, SKIPPED, Daemon, copy_directory, free_port
from log_test import log_until_lines_are_dropped, unread
from own_network import enter_own_network, ip
from prometheus_server import PrometheusServer
from redis_server import Redis, until
from tls_test import make_certificate

sys.path.insert(0, str(ROOT / "tests" / "drills"))
from drill import Load  # noqa: E402
from stuck_thread_drill import Held  # noqa: E402

SITE = "example.org"
OUTSIDE = "192.0.2.1"  # for documentation: nobody's, and not on loopback's network
RULES = ROOT / "deploy" / "prometheus" / "alerts.yml"
RUNBOOK = ROOT / "deploy" / "runbook.md"
CASES = ROOT / "tests" / "integration" / "alerts.yml"
ALERTS = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
SOURCES = {file.stem: file for file in [*(ROOT / "tests" / "drills").glob("*_drill.py"), *(ROOT / "tests" / "integration").glob("*_test.py")]}
# alert -> what its expression has here instead: a day and half a gigabyte are more than a test may take
SHORTER = {"FootfallNoHits": {"30m": "10s", "1d": "20s"}, "FootfallReplayLong": {"512 * 1024 * 1024": "512 * 1024"}}


class Rules(unittest.TestCase):
    def promtool(self, *words):
        done = subprocess.run(["promtool", *map(str, words)], capture_output=True, text=True, timeout=200)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_promtool_accepts_the_rules_and_the_example_of_a_configuration(self):
        self.promtool("check", "rules", "--lint=all", "--lint-fatal", RULES)
        self.promtool("check", "config", RULES.parent / "prometheus.yml")

    def test_the_cases_hold_and_there_is_one_for_each_alert(self):
        self.promtool("test", "rules", CASES)
        self.assertEqual({rule["alert"] for rule in ALERTS} - set(re.findall(r'alertname="(\w+)"', CASES.read_text())), set())

    def test_each_alert_says_how_grave_it_is_and_has_its_section_of_the_runbook(self):
        sections = {title.lower().replace(" ", "-"): title for title in re.findall(r"^#+ (.+)$", RUNBOOK.read_text(), re.M)}
        for rule in ALERTS:
            with self.subTest(rule["alert"]):
                self.assertIn(rule["labels"]["severity"], ("critical", "warning"))
                file, anchor = rule["annotations"]["runbook"].split("#")
                self.assertEqual((ROOT / file).resolve(), RUNBOOK)
                self.assertEqual(sections.get(anchor), rule["alert"])
        known = {rule["alert"] for rule in ALERTS}
        self.assertEqual(set(re.findall(r"\bFootfall[A-Z]\w+", RUNBOOK.read_text())) - known, set(), "the runbook names what is no alert")

    def test_each_alert_is_made_to_fire(self):
        made = [f"Footfall{alert}" for trouble in TROUBLES for alert in trouble.alerts]
        self.assertEqual({rule["alert"] for rule in ALERTS} ^ set(made), set())

    def test_the_runbook_has_a_table_of_every_drill_and_every_alert(self):
        named, told = set(), set()
        for what, files, alerts, _ in table():
            with self.subTest(what):
                self.assertEqual([file for file in files if file not in SOURCES], [])
                self.assertNotEqual(files, [])
                self.assertRegex(alerts, r"^none: \w|^Footfall[A-Z]")
                named |= set(files)
                told |= set(re.findall(r"\bFootfall[A-Z]\w+", alerts))
        self.assertEqual({file for file in SOURCES if file.endswith("_drill")} - named, set())
        self.assertEqual({rule["alert"] for rule in ALERTS} ^ told, set())

    def test_each_alert_of_a_row_fires_by_what_its_tests_do(self):
        stale = {(trouble.__name__, file) for trouble in TROUBLES for file in trouble.like - {"alerts_test"}}
        for what, files, _, alerts in table():
            with self.subTest(what):
                troubles = [trouble for trouble in TROUBLES if trouble.alerts & alerts and trouble.like & set(files)]
                self.assertEqual(alerts - {alert for trouble in troubles for alert in trouble.alerts}, set(), "nothing here that is like these tests makes it fire")
                if alerts:
                    self.assertEqual(set(files) - {file for trouble in troubles for file in trouble.like}, set(), "nothing here that is like it fires an alert of the row")
                stale -= {(trouble.__name__, file) for trouble in troubles for file in trouble.like & set(files)}
        self.assertEqual(stale, set(), "no row has these tests with an alert of this trouble")

    def test_each_test_of_a_row_looks_at_what_an_alert_of_it_goes_by(self):
        for what, files, _, alerts in table():
            # Whether it is there, and since when, no test asks a metric: it is who ends and starts it.
            metrics = {metric for rule in ALERTS if rule["alert"].removeprefix("Footfall") in alerts
                       for metric in re.findall(r"\b(?:footfall|process)_\w+", rule["expr"])} - {"process_start_time_seconds"}
            for file in files if metrics else ():
                with self.subTest(what, file=file):
                    self.assertTrue(any(re.search(rf"\b{metric}\b", SOURCES[file].read_text()) for metric in metrics), f"none of {sorted(metrics)}")


def table():
    """Of the runbook: (what goes wrong, by which tests, the text on alerts, the alerts that are to fire there, without "Footfall")."""
    text = RUNBOOK.read_text().split("\n## What goes wrong, and which alert tells\n")[1].split("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in re.findall(r"(?m)^\|.*\|$", text)][2:]
    assert len(rows) > 20, rows
    for what, by, alerts in rows:
        yield what, re.findall(r"\w+", by), alerts, set() if alerts.startswith("none: ") else set(re.findall(r"\bFootfall([A-Z]\w+)", alerts))


def hit(daemon, times=1, site=SITE, path="/", address=None, **fields):
    connection = socket.create_connection(address or ("127.0.0.1", daemon.port), timeout=20)
    with connection, connection.makefile("rb") as answers:
        lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
        request = f"GET /hit?site={site}&path={path} HTTP/1.1\r\nHost: x\r\nUser-Agent: {BROWSER % 100}\r\n{lines}\r\n".encode()
        connection.sendall(request * (times - 1) + request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        return answers.read()


def batch(daemon, items, **fields):
    body = "".join(json.dumps({"site": SITE, "path": "/", "agent": BROWSER % 100, **item}) + "\n" for item in items)
    return daemon.request("POST", "/v1/hits", body, Authorization=f"Bearer {daemon.token}", Content_Type="application/x-ndjson", **fields)


class Trouble:
    """A daemon, before anything is wrong with it; and what goes wrong, when Prometheus knows it well."""

    alerts = set()
    like = {"alerts_test"}  # the tests that do the same to a daemon, as the runbook's table has them; this one where there is no other
    options = ()
    job = None  # its own, where an alert is of all who have the same
    prometheus = None  # when it happens

    def __init__(self, stack):
        self.stack = stack
        self.daemon = self.make()
        stack.callback(self.daemon.close)
        self.daemon.start(*self.options)
        self.daemon.add_site(SITE)

    def make(self):
        return Daemon("--threads", "1")

    def happen(self):
        pass

    def daemons(self):
        return [self.daemon]

    def until(self, metric, value):
        until(lambda: self.daemon.metrics()[metric] >= value, lambda: f"{metric} did not come to {value}:\n{self.daemon.log_text()[-2000:]}")

    def until_firing(self, alert):
        fires = f"Footfall{alert}", f"127.0.0.1:{self.daemon.admin_port}"
        until(lambda: fires in self.prometheus.alerts("firing"), f"{alert} does not fire", 60)

    def strace(self, *inject):
        """From here on, and until the end."""
        pid = self.daemon.process.pid
        tracer = subprocess.Popen(["strace", "-f", "-qqq", "-o", "/dev/null", "-p", str(pid), "-e", "trace=fdatasync", "-e", "inject=fdatasync:" + ":".join(inject)])
        self.stack.callback(lambda: (tracer.terminate(), tracer.wait()))
        until(lambda: all(f"\nTracerPid:\t{tracer.pid}\n" in status.read_text() for status in pathlib.Path(f"/proc/{pid}/task").glob("*/status")), "strace is not attached")


class Well(Trouble):
    """Nothing is wrong with it."""

    def happen(self):
        hit(self.daemon, 10)


class Gone(Trouble):
    """It is started again and again, and then no more."""

    alerts = {"Restarting", "Down"}
    like = {"kill_drill", "syscall_kill_drill", "restart_test", "memory_drill", "stuck_thread_drill"}  # the last two: ended by the kernel, by systemd

    def happen(self):
        starts = f'changes(process_start_time_seconds{{instance="127.0.0.1:{self.daemon.admin_port}"}}[15m])'
        for start in range(1, 4):
            self.daemon.stop(signal.SIGKILL)
            self.daemon.start()
            until(lambda: self.prometheus.query(f"{starts} >= {start}"), "Prometheus does not see a start")
        self.daemon.stop(signal.SIGKILL)


class Full(Trouble):
    """Its disk is made smaller, and somebody else fills what is left, at once, and whatever it frees; while it is pinged, and its sites change."""

    alerts = {"JournalStopped", "NotReady", "WriteFailed", "HitsRefused", "DiskFullIn4h", "DiskLow", "ReserveGone", "CheckpointsFail"}
    like = {"disk_full_drill"}

    def __init__(self, stack):
        super().__init__(stack)
        self.until("footfall_checkpoints_total", 1)  # from then on it takes no more room
        self.until("footfall_reserve_bytes", 1)

    def make(self):
        self.at = pathlib.Path(tempfile.mkdtemp(prefix="footfall-full-"))
        self.stack.callback(shutil.rmtree, self.at, True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2g", "tmpfs", self.at], check=True)
        self.stack.callback(subprocess.run, ["umount", "-l", self.at])
        (self.at / "data").mkdir()
        return Daemon("--threads", "1", "--segment-size", str(1 << 20), "--rate-limit", "0", "--checkpoint-interval", "1", directory=self.at / "data")

    def happen(self):
        subprocess.run(["mount", "-o", "remount,size=24m", self.at], check=True)
        ended = threading.Event()
        somebody = threading.Thread(target=self.fill, args=(ended,))
        somebody.start()
        self.stack.callback(lambda: (ended.set(), somebody.join()))
        end = time.monotonic() + 90
        while True:
            hit(self.daemon, 1000)
            for _ in range(50):
                self.daemon.admin("POST", f"/v1/admin/sites/{SITE}/seed", {"add": 1, "reason": "x" * 500})
            metrics = self.daemon.metrics()
            if metrics["footfall_reserve_bytes"] == 0 and metrics["footfall_checkpoint_failures_in_a_row"] >= 3 and metrics["footfall_ready"] == 0:
                break
            if time.monotonic() > end:
                raise AssertionError(self.daemon.log_text()[-3000:])
        for _ in range(6):
            hit(self.daemon, 100)
            time.sleep(0.5)

    def fill(self, ended):
        while not ended.wait(0.002):
            with contextlib.suppress(OSError), open(self.at / "ballast", "ab", buffering=0) as file:
                while True:
                    file.write(b"x" * 4096)


class Failing(Trouble):
    """Its disk answers syncs with errors."""

    alerts = {"SyncFailed", "JournalStopped", "HitsRefused"}
    like = {"fsync_failure_drill"}

    def happen(self):
        self.strace("error=EIO")
        hit(self.daemon)


class Slow(Trouble):
    """Its disk takes five seconds for a sync."""

    alerts = {"SyncStuck", "DiskSlow"}
    like = {"slow_disk_drill"}

    def happen(self):
        self.strace("delay_enter=5000000")
        for _ in range(2):
            hit(self.daemon)


class Hanging(Trouble):
    """Its disk takes longer for a sync than its clients for all that may wait for one."""

    alerts = {"HitsRefused"}
    like = {"slow_disk_drill"}

    def make(self):
        return Daemon("--threads", "1", "--rate-limit", "0", "--checkpoint-interval", "86400")

    def happen(self):
        self.strace("delay_enter=20000000")
        load = Load(self.daemon, 1, connections=2400, pipeline=128)
        try:
            self.until('footfall_hits_rejected_total{reason="overload"}', 10_000)
        finally:
            load.process.kill()
            load.process.communicate()


class Stuck(Trouble):
    """Its shard's thread does not run, until that is told."""

    alerts = {"NotReady"}
    like = {"stuck_thread_drill"}

    def happen(self):
        with Held(self.daemon, "shard-0"):
            self.until_firing("NotReady")


class Stopped(Trouble):
    """It does not run for seven seconds, in which its web server goes on to send lines."""

    alerts = {"Stalled", "SyslogLost"}
    like = {"pause_drill", "syslog_test"}

    def make(self):
        self.syslog = ("127.0.0.1", free_port(socket.SOCK_DGRAM))
        return Daemon("--threads", "1", "--syslog-listen", "%s:%d" % self.syslog, "--syslog-site", SITE, "--syslog-buffer", "4096")

    def happen(self):
        self.daemon.process.send_signal(signal.SIGSTOP)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as web_server:
            for _ in range(1000):
                web_server.sendto(b"<190>Nov 30 00:00:00 web nginx: -", self.syslog)
        time.sleep(7)
        self.daemon.process.send_signal(signal.SIGCONT)


class Damaged(Trouble):
    """A byte of its journal has changed, so it does not start; and somebody starts it all the same."""

    alerts = {"Down", "HitsLostAtStart"}
    like = {"torn_segment_drill"}

    def happen(self):
        for _ in range(2):
            hit(self.daemon)
            self.daemon.stop(signal.SIGKILL)
            self.daemon.start()
        self.daemon.stop(signal.SIGKILL)
        segment = min((self.daemon.directory / "journal" / "hits-000").glob("*.seg"))
        data = bytearray(segment.read_bytes())
        data[4096 + 40] ^= 1  # behind a segment's header and a block's
        segment.write_bytes(data)
        with contextlib.suppress(AssertionError):
            self.daemon.start()
            raise RuntimeError("it was started with a damaged journal")
        self.until_firing("Down")
        self.daemon.start("--accept-loss", "true")


class Flipped(Trouble):
    """A bit of its memory is another."""

    alerts = {"LedgerMismatch"}
    HITS = 7919  # that this number is anything else than a count of these is not likely

    def make(self):
        return Daemon("--threads", "1", "--rate-limit", "0")

    def happen(self):
        hit(self.daemon, self.HITS)
        whole, flipped = self.HITS.to_bytes(8, sys.byteorder), (self.HITS ^ 64).to_bytes(8, sys.byteorder)
        process = pathlib.Path("/proc", str(self.daemon.process.pid))
        with open(process / "mem", "rb+", buffering=0) as memory:
            for first, last in re.findall(r"(?m)^(\w+)-(\w+) rw-p", (process / "maps").read_text()):
                begin, size = int(first, 16), int(last, 16) - int(first, 16)
                if size > 1 << 28:
                    continue
                memory.seek(begin)
                for at in (found.start() for found in re.finditer(re.escape(whole), memory.read(size)) if found.start() % 8 == 0):
                    memory.seek(begin + at)
                    memory.write(flipped)
                    hit(self.daemon)
                    if self.daemon.metrics()["footfall_ledger_mismatch"] > 0:
                        return
        raise AssertionError("no count was found in its memory")


class Seeded(Trouble):
    """Its site is seeded, reset, seeded and the reset undone, as near to 2^64 as that brings it, and then hit."""

    alerts = {"CountSaturated"}
    like = {"great_numbers_test"}

    def make(self):
        return Daemon("--threads", "1", "--checkpoint-interval", "1")

    def happen(self):
        self.change(f"sites/{SITE}/seed", {"total": 2**63 - 1})
        reset = self.change(f"sites/{SITE}/reset", {})
        self.change(f"sites/{SITE}/seed", {"total": 2**63 - 1})
        self.change(f"changes/{reset['id']}/undo", {})
        hit(self.daemon, 5)
        self.until("footfall_saturated_sites", 1)

    def change(self, what, how):
        answer = self.daemon.admin("POST", f"/v1/admin/{what}", how)
        assert answer.status == 200, answer.text
        return answer.json


class Locked(Trouble):
    """Somebody has its history open, and holds it locked, while hits come in."""

    alerts = {"CheckpointsFail", "ReplayLong"}

    def make(self):
        return Daemon("--threads", "1", "--rate-limit", "0", "--checkpoint-interval", "1")

    def happen(self):
        history = self.stack.enter_context(contextlib.closing(sqlite3.connect(self.daemon.directory / "history.sqlite", timeout=30, check_same_thread=False)))
        history.execute("BEGIN EXCLUSIVE")
        while self.daemon.metrics()["footfall_journal_uncovered_bytes"] <= 512 * 1024:
            hit(self.daemon, 5000)
        self.until("footfall_checkpoint_failures_in_a_row", 3)


class Crowded(Trouble):
    """More connections, descriptors, visitors, pages and keys than it may have."""

    alerts = {"ConnectionsFull", "DescriptorsLow", "PresenceFull", "SeriesOverflow", "BatchKeysFull"}
    like = {"connection_flood_drill", "memory_drill", "caps_test", "overload_test", "batch_test"}

    def make(self):
        daemon = Daemon("--threads", "1", "--connections-max", "16", "--online-pairs-max", "1000", "--pages-max", "3", "--batch-keys-max", "1")
        daemon.prefix = ["prlimit", "--nofile=50"]
        return daemon

    def happen(self):
        node = self.visit(1).fields["Footfall-Node"]
        for key in ("a", "b"):
            self.visit(1, Idempotency_Key=f"{node}/{key}")
        for _ in range(2):
            self.visit(2000)
            for n in range(6):
                hit(self.daemon, path=f"/{n}")
            time.sleep(2)  # it looks at how many there are once a second
        self.visit(2000, first=2000)
        for _ in range(8):
            for _ in range(17):
                self.stack.enter_context(socket.create_connection(("127.0.0.1", self.daemon.port)))
            time.sleep(1)

    def visit(self, visitors, first=0, **fields):
        return batch(self.daemon, ({"address": f"10.{n >> 8}.{n & 255}.1"} for n in range(first, first + visitors)), **fields)


class Overwhelmed(Trouble):
    """By costly reads, all at once."""

    alerts = {"Overloaded"}
    like = {"overload_test"}

    def happen(self):
        for first in range(0, 10_000, 2000):
            batch(self.daemon, ({"path": f"/{n}", "address": "10.0.0.1"} for n in range(first, first + 2000)))
        read = f"GET /v1/sites/{SITE}/pages?limit=10000 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.daemon.token}\r\nConnection: close\r\n\r\n".encode()
        for _ in range(20):
            with contextlib.ExitStack() as stack:
                readers = [stack.enter_context(socket.create_connection(("127.0.0.1", self.daemon.port), timeout=60)) for _ in range(300)]
                for reader in readers:
                    reader.sendall(read)
                select.select(readers, [], [], 60)
            if self.daemon.metrics()['footfall_shed_total{kind="read"}'] > 0:
                return
        raise AssertionError("nothing was shed")


class Streaming(Trouble):
    """To readers who take nothing any more."""

    alerts = {"LiveReadersCut"}
    like = {"stopped_streams_drill"}
    READERS, ENOUGH = 150, 110
    PATH = "/" + "%22" * 1023  # of two kilobytes in an event
    SCRIPT = b"GET /footfall.js HTTP/1.1\r\nHost: x\r\n\r\n"
    UNSENT_MAX, LEFT = 64 << 10, 12 << 10  # kOutputMax of daemon/http/connection.h; room for some events

    def make(self):
        return Daemon("--threads", "1", "--rate-limit", "0")

    def connect(self):
        return self.stack.enter_context(socket.create_connection(("127.0.0.1", self.daemon.port), timeout=20))

    def fill(self, readers, times):
        """The room between the daemon and these, by that many answers to each; answers how many there was room for."""
        before = self.answered()
        for n in range(times):
            for reader in readers:
                reader.sendall(self.SCRIPT)
            end = time.monotonic() + 3
            while self.answered() < before + (n + 1) * len(readers):
                if time.monotonic() > end:
                    return n
                time.sleep(0.01)
        return times

    def answered(self):
        return self.daemon.metrics()['footfall_http_requests_total{route="script",code_class="2xx"}']

    def happen(self):
        self.daemon.add_site("live.example", visibility="full")
        hit(self.daemon, site="live.example", path=self.PATH)
        script = self.daemon.get("/footfall.js")
        size = len(script.body) + len(str(script.fields))
        # Behind an answer that is not all sent no stream begins; so many leave a little room.
        times = self.fill([self.connect()], 1000) - (self.UNSENT_MAX + self.LEFT) // size - 1
        readers = [self.connect() for _ in range(self.READERS)]
        self.fill(readers, times)
        for reader in readers:
            reader.sendall(f"GET /v1/sites/live.example/live?path={self.PATH} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        self.until("footfall_live_subscribers", self.ENOUGH)
        end = time.monotonic() + 90
        while self.daemon.metrics()["footfall_live_evicted_total"] < self.ENOUGH:
            hit(self.daemon, site="live.example", path=self.PATH)  # so there is something to tell
            if time.monotonic() > end:
                raise AssertionError("they were not cut")
            time.sleep(0.5)


class Visited(Trouble):
    """By pages of unknown sites, one client that does not end, what is no HTTP, and somebody who guesses a token."""

    alerts = {"HitsRejected", "RateLimited", "ParseErrors", "TokensGuessed"}
    like = {"bad_input_test", "limits_test", "giant_requests_drill", "http_rules_test", "rights_test"}

    def make(self):
        return Daemon("--threads", "1", "--rate-limit", "1", "--rate-burst", "1")

    def happen(self):
        for _ in range(3):
            hit(self.daemon, 100, site="elsewhere.example")
            hit(self.daemon, 100, X_Forwarded_For="10.0.0.1")
            for _ in range(300):
                self.daemon.raw(b"HELLO\r\n\r\n")
            for _ in range(20):  # the rule wants both counters to be there
                self.daemon.admin("GET", "/v1/admin/sites", token=False, Authorization="Bearer wrong")
                self.daemon.get(f"/v1/sites/{SITE}/pages", Authorization="Bearer wrong")
            time.sleep(0.5)


class Dawdled(Trouble):
    """By clients whose requests come a byte at a time, and do not end."""

    alerts = {"ClientsTooSlow"}
    like = {"slow_clients_drill", "pipelining_drill"}
    CLIENTS = 450  # more than one a second, of the five minutes that the rule looks at
    HEAD = b"GET /hit?site=" + SITE.encode() + b"&path=/ HTTP/1.1\r\nHost: x\r\nUser-Agent: " + b"a" * 1000

    def happen(self):
        clients = [self.stack.enter_context(socket.create_connection(("127.0.0.1", self.daemon.port), timeout=20)) for _ in range(self.CLIENTS)]
        end = time.monotonic() + 60
        for sent in range(len(self.HEAD)):
            for client in clients:
                with contextlib.suppress(ConnectionError):  # it was cut
                    client.sendall(self.HEAD[sent:sent + 1])
            if self.daemon.metrics()['footfall_http_timeouts_total{for="head"}'] >= self.CLIENTS:
                return
            if time.monotonic() > end:
                break
            time.sleep(0.5)
        raise AssertionError("they were not cut")


class Proxied(Trouble):
    """By one of which it was not told."""

    alerts = {"UntrustedForwards"}
    like = {"untrusted_proxy_test"}

    def make(self):
        self.address = OUTSIDE, free_port()
        return Daemon("--threads", "1", "--listen", "%s:%d" % self.address)

    def happen(self):
        hit(self.daemon, 10, address=self.address, X_Forwarded_For="198.51.100.1")


class Untrusted(Trouble):
    """It is given a certificate that is over soon, and clients do not know who signed it."""

    alerts = {"TlsExpires", "TlsExpiresSoon", "TlsFailures"}
    like = {"tls_test"}

    def make(self):
        self.at = pathlib.Path(tempfile.mkdtemp(prefix="footfall-tls-"))
        self.stack.callback(shutil.rmtree, self.at)
        certificate, key = make_certificate(self.at, days=90)
        self.port = free_port()
        return Daemon("--threads", "1", "--listen", f"tls:127.0.0.1:{self.port}", "--tls-certificate", str(certificate), "--tls-key", str(key))

    def happen(self):
        make_certificate(self.at, days=1)
        self.daemon.process.send_signal(signal.SIGHUP)
        for _ in range(3):
            for _ in range(5):
                with socket.create_connection(("127.0.0.1", self.port)) as client, contextlib.suppress(ssl.SSLError):
                    ssl.create_default_context().wrap_socket(client, server_hostname="localhost")
            time.sleep(0.5)


class Quiet(Trouble):
    """Its pages do not ping it any more."""

    alerts = {"NoHits"}
    job = "quiet"

    def __init__(self, stack):
        super().__init__(stack)
        self.ended = threading.Event()
        pages = threading.Thread(target=self.ping)
        pages.start()
        stack.callback(lambda: (self.ended.set(), pages.join()))

    def make(self):
        return Daemon("--threads", "1", "--rate-limit", "0")

    def ping(self):
        while not self.ended.wait(1):
            hit(self.daemon, 30)

    def happen(self):
        until(lambda: self.prometheus.query('increase(footfall_hits_received_total{job="quiet"}[10s] offset 10s) > 100'), "it was quiet before")
        self.ended.set()


class Upgraded(Trouble):
    """One of two, to another release, which has its version in another place of the same program."""

    alerts = {"VersionSkew"}
    job = "upgraded"

    def __init__(self, stack):
        super().__init__(stack)
        self.other = Daemon("--threads", "1")
        stack.callback(self.other.close)
        self.other.start()

    def daemons(self):
        return [self.daemon, self.other]

    def version(self):
        return next(re.search(r'version="([^"]+)"', name)[1] for name in self.other.metrics() if name.startswith("footfall_build_info{"))

    def happen(self):
        version = self.version()
        directory = self.stack.enter_context(tempfile.TemporaryDirectory(prefix="footfall-release-"))
        release = pathlib.Path(shutil.copy(BUILD / "footfalld", directory))
        release.write_bytes(release.read_bytes().replace(b"\0%s\0" % version.encode(), b"\0%s\0" % version.translate(str.maketrans("0123456789", "1234567890")).encode()))
        self.other.stop()
        self.other.binary = release
        self.other.start()
        if self.version() == version:
            raise AssertionError(f"{version} is not found in the program")


class Moved(Trouble):
    """Its clock is set an hour forward."""

    alerts = {"ClockStepped"}
    like = {"pause_drill"}

    def make(self):
        self.offset = tempfile.NamedTemporaryFile("w", suffix=".offset")
        self.stack.enter_context(self.offset)
        self.jump(0)
        daemon = Daemon("--threads", "1")
        daemon.environment = {**os.environ, "LD_PRELOAD": glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")[0], "FAKETIME_NO_CACHE": "1",
                              "FAKETIME_TIMESTAMP_FILE": self.offset.name, "DONT_FAKE_MONOTONIC": "1"}
        return daemon

    def jump(self, seconds):
        self.offset.seek(0)
        self.offset.write(f"{seconds:+d}\n")
        self.offset.truncate()
        self.offset.flush()

    def happen(self):
        self.jump(3600)


class Node(Trouble):
    """With a Redis of its own."""

    more = ()  # options

    def make(self):
        self.redis = Redis(append=False)
        self.stack.callback(self.redis.close)
        return Daemon("--threads", "1", "--redis", self.redis.uri, "--node", "a", *self.more)


class Forgotten(Node):
    """Somebody else writes into its Redis, which then loses all that it had, then wants a password, and then is away."""

    alerts = {"ReplicationUnreadable", "RedisLostData", "RedisRefuses", "SnapshotsFail", "RedisDown"}
    like = {"alerts_test", "nodes_drill", "nodes_test", "snapshot_test"}

    def happen(self):
        self.redis.run("HSET", "footfall:{%s}:slots" % SITE, "nonsense", "nonsense")
        hit(self.daemon)
        self.until("footfall_replicated_hits", 1)
        self.until("footfall_replication_unreadable_total", 1)
        self.redis.run("FLUSHALL")
        self.until("footfall_replication_losses_total", 1)
        self.redis.run("CONFIG", "SET", "requirepass", "secret")
        self.redis.run("-a", "secret", "CLIENT", "KILL", "TYPE", "normal")
        for _ in range(3):
            self.daemon.admin("POST", "/v1/admin/snapshots", {})
            time.sleep(1)
        self.redis.kill()


class Behind(Node):
    """Its Redis hangs."""

    alerts = {"ReplicationBehind"}
    like = {"cut_off_drill"}

    def happen(self):
        self.redis.pause()


class Copied(Node):
    """Its machine is put back to an earlier state, and of Redis what says who goes on, but not the numbers: a part of a cluster."""

    alerts = {"NodeCopied"}

    def happen(self):
        hit(self.daemon)
        self.until("footfall_replicated_hits", 1)
        self.daemon.stop()
        earlier = pathlib.Path(self.stack.enter_context(tempfile.TemporaryDirectory(prefix="footfall-earlier-")), "data")
        copy_directory(self.daemon.directory, earlier)
        tickets = self.redis.run("HGETALL", "footfall:{meta}:tickets").splitlines()
        self.daemon.start()
        hit(self.daemon)
        self.until("footfall_replicated_hits", 2)
        self.daemon.stop(signal.SIGKILL)
        shutil.rmtree(self.daemon.directory)
        copy_directory(earlier, self.daemon.directory)
        self.redis.run("HSET", "footfall:{meta}:tickets", *tickets)
        self.daemon.start()


class Ahead(Node):
    """It is moved to a machine whose clock is a minute ahead of Redis's."""

    alerts = {"RedisClock"}
    like = {"clocks_drill"}

    def make(self):
        key = self.stack.enter_context(tempfile.NamedTemporaryFile("w", suffix=".key"))
        key.write("ab" * 32 + "\n")
        key.flush()
        self.more = "--cluster-key", key.name  # who is online by Redis's clock is told among nodes with a key
        return super().make()

    def happen(self):
        self.daemon.stop()
        self.daemon.environment = {**os.environ, "LD_PRELOAD": str(BUILD / "libwrong_clock.so"), "WRONG_CLOCK_S": "60"}
        self.daemon.start()


class Misconfigured(Trouble):
    """Somebody writes nonsense into its configuration, and has it read."""

    alerts = {"ReloadFailed"}
    like = {"config_drill", "reload_test"}

    def make(self):
        self.file = tempfile.NamedTemporaryFile("w", suffix=".toml")
        self.stack.enter_context(self.file)
        return Daemon("--threads", "1", "--config", self.file.name)

    def happen(self):
        self.file.write("rate-limit = many\n")
        self.file.flush()
        self.daemon.process.send_signal(signal.SIGHUP)


class Unread(Trouble):
    """Nobody reads its log."""

    alerts = {"LogLinesDropped"}
    like = {"log_test"}

    def make(self):
        reader, writer = unread()
        for end in reader, writer:
            self.stack.callback(os.close, end)
        daemon = Daemon("--threads", "1", "--log-rate", "0")
        daemon.errors = writer
        return daemon

    def happen(self):
        log_until_lines_are_dropped(self.daemon)


TROUBLES = [Well, Gone, Full, Failing, Slow, Hanging, Stuck, Stopped, Damaged, Flipped, Seeded, Locked, Crowded, Overwhelmed, Streaming, Visited, Dawdled, Proxied, Untrusted,
            Quiet, Upgraded, Moved, Forgotten, Behind, Copied, Ahead, Misconfigured, Unread]


def shortened():
    """The rules as they are here."""
    rules = yaml.safe_load(RULES.read_text())
    for rule in (rule for group in rules["groups"] for rule in group["rules"]):
        if "for" in rule:
            rule["for"] = "1s"
        for shipped, here in SHORTER.get(rule["alert"], {}).items():
            assert shipped in rule["expr"], rule
            rule["expr"] = rule["expr"].replace(shipped, here)
    return yaml.safe_dump(rules)


@unittest.skipUnless(os.geteuid() == 0, "mounts and a network need root")
class Fires(unittest.TestCase):
    def test_real_daemons_go_wrong_and_each_alert_fires(self):
        with contextlib.ExitStack() as stack, concurrent.futures.ThreadPoolExecutor(len(TROUBLES)) as threads:
            troubles = list(threads.map(lambda trouble: trouble(stack), TROUBLES))
            names, jobs = {}, {}  # instance or job -> whose trouble; job -> its instances
            for trouble in troubles:
                instances = [f"127.0.0.1:{daemon.admin_port}" for daemon in trouble.daemons()]
                jobs.setdefault(trouble.job or "footfall", []).extend(instances)
                names |= dict.fromkeys([*instances, *([trouble.job] if trouble.job else [])], type(trouble).__name__)
            prometheus = stack.enter_context(PrometheusServer(jobs, shortened()))
            known = sum(map(len, jobs.values()))
            until(lambda: sum(float(s["value"][1]) for s in prometheus.query("count_over_time(up[1m]) >= bool 3")) == known, "not all are scraped")
            expected = {(f"Footfall{alert}", type(trouble).__name__) for trouble in troubles for alert in trouble.alerts}

            def alerts(*states):
                return {(alert, names.get(subject)) for alert, subject in prometheus.alerts(*states)}

            # None that is to fire does before, or is about to. (Over seconds every disk seems to fill: that passes.)
            quiet_since, end = time.monotonic(), time.monotonic() + 60
            while time.monotonic() < quiet_since + 3:
                if early := expected & alerts("pending", "firing"):
                    quiet_since = time.monotonic()
                    self.assertLess(quiet_since, end, f"before anything happened: {sorted(early)}")
                time.sleep(0.3)

            for trouble in troubles:
                trouble.prometheus = prometheus
            happening = [threads.submit(trouble.happen) for trouble in troubles]
            seen, end = set(), time.monotonic() + 150
            while expected - seen and time.monotonic() < end:
                seen |= alerts("firing")
                if any(done.done() and done.exception() for done in happening):
                    break
                time.sleep(0.3)
            for done in happening:
                done.result()
            self.assertEqual(expected - seen, set(), f"besides these fired: {sorted((alert, str(name)) for alert, name in seen - expected)}")
            self.assertEqual([alert for alert, name in sorted(seen, key=str) if name == "Well" and alert != "FootfallDiskFullIn4h"], [])


if __name__ == "__main__":
    if not (shutil.which("promtool") and shutil.which("prometheus")):
        print("promtool and prometheus are not installed (package prometheus): skipped")
        sys.exit(SKIPPED)
    if os.geteuid() == 0:
        enter_own_network()
        ip("address", "add", f"{OUTSIDE}/32", "dev", "lo")
    unittest.main(verbosity=2)
