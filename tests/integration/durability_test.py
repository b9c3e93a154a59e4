# SPDX-License-Identifier: Apache-2.0
"""What `kernel` durability leaves to a power cut: what came since the last sync, which --sync-interval bounds."""
import json
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

    def test_a_part_of_an_import_is_answered_when_it_is_on_the_device(self):
        daemon = self.start(3600)
        daemon.hit(SITE)
        self.until_synced(daemon)  # the first is due at once
        daemon.hit(SITE, visitor=1)
        self.assertEqual(daemon.metrics()["footfall_unsynced_hits"], 1)
        self.assertEqual(daemon.admin("POST", "/v1/admin/imports", {"site": SITE, "source": "a.log"}).status, 201)
        line = json.dumps({"site": SITE, "path": "/", "time": int(time.time()) - 60, "address": "192.0.2.1", "agent": "log"})
        for position in (1, 2):
            part = daemon.request("POST", f"/v1/hits?source=a.log&position={position}", line, Authorization=f"Bearer {daemon.token}", Content_Type="application/x-ndjson")
            self.assertEqual(part.status, 200, part.text)
            self.assertEqual(daemon.metrics()["footfall_unsynced_hits"], 0)
        self.assertEqual(daemon.stats(SITE)["counted"], 4)
        self.assertEqual(daemon.metrics()["footfall_ledger_mismatch"], 0)


if __name__ == "__main__":
    unittest.main()
