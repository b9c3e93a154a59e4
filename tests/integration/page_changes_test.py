# SPDX-License-Identifier: Apache-2.0
"""Pages that are merged, renamed and removed: read so everywhere, over a kill and a restart, and back by undo."""
import signal
import unittest

from footfall import Daemon

SITE = "example.org"


class PageChanges(unittest.TestCase):
    def setUp(self):
        self.daemon = Daemon("--threads", "2").start()
        self.addCleanup(self.daemon.close)
        self.daemon.add_site(SITE, visibility="full")
        for path, visitors in (("/a", 3), ("/b", 2), ("/c", 1), ("/d", 4)):
            for visitor in range(visitors):
                self.assertEqual(self.daemon.hit(SITE, path, visitor).status, 204)

    def change(self, what, wanted=200, key=None, **body):
        fields = {"Idempotency_Key": key} if key else {}
        answer = self.daemon.admin("POST", f"/v1/admin/sites/{SITE}/pages/{what}", body, **fields)
        self.assertEqual(answer.status, wanted, answer.text)
        return answer.json

    def pages(self, limit=100):
        table = self.daemon.get(f"/v1/sites/{SITE}/pages?limit={limit}").json
        self.assertEqual(sum(page["counted"] for page in table["pages"]) + table["rest"], table["counted"])
        return {page["path"]: (page["counted"], page["online"]) for page in table["pages"]}, table["rest"]

    def test_merged_pages_are_one_in_all_that_is_read(self):
        plan = self.change("merge", **{"from": ["/a", "/b"], "into": "/c", "dry_run": True})
        self.assertEqual((plan["before"], plan["after"]), (1, 6))
        self.assertEqual(self.pages()[0]["/a"], (3, 3), "nothing was changed")
        self.change("merge", key="m1", **{"from": ["/a", "/b"], "into": "/c", "reason": "one article"})
        self.assertEqual(self.pages(), ({"/c": (6, 3), "/d": (4, 4)}, 0), "somebody on two of them is one")
        self.daemon.hit(SITE, "/a", 9)
        stats = self.daemon.stats(SITE, "/a")
        self.assertEqual((stats["total"], stats["page"]), (11, {"path": "/c", "total": 7, "online": 4}))
        top = self.daemon.get(f"/v1/sites/{SITE}/top/pages?period=day").json
        self.assertEqual(top["top"], [["/c", 7], ["/d", 4]])
        series = self.daemon.get(f"/v1/sites/{SITE}/series?path=/b&step=day").json
        self.assertEqual((series["path"], series["points"][-1][1]), ("/c", 7))
        self.assertEqual(self.daemon.admin("POST", "/v1/admin/changes/m1/undo").status, 200)
        self.assertEqual(self.pages(), ({"/a": (4, 4), "/b": (2, 2), "/c": (1, 1), "/d": (4, 4)}, 0))

    def test_it_lasts_over_a_kill_and_checkpoints(self):
        self.change("merge", key="m1", **{"from": ["/a"], "into": "/b"})
        self.change("rename", **{"from": "/b", "to": "/new"})
        self.change("remove", key="r1", page="/d")
        expected = ({"/new": (5, 3), "/c": (1, 1)}, 4)
        self.assertEqual(self.pages(), expected)
        self.daemon.stop(signal.SIGKILL)
        self.daemon.start()
        self.assertEqual(self.pages(), expected)
        self.daemon.stop()
        self.daemon.start()
        self.assertEqual(self.pages(), expected)
        self.assertEqual(self.daemon.stats(SITE)["total"], 10)
        self.assertEqual(self.daemon.stats(SITE, "/d")["page"], {"path": "/d", "total": 0, "online": 0})
        self.assertEqual(self.daemon.admin("POST", "/v1/admin/changes/r1/undo").status, 200)
        self.assertEqual(self.pages()[0]["/d"], (4, 4))
        self.assertEqual(self.daemon.admin("POST", "/v1/admin/changes/m1/undo").status, 200)
        self.assertEqual(self.pages()[0]["/a"], (3, 3))

    def test_what_cannot_be_is_refused_with_what_to_do(self):
        self.change("merge", key="m1", **{"from": ["/a"], "into": "/b"})
        for what, body, status, says in (
                ("merge", {"from": ["/a"], "into": "/c"}, 409, "/b"),
                ("merge", {"from": ["/b"], "into": "/a"}, 409, "/a"),
                ("rename", {"from": "/c", "to": "/d"}, 409, "merge"),
                ("remove", {"page": "/a"}, 409, "/b"),
                ("remove", {"page": "/none"}, 404, "/none")):
            answer = self.daemon.admin("POST", f"/v1/admin/sites/{SITE}/pages/{what}", body)
            self.assertEqual(answer.status, status, answer.text)
            self.assertIn(says, answer.json["detail"])
        seed = self.daemon.admin("POST", f"/v1/admin/sites/{SITE}/seed", {"add": 5, "page": "/a"})
        self.assertEqual(seed.status, 409, seed.text)
        entry = self.daemon.admin("GET", "/v1/admin/audit?limit=1").json["audit"][0]
        self.assertEqual((entry["id"], entry["action"], entry["site"]), ("m1", "pages merged", SITE))


if __name__ == "__main__":
    unittest.main(verbosity=2)
