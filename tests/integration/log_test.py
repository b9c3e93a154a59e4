# SPDX-License-Identifier: Apache-2.0
"""The log, as whoever runs footfalld meets it: where nobody reads it, and where a program does."""
import contextlib
import fcntl
import http.client
import json
import os
import re
import subprocess
import tempfile
import time
import unittest

from footfall import ROOT, Daemon, free_port

SITE = "example.org"
DEADLINE_S = 60


def unread():
    """The ends of a pipe that is full soon."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    return reader, writer


def log_until_lines_are_dropped(daemon):
    """Each setting of the log's level is a line."""
    end = time.monotonic() + DEADLINE_S
    connection = http.client.HTTPConnection("127.0.0.1", daemon.admin_port, timeout=20)
    fields = {"Authorization": f"Bearer {daemon.token}"}
    with contextlib.closing(connection):
        while daemon.metrics()["footfall_log_lines_dropped_total"] == 0:
            if time.monotonic() > end:
                raise AssertionError("no line was dropped")
            for _ in range(500):
                connection.request("PUT", "/v1/admin/log-level", json.dumps({"level": "debug"}), fields)
                answer = connection.getresponse()
                answer.read()
                assert answer.status == 200, answer.status


class Unread(unittest.TestCase):
    """Standard error is a pipe that nobody reads, and it is full."""

    def setUp(self):
        reader, writer = unread()
        for end in reader, writer:
            self.addCleanup(os.close, end)
        self.daemon = Daemon("--threads", "1", "--log-level", "debug", "--log-rate", "0")
        self.daemon.errors = writer
        self.addCleanup(self.daemon.close)
        self.daemon.start()
        self.daemon.add_site(SITE)
        log_until_lines_are_dropped(self.daemon)

    def test_it_counts_and_ends_all_the_same(self):
        for visitor in range(20):
            self.assertEqual(self.daemon.hit(SITE, "/", visitor).status, 204)
        self.assertEqual(self.daemon.stats(SITE)["total"], 20)
        self.daemon.stop()
        self.daemon.start()
        self.assertEqual(self.daemon.stats(SITE)["total"], 20)

    def test_it_is_taken_over_from_and_ends(self):
        self.assertEqual(self.daemon.hit(SITE).status, 204)
        self.daemon.take_over()
        self.assertEqual(self.daemon.hit(SITE).status, 204)
        self.assertEqual(self.daemon.stats(SITE)["total"], 2)
        self.daemon.stop()


class Json(unittest.TestCase):
    def setUp(self):
        self.config = tempfile.NamedTemporaryFile("w", suffix=".toml")
        self.addCleanup(self.config.close)
        self.daemon = Daemon("--threads", "1", "--config", self.config.name)
        self.addCleanup(self.daemon.close)

    def configure(self, text):
        self.config.seek(0)
        self.config.truncate()
        self.config.write(text)
        self.config.flush()

    def lines(self):
        return [json.loads(line) for line in self.daemon.log_text().split("\n")[:-1]]

    def test_each_line_of_a_run_is_an_object(self):
        self.configure('log-format = "json"\nlog-level = "debug"\n')
        self.daemon.start()
        self.daemon.add_site(SITE)
        self.daemon.hit(SITE)
        self.assertEqual(self.daemon.admin("POST", f"/v1/admin/sites/{SITE}/reset", {"reason": "a \"quote\"\n\x1b[2J \u2028"}, Idempotency_Key="first").status, 200)
        self.configure('log-format = "json"\nlog-level = "loud\\u001b"\n')
        self.assertEqual(self.daemon.admin("POST", "/v1/admin/reload").status, 409)
        self.daemon.stop()
        lines = self.lines()
        for line in lines:
            self.assertEqual(list(line), ["time", "level", "event", "message"])
            self.assertRegex(line["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
            self.assertIn(line["level"], ("debug", "info", "warning", "error"))
        events = [line["event"] for line in lines]
        for event in ("started", "listening", "admin_change", "reload_failed", "signal_stop"):
            self.assertIn(event, events)
        self.assertEqual(events[-1], "stopped")
        self.assertIn("loud\x1b", next(line["message"] for line in lines if line["event"] == "reload_failed"))

    def test_a_start_that_fails_says_why_in_the_same_way(self):
        self.configure('log-format = "json"\n')
        self.daemon.start()
        other = subprocess.run([*self.daemon.command, "--listen", f"127.0.0.1:{free_port()}"], stderr=subprocess.PIPE, text=True, timeout=30)
        self.assertEqual(other.returncode, 1)
        last = json.loads(other.stderr.splitlines()[-1])
        self.assertEqual((last["level"], last["event"]), ("error", "start_failed"))
        self.assertIn("another process uses the data directory", last["message"])

    def test_a_reload_changes_the_format_and_the_limit(self):
        self.daemon.start()
        self.configure('log-format = "json"\nlog-rate = 2\n')
        self.assertEqual(self.daemon.admin("POST", "/v1/admin/reload").json["applied"], ["log-format", "log-rate"])
        for _ in range(10):
            self.daemon.admin("PUT", "/v1/admin/log-level", {"level": "info"})
        self.assertEqual(self.daemon.metrics()["footfall_log_lines_suppressed_total"], 8)
        self.daemon.stop()
        text = self.daemon.log_text()
        self.assertEqual(text.count('"event":"admin_log_level"'), 2)
        self.assertNotIn("{", text.split("reloaded: ")[0].rsplit("\n", 1)[0], "before the reload it was text")


class Events(unittest.TestCase):
    def test_the_runbook_lists_them(self):
        source = "".join(path.read_text() for path in (ROOT / "daemon").rglob("*.cc"))
        calls = re.findall(r'log::(?:debug|info|warning|error)\(\s*"(\w+)"', source) + re.findall(r'log::write\([^"]*"(\w+)"', source)
        used = set(calls) | {"start_failed"}  # main() writes it
        self.assertGreater(len(used), 40)
        listed = (ROOT / "deploy" / "runbook.md").read_text().split("## Events of the log")[1].split("```")[1].split()
        self.assertEqual(listed, sorted(used))


if __name__ == "__main__":
    unittest.main(verbosity=2)
