# SPDX-License-Identifier: Apache-2.0
"""Three nodes that count together through a real Redis: whatever happens to it, each shows the sum of what all acknowledged."""
import json
import os
import secrets
import shutil
import signal
import sys
import tempfile
import time
import unittest

from footfall import BROWSER, SKIPPED, Daemon
from redis_server import Redis, footfall, until

SITE = "example.org"


class Case(unittest.TestCase):
    def setUp(self):
        self.redis = Redis()
        self.addCleanup(self.redis.close)
        self.nodes = [self.node(name) for name in ("a", "b", "c")]
        self.sent = 0
        self.nodes[0].add_site(SITE)
        for node in self.nodes:
            self.knows(node, SITE)

    def node(self, name, *options, **where):
        daemon = Daemon("--redis", self.redis.uri, "--node", name, "--rate-limit", "0", "--threads", "2", "--snapshot-interval", "0", *options, **where)
        self.addCleanup(daemon.close)
        return daemon.start()

    def knows(self, node, site):
        until(lambda: node.get(f"/v1/sites/{site}/stats").status == 200, f"{site} did not reach a node:\n{node.log_text()[-2000:]}")

    def hit(self, node, times=1):
        for i in range(times):
            self.assertEqual(node.hit(SITE, f"/{i % 5}", visitor=self.sent % 300).status, 204)
            self.sent += 1

    def totals(self):
        return [node.stats(SITE)["total"] for node in self.nodes]

    def replicated(self):
        return [int(node.metrics()["footfall_replicated_hits"]) for node in self.nodes]

    def agree(self, total=None):
        total = self.sent if total is None else total
        until(lambda: self.totals() == [total] * len(self.nodes), lambda: f"{self.totals()} is not {total} everywhere")
        time.sleep(1.2)  # a flush later it is the same
        self.assertEqual(self.totals(), [total] * len(self.nodes))


class Nodes(Case):
    def test_each_shows_what_all_counted(self):
        for node in self.nodes:
            self.hit(node, 20)
        self.agree()
        stats = [node.stats(SITE) for node in self.nodes]
        self.assertEqual(self.replicated(), [20, 20, 20])
        for of in ("today", "month", "year"):
            self.assertEqual([s[of]["hits"] for s in stats], [60, 60, 60])
        pages = self.nodes[0].pages(SITE)
        self.assertEqual(sum(p["counted"] for p in pages["pages"]) + pages["rest"], pages["counted"])

    def test_changes_reach_every_node(self):
        a, b, c = self.nodes
        self.hit(a, 10)
        self.hit(b, 10)
        self.agree()
        footfall(b, "seed", SITE, "--total", "41450791", "--reason", "carried over")
        self.agree(41450791)
        reset = footfall(c, "reset", SITE)
        self.agree(0)
        self.hit(a, 3)
        self.hit(c, 4)
        self.agree(7)
        footfall(a, "undo", reset["id"])
        self.agree(41450798)
        self.assertEqual(a.admin("PUT", f"/v1/admin/sites/{SITE}", {"window_s": 60}).status, 200)
        until(lambda: all(node.stats(SITE)["window_s"] == 60 for node in self.nodes), "a setting did not reach every node")

    def test_a_new_process_takes_over_a_node(self):
        """It goes on under the name, in a slot of its own; also where Redis is away meanwhile."""
        a, b, c = self.nodes
        self.hit(a, 10)
        self.hit(b, 5)
        self.agree()
        a.take_over()
        self.agree()
        self.hit(a, 10)
        reset = footfall(b, "reset", SITE, "--wait", "20")
        self.assertTrue(all(node["adopted"] for node in reset["nodes"]), reset)
        self.agree(0)
        footfall(b, "undo", reset["id"])
        self.agree()
        self.redis.pause()
        try:
            self.hit(a, 10)
            a.take_over()
            self.hit(a, 10)
            self.assertEqual(a.stats(SITE)["total"], self.sent)
        finally:
            self.redis.go_on()
        self.agree()
        for _ in range(3):
            a.take_over()
            self.hit(a)
        self.agree()

    def test_a_page_alone_is_neither_seeded_nor_reset(self):
        for node in self.nodes:
            self.hit(node, 5)
        self.agree()
        for words in (("seed", SITE, "--page", "/1", "--total", "100"), ("seed", SITE, "--page", "/1", "--add", "5"), ("reset", SITE, "--page", "/1"),
                      ("reset", SITE, "--page", "/1", "--dry-run")):
            self.assertIn("--node", footfall(self.nodes[1], *words, code=1))
        self.agree()
        self.assertEqual([node.stats(SITE, "/1")["page"]["total"] for node in self.nodes], [1, 1, 1])

    def test_a_reset_waits_no_longer_for_a_node_that_is_gone_than_it_was_told(self):
        a, b, c = self.nodes
        footfall(a, "reset", SITE, "--wait", "20")  # c was seen lately
        c.stop(signal.SIGKILL)
        reset = footfall(a, "reset", SITE, "--wait", "2")
        self.assertEqual({node["node"]: node["adopted"] for node in reset["nodes"]}, {"a": True, "b": True, "c": False})

    def test_redis_is_away_and_comes_back_empty(self):
        a, b, c = self.nodes
        self.hit(a, 10)
        self.agree()
        self.redis.kill()
        self.hit(b, 10)
        self.hit(c, 10)
        c.stop()
        c.start()  # with what it knew
        self.assertEqual(c.stats(SITE)["total"], 20)
        until(lambda: "Redis cannot be used: " in a.log_text(), "nobody is told")
        until(lambda: [node.metrics()["footfall_redis_up"] for node in self.nodes] == [0] * 3, "footfall_redis_up must show it")
        time.sleep(3)  # and many tries
        shutil.rmtree(self.redis.directory)
        os.mkdir(self.redis.directory)
        self.redis.start()
        self.agree()
        for node in (a, b):
            until(lambda node=node: "Redis can be used again, after " in node.log_text(), "nobody is told that it is over")
            said = [line for line in node.log_text().splitlines() if "Redis ca" in line]
            self.assertEqual(len(said), 2, said)
            self.assertIn(f"Redis at 127.0.0.1:{self.redis.port}: ", said[0])
            self.assertIn("is it running", said[0])

    def test_redis_forgets_while_it_runs(self):
        for node in self.nodes:
            self.hit(node, 5)
        self.agree()
        self.nodes[2].stop(signal.SIGKILL)
        gone = self.nodes.pop()
        self.assertEqual(self.redis.run("FLUSHALL"), "OK")
        self.hit(self.nodes[0], 5)
        self.agree()
        until(lambda: self.redis.run("HLEN", "footfall:{%s}:slots" % SITE) == "3", "the slot of a node that is down was not put back")
        self.nodes.append(gone.start())
        self.agree()

    def test_a_node_begins_again_with_nothing(self):
        for node in self.nodes:
            self.hit(node, 5)
        self.agree()
        self.nodes[1].stop(signal.SIGKILL)
        self.nodes[1].close()
        self.nodes[1] = self.node("b")
        self.knows(self.nodes[1], SITE)
        self.hit(self.nodes[1], 5)
        self.agree()

    def test_redis_stands_still(self):
        self.hit(self.nodes[0], 5)
        self.agree()
        os.kill(self.redis.process.pid, signal.SIGSTOP)
        try:
            time.sleep(4)
            for node in self.nodes:
                self.hit(node, 5)
            self.assertEqual(self.replicated(), [5, 0, 0])
        finally:
            os.kill(self.redis.process.pid, signal.SIGCONT)
        self.agree()
        self.assertEqual(self.replicated(), [10, 5, 5])


class Together(Case):
    """With a cluster key: a visitor of two nodes is one."""

    def setUp(self):
        self.key = tempfile.NamedTemporaryFile("w")
        self.addCleanup(self.key.close)
        os.chmod(self.key.name, 0o600)
        self.key.write(secrets.token_hex(32))
        self.key.flush()
        super().setUp()

    def node(self, name, *options, **where):
        return super().node(name, "--cluster-key", self.key.name, *options, **where)

    def until_online(self, online, why):
        def seen():
            return [(s["online"], s["scope"]) for s in (node.stats(SITE) for node in self.nodes)]
        until(lambda: seen() == [(online, "cluster")] * len(self.nodes), lambda: f"{why}: {seen()} is not {online} everywhere")

    def test_who_is_online_is_counted_once(self):
        self.until_online(0, "nobody yet")
        for visitor in range(30):
            for n in range(1 + visitor % 3):
                self.assertEqual(self.nodes[(visitor + n) % 3].hit(SITE, "/", visitor=visitor).status, 204)
        self.until_online(30, "thirty visitors, of one to three nodes each")
        # The day's visitors of a cluster are a sketch: of thirty, two share one of its 16,384 registers in 2.6 % of the runs, and four
        # pairs do in one of 10^8.
        def today():
            return [node.stats(SITE)["today"]["visitors"] for node in self.nodes]
        until(lambda: min(today()) == max(today()) and 27 <= today()[0] <= 30, lambda: f"{today()} is not 30 visitors today everywhere")
        self.redis.run("FLUSHALL")
        self.until_online(30, "after Redis forgot")
        self.redis.kill()
        until(lambda: all(node.stats(SITE)["scope"] == "node" for node in self.nodes), "without Redis each shows its own")
        self.redis.start()
        self.until_online(30, "Redis is back")


    def visit(self, node, first, last):
        """Visitors told apart by their addresses, in one batch."""
        lines = [json.dumps({"site": SITE, "path": "/", "address": f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}", "agent": BROWSER % 120}) for n in range(first, last)]
        answer = node.request("POST", "/v1/hits", "\n".join(lines), Content_Type="application/x-ndjson", Authorization=f"Bearer {node.token}")
        self.assertEqual((answer.status, answer.json["accepted"]), (200, last - first), answer.text)

    def test_visitors_are_what_pfcount_says(self):
        def days():
            """Of each epoch the key of its day; not the sketches on their way."""
            return sorted(key for key in self.redis.run("KEYS", "footfall:{%s}:visitors:*" % SITE).split() if "." not in key.rsplit(":", 1)[1])

        def shown():
            return [node.stats(SITE)["today"]["visitors"] for node in self.nodes]

        def as_pfcount_says(keys, visitors):
            def said():
                return int(self.redis.run("PFCOUNT", *keys()) or 0) if keys() else 0
            until(lambda: keys() and abs(said() - visitors) <= 0.04 * visitors and shown() == [said()] * 3,
                  lambda: f"PFCOUNT {keys()} says {said()} of {visitors} visitors, the nodes {shown()}")
            time.sleep(2.5)  # and so it stays
            self.assertEqual(shown(), [said()] * 3)
            self.assertEqual({node.stats(SITE)["visitors_error"] for node in self.nodes}, {0.0081})

        a, b, c = self.nodes
        self.visit(a, 0, 2000)
        as_pfcount_says(days, 2000)  # of one node, which has the exact number
        self.visit(b, 1500, 4000)
        self.visit(c, 3900, 9000)  # more than are kept exactly
        as_pfcount_says(days, 9000)
        self.visit(a, 4000, 5000)  # whom Redis knows, and this node does not
        as_pfcount_says(days, 9000)
        first = days()
        reset = footfall(b, "reset", SITE, "--wait", "30")
        self.assertTrue(all(node["adopted"] for node in reset["nodes"]), reset)
        self.visit(c, 8000, 9500)
        self.visit(a, 9400, 9600)
        as_pfcount_says(lambda: [key for key in days() if key not in first], 1600)
        footfall(a, "undo", reset["id"])
        as_pfcount_says(days, 9600)


if __name__ == "__main__":
    if shutil.which("redis-server") is None:
        print("SKIPPED: there is no redis-server here (Debian: redis-server)")
        sys.exit(SKIPPED)
    unittest.main()
