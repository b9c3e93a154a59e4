# SPDX-License-Identifier: Apache-2.0
"""Tokens by the command line: added, rotated, removed, brought back; and recovered on a data directory whose token is lost."""
import json
import os
import pathlib
import shutil
import signal
import stat
import subprocess
import tempfile
import unittest

from footfall import BUILD, Daemon

SITE = "example.org"


class Tokens(unittest.TestCase):
    def setUp(self):
        self.place = pathlib.Path(tempfile.mkdtemp(prefix="footfall-token-"))
        self.addCleanup(shutil.rmtree, self.place, ignore_errors=True)
        self.daemon = Daemon("--threads", "1")
        self.addCleanup(self.daemon.close)
        self.daemon.start()
        self.daemon.add_site(SITE, visibility="private")

    def footfall(self, *words, code=0, token=None):
        environment = {**os.environ, "FOOTFALL_ADMIN": f"http://127.0.0.1:{self.daemon.admin_port}", "FOOTFALL_TOKEN_FILE": str(token or self.daemon.directory / "admin-token")}
        ran = subprocess.run([str(BUILD / "footfall"), *map(str, words)], capture_output=True, text=True, timeout=60, env=environment)
        self.assertEqual(ran.returncode, code, f"{words}: {ran.stdout}{ran.stderr}")
        return ran.stdout if code == 0 else ran.stderr

    def reads(self, secret):
        return self.daemon.get(f"/v1/sites/{SITE}/stats", Authorization=f"Bearer {secret}").status

    def test_a_token_is_rotated_without_a_gap(self):
        old = self.footfall("token", "add", "reader", "--scope", "read", "--site", SITE).strip()
        self.assertEqual(self.reads(old), 200)
        file = self.place / "next"
        said = self.footfall("token", "add", "reader-2", "--scope", "read", "--site", SITE, "--expires-in", "90d", "--out", file, "--reason", "rotation")
        self.assertNotIn(file.read_text().strip(), said)
        self.assertEqual(stat.S_IMODE(file.stat().st_mode), 0o600)
        new = file.read_text().strip()
        self.assertEqual((self.reads(old), self.reads(new)), (200, 200))
        self.assertIn("there already", self.footfall("token", "add", "reader-3", "--scope", "read", "--out", file, code=1))
        listed = self.footfall("token", "list")
        self.assertRegex(listed, r"admin +ingest,read,seed,reset,config,operate,restore,tokens +all +never")
        self.assertRegex(listed, rf"reader-2 +read +{SITE} +20\d\d-")
        self.assertNotIn("reader-3", listed)
        self.assertIn("nothing was changed", self.footfall("token", "remove", "reader", "--dry-run"))
        self.assertEqual(self.reads(old), 200)
        self.footfall("token", "remove", "reader", "--id", "gone")
        self.assertEqual((self.reads(old), self.reads(new)), (401, 200))
        audit = self.footfall("audit", "--json")
        self.assertIn("token removed", audit)
        self.assertIn("rotation", audit)
        for secret in (old, new):
            self.assertNotIn(secret, audit + listed + self.daemon.log_text())
        self.footfall("undo", "gone")
        self.assertEqual(self.reads(old), 200)
        for end in (self.daemon.stop, lambda: self.daemon.stop(signal.SIGKILL)):
            end()
            self.daemon.start()
            self.assertEqual((self.reads(old), self.reads(new), self.reads("x" * 43)), (200, 200, 401))

    def test_who_may_little_gives_no_more(self):
        few = self.place / "few"
        self.footfall("token", "add", "few", "--scope", "tokens", "--scope", "read", "--out", few)
        self.assertIn("has not the scope seed", self.footfall("token", "add", "more", "--scope", "seed", code=1, token=few))
        self.assertIn("has not the scope", self.footfall("token", "remove", "admin", code=1, token=few))
        self.assertIn("the last one", self.footfall("token", "remove", "admin", code=1))
        self.assertIn("no scope is called write", self.footfall("token", "add", "more", "--scope", "write", code=1))
        for wrong in (["token", "add", "x"], ["token", "add", "x", "--scope", "read", "--expires-in", "soon"], ["token"]):
            self.footfall(*wrong, code=2)

    def test_a_dry_run_changes_nothing(self):
        self.footfall("seed", SITE, "--add", 5, "--id", "a-seed")
        self.assertIn("nothing was changed", self.footfall("site", "remove", SITE, "--dry-run"))
        self.assertIn("total 5 -> 0", self.footfall("undo", "a-seed", "--dry-run"))
        self.assertIn("nothing was changed", self.footfall("reset", SITE, "--dry-run"))
        self.assertIn("undo would bring it back while fewer than 10,000 newer changes took something away", self.footfall("reset", SITE, "--dry-run"))
        self.assertEqual(self.daemon.stats(SITE)["total"], 5)

    def test_a_lost_token_is_recovered_by_a_start(self):
        directory = self.daemon.directory
        self.assertIn("another process uses", self.footfall("token", "recover", "--data-dir", directory, code=1))
        self.assertIn("is no data directory", self.footfall("token", "recover", "--data-dir", self.place, code=1))
        lost = self.daemon.token
        self.daemon.stop()
        (directory / "admin-token").unlink()
        self.assertIn("writes a new admin token", self.footfall("token", "recover", "--data-dir", directory))
        asked = json.loads(self.footfall("token", "recover", "--data-dir", directory, "--json"))  # once more is once
        self.assertEqual(asked, {"token_file": str(directory / "admin-token")})
        self.assertEqual(stat.S_IMODE((directory / "token-request").stat().st_mode), 0o600)
        self.daemon.start()
        self.assertFalse((directory / "token-request").exists())
        found = self.daemon.token
        self.assertNotEqual(found, lost)
        self.assertEqual(stat.S_IMODE((directory / "admin-token").stat().st_mode), 0o600)
        tokens = self.daemon.admin("GET", "/v1/admin/tokens").json["tokens"]
        self.assertEqual(len(tokens), 2)
        self.footfall("token", "remove", "admin")
        self.assertEqual(self.reads(lost), 401)
        self.daemon.stop()
        self.daemon.start()
        self.assertEqual(self.daemon.token, found, "it was asked for once")
        self.assertEqual(len(self.daemon.admin("GET", "/v1/admin/tokens").json["tokens"]), 1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
