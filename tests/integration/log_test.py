# SPDX-License-Identifier: Apache-2.0
"""The log, as whoever runs footfalld meets it: where nobody reads it."""
import contextlib
import fcntl
import http.client
import json
import os
import time
import unittest

from footfall import Daemon

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
        self.daemon = Daemon("--threads", "1", "--log-level", "debug")
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


if __name__ == "__main__":
    unittest.main(verbosity=2)
