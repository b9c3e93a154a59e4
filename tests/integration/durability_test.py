# SPDX-License-Identifier: Apache-2.0
"""What `kernel` durability leaves to a power cut: what came since the last sync, which --sync-interval bounds."""
import time
import unittest

from footfall import Daemon

SITE = "example.org"


class SyncInterval(unittest.TestCase):
    def start(self, seconds):
        daemon = Daemon("--threads", "1", "--durability", "kernel", "--sync-interval", str(seconds), "--checkpoint-interval", "86400")
        self.addCleanup(daemon.close)
        daemon.start()
        daemon.add_site(SITE)
        return daemon

    def until_synced(self, daemon):
        end = time.monotonic() + 60
        while daemon.metrics()["footfall_unsynced_hits"] > 0:
            self.assertLess(time.monotonic(), end, "no sync came")
            time.sleep(0.05)

    def test_each_second_all_is_synced(self):
        daemon = self.start(1)
        for n in range(3):
            daemon.hit(SITE, visitor=n)
            self.until_synced(daemon)
        self.assertEqual(daemon.metrics()["footfall_hits_durable_total"], 3)

    def test_a_longer_one_is_waited_for(self):
        daemon = self.start(3600)
        daemon.hit(SITE)
        self.until_synced(daemon)  # the first is due at once
        daemon.hit(SITE, visitor=1)
        time.sleep(2.5)  # ticks of the shard, none of which may sync
        self.assertEqual(daemon.metrics()["footfall_unsynced_hits"], 1)
        daemon.stop()
        daemon.start()
        self.assertEqual(daemon.stats(SITE)["counted"], 2)


if __name__ == "__main__":
    unittest.main()
