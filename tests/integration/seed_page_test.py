# SPDX-License-Identifier: Apache-2.0
"""The two numbers at the foot of a provincial news site, from an empty directory to the widget's text."""
import unittest

from footfall import Daemon

SITE = "example.vn"


class SeedPage(unittest.TestCase):
    def test_a_seeded_site_and_48_visitors_read_as_on_the_seed_page(self):
        with Daemon("--threads", "2") as daemon:
            daemon.add_site(SITE, hosts=[SITE], timezone="Asia/Ho_Chi_Minh", lang="vi", grouping="dot")
            seeded = daemon.admin("POST", f"/v1/admin/sites/{SITE}/seed", {"total": 41450743, "reason": "carried over"})
            self.assertEqual(seeded.status, 200, seeded.text)
            for visitor in range(48):
                self.assertEqual(daemon.hit(SITE, "/tin-tuc", visitor).status, 204)
            text = daemon.get(f"/widget/{SITE}.txt").text
            self.assertEqual(text.splitlines()[:2], ["Tổng số lượt truy cập: 41.450.791", "Số người đang truy cập: 48"])
            stats = daemon.stats(SITE)
            self.assertEqual((stats["total"], stats["counted"], stats["seed"], stats["online"]), (41450791, 48, 41450743, 48))
            self.assertEqual((stats["today"]["hits"], stats["today"]["visitors"]), (48, 48))
            for grouping, text in (("none", "41450791"), ("comma", "41,450,791"), ("dot", "41.450.791"), ("space", "41 450 791")):
                changed = daemon.admin("PUT", f"/v1/admin/sites/{SITE}", {"grouping": grouping})
                self.assertEqual(changed.status, 200, changed.text)
                first = daemon.get(f"/widget/{SITE}.txt").text.splitlines()[0]
                self.assertEqual(first.replace("\u00a0", " ").replace("\u202f", " "), "Tổng số lượt truy cập: " + text)

            for extension, content_type in ((".svg", "image/svg+xml"), (".json", "application/json"), ("", "text/html")):
                widget = daemon.get(f"/widget/{SITE}{extension}?lang=vi")
                self.assertEqual(widget.status, 200)
                self.assertIn(content_type, widget.fields["Content-Type"])
            self.assertEqual(daemon.get(f"/widget/{SITE}.json").json["total"], 41450791)

    def test_a_reset_leaves_presence_and_undo_brings_the_numbers_back_also_over_a_restart(self):
        with Daemon("--threads", "2") as daemon:
            daemon.add_site(SITE, timezone="Asia/Ho_Chi_Minh")
            for visitor in range(5):
                daemon.hit(SITE, "/a", visitor)
            trial = daemon.admin("POST", f"/v1/admin/sites/{SITE}/reset", {"dry_run": True})
            self.assertEqual(trial.status, 200, trial.text)
            self.assertEqual(daemon.stats(SITE)["total"], 5)
            reset = daemon.admin("POST", f"/v1/admin/sites/{SITE}/reset", {"reason": "fresh start"}, Idempotency_Key="reset-1")
            self.assertEqual(reset.status, 200, reset.text)
            stats = daemon.stats(SITE)
            self.assertEqual((stats["total"], stats["online"], stats["epoch"]), (0, 5, 2))
            daemon.hit(SITE, "/a", 9)
            again = daemon.admin("POST", f"/v1/admin/sites/{SITE}/reset", {"reason": "fresh start"}, Idempotency_Key="reset-1")
            self.assertEqual(again.status, 200, again.text)
            self.assertEqual(daemon.stats(SITE)["total"], 1, "the same change id resets once")
            undone = daemon.admin("POST", "/v1/admin/changes/reset-1/undo")
            self.assertEqual(undone.status, 200, undone.text)
            self.assertEqual(daemon.stats(SITE)["total"], 6)
            daemon.stop()
            daemon.start()
            stats = daemon.stats(SITE)
            self.assertEqual((stats["total"], stats["online"], stats["epoch"]), (6, 6, 2))
            self.assertEqual(daemon.stats(SITE, "/a")["page"]["total"], 6)


if __name__ == "__main__":
    unittest.main(verbosity=2)
