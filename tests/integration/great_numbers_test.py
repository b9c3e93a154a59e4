# SPDX-License-Identifier: Apache-2.0
"""Totals at the ends of what numbers hold: 2^53 - 1, beyond which a browser's numbers are inexact, 2^63 - 1, the largest seed, and 2^64 - 1, where
counting stops. Each shows the same in JSON, as text, as a picture, to the command line, in a snapshot, on another node, and over a kill and a start."""
import re
import signal
import subprocess
import unittest

from footfall import BUILD, Daemon
from redis_server import Redis, footfall, until

SITE, PAGE = "example.org", "/p"
EXACT_MAX, SEED_MAX, COUNT_MAX = 2**53 - 1, 2**63 - 1, 2**64 - 1


def grouped(number):
    return f"{number:,}"


class GreatNumbers(unittest.TestCase):
    def setUp(self):
        self.redis = Redis()
        self.addCleanup(self.redis.close)

    def node(self, *options):
        daemon = Daemon("--threads", "2", "--rate-limit", "0", "--checkpoint-interval", "1", "--snapshot-interval", "0", "--redis", self.redis.uri, *options)
        self.addCleanup(daemon.close)
        daemon.start()
        until(lambda: "redis: up" in daemon.admin("GET", "/readyz?verbose").text, "Redis is not found")
        return daemon

    def alone(self):
        daemon = self.node()
        daemon.add_site(SITE, visibility="full")
        return daemon

    def seed(self, daemon, **what):
        answer = daemon.admin("POST", f"/v1/admin/sites/{SITE}/seed", what)
        self.assertEqual(answer.status, 200, answer.text)
        return answer.json

    def refused(self, daemon, status, says, **what):
        answer = daemon.admin("POST", f"/v1/admin/sites/{SITE}/seed", what)
        self.assertEqual((answer.status, answer.fields["Content-Type"]), (status, "application/problem+json"), answer.text)
        self.assertIn(says, answer.json["detail"])

    def hits(self, daemon, count, path=PAGE):
        for _ in range(count):
            self.assertEqual(daemon.hit(SITE, path).status, 204)

    def is_count(self, where, name, number):
        """The number, and as text where that is needed."""
        self.assertEqual(where[name], number)
        self.assertEqual(where.get(name + "_text"), str(number) if number > 2**53 else None)

    def shows(self, daemon, total, seed, page=None):
        """Everywhere, and the same."""
        stats = daemon.stats(SITE, PAGE)
        self.is_count(stats, "total", total)
        self.is_count(stats, "seed", seed)
        if page is not None:
            self.is_count(stats["page"], "total", page)
            row = next(row for row in daemon.pages(SITE)["pages"] if row["path"] == PAGE)
            self.is_count(row, "total", page)
        self.is_count(daemon.pages(SITE), "seed", seed)
        self.is_count(daemon.get(f"/widget/{SITE}.json").json, "total", total)
        for target in (f"/widget/{SITE}.txt?lang=en", f"/widget/{SITE}?lang=en"):
            self.assertIn(grouped(total), daemon.get(target).text)
        self.assertIn(grouped(total), re.sub("<[^>]*>", "\n", daemon.get(f"/widget/{SITE}.svg?lang=en").text).splitlines()[1:].__str__())
        self.assertEqual(daemon.get(f"/widget/{SITE}.png").body[:8], b"\x89PNG\r\n\x1a\n")
        said = footfall(daemon, "stats", SITE, "--url", f"http://127.0.0.1:{daemon.port}")
        self.is_count(said, "total", total)
        text = subprocess.run([str(BUILD / "footfall"), "stats", SITE, "--url", f"http://127.0.0.1:{daemon.port}", "--token-file", str(daemon.directory / "admin-token")],
                              capture_output=True, text=True, timeout=60)
        self.assertIn(str(total), re.sub("[,.]", "", text.stdout), text.stderr)
        live = daemon.raw(f"GET /v1/sites/{SITE}/live?fields=total HTTP/1.1\r\nHost: x\r\n\r\n".encode(), wait=0.5).decode()
        self.assertIn(f'"total":{total}', live)

    def shows_over_starts(self, daemon, *numbers):
        self.shows(daemon, *numbers)
        for how in (signal.SIGKILL, signal.SIGTERM):  # behind one a checkpoint and the journal, behind the other what a stop wrote
            daemon.stop(how)
            daemon.start()
            self.shows(daemon, *numbers)
        self.assertEqual(daemon.metrics()["footfall_ledger_mismatch"], 0)

    def test_beyond_what_a_browser_counts_numbers_are_also_texts(self):
        daemon = self.alone()
        self.seed(daemon, total=EXACT_MAX)
        self.seed(daemon, total=EXACT_MAX, page=PAGE)
        self.shows(daemon, EXACT_MAX, EXACT_MAX, EXACT_MAX)
        self.hits(daemon, 1)
        self.shows(daemon, 2**53, EXACT_MAX, 2**53)
        self.hits(daemon, 4)
        self.shows_over_starts(daemon, 2**53 + 4, EXACT_MAX, 2**53 + 4)

    def test_the_largest_seed_is_taken_and_hits_count_beyond_it(self):
        daemon = self.alone()
        said = self.seed(daemon, total=SEED_MAX, reason="as much as may be")
        self.is_count(said, "amount", SEED_MAX)
        self.is_count(said, "after", SEED_MAX)
        self.seed(daemon, total=SEED_MAX, page=PAGE)
        self.hits(daemon, 5)
        self.shows_over_starts(daemon, SEED_MAX + 5, SEED_MAX, SEED_MAX + 5)
        for page in ({}, {"page": PAGE}):
            self.refused(daemon, 409, "9,223,372,036,854,775,807 at most", add=1, **page)
            self.refused(daemon, 409, "9,223,372,036,854,775,807 at most", total=COUNT_MAX, **page)
        self.refused(daemon, 400, "add", add=SEED_MAX + 1)
        self.refused(daemon, 400, "numbers within 64 bits", total=COUNT_MAX + 1)
        self.refused(daemon, 400, "total", total=-1)
        self.assertIn("9,223,372,036,854,775,807 at most", footfall(daemon, "seed", SITE, "--add", "1", code=1))
        for option, number in (("--total", COUNT_MAX + 1), ("--add", SEED_MAX + 1), ("--add", -SEED_MAX - 2)):
            self.assertIn(f"'{number}' is not a whole number from", footfall(daemon, "seed", SITE, option, str(number), code=2))
        self.shows(daemon, SEED_MAX + 5, SEED_MAX, SEED_MAX + 5)
        # What was seeded can be taken back, and made anything.
        self.assertEqual(daemon.admin("POST", f"/v1/admin/changes/{said['id']}/undo").status, 200)
        self.shows(daemon, 5, 0, SEED_MAX + 5)
        self.seed(daemon, total=7)
        self.shows(daemon, 7, 2)

    def test_seeds_of_epochs_that_are_summed_stop_at_the_end(self):
        daemon = self.alone()
        self.seed(daemon, total=SEED_MAX)
        self.seed(daemon, total=SEED_MAX, page=PAGE)
        reset = daemon.admin("POST", f"/v1/admin/sites/{SITE}/reset", {}).json
        self.seed(daemon, total=SEED_MAX)
        self.seed(daemon, total=SEED_MAX, page=PAGE)
        self.assertEqual(daemon.admin("POST", f"/v1/admin/changes/{reset['id']}/undo").status, 200)
        self.shows(daemon, COUNT_MAX - 1, SEED_MAX, COUNT_MAX - 1)  # 2^64 - 2; a seed is shown as the largest that is one
        self.hits(daemon, 5)
        self.shows_over_starts(daemon, COUNT_MAX, SEED_MAX, COUNT_MAX)
        self.assertEqual(daemon.stats(SITE)["counted"], 5)
        until(lambda: daemon.metrics()["footfall_saturated_sites"] == 1, "that the total is at its end is not told")
        told = f"site {SITE}: its numbers stand at {COUNT_MAX}"
        until(lambda: daemon.log_text().count(told) >= 2, "not each of two starts says so in the log")
        lines = daemon.log_text().count(told)
        daemon.hit(SITE, PAGE)
        checks = daemon.metrics()["footfall_ledger_checks_total"]
        until(lambda: daemon.metrics()["footfall_ledger_checks_total"] > checks, "no checkpoint is made")
        self.assertEqual(daemon.log_text().count(told), lines, "what the start told a checkpoint does not tell again")
        self.refused(daemon, 409, "9,223,372,036,854,775,807 at most", add=1)
        # Neither is a seed larger than may be taken for what it is not, nor is there no way back.
        self.refused(daemon, 409, "9,223,372,036,854,775,807 at most", total=7)
        self.is_count(self.seed(daemon, add=-SEED_MAX), "after", SEED_MAX + 6)
        self.shows(daemon, SEED_MAX + 6, SEED_MAX, COUNT_MAX)
        self.is_count(self.seed(daemon, total=7), "after", 7)
        self.shows_over_starts(daemon, 7, 1, COUNT_MAX)
        self.assertEqual(daemon.metrics()["footfall_saturated_sites"], 0)

    def test_pages_that_are_read_as_one_stop_at_the_end(self):
        daemon = self.alone()
        for page in ("/q", PAGE):
            self.seed(daemon, total=SEED_MAX, page=page)
            self.hits(daemon, 2, page)
        merged = daemon.admin("POST", f"/v1/admin/sites/{SITE}/pages/merge", {"from": ["/q"], "into": PAGE})
        self.assertEqual(merged.status, 200, merged.text)
        self.shows_over_starts(daemon, 4, 0, COUNT_MAX)
        self.refused(daemon, 409, "9,223,372,036,854,775,807 at most", total=7, page=PAGE)
        self.assertEqual(daemon.admin("POST", f"/v1/admin/changes/{merged.json['id']}/undo").status, 200)
        self.shows(daemon, 4, 0, SEED_MAX + 2)

    def test_a_snapshot_has_them_and_says_where_it_cannot_be_restored(self):
        daemon = self.alone()
        self.seed(daemon, total=SEED_MAX - 5)
        self.hits(daemon, 5)
        (fits,) = footfall(daemon, "snapshot", "now")["snapshots"]
        self.is_count(footfall(daemon, "snapshot", "show", SITE, fits["id"]), "total", SEED_MAX)
        self.hits(daemon, 1)
        (beyond,) = footfall(daemon, "snapshot", "now")["snapshots"]
        self.is_count(footfall(daemon, "snapshot", "show", SITE, beyond["id"]), "total", SEED_MAX + 1)
        self.assertIn("beyond what a seed may be, 9,223,372,036,854,775,807", footfall(daemon, "restore", "--from-redis", "--site", SITE, code=1))
        self.shows(daemon, SEED_MAX + 1, SEED_MAX - 5)
        footfall(daemon, "restore", "--from-redis", "--site", SITE, "--snapshot", fits["id"])
        self.shows(daemon, SEED_MAX, SEED_MAX)
        self.hits(daemon, 3)
        self.shows_over_starts(daemon, SEED_MAX + 3, SEED_MAX)

    def test_nodes_agree_on_them(self):
        nodes = [self.node("--node", name) for name in ("a", "b")]
        nodes[0].add_site(SITE, visibility="full")
        until(lambda: nodes[1].get(f"/v1/sites/{SITE}/stats").status == 200, "the site did not reach the other node")
        self.seed(nodes[0], total=SEED_MAX - 1)
        until(lambda: nodes[1].stats(SITE)["total"] == SEED_MAX - 1, "the seed did not reach the other node")
        for node in nodes:
            self.hits(node, 3)
        until(lambda: all(node.stats(SITE)["total"] == SEED_MAX + 5 for node in nodes), lambda: [node.stats(SITE)["total"] for node in nodes])
        self.redis.kill()
        self.redis.start()
        for node in nodes:
            self.shows(node, SEED_MAX + 5, SEED_MAX - 1)
            self.refused(node, 409, "9,223,372,036,854,775,807 at most", add=2)
            node.stop(signal.SIGKILL)
            node.start()
            until(lambda: node.stats(SITE)["total"] == SEED_MAX + 5, lambda: node.stats(SITE)["total"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
