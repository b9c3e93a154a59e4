# SPDX-License-Identifier: Apache-2.0
"""A site at its caps of pages and labels: totals stay exact, the rest counts in (other), and the metrics say so."""
import json
import unittest

from footfall import BROWSER, Daemon

SITE = "example.org"
PAGES, LABELS = 50, 20
BATCH = 5_000
LONG = "x" * 900  # so that paths that were kept would show in memory


class Caps(unittest.TestCase):
    def setUp(self):
        self.daemon = Daemon("--threads", "1", "--rate-limit", "0", "--pages-max", str(PAGES), "--labels-max", str(LABELS))
        self.addCleanup(self.daemon.close)
        self.daemon.start()
        self.daemon.add_site(SITE, visibility="full")

    def batch(self, items):
        lines = "".join(json.dumps({"site": SITE, "agent": BROWSER % 100, "address": "192.0.2.1", **item}) + "\n" for item in items)
        answer = self.daemon.request("POST", "/v1/hits", lines, Content_Type="application/x-ndjson", Authorization=f"Bearer {self.daemon.token}")
        self.assertEqual((answer.status, answer.json["accepted"]), (200, len(items)), answer.text[:500])

    def overflow(self, kind):
        return self.daemon.metrics()['footfall_series_overflow_total{kind="%s"}' % kind]

    def pages_tracked(self):
        metrics = self.daemon.metrics()
        return metrics['footfall_tracked_series{kind="pages"}'], metrics['footfall_tracked_series_max{kind="pages"}']

    def test_a_storm_of_paths_counts_in_other_and_takes_no_memory(self):
        for n in range(PAGES):
            self.assertEqual(self.daemon.hit(SITE, f"/{n}").status, 204)
        self.assertEqual(self.pages_tracked(), (PAGES, PAGES))
        self.assertEqual(self.overflow("pages"), 0)
        sent = 0
        for round in range(12):
            self.batch([{"path": f"/storm/{round}/{n}/{LONG}"} for n in range(BATCH)])
            sent += BATCH
            if round == 1:  # buffers have their size
                before = self.daemon.metrics()["process_resident_memory_bytes"]
        grown = self.daemon.metrics()["process_resident_memory_bytes"] - before
        self.assertLess(grown, 10 * BATCH * len(LONG) / 2, "paths beyond the cap are kept")
        for n in range(PAGES):  # known ones go on as before
            self.assertEqual(self.daemon.hit(SITE, f"/{n}").status, 204)
        self.batch([{"path": "/storm", "kind": "heartbeat"}])  # it counts nowhere
        self.assertEqual(self.overflow("pages"), sent)
        self.assertEqual(self.pages_tracked(), (PAGES, PAGES))
        self.assertEqual(self.daemon.stats(SITE)["counted"], sent + 2 * PAGES)
        pages = self.daemon.pages(SITE)
        self.assertEqual(pages["counted"], sent + 2 * PAGES)
        counted = {page["path"]: page["counted"] for page in pages["pages"]}
        self.assertEqual({counted.pop(f"/{n}") for n in range(PAGES)}, {2})
        self.assertEqual(counted, {"(other)": sent})
        self.daemon.stop()
        self.daemon.start()
        self.assertEqual(self.pages_tracked(), (PAGES, PAGES), "as it was read")
        self.assertEqual(self.daemon.stats(SITE)["counted"], sent + 2 * PAGES)

    def test_labels_have_a_cap_of_their_own(self):
        for n in range(3 * LABELS):
            self.assertEqual(self.daemon.hit(SITE, "/", ref=f"https://r{n}.example/").status, 204)
        self.assertEqual(self.overflow("labels"), 2 * LABELS)
        self.assertEqual(self.overflow("pages"), 0)
        self.assertEqual(self.daemon.stats(SITE)["counted"], 3 * LABELS)


if __name__ == "__main__":
    unittest.main(verbosity=2)
