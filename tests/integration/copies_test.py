# SPDX-License-Identifier: Apache-2.0
"""Nodes whose directory is a copy of another's, or their own of before: what all acknowledged is in every total, once."""
import pathlib
import shutil
import signal
import subprocess
import sys
import unittest

import nodes_test
from footfall import BUILD, SKIPPED, copy_directory
from nodes_test import SITE
from redis_server import until


class Copies(nodes_test.Case):
    def copy_of(self, node, name):
        """As it stands, in use or not. One that was caught between two moments is made again, as its owner would."""
        for attempt in range(10):
            directory = pathlib.Path(f"{node.directory}-{name}-{attempt}")
            self.addCleanup(shutil.rmtree, directory, ignore_errors=True)
            subprocess.run(["cp", "-r", str(node.directory), str(directory)], stderr=subprocess.DEVNULL)
            if subprocess.run([str(BUILD / "footfall"), "verify", str(directory)], stdout=subprocess.DEVNULL).returncode == 0:
                return directory
        self.fail("no copy can be read")

    def slot(self, node):
        return next(line.split()[1] for line in (node.directory / "META").read_text().splitlines() if line.startswith("slot "))

    def slots(self):
        return int(self.redis.run("HLEN", "footfall:{%s}:slots" % SITE))

    def restart(self, nodes, how=signal.SIGTERM):
        for node in nodes:
            node.stop(how)
        for node in nodes:
            node.start()

    def test_a_copy_of_a_stopped_node_and_the_node_itself(self):
        a, b, c = self.nodes
        for node in self.nodes:
            self.hit(node, 10)
        self.agree()
        slot = self.slot(c)
        c.stop()
        directory = self.copy_of(c, "copy")
        copy = self.node("copy", directory=directory)  # the first to start goes on
        c.start()
        self.assertEqual(self.slot(copy), slot)
        self.assertNotEqual(self.slot(c), slot)
        self.nodes.append(copy)
        for node in self.nodes:
            self.hit(node, 10)
        self.agree()
        slots = self.slots()
        self.assertEqual(slots, 4)
        self.restart(self.nodes)
        for node in self.nodes:
            self.hit(node, 10)
        self.agree()
        self.assertEqual(self.slots(), slots, "each went on with its slot")
        self.assertEqual(self.redis.run("HLEN", "footfall:{meta}:tickets"), "0")

    def test_a_copy_of_a_running_node(self):
        a, b, c = self.nodes
        self.hit(a, 20)
        directory = self.copy_of(a, "copy")
        self.hit(a, 10)
        copy = self.node("copy", directory=directory)
        self.nodes.append(copy)
        for node in self.nodes:
            self.hit(node, 10)
        self.agree()
        self.restart([a, copy], signal.SIGKILL)
        for node in self.nodes:
            self.hit(node, 5)
        self.agree()
        self.restart(self.nodes)
        self.agree()
        for node in self.nodes:
            self.assertEqual(node.metrics()["footfall_replication_conflicts_total"], 0)
            self.assertEqual(node.metrics()["footfall_ledger_mismatch"], 0)

    def test_a_node_is_put_back(self):
        a, b, c = self.nodes
        self.hit(b, 10)
        earlier = self.copy_of(b, "earlier")
        self.hit(b, 10)
        self.agree()
        b.stop(signal.SIGKILL)
        shutil.rmtree(b.directory)
        copy_directory(earlier, b.directory)
        b.start()
        for node in self.nodes:
            self.hit(node, 10)
        self.agree()
        self.restart(self.nodes)
        self.agree()

    def test_copies_that_count_while_redis_is_away(self):
        a, b, c = self.nodes
        self.hit(c, 10)
        self.agree()
        self.redis.kill()
        self.hit(c, 10)
        directory = self.copy_of(c, "copy")
        copy = self.node("copy", directory=directory)
        self.nodes.append(copy)
        self.hit(copy, 10)
        self.hit(c, 10)
        self.restart([copy], signal.SIGKILL)
        self.hit(copy, 10)
        self.restart([c])
        self.hit(c, 10)
        self.redis.start()
        self.agree()
        self.restart(self.nodes)
        self.hit(copy, 10)
        self.agree()

    def test_a_node_that_counts_for_itself_for_a_while(self):
        c = self.nodes[2]
        self.hit(c, 10)
        self.agree()
        c.stop()
        directory = self.copy_of(c, "copy")
        options, c.options = c.options, ["--rate-limit", "0"]
        c.start()
        self.hit(c, 10)
        c.stop()
        c.options = options
        self.nodes.append(self.node("copy", directory=directory))
        self.hit(self.nodes[3], 10)
        c.start()
        self.hit(c, 10)
        self.agree()

    def test_a_node_that_started_anew_is_listed_once(self):
        self.restart([self.nodes[1]], signal.SIGKILL)
        until(lambda: self.redis.run("HLEN", "footfall:{meta}:nodes") == "3", "who is gone is listed")


if __name__ == "__main__":
    if shutil.which("redis-server") is None:
        print("SKIPPED: there is no redis-server here (Debian: redis-server)")
        sys.exit(SKIPPED)
    unittest.main()
