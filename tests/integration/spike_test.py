# SPDX-License-Identifier: Apache-2.0
"""A minute with far more hits than is usual is told, in the stats of who may read all, in /metrics and in the log, and every hit of it stays. The
daemon's wall clock is wrong (tests/drills/wrong_clock.cc), so that its minute ends soon."""
import datetime
import json
import os
import signal
import time
import unittest

from footfall import BROWSER, BUILD, Daemon
from redis_server import until

SITE, QUIET = "example.org", "quiet.example"
USUAL, SPIKE = 10, 400  # hits in a minute
MINUTES = 180  # that are looked at for what is usual


class Spike(unittest.TestCase):
    def send(self, daemon, minutes):
        """A page's hits as a batch; minutes: (site, UTC second, hits)"""
        items = [{"site": site, "path": "/", "time": at, "address": f"10.1.{n >> 8}.{n & 255}", "agent": BROWSER % 120} for site, at, hits in minutes for n in range(hits)]
        body = "".join(json.dumps(item) + "\n" for item in items)
        answer = daemon.request("POST", "/v1/hits", body, Content_Type="application/x-ndjson", Authorization=f"Bearer {daemon.token}")
        self.assertEqual((answer.status, answer.json["accepted"]), (200, len(items)), answer.text)

    def series(self, daemon, minute_s):
        answer = daemon.get(f"/v1/sites/{SITE}/series?step=minute&from={minute_s}&to={minute_s + 60}", Authorization=f"Bearer {daemon.token}")
        return answer.json["points"]

    def test_it_is_told_and_every_hit_of_it_stays(self):
        for lead_s in (10, 40):  # a slow machine needs more
            if self.in_a_minute_that_ends(lead_s):
                return
        self.fail("the hits were not sent before their minute was over")

    def in_a_minute_that_ends(self, lead_s):
        """False: before they were sent."""
        offset = int(-(time.time() + lead_s) % 60)
        daemon = Daemon("--threads", "2", "--rate-limit", "0")
        daemon.environment = {**os.environ, "LD_PRELOAD": str(BUILD / "libwrong_clock.so"), "WRONG_CLOCK_S": str(offset)}
        self.addCleanup(daemon.close)
        daemon.start()
        for site in (SITE, QUIET):
            daemon.add_site(site)
        minute_s = int(time.time() + offset) // 60 * 60
        self.send(daemon, [(SITE, minute_s - 60 * n, USUAL) for n in range(1, MINUTES + 1)] + [(SITE, minute_s, SPIKE), (QUIET, minute_s, USUAL)])
        if time.time() + offset >= minute_s + 60:
            return False

        until(lambda: daemon.stats(SITE)["spike"], "no spike is told")
        spike = daemon.stats(SITE)["spike"]
        self.assertEqual((datetime.datetime.fromisoformat(spike["at"]).timestamp(), spike["hits"], spike["usual"]), (minute_s, SPIKE, USUAL))
        until(lambda: daemon.metrics()["footfall_sites_in_spike"] == 1, "no spike is in the metrics")
        until(lambda: f"site {SITE}: {SPIKE} hits in a minute, where {USUAL} are usual: a spike" in daemon.log_text(), "no spike is in the log")
        self.assertNotIn("spike", daemon.get(f"/v1/sites/{SITE}/stats").json, "nobody is told who may not read all")
        self.assertIsNone(daemon.stats(QUIET)["spike"])

        # It is counted as any other, and so is who comes meanwhile.
        counted = MINUTES * USUAL + SPIKE + 1
        self.assertEqual(daemon.hit(SITE, visitor=1).status, 204)
        self.assertEqual(daemon.stats(SITE)["counted"], counted)
        self.assertEqual(self.series(daemon, minute_s), [[minute_s, SPIKE]])
        self.assertEqual(sum(value for name, value in daemon.metrics().items() if name.startswith("footfall_hits_rejected_total")), 0)

        # Over when nobody is there any more; then, and after a kill, the hits are all there.
        self.assertEqual(daemon.admin("PUT", f"/v1/admin/sites/{SITE}", {"window_s": 15}).status, 200)
        until(lambda: daemon.metrics()["footfall_sites_in_spike"] == 0, "the spike does not end")
        self.assertIsNone(daemon.stats(SITE)["spike"])
        until(lambda: f"site {SITE}: the spike is over" in daemon.log_text(), "that it is over is not told")
        for again in (False, True):
            if again:
                daemon.stop(signal.SIGKILL)
                daemon.start()
            self.assertEqual((daemon.stats(SITE)["counted"], self.series(daemon, minute_s)), (counted, [[minute_s, SPIKE]]))
        return True


if __name__ == "__main__":
    unittest.main(verbosity=2)
