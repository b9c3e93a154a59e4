# SPDX-License-Identifier: Apache-2.0
"""Snapshots in a real Redis: taken, listed, shown, kept so many of, restored as a new epoch, also into an empty directory."""
import shutil
import subprocess
import sys
import time
import unittest
from datetime import datetime

from footfall import BUILD, SKIPPED, Daemon
from redis_server import Redis, footfall, until

SITE = "example.org"


class Snapshots(unittest.TestCase):
    def setUp(self):
        self.redis = Redis()
        self.addCleanup(self.redis.close)

    def daemon(self, *options):
        daemon = Daemon("--redis", self.redis.uri, "--rate-limit", "0", "--threads", "2", *options)
        self.addCleanup(daemon.close)
        daemon.start()
        until(lambda: "redis: up" in daemon.admin("GET", "/readyz?verbose").text, "Redis is not found")
        return daemon

    def counted(self, daemon, hits):
        for i in range(hits):
            assert daemon.hit(SITE, f"/page/{i % 3}", visitor=i).status == 204

    def test_a_snapshot_holds_what_the_counter_shows(self):
        for durability in ("disk", "kernel", "memory"):
            with self.subTest(durability):
                daemon = self.daemon("--durability", durability, "--redis-prefix", f"test-{durability}")
                daemon.add_site(SITE, timezone="Asia/Ho_Chi_Minh", visibility="full")
                daemon.admin("POST", f"/v1/admin/sites/{SITE}/seed", {"add": 41_450_743})
                self.counted(daemon, 30)
                (taken,) = footfall(daemon, "snapshot", "now")["snapshots"]
                shown = footfall(daemon, "snapshot", "show", SITE, taken["id"])
                self.assertEqual((shown["total"], shown["counted"], shown["pages"]), (41_450_773, 30, 3))
                self.assertEqual(shown["settings"]["timezone"], "Asia/Ho_Chi_Minh")
                self.assertEqual(footfall(daemon, "snapshot", "list")["snapshots"], [taken])
                self.assertEqual(footfall(daemon, "snapshot", "show", SITE)["id"], taken["id"])

    def test_restoring_begins_an_epoch_with_its_totals_and_can_be_undone(self):
        daemon = self.daemon()
        daemon.add_site(SITE, visibility="full")
        self.counted(daemon, 30)
        footfall(daemon, "snapshot", "now", SITE)
        self.counted(daemon, 12)
        plan = footfall(daemon, "restore", "--from-redis", "--site", SITE, "--dry-run")
        self.assertEqual((plan["before"], plan["after"], plan["pages"]), (42, 30, 3))
        self.assertEqual(daemon.stats(SITE)["total"], 42)
        change = footfall(daemon, "restore", "--from-redis", "--site", SITE, "--id", "back-1", "--reason", "a test")
        self.assertEqual((change["before"], change["after"]), (42, 30))
        again = footfall(daemon, "restore", "--from-redis", "--site", SITE, "--id", "back-1")
        self.assertTrue(again["repeated"])
        self.counted(daemon, 3)
        for _ in range(2):
            self.assertEqual((daemon.stats(SITE)["total"], daemon.stats(SITE)["counted"]), (33, 3))
            self.assertEqual(daemon.stats(SITE, "/page/1")["page"]["total"], 11)
            daemon.stop(9)
            daemon.start()
        footfall(daemon, "undo", "back-1")
        self.assertEqual(daemon.stats(SITE)["total"], 45)  # all that was counted, and no seed

    def test_an_empty_directory_gets_all_sites_back(self):
        daemon = self.daemon()
        for site in (SITE, "second.example"):
            daemon.add_site(site, hosts=["www." + site], visibility="full")
            daemon.admin("POST", f"/v1/admin/sites/{site}/seed", {"add": 1000})
        self.counted(daemon, 9)
        footfall(daemon, "snapshot", "now")
        daemon.stop()
        fresh = self.daemon()
        ran = subprocess.run([str(BUILD / "footfall"), "restore", "--from-redis", "--admin", f"http://127.0.0.1:{fresh.admin_port}", "--token-file",
                              str(fresh.directory / "admin-token")], capture_output=True, text=True, timeout=60)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        self.assertEqual(fresh.stats(SITE)["total"], 1009)
        self.assertEqual(fresh.stats("second.example")["total"], 1000)
        self.assertEqual(fresh.admin("GET", f"/v1/admin/sites/{SITE}").json["hosts"], ["www." + SITE])

    def test_all_sites_under_one_id_are_restored_once_though_the_first_try_stopped_half_way(self):
        daemon = self.daemon()
        sites = [SITE, "second.example", "third.example"]
        for site in sites:
            daemon.add_site(site, visibility="full")
            daemon.admin("POST", f"/v1/admin/sites/{site}/seed", {"add": 1000})
        taken = {one["site"]: one["id"] for one in footfall(daemon, "snapshot", "now")["snapshots"]}
        key = f"footfall:{{second.example}}:snapshot:{taken['second.example']}"
        good = key + ".good"
        self.redis.run("COPY", key, good)
        self.redis.run("SETRANGE", key, "20", "damage")

        def restore():
            return subprocess.run([str(BUILD / "footfall"), "restore", "--from-redis", "--id", "back-1", "--admin", f"http://127.0.0.1:{daemon.admin_port}",
                                   "--token-file", str(daemon.directory / "admin-token")], capture_output=True, text=True, timeout=60)

        def epochs():
            return [daemon.stats(site)["epoch"] for site in sites]

        first = restore()
        self.assertEqual(first.returncode, 1, first.stdout)
        self.assertIn("--id back-1", first.stderr)
        begun = epochs()
        self.assertEqual([epoch > 1 for epoch in begun], [True, False, True])
        daemon.stop(9)
        daemon.start()
        until(lambda: "redis: up" in daemon.admin("GET", "/readyz?verbose").text, "Redis is not found")
        self.redis.run("COPY", good, key, "REPLACE")
        for _ in range(2):
            again = restore()
            self.assertEqual(again.returncode, 0, again.stderr)
            self.assertEqual(epochs(), [begun[0]] * 3, "no site has begun a second one")
            self.assertEqual([daemon.stats(site)["total"] for site in sites], [1000] * 3)
        footfall(daemon, "undo", f"back-1.{SITE}")
        self.assertEqual(daemon.stats(SITE)["total"], 1000)

    def test_they_are_taken_by_themselves_where_something_changed_and_the_oldest_go(self):
        daemon = self.daemon("--snapshot-interval", "1", "--snapshots-kept", "2")
        daemon.add_site(SITE, visibility="full")
        ids = set()
        for wanted in (1, 2, 3, 4):
            self.counted(daemon, 1)
            until(lambda: daemon.metrics()["footfall_snapshots_total"] >= wanted, "no snapshot was taken")
            ids |= {one["id"] for one in footfall(daemon, "snapshot", "list", SITE)["snapshots"]}
        before = daemon.metrics()["footfall_snapshots_total"]
        kept = footfall(daemon, "snapshot", "list", SITE)["snapshots"]
        self.assertEqual(len(kept), 2)
        self.assertEqual(len(self.redis.run("KEYS", f"footfall:{{{SITE}}}:snapshot:*").splitlines()), 2)
        self.assertEqual(footfall(daemon, "snapshot", "show", SITE)["total"], 4)
        self.assertGreaterEqual(len(ids), 3)
        time.sleep(2.5)  # nothing changed meanwhile
        self.assertEqual(daemon.metrics()["footfall_snapshots_total"], before)

    def test_of_several_nodes_one_takes_each_and_another_goes_on_when_that_is_gone(self):
        interval_s = 3
        nodes = {name: self.daemon("--node", name, "--snapshot-interval", str(interval_s), "--durability", "kernel") for name in "abc"}
        nodes["a"].add_site(SITE, visibility="full")
        for node in nodes.values():
            until(lambda node=node: node.get(f"/v1/sites/{SITE}/stats").status == 200, "the site did not reach a node")

        def taken():
            return {name: node.metrics()["footfall_snapshots_total"] for name, node in nodes.items()}

        def kept():
            return footfall(node, "snapshot", "list", SITE)["snapshots"]

        def until_kept(count):
            def hit_and_look():
                self.counted(node, 1)
                return len(kept()) >= count
            until(hit_and_look, lambda: f"{kept()} are kept")

        node = nodes["b"]
        until_kept(4)
        dies = max(nodes, key=lambda name: taken()[name])
        gone = nodes.pop(dies)
        gone.stop(9)
        node = next(iter(nodes.values()))
        before = len(kept())
        until_kept(before + 3)
        moments = sorted(datetime.strptime(one["id"].split("-")[0], "%Y%m%dT%H%M%S.%fZ").timestamp() for one in kept())
        gaps = [round(later - earlier, 3) for earlier, later in zip(moments, moments[1:])]
        self.assertGreaterEqual(min(gaps), interval_s * 7 / 8, "two nodes took one in the same interval")
        self.assertGreater(sum(taken().values()), 0)

        for n, one in enumerate(nodes.values()):  # what a snapshot holds is of all nodes
            self.counted(one, 5 + 200 * n)  # so far apart that they agree by what they hear of each other alone
        until(lambda: len({one.stats(SITE)["total"] for one in nodes.values()}) == 1, "the nodes do not agree")
        total = node.stats(SITE)["total"]
        until(lambda: footfall(node, "snapshot", "show", SITE)["total"] == total, "the last hits are in no snapshot")

        def nothing_more():
            before = taken()
            time.sleep(2 * interval_s)  # nothing changed meanwhile
            return taken() == before
        until(nothing_more, "snapshots of what did not change")
        self.assertEqual(footfall(node, "snapshot", "show", SITE)["total"], total)

    def test_redis_may_be_away(self):
        daemon = self.daemon("--snapshot-interval", "1")
        daemon.add_site(SITE, visibility="full")
        self.redis.kill()
        self.counted(daemon, 20)
        self.assertIn("Redis at 127.0.0.1", footfall(daemon, "snapshot", "now", code=1))
        self.assertEqual(daemon.stats(SITE)["total"], 20)
        self.assertEqual(daemon.admin("GET", "/readyz", token=False).status, 200)
        self.assertIn("Redis at", daemon.admin("GET", "/readyz?verbose").text)
        self.assertEqual(daemon.metrics()["footfall_redis_up"], 0)
        self.assertGreater(daemon.metrics()["footfall_snapshot_failures_total"], 0)
        daemon.stop(9)
        daemon.start()
        self.assertEqual(daemon.stats(SITE)["total"], 20)
        self.redis.start()
        until(lambda: daemon.metrics()["footfall_redis_up"] == 1, "Redis was not found again")
        until(lambda: footfall(daemon, "snapshot", "list")["snapshots"], "no snapshot after Redis came back")
        self.assertEqual(footfall(daemon, "snapshot", "show", SITE)["total"], 20)

    def test_what_is_wrong_is_said(self):
        daemon = self.daemon()
        daemon.add_site(SITE)
        self.assertIn("no snapshot of " + SITE, footfall(daemon, "restore", "--from-redis", "--site", SITE, code=1))
        self.assertIn("no snapshot x", footfall(daemon, "snapshot", "show", SITE, "x", code=1))
        self.assertIn("no site is named", footfall(daemon, "snapshot", "now", "other.example", code=1))
        (taken,) = footfall(daemon, "snapshot", "now")["snapshots"]
        key = f"footfall:{{{SITE}}}:snapshot:{taken['id']}"
        self.redis.run("SETRANGE", key, "20", "damage")
        self.assertIn("checksum", footfall(daemon, "restore", "--from-redis", "--site", SITE, code=1))
        self.redis.run("SET", key, "something else")
        self.assertIn("does not begin as one", footfall(daemon, "snapshot", "show", SITE, code=1))
        with Daemon() as without:
            self.assertIn("--redis", footfall(without, "snapshot", "list", code=1))


if __name__ == "__main__":
    if shutil.which("redis-server") is None:
        print("SKIPPED: there is no redis-server here (Debian: redis-server)")
        sys.exit(SKIPPED)
    unittest.main()
