# SPDX-License-Identifier: Apache-2.0
"""More changes than a node remembers: none is applied again, however often Redis, which keeps them all, is read."""
import http.client
import shutil
import signal
import sys
import unittest

from footfall import SKIPPED
from nodes_test import SITE, Case
from redis_server import until


class ManyChanges(Case):
    def test_more_changes_than_a_node_remembers_are_applied_once(self):
        a, b, c = self.nodes
        many = 10_050
        connection = http.client.HTTPConnection("127.0.0.1", a.admin_port, timeout=20)
        self.addCleanup(connection.close)
        for n in range(many):
            connection.request("POST", f"/v1/admin/sites/{SITE}/seed", '{"add":1}', {"Authorization": f"Bearer {a.token}", "Idempotency-Key": f"many-{n}"})
            answer = connection.getresponse()
            self.assertEqual(answer.status, 200, answer.read())
            answer.read()
        until(lambda: self.totals() == [many] * 3, lambda: f"{self.totals()} is not {many}", 120)
        self.assertGreater(b.metrics()['footfall_changes{state="past"}'], 0)
        for change in range(3):  # each start reads all of Redis
            b.stop(signal.SIGKILL if change else signal.SIGTERM)
            b.start()
            c.stop()
            c.start("--checkpoint-interval", "1")
            self.agree(many)
        again = a.admin("POST", f"/v1/admin/sites/{SITE}/seed", {"add": 1}, Idempotency_Key="many-0")
        self.assertEqual(again.status, 409, again.text)
        self.assertIn("too old", again.text)
        self.agree(many)


if __name__ == "__main__":
    if shutil.which("redis-server") is None:
        print("SKIPPED: there is no redis-server here (Debian: redis-server)")
        sys.exit(SKIPPED)
    unittest.main()
