# SPDX-License-Identifier: Apache-2.0
"""--keep-rankings and --keep-audit: what is older is forgotten, on the disk too, and no total changes. Days pass by a wall clock that is wrong
from a start on (tests/drills/wrong_clock.cc)."""
import contextlib
import datetime
import os
import signal
import sqlite3
import unittest

from footfall import BUILD, Daemon
from redis_server import until

SITE = "example.org"
DAY = 86_400
WHILE = "fewer than 10,000 newer changes took something away"


class Keep(unittest.TestCase):
    def make(self, checkpoint_interval_s):
        self.daemon = Daemon("--threads", "1", "--checkpoint-interval", str(checkpoint_interval_s))
        self.addCleanup(self.daemon.close)

    def start(self, days_ago, *options):
        self.daemon.environment = {**os.environ, "LD_PRELOAD": str(BUILD / "libwrong_clock.so"), "WRONG_CLOCK_S": str(-days_ago * DAY)}
        self.daemon.start(*options)

    def day(self, days_ago, path, *options):
        """A seed and a hit, and a checkpoint that has them; the seed's id."""
        self.start(days_ago, *options)
        if days_ago == 40:
            self.daemon.add_site(SITE, visibility="full", timezone="UTC")
        seeded = self.daemon.admin("POST", f"/v1/admin/sites/{SITE}/seed", {"add": 1000 + days_ago, "reason": f"of {path}"})
        self.assertEqual(seeded.status, 200, seeded.text)
        self.assertEqual(self.daemon.hit(SITE, path).status, 204)
        done = self.daemon.metrics()["footfall_checkpoints_total"] + 1
        until(lambda: self.daemon.metrics()["footfall_checkpoints_total"] >= done, "no checkpoint")
        return seeded.json["id"]

    def ranked(self):
        return {path: count for path, count in self.daemon.get(f"/v1/sites/{SITE}/top/pages?period=all").json["top"]}

    def page_on(self, date):
        return self.daemon.get(f"/v1/sites/{SITE}/series?step=day&from={date}&to={date}&path=/old").json["points"]

    def audit(self):
        return self.daemon.admin("GET", "/v1/admin/audit").json["audit"]

    def seeds(self):
        return [entry["reason"] for entry in self.audit() if entry["action"] == "seeded"]

    def on_disk(self):
        """Pages that the history has days of, and seeds that its audit log has. REQUIRES: the daemon is stopped."""
        with contextlib.closing(sqlite3.connect(self.daemon.directory / "history.sqlite")) as file:
            pages = {label for (label,) in file.execute("SELECT label FROM rankings WHERE label LIKE '/%'")}
            return pages, {reason for (reason,) in file.execute("SELECT reason FROM audit WHERE action = 'seeded'")}

    def test_what_is_older_is_forgotten_and_no_total_changes(self):
        date = (datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=40)).date().isoformat()
        self.make(checkpoint_interval_s=1)
        oldest = self.day(40, "/old")
        self.daemon.stop()
        self.day(5, "/young")
        self.daemon.stop()
        self.day(0, "/new")
        self.assertEqual(self.ranked(), {"/old": 1, "/young": 1, "/new": 1}, "for ever, unless it is said")
        self.assertEqual(self.page_on(date), [[date, 1]])
        self.assertEqual(self.seeds(), ["of /new", "of /young", "of /old"])
        self.daemon.stop()
        self.assertEqual(self.on_disk(), ({"/old", "/young"}, {"of /old", "of /young", "of /new"}))

        self.day(0, "/new", "--keep-rankings", "30", "--keep-audit", "3")
        self.assertEqual(self.daemon.admin("GET", "/v1/admin/retention").json, {"keep_rankings_days": 30, "keep_audit_days": 3, "undo_days": None, "undo_while": WHILE})
        until(lambda: "/old" not in self.ranked(), "it is not forgotten")
        self.assertEqual(self.ranked(), {"/young": 1, "/new": 2})
        self.assertEqual(self.page_on(date), [[date, 0]])
        self.assertEqual(self.seeds(), ["of /new", "of /new"])
        # No total changes, and the site's own days do not.
        stats = self.daemon.stats(SITE)
        self.assertEqual((stats["counted"], stats["seed"]), (4, 1040 + 1005 + 2 * 1000))
        self.assertEqual({page["path"]: page["counted"] for page in self.daemon.pages(SITE)["pages"]}, {"/old": 1, "/young": 1, "/new": 2})
        self.assertEqual(self.daemon.get(f"/v1/sites/{SITE}/series?step=day&from={date}&to={date}").json["points"], [[date, 1]])
        # What is not told any more can be undone all the same.
        self.assertEqual(self.daemon.admin("POST", f"/v1/admin/changes/{oldest}/undo", {}).status, 200)
        self.assertEqual(self.daemon.stats(SITE)["seed"], 1005 + 2 * 1000)
        self.daemon.stop()
        self.assertEqual(self.on_disk(), ({"/young"}, {"of /new"}))

    def test_what_the_history_has_not_yet_is_not_told_either(self):
        self.make(checkpoint_interval_s=DAY)
        self.start(10)
        self.daemon.add_site(SITE)
        self.daemon.stop(signal.SIGKILL)
        self.start(0)
        self.assertIn("site added", [entry["action"] for entry in self.audit()])
        self.daemon.stop(signal.SIGKILL)
        self.start(0, "--keep-audit", "3")
        self.assertEqual(self.audit(), [])
        self.daemon.add_site("other.example")
        self.assertEqual([(entry["action"], entry["site"]) for entry in self.audit()], [("site added", "other.example")])
        self.assertEqual(self.daemon.stats(SITE)["counted"], 0, "the site is there")


if __name__ == "__main__":
    unittest.main(verbosity=2)
