# SPDX-License-Identifier: Apache-2.0
"""Millions of hits over many connections on two shards, against a brute-force oracle; then the daemon is stopped, and killed.

FOOTFALL_HITS sets how many (default 10,000,000), FOOTFALL_SEED the seed."""
import json
import os
import random
import subprocess
import threading
import unittest

from footfall import BUILD, Daemon

SITE = "example.org"
HITS = int(os.environ.get("FOOTFALL_HITS", 10_000_000))
SEED = int(os.environ.get("FOOTFALL_SEED", random.SystemRandom().randrange(1 << 32)))
PAGES, VISITORS = 300, 50_000


def load(daemon, hits, connections=100, pipeline=32):
    return subprocess.Popen([str(BUILD / "oracle_load"), str(daemon.port), SITE, str(hits), str(connections), str(pipeline), str(PAGES),
                             str(VISITORS), str(SEED)], stdout=subprocess.PIPE)


def truth_of(process):
    out, _ = process.communicate(timeout=900)
    return process.returncode, json.loads(out)


class Restart(unittest.TestCase):
    def setUp(self):
        print(f"FOOTFALL_SEED={SEED} FOOTFALL_HITS={HITS}", flush=True)
        # A short checkpoint interval, so that checkpoints, recycling and replay happen while the hits arrive.
        self.daemon = Daemon("--rate-limit", "0", "--checkpoint-interval", "3")
        self.daemon.start("--threads", "2")
        self.addCleanup(self.daemon.close)
        self.daemon.add_site(SITE, window_s=3600, visibility="full")

    def check_exact(self, truth):
        stats, pages = self.daemon.stats(SITE), self.daemon.pages(SITE)
        self.assertEqual(stats["counted"], truth["acknowledged"])
        self.assertEqual(stats["online"], truth["visitors"])
        self.assertEqual(pages["counted"], truth["acknowledged"])
        rows = {row["path"]: (row["counted"], row["online"]) for row in pages["pages"]}
        wanted = {f"/page/{i}": (acknowledged, online) for i, (_, acknowledged, online) in enumerate(truth["pages"]) if acknowledged}
        self.assertEqual(rows, wanted)
        self.assertEqual(sum(c for c, _ in rows.values()) + pages["rest"], pages["counted"])
        # 50,000 distinct visitors are past the exact set: 0.81 % is one standard error, five are refused.
        self.assertAlmostEqual(stats["today"]["visitors"] / truth["visitors"], 1, delta=5 * 0.0081)

    def test_everything_equals_the_oracle_and_a_stop_keeps_it(self):
        code, truth = truth_of(load(self.daemon, HITS))
        self.assertEqual(code, 0)
        self.assertEqual(truth["acknowledged"], HITS)
        self.assertGreater(truth["reads"], 0)
        self.assertEqual(truth["wrong_reads"], 0)
        self.check_exact(truth)
        metrics = self.daemon.metrics()
        self.assertEqual(metrics["footfall_hits_accepted_total"], HITS)
        self.assertEqual(metrics["footfall_ledger_mismatch"], 0)
        self.daemon.stop()
        self.daemon.start("--threads", "2")
        self.check_exact(truth)
        self.daemon.stop()
        self.daemon.start("--threads", "1")  # a changed number of shards recovers too
        self.check_exact(truth)

    def test_after_kill_9_every_acknowledged_hit_is_there_once(self):
        sent = [0] * PAGES
        acknowledged = [0] * PAGES
        rng = random.Random(SEED)
        for _ in range(4):
            process = load(self.daemon, 100 * HITS)  # more than the time allows
            killer = threading.Timer(rng.uniform(0.5, 2.5), self.daemon.process.kill)
            killer.start()
            _, truth = truth_of(process)
            killer.join()
            self.assertTrue(truth["gone"])
            self.daemon.process.wait()
            self.daemon.log.close()
            for page, (s, a, _) in enumerate(truth["pages"]):
                sent[page] += s
                acknowledged[page] += a
            self.daemon.start("--threads", "2")
            pages = self.daemon.pages(SITE)
            rows = {row["path"]: row["counted"] for row in pages["pages"]}
            self.assertEqual(sum(rows.values()) + pages["rest"], pages["counted"])
            recovered = [rows.get(f"/page/{page}", 0) for page in range(PAGES)]
            for page in range(PAGES):
                self.assertLessEqual(acknowledged[page], recovered[page], f"an acknowledged hit of /page/{page} is lost")
                self.assertLessEqual(recovered[page], sent[page], f"a hit of /page/{page} is counted twice")
            # What was in flight at the kill is known now: it was counted, or not.
            sent, acknowledged = list(recovered), list(recovered)
            stats = self.daemon.stats(SITE)
            self.assertGreaterEqual(stats["online"], truth["visitors"])
            self.assertLessEqual(stats["online"], VISITORS)


if __name__ == "__main__":
    unittest.main(verbosity=2)
