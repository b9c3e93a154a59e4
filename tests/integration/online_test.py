# SPDX-License-Identifier: Apache-2.0
"""Who is online while visitors come, return and expire: after each batch the site and its pages equal a recount of all hits.

Hits say their own second, and an answer says at which second it was made, so nothing depends on how fast the machine is.
FOOTFALL_SEED sets the seed."""
import datetime
import json
import os
import random
import signal
import time
import unittest

from footfall import BROWSER, Daemon

SITE = "example.org"
WINDOW_S = 15
SECONDS = 25
PAGES, VISITORS = 5, 120
SEED = int(os.environ.get("FOOTFALL_SEED", random.SystemRandom().randrange(1 << 32)))


class Online(unittest.TestCase):
    def setUp(self):
        print(f"FOOTFALL_SEED={SEED}", flush=True)
        self.rng = random.Random(SEED)
        self.daemon = Daemon("--threads", "2", "--checkpoint-interval", "2")
        self.addCleanup(self.daemon.close)
        self.daemon.start()
        self.daemon.add_site(SITE, window_s=WINDOW_S, visibility="full")
        self.latest = {}  # (visitor, page or None for the site) -> the second of the latest hit
        self.counted = 0

    def send(self, count):
        lines = []
        for _ in range(count):
            visitor, page = self.rng.randrange(VISITORS), self.rng.randrange(PAGES)
            # Up to the window late and beyond it; a late hit never moves a visitor backwards.
            at_s = int(time.time()) - 1 - self.rng.randrange(2 * WINDOW_S)
            lines.append(json.dumps({"site": SITE, "path": f"/page/{page}", "time": at_s, "address": f"10.1.0.{visitor}", "agent": BROWSER % 120}))
            for key in ((visitor, None), (visitor, page)):
                self.latest[key] = max(self.latest.get(key, 0), at_s)
        answer = self.daemon.request("POST", "/v1/hits", "\n".join(lines), Content_Type="application/x-ndjson",
                                     Authorization=f"Bearer {self.daemon.token}")
        self.assertEqual((answer.status, answer.json["accepted"]), (200, count), answer.text)
        self.counted += count

    def online_at(self, now_s, page=None):
        return sum(1 for (_, of), at_s in self.latest.items() if of == page and now_s - WINDOW_S < at_s <= now_s)

    def check(self):
        """How many of the visitors that were here have expired."""
        for page in (None, *range(PAGES)):
            stats = self.daemon.stats(SITE, None if page is None else f"/page/{page}")
            now_s = int(datetime.datetime.fromisoformat(stats["as_of"]).timestamp())
            self.assertEqual(stats["online"] if page is None else stats["page"]["online"], self.online_at(now_s, page), f"page {page} at {now_s}")
        self.assertEqual(self.daemon.stats(SITE)["counted"], self.counted)
        return sum(1 for (_, of), at_s in self.latest.items() if of is None and at_s <= now_s - WINDOW_S)

    def test_who_is_online_equals_a_recount_of_all_hits(self):
        end, expired = time.monotonic() + SECONDS, 0
        killed = False
        while time.monotonic() < end:
            # Fewer and fewer, so that the window empties.
            left = (end - time.monotonic()) / SECONDS
            if left > 0.4:
                self.send(1 + self.rng.randrange(12))
            if left < 0.5 and not killed:
                killed = True
                self.daemon.stop(signal.SIGKILL)
                self.daemon.start()
            expired = max(expired, self.check())
            time.sleep(0.1)
        self.assertGreater(expired, VISITORS // 2)
        self.assertEqual(self.online_at(int(time.time()) + WINDOW_S), 0, "the oracle's own end")


if __name__ == "__main__":
    unittest.main(verbosity=2)
