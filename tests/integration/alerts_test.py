# SPDX-License-Identifier: Apache-2.0
"""deploy/prometheus/alerts.yml: sound by promtool, each with a case and a page of the runbook; and real daemons go wrong in front of a real
Prometheus, which has to say so. `for:` is a second there, all else is as it is shipped.

What takes longer than a test may, or cannot be made to happen (a ledger that does not balance), has its case in alerts.yml alone."""
import concurrent.futures
import contextlib
import glob
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import unittest

import yaml

from footfall import BROWSER, ROOT, SKIPPED, Daemon, free_port
from log_test import log_until_lines_are_dropped, unread
from prometheus_server import PrometheusServer
from redis_server import Redis
from tls_test import make_certificate

SITE = "example.org"
RULES = ROOT / "deploy" / "prometheus" / "alerts.yml"
RUNBOOK = ROOT / "deploy" / "runbook.md"
CASES = ROOT / "tests" / "integration" / "alerts.yml"
ALERTS = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


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


def hit(daemon, times=1, site=SITE, path="/", **fields):
    connection = socket.create_connection(("127.0.0.1", daemon.port), timeout=20)
    with connection, connection.makefile("rb") as answers:
        lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
        request = f"GET /hit?site={site}&path={path} HTTP/1.1\r\nHost: x\r\nUser-Agent: {BROWSER % 100}\r\n{lines}\r\n".encode()
        connection.sendall(request * (times - 1) + request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        return answers.read()


class Trouble:
    """A daemon, before anything is wrong with it; and what goes wrong, when Prometheus knows it well."""

    alerts = set()
    options = ()

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

    def strace(self, *inject):
        """From here on, and until the end."""
        tracer = subprocess.Popen(["strace", "-f", "-qqq", "-o", "/dev/null", "-p", str(self.daemon.process.pid), "-e", "trace=fdatasync",
                                   "-e", "inject=fdatasync:" + ":".join(inject)])
        self.stack.callback(lambda: (tracer.terminate(), tracer.wait()))
        time.sleep(1)  # until it is attached


class Well(Trouble):
    """Nothing is wrong with it."""

    def happen(self):
        hit(self.daemon, 10)


class Gone(Trouble):
    """It is started again and again, and then no more."""

    alerts = {"Restarting", "Down"}

    def happen(self):
        for _ in range(3):
            self.daemon.stop(signal.SIGKILL)
            self.daemon.start()
            time.sleep(1.5)
        self.daemon.stop(signal.SIGKILL)


class Full(Trouble):
    """Somebody else fills its disk."""

    alerts = {"JournalStopped", "NotReady", "WriteFailed", "HitsRefused", "DiskFullIn4h", "DiskLow"}

    def make(self):
        at = pathlib.Path(tempfile.mkdtemp(prefix="footfall-full-"))
        self.stack.callback(shutil.rmtree, at, True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", at], check=True)
        self.stack.callback(subprocess.run, ["umount", "-l", at])
        self.ballast = at / "ballast"
        (at / "data").mkdir()
        return Daemon("--threads", "1", "--segment-size", str(1 << 20), "--rate-limit", "0", directory=at / "data")

    def happen(self):
        for _ in range(200):
            with open(self.ballast, "ab", buffering=0) as file, contextlib.suppress(OSError):
                while True:
                    file.write(b"x" * 4096)
            hit(self.daemon, 1000)
            if self.daemon.metrics()["footfall_journal_streams_failed"] > 0:
                break
        for _ in range(6):
            hit(self.daemon, 100)
            time.sleep(0.5)


class Failing(Trouble):
    """Its disk answers syncs with errors."""

    alerts = {"SyncFailed"}

    def happen(self):
        self.strace("error=EIO")
        hit(self.daemon)


class Slow(Trouble):
    """Its disk takes five seconds for a sync."""

    alerts = {"SyncStuck", "DiskSlow"}

    def happen(self):
        self.strace("delay_enter=5000000")
        for _ in range(2):
            hit(self.daemon)


class Stopped(Trouble):
    """It does not run for seven seconds, in which its web server goes on to send lines."""

    alerts = {"Stalled", "SyslogLost"}

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
    """A byte of its journal has changed, and somebody starts it all the same."""

    alerts = {"HitsLostAtStart"}

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
        self.daemon.start("--accept-loss", "true")


class Crowded(Trouble):
    """More connections, descriptors, visitors, pages and keys than it may have."""

    alerts = {"ConnectionsFull", "DescriptorsLow", "PresenceFull", "SeriesOverflow", "BatchKeysFull"}

    def make(self):
        daemon = Daemon("--threads", "1", "--connections-max", "16", "--online-pairs-max", "1000", "--pages-max", "3", "--batch-keys-max", "1")
        daemon.prefix = ["prlimit", "--nofile=50"]
        return daemon

    def happen(self):
        node = self.batch(1).fields["Footfall-Node"]
        for key in ("a", "b"):
            self.batch(1, Idempotency_Key=f"{node}/{key}")
        for _ in range(2):
            self.batch(2000)
            for n in range(6):
                hit(self.daemon, path=f"/{n}")
            time.sleep(2)  # it looks at how many there are once a second
        self.batch(2000, first=2000)
        for _ in range(8):
            for _ in range(17):
                self.stack.enter_context(socket.create_connection(("127.0.0.1", self.daemon.port)))
            time.sleep(1)

    def batch(self, visitors, first=0, **fields):
        items = "".join(json.dumps({"site": SITE, "path": "/", "address": f"10.{n >> 8}.{n & 255}.1", "agent": BROWSER % 100}) + "\n"
                        for n in range(first, first + visitors))
        return self.daemon.request("POST", "/v1/hits", items, Authorization=f"Bearer {self.daemon.token}", Content_Type="application/x-ndjson", **fields)


class Visited(Trouble):
    """By pages of unknown sites, one client that does not end, what is no HTTP, and somebody who guesses a token."""

    alerts = {"HitsRejected", "RateLimited", "ParseErrors", "TokensGuessed"}

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


class Untrusted(Trouble):
    """Its certificate is over soon, and clients do not know who signed it."""

    alerts = {"TlsExpires", "TlsExpiresSoon", "TlsFailures"}

    def make(self):
        at = pathlib.Path(tempfile.mkdtemp(prefix="footfall-tls-"))
        self.stack.callback(shutil.rmtree, at)
        certificate, key = make_certificate(at, days=1)
        self.port = free_port()
        return Daemon("--threads", "1", "--listen", f"tls:127.0.0.1:{self.port}", "--tls-certificate", str(certificate), "--tls-key", str(key))

    def happen(self):
        for _ in range(3):
            for _ in range(5):
                with socket.create_connection(("127.0.0.1", self.port)) as client, contextlib.suppress(ssl.SSLError):
                    ssl.create_default_context().wrap_socket(client, server_hostname="localhost")
            time.sleep(0.5)


class Moved(Trouble):
    """Its clock is set an hour forward."""

    alerts = {"ClockStepped"}

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


class Forgotten(Trouble):
    """Its Redis loses all that it had, then wants a password, and then is away."""

    alerts = {"RedisLostData", "RedisRefuses", "SnapshotsFail", "RedisDown"}

    def make(self):
        self.redis = Redis(append=False)
        self.stack.callback(self.redis.close)
        return Daemon("--threads", "1", "--redis", f"redis://127.0.0.1:{self.redis.port}", "--node", "a")

    def happen(self):
        hit(self.daemon)
        self.until("footfall_replicated_hits", 1)
        self.redis.run("FLUSHALL")
        self.until("footfall_replication_losses_total", 1)
        self.redis.run("CONFIG", "SET", "requirepass", "secret")
        self.redis.run("-a", "secret", "CLIENT", "KILL", "TYPE", "normal")
        for _ in range(3):
            self.daemon.admin("POST", "/v1/admin/snapshots", {})
            time.sleep(1)
        self.redis.kill()

    def until(self, metric, value):
        for _ in range(200):
            if self.daemon.metrics()[metric] >= value:
                return
            time.sleep(0.1)
        raise AssertionError(f"{metric} did not come to {value}")


class Misconfigured(Trouble):
    """Somebody writes nonsense into its configuration, and has it read."""

    alerts = {"ReloadFailed"}

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

    def make(self):
        reader, writer = unread()
        for end in reader, writer:
            self.stack.callback(os.close, end)
        daemon = Daemon("--threads", "1", "--log-rate", "0")
        daemon.errors = writer
        return daemon

    def happen(self):
        log_until_lines_are_dropped(self.daemon)


TROUBLES = [Well, Gone, Full, Failing, Slow, Stopped, Damaged, Crowded, Visited, Untrusted, Moved, Forgotten, Misconfigured, Unread]


class Fires(unittest.TestCase):
    def test_real_daemons_go_wrong_and_each_alert_fires(self):
        rules = yaml.safe_load(RULES.read_text())
        for rule in (rule for group in rules["groups"] for rule in group["rules"]):
            if "for" in rule:
                rule["for"] = "1s"
        with contextlib.ExitStack() as stack, concurrent.futures.ThreadPoolExecutor(len(TROUBLES)) as threads:
            troubles = list(threads.map(lambda trouble: trouble(stack), TROUBLES))
            names = {f"127.0.0.1:{trouble.daemon.admin_port}": type(trouble).__name__ for trouble in troubles}
            prometheus = stack.enter_context(PrometheusServer(list(names), yaml.safe_dump(rules)))
            while sum(float(s["value"][1]) for s in prometheus.query("count_over_time(up[1m]) >= bool 3")) < len(names):
                time.sleep(0.2)
            happening = [threads.submit(trouble.happen) for trouble in troubles]
            expected = {(f"Footfall{alert}", type(trouble).__name__) for trouble in troubles for alert in trouble.alerts}
            seen, end = set(), time.monotonic() + 60
            while expected - seen and time.monotonic() < end:
                seen |= {(alert, names.get(instance)) for alert, instance in prometheus.firing()}
                time.sleep(0.3)
            for done in happening:
                done.result()
            self.assertEqual(expected - seen, set(), f"besides these fired: {sorted(seen - expected)}")
            # Over seconds every disk seems to fill.
            self.assertEqual([alert for alert, name in sorted(seen) if name == "Well" and alert != "FootfallDiskFullIn4h"], [])


if __name__ == "__main__":
    if not (shutil.which("promtool") and shutil.which("prometheus")):
        print("promtool and prometheus are not installed (package prometheus): skipped")
        sys.exit(SKIPPED)
    unittest.main(verbosity=2)
