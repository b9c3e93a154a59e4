# SPDX-License-Identifier: Apache-2.0
"""Footfall-Epoch says of each hit which epoch it was counted in: also of those that meet a reset on their way."""
import json
import threading
import time
import unittest

from footfall import BROWSER, Daemon

SITE, OTHER = "example.org", "other.example"
EPOCH = "Footfall-Epoch"


class Epoch(unittest.TestCase):
    durability = "disk"

    def setUp(self):
        self.daemon = Daemon("--threads", "2", "--rate-limit", "0", "--durability", self.durability).start()
        self.addCleanup(self.daemon.close)
        for site in (SITE, OTHER):
            self.daemon.add_site(site, visibility="full")

    def reset(self, site=SITE):
        answer = self.daemon.admin("POST", f"/v1/admin/sites/{site}/reset", {})
        self.assertEqual(answer.status, 200, answer.text)
        return answer.json

    def answers(self):
        """One hit in each way."""
        agent = {"User_Agent": BROWSER % 120}
        ping = json.dumps({"site": SITE, "path": "/"})
        yield self.daemon.get(f"/hit?site={SITE}&path=/", **agent)
        yield self.daemon.get(f"/hit.gif?site={SITE}&path=/", **agent)
        yield self.daemon.get(f"/hit?site={SITE}&path=/&format=json", **agent)
        yield self.daemon.get(f"/hit?site={SITE}&path=/", Connection="close", **agent)
        yield self.daemon.request("POST", "/hit", ping, Content_Type="text/plain", **agent)
        yield self.daemon.request("POST", "/hit", ping, Content_Type="application/json", **agent)

    def batch(self, *sites, key=None):
        fields = {"Idempotency_Key": key} if key else {}
        body = "".join(json.dumps({"site": site, "path": "/"}) + "\n" for site in sites)
        answer = self.daemon.request("POST", "/v1/hits", body, Content_Type="application/x-ndjson",
                                     Authorization=f"Bearer {self.daemon.token}", User_Agent=BROWSER % 120, **fields)
        self.assertEqual(answer.status, 200, answer.text)
        return answer

    def test_every_answer_to_a_hit_names_its_epoch(self):
        for answer in self.answers():
            self.assertIn(answer.status, (200, 204))
            self.assertEqual(answer.fields[EPOCH], "1.0")
            self.assertIn(EPOCH, answer.fields["Access-Control-Expose-Headers"])
            self.assertEqual(len(answer.fields.get_all(EPOCH)), 1)
        self.reset()
        epochs = {answer.fields[EPOCH] for answer in self.answers()}
        self.assertEqual(len(epochs), 1, epochs)
        self.assertRegex(epochs.pop(), "^2[.][0-9a-f]+$")
        self.assertEqual(self.daemon.hit(OTHER).fields[EPOCH], "1.0", "another site's is its own")
        self.reset()
        self.assertRegex(self.daemon.hit(SITE).fields[EPOCH], "^3[.][0-9a-f]+$")

    def test_what_counts_nothing_names_none(self):
        for target in (f"/hit?site={SITE}&path=/&kind=none", "/hit?site=nowhere.example&path=/", f"/v1/sites/{SITE}/stats"):
            self.assertNotIn(EPOCH, self.daemon.get(target, User_Agent=BROWSER % 120).fields)
        refused = self.daemon.get(f"/hit?site={SITE}&path=/", Origin="null", User_Agent=BROWSER % 120)
        self.assertIn("Footfall-Rejected", refused.fields)
        self.assertNotIn(EPOCH, refused.fields)

    def test_a_batch_names_the_epoch_that_all_of_it_has(self):
        self.assertEqual(self.batch(SITE, SITE).fields[EPOCH], "1.0")
        self.assertEqual(self.batch(SITE, OTHER).fields[EPOCH], "1.0")
        self.reset()
        self.assertNotIn(EPOCH, self.batch(SITE, OTHER).fields, "two epochs")
        self.assertRegex(self.batch(SITE).fields[EPOCH], "^2[.]")
        self.assertNotIn(EPOCH, self.batch("nowhere.example").fields)
        key = self.batch().fields["Footfall-Node"] + "/one"
        self.assertNotIn(EPOCH, self.batch().fields)
        self.assertRegex(self.batch(SITE, key=key).fields[EPOCH], "^2[.]")
        self.assertNotIn(EPOCH, self.batch(SITE, key=key).fields, "an answer that is given again")

    def test_hits_that_meet_resets_are_counted_in_the_epochs_that_they_were_told(self):
        told, lock, ended = {}, threading.Lock(), threading.Event()

        def send(n):
            while not ended.is_set():
                answer = self.daemon.hit(SITE, visitor=n)
                self.assertEqual(answer.status, 204)
                with lock:
                    told[answer.fields[EPOCH]] = told.get(answer.fields[EPOCH], 0) + 1

        threads = [threading.Thread(target=send, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        resets = []
        for _ in range(4):
            time.sleep(0.3)
            resets.append(self.reset())
        time.sleep(0.3)
        ended.set()
        for thread in threads:
            thread.join()
        self.assertEqual(len(told), 5, told)
        epochs = sorted(told, key=lambda text: int(text.split(".")[0]), reverse=True)
        total = 0
        for epoch in epochs:  # each undo brings back the epoch before
            total += told[epoch]
            self.assertEqual(self.daemon.stats(SITE)["total"], total, f"with {epoch}, of {told}")
            if resets:
                undone = self.daemon.admin("POST", f"/v1/admin/changes/{resets.pop()['id']}/undo", {})
                self.assertEqual(undone.status, 200, undone.text)


class EpochOfTheWrite(Epoch):
    durability = "kernel"


if __name__ == "__main__":
    unittest.main(verbosity=2)
