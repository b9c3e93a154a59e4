# SPDX-License-Identifier: Apache-2.0
"""A backup while hits arrive, restored into a new directory that goes on counting under an incarnation of its own."""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import threading
import time
import unittest

from footfall import BUILD, Daemon

SITE = "example.org"
PAGES = 7


def footfall(*words, daemon=None, code=0):
    options = [] if daemon is None else ["--admin", f"http://127.0.0.1:{daemon.admin_port}", "--token-file", str(daemon.directory / "admin-token")]
    ran = subprocess.run([str(BUILD / "footfall"), *map(str, words), *options], capture_output=True, text=True, timeout=60)
    if ran.returncode != code:
        raise AssertionError(f"footfall {words} ended with {ran.returncode}:\n{ran.stdout}{ran.stderr}")
    return ran


def node_of(daemon):
    """Its incarnation, as a batch's answer names it. Counts one."""
    line = json.dumps({"site": SITE, "path": "/"})
    answer = daemon.request("POST", "/v1/hits", line, Authorization=f"Bearer {daemon.token}", Content_Type="application/x-ndjson")
    assert answer.status == 200 and answer.json["accepted"] == 1, answer.text
    assert len(answer.fields["Footfall-Node"]) == 32
    return answer.fields["Footfall-Node"]


class Pinger(threading.Thread):
    """Hits one after another; `acknowledged` rises behind each answer."""

    def __init__(self, daemon):
        super().__init__()
        self.daemon_under_test, self.acknowledged, self.sent, self.ended = daemon, 0, 0, threading.Event()

    def run(self):
        while not self.ended.is_set():
            self.sent += 1
            answer = self.daemon_under_test.hit(SITE, f"/page/{self.sent % PAGES}", visitor=self.sent % 50)
            assert answer.status == 204, answer.text
            self.acknowledged += 1


class Backup(unittest.TestCase):
    def setUp(self):
        self.place = pathlib.Path(tempfile.mkdtemp(prefix="footfall-backup-"))
        self.addCleanup(shutil.rmtree, self.place, ignore_errors=True)
        self.daemon = Daemon("--rate-limit", "0", "--checkpoint-interval", "1")
        self.daemon.start("--threads", "2")
        self.addCleanup(self.daemon.close)
        self.daemon.add_site(SITE, visibility="full")
        self.daemon.admin("POST", f"/v1/admin/sites/{SITE}/seed", {"add": 1000})

    def restored(self, file, name="restored"):
        footfall("restore", file, self.place / name)
        daemon = Daemon(directory=self.place / name)
        self.addCleanup(daemon.close)
        return daemon

    def test_hits_arrive_while_it_is_made_and_the_restored_total_is_of_that_time(self):
        pingers = [Pinger(self.daemon) for _ in range(3)]
        for pinger in pingers:
            pinger.start()
        files = []
        try:
            for number in range(3):
                begin = sum(p.acknowledged for p in pingers)
                file = self.place / f"{number}.backup"
                said = json.loads(footfall("backup", file, "--json", daemon=self.daemon).stdout)
                end = sum(p.sent for p in pingers)
                self.assertEqual(said["state"], "done")
                self.assertEqual(said["bytes"], file.stat().st_size)
                files.append((file, begin, end, said["hash"]))
        finally:
            for pinger in pingers:
                pinger.ended.set()
            for pinger in pingers:
                pinger.join()
        self.assertGreater(files[-1][1], 0)
        source_node = node_of(self.daemon)
        old_token = self.daemon.token
        for file, begin, end, content_hash in files:
            daemon = self.restored(file, file.name + ".d")
            verified = json.loads(footfall("verify", daemon.directory, "--json").stdout)
            self.assertTrue(verified["ok"], verified)
            self.assertEqual(verified["hash"], content_hash)
            daemon.start("--threads", "1")
            self.assertNotEqual(daemon.token, old_token)
            stats, pages = daemon.stats(SITE), daemon.pages(SITE)
            self.assertEqual(stats["total"], stats["counted"] + 1000)
            self.assertLessEqual(begin, stats["counted"])
            self.assertLessEqual(stats["counted"], end)
            self.assertEqual(sum(row["counted"] for row in pages["pages"]) + pages["rest"], stats["counted"])
            self.assertNotEqual(node_of(daemon), source_node)
            # The new token has all scopes, and is not made anew at the next start; the old one goes on.
            token = daemon.token
            daemon.add_site("second.example")
            daemon.stop()
            daemon.start()
            self.assertEqual(daemon.token, token)
            self.assertEqual(daemon.stats(SITE)["counted"], stats["counted"] + 1)
            self.assertEqual(daemon.request("GET", "/v1/admin/sites", port=daemon.admin_port, Authorization=f"Bearer {old_token}").status, 200)
            daemon.stop()
            self.assertTrue(json.loads(footfall("verify", daemon.directory, "--json").stdout)["ok"])

    def test_a_restored_directory_that_was_killed_at_once_still_gives_a_token(self):
        file = self.place / "b"
        footfall("backup", file, daemon=self.daemon)
        daemon = self.restored(file)
        daemon.start()
        token = daemon.token
        daemon.stop(9)
        daemon.start()
        self.assertEqual(daemon.token, token)
        self.assertEqual(daemon.admin("GET", "/v1/admin/sites").status, 200)
        # A restored directory is backed up and restored again.
        daemon.add_site("third.example")
        footfall("backup", self.place / "b2", daemon=daemon)
        again = self.restored(self.place / "b2", "again")
        again.start()
        self.assertNotEqual(again.token, token)
        self.assertEqual(len(again.admin("GET", "/v1/admin/sites").json["sites"]), 2)

    def test_what_is_said(self):
        file = self.place / "b"
        said = footfall("backup", file, daemon=self.daemon).stdout
        self.assertIn("written by the daemon on its host", said)
        self.assertIn("counted anew", said)
        self.assertEqual(file.stat().st_mode & 0o777, 0o600)
        self.assertNotIn(self.daemon.token.encode(), file.read_bytes())
        self.assertIn("is there already", footfall("backup", file, daemon=self.daemon, code=1).stderr)
        self.assertIn("make the directory first", footfall("backup", self.place / "none" / "b", daemon=self.daemon, code=1).stderr)
        self.assertIn("data directory", footfall("backup", self.daemon.directory / "b", daemon=self.daemon, code=1).stderr)
        self.assertEqual(sorted(os.listdir(self.place)), ["b"])
        self.assertIn("not empty", footfall("restore", file, self.daemon.directory, code=1).stderr)
        damaged = bytearray(file.read_bytes())
        damaged[len(damaged) // 2] ^= 1
        (self.place / "damaged").write_bytes(damaged)
        self.assertIn("take another backup", footfall("restore", self.place / "damaged", self.place / "new", code=1).stderr)
        self.assertEqual(sorted(os.listdir(self.place)), ["b", "damaged"])
        self.assertIn("counted anew", footfall("restore", file, self.place / "new").stdout)

    def test_the_route(self):
        self.assertEqual(self.daemon.admin("GET", "/v1/admin/backup").json, {"state": "none"})
        begun = self.daemon.admin("POST", "/v1/admin/backup", {"path": str(self.place / "b")}, Idempotency_Key="one")
        self.assertEqual((begun.status, begun.json["id"]), (202, "one"))
        deadline = time.monotonic() + 60
        while (status := self.daemon.admin("GET", "/v1/admin/backup").json)["state"] == "running" and time.monotonic() < deadline:
            time.sleep(0.02)
        self.assertEqual(status["state"], "done", status)
        again = self.daemon.admin("POST", "/v1/admin/backup", {"path": str(self.place / "b")}, Idempotency_Key="one")
        self.assertEqual((again.status, again.json["state"]), (202, "done"))
        other = self.daemon.admin("POST", "/v1/admin/backup", {"path": str(self.place / "c")}, Idempotency_Key="one")
        self.assertEqual(other.status, 409)
        self.assertEqual(os.listdir(self.place), ["b"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
