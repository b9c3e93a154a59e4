# SPDX-License-Identifier: Apache-2.0
"""Each change is made once by its id: also after a kill, behind a checkpoint, and after a clean stop."""
import time
import unittest

from footfall import Daemon

SITE = "/v1/admin/sites/example.org"
# (method, target, body), in this order; each its own id.
CHANGES = [
    ("POST", "/v1/admin/sites", {"name": "example.org", "visibility": "full"}),
    ("POST", "/v1/admin/sites", {"name": "gone.example"}),
    ("PUT", SITE, {"lang": "vi"}),
    ("POST", SITE + "/seed", {"total": 1000, "reason": "carried over"}),
    ("POST", SITE + "/seed", {"add": 5}),
    ("POST", SITE + "/seed", {"add": 7, "page": "/p"}),
    ("POST", SITE + "/reset", {"page": "/p"}),
    ("POST", SITE + "/reset", {}),
    ("POST", "/v1/admin/changes/id-7/undo", {}),
    ("POST", SITE + "/seed", {"total": 77}),
    ("DELETE", "/v1/admin/sites/gone.example", None),
]


class Changes(unittest.TestCase):
    def setUp(self):
        self.daemon = Daemon("--threads", "2")
        self.addCleanup(self.daemon.close)
        self.daemon.start()

    def make(self, number):
        method, target, body = CHANGES[number]
        answer = self.daemon.admin(method, target, body, Idempotency_Key=f"id-{number}")
        self.assertIn(answer.status, (200, 201), answer.text)
        return answer.json

    def state(self):
        audit = self.daemon.admin("GET", "/v1/admin/audit?limit=100").json
        return self.daemon.stats("example.org")["total"], self.daemon.admin("GET", "/v1/admin/sites").json, audit

    def kill(self):
        self.daemon.process.kill()
        self.daemon.process.wait()
        self.daemon.log.close()

    def test_a_change_that_is_sent_again_changes_nothing_and_is_answered_as_the_first_time(self):
        made = [self.make(number) for number in range(len(CHANGES))]
        self.daemon.hit("example.org", "/p")
        before = self.state()
        self.assertEqual(before[0], 78)
        for end in (lambda: None, self.kill, self.kill, self.daemon.stop, self.kill):
            end()
            if self.daemon.process.poll() is not None:
                self.daemon.start("--checkpoint-interval", "1")
                time.sleep(1.5)  # so that the next start may have a checkpoint to begin with
            for number, first in enumerate(made):
                self.assertEqual(self.make(number), {**first, "repeated": True})
            self.assertEqual(self.state(), before)
            used = self.daemon.admin("POST", SITE + "/seed", {"add": 6}, Idempotency_Key="id-4")
            self.assertEqual(used.status, 409, "the id of another change")

    def test_what_a_kill_cut_off_is_made_once_when_it_is_sent_again(self):
        self.make(0)
        for number in range(5):
            name = f"after-kill-{number}"
            self.daemon.admin("POST", SITE + "/seed", {"add": 1}, Idempotency_Key=name)
            self.kill()
            self.daemon.start()
            again = self.daemon.admin("POST", SITE + "/seed", {"add": 1}, Idempotency_Key=name)
            self.assertTrue(again.json["repeated"])
            self.assertEqual(self.daemon.stats("example.org")["total"], number + 1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
