# SPDX-License-Identifier: Apache-2.0
"""A site at its caps of pages and labels: totals stay exact, the rest counts in (other), and the metrics say so.

FOOTFALL_ROUNDS made-up paths at the caps that are the default, 150,000 of them; 1,000,000 by hand."""
import json
import os
import pathlib
import random
import re
import unittest

from footfall import BROWSER, Daemon, cached
from redis_server import until

SITE = "example.org"
PAGES, LABELS = 50, 20
BATCH = 5_000
LONG = "x" * 900  # so that paths that were kept would show in memory
ROUNDS = int(os.environ.get("FOOTFALL_ROUNDS", 150_000))
SEED = int(os.environ.get("FOOTFALL_SEED", random.SystemRandom().randrange(1 << 32)))
DEFAULT_PAGES, DEFAULT_LABELS, PAIRS = 100_000, 1_000, 100_000  # the first two by footfalld --help
PAGE_BYTES, PAIR_BYTES = 226 + 43, 20  # of deploy/guides/sizing.md: a path of 30 letters; a visitor, and one on a page, is a pair
BUFFERS = 48 << 20  # bodies, blocks of the journal, rows on their way to the history, a checkpoint on its way to the disk: 24 to 37 MB


class Case(unittest.TestCase):
    options = ()

    def setUp(self):
        self.daemon = Daemon("--threads", "1", "--rate-limit", "0", *self.options)
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


class Caps(Case):
    options = "--pages-max", str(PAGES), "--labels-max", str(LABELS)

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


class DefaultCaps(Case):
    """Paths, referrers and agents that nobody has used before. A visitor has an agent, so each of these is another; and of who is online there may be
    20 million by default, which is more than come here."""

    options = "--online-pairs-max", str(PAIRS), "--checkpoint-interval", "2"

    def resident_max(self):
        """Of all moments so far."""
        status = pathlib.Path(f"/proc/{self.daemon.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) << 10

    def checkpoints(self):
        return self.daemon.metrics()["footfall_checkpoints_total"]

    def test_what_is_made_up_takes_the_memory_of_the_caps_and_no_more(self):
        rng, sent = random.Random(SEED), 0
        before, at_caps = self.resident_max(), None
        while sent < ROUNDS:
            self.batch([{"path": f"/{rng.randrange(1 << 40):010x}/{n:018d}", "ref": f"https://{rng.randrange(1 << 40):x}.example/", "agent": BROWSER % rng.randrange(1 << 40)}
                        for n in range(sent, sent + BATCH)])
            sent += BATCH
            if at_caps is None and sent >= 1.25 * max(DEFAULT_PAGES, PAIRS):  # and buffers have their size
                made = self.checkpoints()
                until(lambda: self.checkpoints() >= made + 2, "no checkpoint is made")  # nor one alone that had begun before
                at_caps = self.resident_max()
        most = self.resident_max()
        print(f"FOOTFALL_SEED={SEED} FOOTFALL_ROUNDS={ROUNDS}: at most {before / 1e6:.1f} MB resident before, {at_caps / 1e6:.1f} when the caps were reached, {most / 1e6:.1f} after {sent} paths", flush=True)
        if not cached("FOOTFALL_SANITIZE"):  # those have memory of their own for each byte
            self.assertLess(most - before, 2 * (DEFAULT_PAGES * PAGE_BYTES + PAIRS * PAIR_BYTES) + BUFFERS)  # twice: a checkpoint is made
        self.assertLessEqual(most, 1.05 * at_caps)
        self.assertEqual((self.overflow("pages"), self.overflow("labels")), (sent - DEFAULT_PAGES, sent - DEFAULT_LABELS))
        self.assertEqual(self.pages_tracked(), (DEFAULT_PAGES, DEFAULT_PAGES))
        pages = self.daemon.pages(SITE)
        self.assertEqual(pages["counted"], sent)
        self.assertEqual(sum(page["counted"] for page in pages["pages"]) + pages["rest"], sent)
        self.assertEqual({page["path"]: page["counted"] for page in pages["pages"]}["(other)"], sent - DEFAULT_PAGES)
        metrics = self.daemon.metrics()
        self.assertEqual((metrics["footfall_hits_accepted_total"], metrics["footfall_ledger_mismatch"]), (sent, 0))
        self.assertGreater(metrics["footfall_presence_full_total"], 0)
        self.assertLessEqual(len(metrics), 300)


if __name__ == "__main__":
    unittest.main(verbosity=2)
