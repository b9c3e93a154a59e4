# SPDX-License-Identifier: Apache-2.0
"""Addresses and pages that a site excludes: refused by every way in, named, and in no number; and how much is logged."""
import unittest

from footfall import BROWSER, Daemon

SITE = "example.org"


class Exclude(unittest.TestCase):
    def setUp(self):
        self.daemon = Daemon("--threads", "1").start()
        self.addCleanup(self.daemon.close)
        self.daemon.add_site(SITE, exclude_addresses=["192.0.2.0/24", "2001:db8::/32"], exclude_paths=["/admin/*", "/preview"])

    def ping(self, path, address):
        return self.daemon.get(f"/hit?site={SITE}&path={path}", X_Forwarded_For=address, User_Agent=BROWSER % 120)

    def test_what_is_excluded_is_refused_and_named(self):
        for path, address in (("/", "192.0.2.9"), ("/", "2001:db8:1::5"), ("/admin/users", "198.51.100.1"), ("/admin/", "198.51.100.1"),
                              ("/preview?x=1", "198.51.100.1")):
            answer = self.ping(path, address)
            self.assertEqual((answer.status, answer.fields["Footfall-Rejected"]), (204, "excluded"), (path, address))
        for path, address in (("/", "198.51.100.1"), ("/administration", "2001:db9::1"), ("/preview/2", "192.0.3.9")):
            answer = self.ping(path, address)
            self.assertEqual((answer.status, answer.fields.get("Footfall-Rejected")), (204, None), (path, address))
        gif = self.daemon.get(f"/hit.gif?site={SITE}&path=/preview", User_Agent=BROWSER % 120)
        self.assertEqual((gif.status, gif.fields["Content-Type"], gif.fields["Footfall-Rejected"]), (200, "image/gif", "excluded"))
        items = "".join(f'{{"site":"{SITE}","path":"{path}","address":"{address}","agent":"{BROWSER % 120}"}}\n'
                        for path, address in (("/", "192.0.2.77"), ("/admin/x", "198.51.100.2"), ("/", "198.51.100.2")))
        batch = self.daemon.request("POST", "/v1/hits", items.encode(), Content_Type="application/x-ndjson",
                                    Authorization=f"Bearer {self.daemon.token}").json
        self.assertEqual(batch["accepted"], 1)
        self.assertEqual([item["reason"] for item in batch["rejected"]], ["excluded", "excluded"])
        self.assertEqual(self.daemon.stats(SITE)["total"], 4)
        self.assertEqual(self.daemon.metrics()['footfall_hits_rejected_total{reason="excluded"}'], 8)
        refused = self.daemon.get(f"/v1/sites/{SITE}/refusals", Authorization=f"Bearer {self.daemon.token}").json
        self.assertEqual(refused["refused"], {"excluded": 8})

    def test_it_lasts_over_a_restart_and_can_be_emptied(self):
        self.daemon.stop()
        self.daemon.start()
        self.assertEqual(self.ping("/", "192.0.2.9").fields.get("Footfall-Rejected"), "excluded")
        changed = self.daemon.admin("PUT", f"/v1/admin/sites/{SITE}", {"exclude_addresses": []})
        self.assertEqual(changed.status, 200, changed.text)
        self.assertIsNone(self.ping("/", "192.0.2.9").fields.get("Footfall-Rejected"))
        self.assertEqual(self.ping("/preview", "192.0.2.9").fields.get("Footfall-Rejected"), "excluded")

    def test_the_logs_level_is_set_while_it_runs(self):
        self.assertEqual(self.daemon.admin("GET", "/v1/admin/log-level").json, {"level": "info"})
        self.assertEqual(self.daemon.admin("PUT", "/v1/admin/log-level", {"level": "error"}).json, {"level": "error"})
        self.assertEqual(self.daemon.admin("GET", "/v1/admin/log-level").json, {"level": "error"})
        self.assertEqual(self.daemon.admin("PUT", "/v1/admin/log-level", {"level": "loud"}).status, 400)
        reloaded = self.daemon.admin("POST", "/v1/admin/reload")
        self.assertEqual(reloaded.status, 200, reloaded.text)
        self.assertEqual(self.daemon.admin("GET", "/v1/admin/log-level").json, {"level": "info"}, "as it is configured")


if __name__ == "__main__":
    unittest.main(verbosity=2)
