# SPDX-License-Identifier: Apache-2.0
"""Hits a second, of a site and of a node: beyond they are refused by name, on every way in, and the ledger has them."""
import json
import re
import unittest

from footfall import BROWSER, Daemon

LIMITED, FREE = "limited.example", "free.example"


class Limits(unittest.TestCase):
    def daemon(self, *options):
        daemon = Daemon("--threads", "2", "--rate-limit", "0", *options)
        self.addCleanup(daemon.close)
        daemon.start()
        daemon.add_site(LIMITED, visibility="full", hits_per_second_max=20)
        daemon.add_site(FREE, visibility="full")
        return daemon

    def statuses(self, daemon, site, count):
        """Of so many pings that are sent at once, over one connection."""
        one = f"GET /hit?site={site}&path=/ HTTP/1.1\r\nHost: x\r\nUser-Agent: {BROWSER % 120}\r\n"
        answers = daemon.raw(((one + "\r\n") * (count - 1) + one + "Connection: close\r\n\r\n").encode())
        return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d+) ", answers)]

    def batch(self, daemon, site, count, query=""):
        lines = (json.dumps({"site": site, "path": "/"}) + "\n") * count
        answer = daemon.request("POST", "/v1/hits" + query, lines, Content_Type="application/x-ndjson", Authorization=f"Bearer {daemon.token}")
        self.assertEqual(answer.status, 200, answer.text)
        return answer.json

    def ledger(self, daemon):
        metrics = daemon.metrics()
        rejected = {name: value for name, value in metrics.items() if name.startswith("footfall_hits_rejected_total")}
        self.assertEqual(metrics["footfall_ledger_mismatch"], 0)
        self.assertEqual(metrics["footfall_hits_received_total"], metrics["footfall_hits_accepted_total"] + sum(rejected.values()))
        return metrics["footfall_hits_accepted_total"], rejected['footfall_hits_rejected_total{reason="rate"}']

    def test_a_site_is_held_to_its_limit_and_others_are_not(self):
        daemon = self.daemon()
        self.assertEqual(daemon.admin("GET", f"/v1/admin/sites/{LIMITED}").json["hits_per_second_max"], 20)
        answers = self.statuses(daemon, LIMITED, 400)
        self.assertEqual(len(answers), 400)
        taken = answers.count(204)
        self.assertGreaterEqual(taken, 20)
        self.assertEqual(answers.count(429), 400 - taken)
        self.assertGreater(answers.count(429), 0)
        self.assertEqual(self.statuses(daemon, FREE, 400), [204] * 400)
        self.assertEqual(daemon.stats(LIMITED)["total"], taken)
        self.assertEqual(self.ledger(daemon), (400 + taken, 400 - taken))
        self.assertEqual(daemon.get(f"/v1/sites/{LIMITED}/refusals").json["refused"], {"rate": 400 - taken})
        # Without a limit all are taken.
        self.assertEqual(daemon.admin("PUT", f"/v1/admin/sites/{LIMITED}", {"hits_per_second_max": 0}).status, 200)
        self.assertEqual(self.statuses(daemon, LIMITED, 400), [204] * 400)

    def test_the_answer_says_when_to_come_again(self):
        daemon = self.daemon()
        daemon.admin("PUT", f"/v1/admin/sites/{LIMITED}", {"hits_per_second_max": 1})
        answers = [daemon.hit(LIMITED) for _ in range(20)]
        refused = [answer for answer in answers if answer.status == 429]
        self.assertTrue(refused)
        self.assertEqual(refused[0].fields["Footfall-Rejected"], "rate")
        self.assertEqual(refused[0].fields["Retry-After"], "1")
        self.assertEqual(refused[0].json["type"], "/problems/rate-limited")

    def test_items_of_batches_are_held_to_it_and_lines_of_logs_are_not(self):
        daemon = self.daemon()
        said = self.batch(daemon, LIMITED, 500)
        self.assertGreaterEqual(said["accepted"], 20)
        self.assertEqual(said["accepted"] + said["rejected_total"], 500)
        self.assertEqual({item["reason"] for item in said["rejected"]}, {"rate"})
        self.assertEqual(self.ledger(daemon), (said["accepted"], said["rejected_total"]))
        self.assertEqual(self.batch(daemon, FREE, 500)["accepted"], 500)
        self.assertEqual(daemon.admin("POST", "/v1/admin/imports", {"site": LIMITED, "source": "log"}).status, 201)
        self.assertEqual(self.batch(daemon, LIMITED, 500, "?source=log&position=500")["accepted"], 500)

    def test_a_node_is_held_to_what_it_takes_in_all(self):
        daemon = self.daemon("--hits-per-second-max", "50")
        answers = self.statuses(daemon, FREE, 300)
        taken = answers.count(204)
        self.assertGreaterEqual(taken, 50)
        self.assertEqual(answers.count(429), 300 - taken)
        self.assertGreater(answers.count(429), 0)
        self.assertEqual(self.ledger(daemon), (taken, 300 - taken))

    def test_a_limit_outlives_a_start(self):
        daemon = self.daemon()
        daemon.stop()
        daemon.start()
        self.assertEqual(daemon.admin("GET", f"/v1/admin/sites/{LIMITED}").json["hits_per_second_max"], 20)
        self.assertIn(429, self.statuses(daemon, LIMITED, 400))


if __name__ == "__main__":
    unittest.main(verbosity=2)
