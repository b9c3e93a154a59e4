# SPDX-License-Identifier: Apache-2.0
"""The salts over a restart just before and just after a site's midnight, and what happens when their file is lost, damaged or open to others."""
import glob
import os
import signal
import subprocess
import time
import unittest

from footfall import BUILD, Daemon

SITE = "example.vn"
PERSONS = 20
DAY = 86_400
ZONE, ZONE_OFFSET_S = "Asia/Ho_Chi_Minh", 7 * 3600  # no daylight saving


class Salts(unittest.TestCase):
    def daemon(self, environment=None):
        daemon = Daemon("--rate-limit", "0", "--threads", "2", "--checkpoint-interval", "1")
        daemon.environment = environment
        self.addCleanup(daemon.close)
        daemon.start()
        daemon.add_site(SITE, visibility="full", timezone=ZONE)
        return daemon

    @staticmethod
    def everybody_comes(daemon, persons=PERSONS):
        for person in range(persons):  # each by a connection of its own, so by any shard
            answer = daemon.hit(SITE, f"/{person % 3}", visitor=person)
            assert answer.status == 204, answer.text

    def expect(self, daemon, online, today, yesterday):
        stats = daemon.stats(SITE)
        self.assertEqual((stats["online"], stats["today"]["visitors"], stats["yesterday"]["visitors"]), (online, today, yesterday), stats)

    # --- midnight ---

    def test_across_midnight_and_a_restart_each_person_is_there_once(self):
        libraries = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
        if not libraries:
            self.skipTest("another time of day needs the package faketime")
        for lead_s in (12, 40, 120):  # a slow machine needs more
            if self.across_midnight(libraries[0], lead_s):
                return
        self.fail("the daemons were not started before their midnight came")

    def across_midnight(self, library, lead_s):
        """False: midnight came too early."""
        real = int(time.time())
        offset = -(real + ZONE_OFFSET_S) % DAY - lead_s
        midnight = real + offset + lead_s
        environment = {**os.environ, "LD_PRELOAD": library, "FAKETIME": f"{offset:+d}s", "DONT_FAKE_MONOTONIC": "1"}
        nodes = [(self.daemon(environment), how, when) for how in (signal.SIGTERM, signal.SIGKILL) for when in ("before", "after")]
        for node, how, when in nodes:
            self.everybody_comes(node)
        if time.time() + offset >= midnight:
            return False
        for node, how, when in nodes:
            if when == "before":
                node.stop(how)
                node.start()
        time.sleep(max(0.0, midnight - offset - time.time()))
        for node, how, when in nodes:
            with self.subTest(how=how, when=when):
                self.expect(node, online=PERSONS, today=0, yesterday=PERSONS)
                self.everybody_comes(node, PERSONS // 2)  # the others stay online under the id of yesterday
                self.expect(node, online=PERSONS, today=PERSONS // 2, yesterday=PERSONS)
                if when == "after":
                    node.stop(how)
                    node.start()
                    self.expect(node, online=PERSONS, today=PERSONS // 2, yesterday=PERSONS)
                self.everybody_comes(node)
                self.expect(node, online=PERSONS, today=PERSONS, yesterday=PERSONS)
                self.assertNotIn("made anew", node.log_text())
                live = node.admin("GET", "/v1/admin/verify").json
                node.stop(signal.SIGKILL)
                ran = subprocess.run([str(BUILD / "footfall"), "verify", str(node.directory), "--json"], capture_output=True, text=True, timeout=60)
                self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)
                self.assertEqual(live["sites"][0]["online"], PERSONS)
        return True

    # --- the file ---

    def refused(self, daemon, sentence):
        """By a start; and `footfall verify` says so too."""
        with self.assertRaises(AssertionError) as ended:
            daemon.start()
        self.assertIn(sentence, str(ended.exception))
        ran = subprocess.run([str(BUILD / "footfall"), "verify", str(daemon.directory)], capture_output=True, text=True, timeout=60)
        self.assertEqual(ran.returncode, 1)
        self.assertIn("PROBLEM: " + sentence, ran.stdout)

    def test_the_file_is_its_owners_and_a_restart_goes_on_with_it(self):
        daemon = self.daemon()
        file = daemon.directory / "salts"
        self.assertEqual(file.stat().st_mode & 0o777, 0o600)
        self.everybody_comes(daemon)
        before = file.read_bytes()
        for how in (signal.SIGKILL, signal.SIGTERM):
            daemon.stop(how)
            daemon.start()
            self.everybody_comes(daemon)
            self.assertEqual(daemon.stats(SITE)["online"], PERSONS)
            self.assertEqual(file.stat().st_mode & 0o777, 0o600)
        self.assertEqual(file.read_bytes(), before)
        self.assertNotIn("made anew", daemon.log_text())

    def test_a_file_that_others_may_read_or_that_is_damaged_stops_the_start(self):
        daemon = self.daemon()
        file = daemon.directory / "salts"
        daemon.stop()
        file.chmod(0o640)
        self.refused(daemon, f"{file}: others may read the salts; chmod 600 it")
        file.chmod(0o600)
        whole = file.read_bytes()
        file.write_bytes(whole[:20] + bytes([whole[20] ^ 1]) + whole[21:])
        self.refused(daemon, f"{file} is damaged: its checksum does not hold")
        file.write_bytes(b"")
        self.refused(daemon, f"{file} is damaged: it has 0 bytes, and there should be 52")
        file.write_bytes(whole)
        daemon.start()
        self.assertNotIn("made anew", daemon.log_text())

    def test_a_lost_file_is_made_anew_and_those_online_are_counted_anew(self):
        daemon = self.daemon()
        self.everybody_comes(daemon)
        daemon.stop()
        (daemon.directory / "salts").unlink()
        daemon.start()
        self.assertIn("nobody is known again", daemon.log_text())
        self.assertEqual((daemon.directory / "salts").stat().st_mode & 0o777, 0o600)
        self.everybody_comes(daemon)
        stats = daemon.stats(SITE)
        self.assertEqual((stats["counted"], stats["online"]), (2 * PERSONS, 2 * PERSONS))


if __name__ == "__main__":
    unittest.main(verbosity=2)
