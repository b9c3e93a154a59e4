# SPDX-License-Identifier: Apache-2.0
"""Ranked lists and a page's series over days that are open, that a checkpoint is closing, and that are in the history."""
import collections
import datetime
import json
import random
import time
import unittest

from footfall import BROWSER, Daemon

SITE = "example.vn"
DAYS = 9


class Top(unittest.TestCase):
    def setUp(self):
        self.seed = random.SystemRandom().randrange(1 << 32)
        print("rng_seed", self.seed, flush=True)
        self.daemon = Daemon("--threads", "2", "--checkpoint-interval", "1").start()
        self.addCleanup(self.daemon.close)
        self.daemon.add_site(SITE, visibility="full")

    def send(self, items):
        body = "".join(json.dumps(item) + "\n" for item in items).encode()
        answer = self.daemon.request("POST", "/v1/hits", body, Content_Type="application/x-ndjson", Authorization=f"Bearer {self.daemon.token}")
        self.assertEqual((answer.status, answer.json["rejected_total"]), (200, 0), answer.text)

    def top(self, dimension, **query):
        answer = self.daemon.get(f"/v1/sites/{SITE}/top/{dimension}?" + "&".join(f"{key}={value}" for key, value in query.items()))
        self.assertEqual(answer.status, 200, answer.text)
        return answer.json

    def ranked(self, dimension, **query):
        return dict(map(tuple, self.top(dimension, limit=1000, **query)["top"]))

    def checkpoints(self):
        return self.daemon.metrics()["footfall_checkpoints_total"]

    def test_lists_are_the_hits_that_were_sent_whatever_a_checkpoint_does(self):
        chance = random.Random(self.seed)
        midnight = int(time.time()) // 86400 * 86400
        pages, referrers, by_day = collections.Counter(), collections.Counter(), collections.defaultdict(collections.Counter)
        for _ in range(4):
            items = []
            for _ in range(400):
                day, path, ref = chance.randrange(DAYS), f"/p/{chance.randrange(20)}", f"https://r{chance.randrange(5)}.example/"
                at = midnight - day * 86400 + (chance.randrange(86400) if day else 0)
                items.append({"site": SITE, "path": path, "ref": ref, "time": at, "address": f"10.0.0.{chance.randrange(200)}", "agent": BROWSER % 120})
                pages[path] += 1
                referrers[ref] += 1
                by_day[path][day] += 1
            self.send(items)
            done = self.checkpoints() + 1
            looks = 0
            while self.checkpoints() < done or looks < 20:
                self.assertEqual(self.ranked("pages", period="all"), pages)
                self.assertEqual(self.ranked("referrers", period="all"), referrers)
                looks += 1
        self.daemon.stop()
        self.daemon.start()
        date = lambda day: datetime.datetime.fromtimestamp(midnight - day * 86400, datetime.timezone.utc).date().isoformat()
        self.assertEqual(self.ranked("pages", period="all"), pages)
        self.assertEqual(self.ranked("pages", **{"from": date(6), "to": date(4)}), collections.Counter({path: n for path, days in by_day.items() if (n := days[4] + days[5] + days[6])}))
        busiest = max(pages, key=lambda path: (pages[path], path))
        series = self.daemon.get(f"/v1/sites/{SITE}/series?path={busiest}&step=day&from={date(DAYS - 1)}").json
        self.assertEqual(series["points"], [[date(day), by_day[busiest][day]] for day in range(DAYS - 1, -1, -1)])
        few = self.top("pages", period="all", limit=3)
        self.assertEqual(few["sum"], sum(pages.values()))
        self.assertEqual(sum(count for _, count in few["top"]) + few["rest"], few["sum"])
        self.assertEqual(few["labels"], len(pages))

    def test_a_reset_leaves_nothing_and_an_undo_brings_it_back(self):
        now = int(time.time())
        self.send([{"site": SITE, "path": "/a", "time": now - days * 86400, "address": "10.0.0.1", "agent": BROWSER % 120} for days in range(5)])
        done = self.checkpoints() + 1
        while self.checkpoints() < done:
            time.sleep(0.05)
        self.assertEqual(self.ranked("pages", period="all"), {"/a": 5})
        reset = self.daemon.admin("POST", f"/v1/admin/sites/{SITE}/reset", {})
        self.assertEqual(reset.status, 200, reset.text)
        self.assertEqual(self.ranked("pages", period="all"), {})
        self.assertEqual(self.daemon.admin("POST", f"/v1/admin/changes/{reset.json['id']}/undo", {}).status, 200)
        self.assertEqual(self.ranked("pages", period="all"), {"/a": 5})


if __name__ == "__main__":
    unittest.main(verbosity=2)
