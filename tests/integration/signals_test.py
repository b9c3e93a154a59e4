# SPDX-License-Identifier: Apache-2.0
"""What signals do to a running daemon, and what is there after them."""
import json
import signal
import time
import unittest

from footfall import BROWSER, Daemon

SITE = "example.org"


class Signals(unittest.TestCase):
    def setUp(self):
        self.daemon = Daemon("--threads", "2")
        self.addCleanup(self.daemon.close)
        self.daemon.start()
        self.daemon.add_site(SITE, visibility="full")

    def test_a_peak_that_readers_saw_is_there_after_a_stop_in_its_second(self):
        # Late hits of visitors who are in their window for one second more: that second alone can see them, and a hit in it
        # has moved the site's clock there before.
        self.daemon.add_site("short.example", window_s=15, visibility="full")
        for attempt in range(20):
            time.sleep(1 - time.time() % 1)
            self.daemon.hit("short.example", "/", 1)
            items = [json.dumps({"site": "short.example", "path": "/", "time": int(time.time()) - 14, "address": f"10.{attempt}.0.{visitor}", "agent": BROWSER % 120})
                     for visitor in range(30)]
            answer = self.daemon.request("POST", "/v1/hits", "\n".join(items), Content_Type="application/x-ndjson", Authorization=f"Bearer {self.daemon.token}")
            self.assertEqual(answer.json["accepted"], 30)
            shown = self.daemon.stats("short.example")["online"]
            self.daemon.stop()
            time.sleep(1.1 - time.time() % 1)  # when they are gone
            self.daemon.start()
            if shown == 31:
                break
        self.assertEqual(shown, 31, "this machine was never fast enough")
        stats = self.daemon.stats("short.example")
        self.assertEqual((stats["peak"]["online"], stats["peak_today"]["online"]), (31, 31))

    def test_a_hangup_is_said_and_stops_nothing(self):
        self.assertEqual(self.daemon.hit(SITE, "/", 1).status, 204)
        for _ in range(2):
            self.daemon.process.send_signal(signal.SIGHUP)
            deadline = time.monotonic() + 10
            while "reloaded: " not in self.daemon.log_text() and time.monotonic() < deadline:
                self.assertIsNone(self.daemon.process.poll(), "it ended")
                time.sleep(0.02)
        self.assertIn("reloaded: no option has changed", self.daemon.log_text())
        self.assertEqual(self.daemon.hit(SITE, "/", 2).status, 204)
        self.daemon.stop()
        self.daemon.start()
        self.assertEqual(self.daemon.stats(SITE)["counted"], 2)


if __name__ == "__main__":
    unittest.main(verbosity=2)
