# SPDX-License-Identifier: Apache-2.0
"""Countries of visitors, by a database that the operator brings: of pings, batches and imports; another one by a reload; a wrong one."""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

from footfall import BROWSER, BUILD, Daemon

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from country_database import build  # noqa: E402

SITE = "example.org"
FIRST = [("192.0.2.0/24", "VN"), ("198.51.100.0/24", "LA"), ("2001:db8::/32", "FR")]
SECOND = [("192.0.2.0/24", "KH")]


class Countries(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="footfall-countries-")
        self.addCleanup(directory.cleanup)
        self.file = pathlib.Path(directory.name) / "countries.mmdb"

    def bring(self, networks):
        """Renamed over the one that is there, as README says."""
        fresh = self.file.with_suffix(".new")
        fresh.write_bytes(build(networks))
        fresh.rename(self.file)

    def daemon(self):
        daemon = Daemon("--country-database", str(self.file), "--threads", "2")
        self.addCleanup(daemon.close)
        daemon.start()
        daemon.add_site(SITE, visibility="full")
        return daemon

    def top(self, daemon):
        return dict(daemon.get(f"/v1/sites/{SITE}/top/countries").json["top"])

    def test_of_pings_and_of_batches(self):
        self.bring(FIRST)
        daemon = self.daemon()
        for address in ("192.0.2.1", "192.0.2.2", "198.51.100.9", "2001:db8::7", "203.0.113.5"):
            self.assertEqual(daemon.get(f"/hit?site={SITE}&path=/", User_Agent=BROWSER % 120, X_Forwarded_For=address).status, 204)
        self.assertEqual(self.top(daemon), {"VN": 2, "LA": 1, "FR": 1})
        items = [{"site": SITE, "path": "/", "address": "198.51.100.7", "agent": BROWSER % 121}, {"site": SITE, "path": "/", "agent": BROWSER % 121}]
        body = "".join(json.dumps(item) + "\n" for item in items).encode()
        answer = daemon.request("POST", "/v1/hits", body, Content_Type="application/x-ndjson", Authorization=f"Bearer {daemon.token}")
        self.assertEqual((answer.status, answer.json["accepted"]), (200, 2))
        self.assertEqual(self.top(daemon), {"VN": 2, "LA": 2, "FR": 1})
        daemon.stop()
        for file in daemon.directory.rglob("*"):
            if file.is_file():
                self.assertNotIn(b"198.51.100", file.read_bytes(), file)
        daemon.start()
        self.assertEqual(self.top(daemon), {"VN": 2, "LA": 2, "FR": 1})

    def test_a_reload_reads_it_again_and_refuses_what_is_none(self):
        self.bring(FIRST)
        daemon = self.daemon()
        ping = lambda: daemon.get(f"/hit?site={SITE}&path=/", User_Agent=BROWSER % 120, X_Forwarded_For="192.0.2.1").status
        self.assertEqual(ping(), 204)
        self.bring(SECOND)
        self.assertEqual(daemon.admin("POST", "/v1/admin/reload").status, 200)
        self.assertEqual(ping(), 204)
        self.assertEqual(self.top(daemon), {"VN": 1, "KH": 1})
        fresh = self.file.with_suffix(".new")
        fresh.write_text("not one of them")
        fresh.rename(self.file)
        answer = daemon.admin("POST", "/v1/admin/reload")
        self.assertGreaterEqual(answer.status, 400)
        self.assertIn(str(self.file), answer.text)
        self.assertEqual(ping(), 204)
        self.assertEqual(self.top(daemon), {"VN": 1, "KH": 2}, "what was there stays in force")

    def test_a_start_without_the_file_says_what_is_wrong(self):
        with tempfile.TemporaryDirectory() as directory:
            done = subprocess.run([BUILD / "footfalld", "--data-dir", directory, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--country-database", self.file],
                                  capture_output=True, text=True, timeout=60)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(f"the country database {self.file} cannot be read: No such file or directory", done.stderr)


if __name__ == "__main__":
    unittest.main()
