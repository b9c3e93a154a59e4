# SPDX-License-Identifier: Apache-2.0
"""What signals do to a running daemon, and what is there after them."""
import signal
import time
import unittest

from footfall import Daemon

SITE = "example.org"


class Signals(unittest.TestCase):
    def setUp(self):
        self.daemon = Daemon("--threads", "2")
        self.addCleanup(self.daemon.close)
        self.daemon.start()
        self.daemon.add_site(SITE, visibility="full")

    def test_a_peak_that_readers_saw_is_there_after_a_stop_in_its_second(self):
        for visitor in range(30):
            self.assertEqual(self.daemon.hit(SITE, "/", visitor).status, 204)
        self.assertEqual(self.daemon.stats(SITE)["online"], 30)
        self.daemon.stop()
        self.daemon.start()
        # From here on nobody comes, so that whatever is seen later is not more.
        self.assertEqual(self.daemon.stats(SITE)["peak"]["online"], 30)
        self.assertEqual(self.daemon.stats(SITE)["peak_today"]["online"], 30)

    def test_a_hangup_is_said_and_stops_nothing(self):
        self.assertEqual(self.daemon.hit(SITE, "/", 1).status, 204)
        for _ in range(2):
            self.daemon.process.send_signal(signal.SIGHUP)
            deadline = time.monotonic() + 10
            while "received SIGHUP" not in self.daemon.log_text() and time.monotonic() < deadline:
                self.assertIsNone(self.daemon.process.poll(), "it ended")
                time.sleep(0.02)
        self.assertIn("received SIGHUP: nothing can be reloaded yet", self.daemon.log_text())
        self.assertEqual(self.daemon.hit(SITE, "/", 2).status, 204)
        self.daemon.stop()
        self.daemon.start()
        self.assertEqual(self.daemon.stats(SITE)["counted"], 2)


if __name__ == "__main__":
    unittest.main(verbosity=2)
