# SPDX-License-Identifier: Apache-2.0
"""footfall follow counts a log while it is written: each line once, whatever is rotated, killed or started again.

FOOTFALL_ROUNDS is how often something is killed (4 in ctest)."""
import gzip
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import unittest

from footfall import BROWSER, BUILD, Daemon
from redis_server import until

SITE = "example.org"
ROUNDS = int(os.environ.get("FOOTFALL_ROUNDS", "4"))


def stamp(at=None):
    return time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(at))


def line(path, client="192.0.2.7", host=None, status=200, at=None):
    return f'{host + " " if host else ""}{client} - - [{stamp(at)}] "GET {path} HTTP/1.1" {status} 12 "-" "{BROWSER % 120}"\n'


class Follower:
    """A `footfall follow` of the test's own."""

    def __init__(self, daemon, log, *more):
        self.command = [str(BUILD / "footfall"), "follow", str(log), "--url", f"http://127.0.0.1:{daemon.port}", "--admin", f"http://127.0.0.1:{daemon.admin_port}",
                        "--token-file", str(daemon.directory / "admin-token"), "--rotate-wait", "1", *more]
        self.said = tempfile.NamedTemporaryFile("w+", prefix="footfall-follow-")
        self.start()

    def start(self):
        self.process = subprocess.Popen(self.command, stderr=self.said, stdout=subprocess.PIPE, text=True)

    def kill(self):
        self.process.kill()
        self.process.communicate()

    def stop(self):
        """Its last words on standard output."""
        self.process.send_signal(signal.SIGTERM)
        out, _ = self.process.communicate(timeout=30)
        assert self.process.returncode == 0, (self.process.returncode, self.text())
        return out

    def ended(self):
        out, _ = self.process.communicate(timeout=60)
        return self.process.returncode, out + self.text()

    def text(self):
        return pathlib.Path(self.said.name).read_text()

    def close(self):
        if self.process.poll() is None:
            self.kill()
        self.said.close()


class Follow(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="footfall-log-"))
        self.addCleanup(shutil.rmtree, self.directory)
        self.log = self.directory / "access.log"
        self.log.touch()

    def daemon(self, *options):
        daemon = Daemon("--threads", "2", *options)
        self.addCleanup(daemon.close)
        daemon.start()
        daemon.add_site(SITE)
        return daemon

    def follow(self, daemon, *more):
        follower = Follower(daemon, self.log, *more)
        self.addCleanup(follower.close)
        return follower

    def write(self, text):
        with open(self.log, "a") as log:
            log.write(text)

    def counted(self, daemon, total, site=SITE, wait_s=30):
        until(lambda: daemon.stats(site)["counted"] >= total, lambda: f"{daemon.stats(site)['counted']} of {total} are counted", wait_s)
        self.assertEqual(daemon.stats(site)["counted"], total)

    def position(self, daemon, source, site=SITE):
        return daemon.admin("GET", f"/v1/admin/imports?site={site}&source={source}").json

    def test_hits_are_live_and_the_follower_goes_on_where_it_was_left(self):
        daemon = self.daemon()
        self.write(line("/old"))
        follower = self.follow(daemon, "--site", SITE, "--source", "web")
        until(lambda: "from the next line" in follower.text(), follower.text)
        for n in range(7):
            self.write(line("/a", client=f"192.0.2.{n % 3}"))
        self.write("this is no line\n" + line("/gone", status=404))
        self.counted(daemon, 7)
        stats = daemon.stats(SITE)
        self.assertEqual((stats["online"], stats["today"]["visitors"]), (3, 3))
        # The same visitor as a ping's, of the same address and agent.
        daemon.get(f"/hit?site={SITE}&path=/a", User_Agent=BROWSER % 120, X_Forwarded_For="192.0.2.1")
        self.assertEqual(daemon.stats(SITE)["online"], 3)
        said = follower.stop()
        self.assertRegex(said, r"9 +lines, 1 of them unreadable")
        self.write(line("/b") * 3)
        follower.start()
        self.counted(daemon, 11)
        self.assertEqual(daemon.metrics()["footfall_ledger_mismatch"], 0)
        self.assertTrue(self.position(daemon, "web")["mark"].startswith("1 "))
        self.assertIn("from where it was left", follower.text())

    def test_rotations_are_followed_and_read_after_a_pause(self):
        daemon = self.daemon()
        follower = self.follow(daemon, "--site", SITE, "--from-start")
        self.write(line("/1") * 2)
        self.counted(daemon, 2)
        self.write(line("/2"))
        self.log.rename(self.directory / "access.log.1")
        self.write(line("/3"))
        self.counted(daemon, 4)
        self.write(line("/4"))
        shutil.copy(self.log, self.directory / "access.log-copy")
        (self.directory / "access.log.1").rename(self.directory / "access.log.2")
        (self.directory / "access.log-copy").rename(self.directory / "access.log.1")
        os.truncate(self.log, 0)
        self.write(line("/5"))
        self.counted(daemon, 6)
        follower.stop()
        self.write(line("/6"))
        (self.directory / "access.log.2").rename(self.directory / "access.log.3")
        (self.directory / "access.log.1").rename(self.directory / "access.log.2")
        with open(self.log, "rb") as plain, gzip.open(self.directory / "access.log.1.gz", "wb") as packed:
            packed.write(plain.read())
        self.log.unlink()
        self.write(line("/7"))
        follower.start()
        self.counted(daemon, 8)
        self.assertNotIn("not counted", follower.text())

    def test_each_line_counts_once_whatever_is_killed(self):
        daemon = self.daemon("--checkpoint-interval", "1")
        seed = int(os.environ.get("FOOTFALL_SEED", random.SystemRandom().randrange(1 << 32)))
        print(f"FOOTFALL_SEED={seed} FOOTFALL_ROUNDS={ROUNDS}")
        draw = random.Random(seed)
        follower = self.follow(daemon, "--site", SITE, "--source", "web", "--from-start")
        # What was rotated away before it ever began is not its own.
        until(lambda: "mark" in self.position(daemon, "web"), follower.text)
        written, stop = [0], threading.Event()

        def write():
            files = 0
            while not stop.is_set():
                some = draw.randrange(1, 60)
                self.write("".join(line(f"/{n % 7}?{written[0] + n}", client=f"198.51.100.{n % 250}") for n in range(some)))
                written[0] += some
                if draw.randrange(40) == 0:
                    for n in range(files, 0, -1):
                        (self.directory / f"access.log.{n}").rename(self.directory / f"access.log.{n + 1}")
                    files += 1
                    if draw.randrange(2):
                        self.log.rename(self.directory / "access.log.1")
                        self.log.touch()
                    else:
                        shutil.copy(self.log, self.directory / "access.log.1")
                        os.truncate(self.log, 0)
                time.sleep(draw.random() * 0.02)

        writer = threading.Thread(target=write)
        writer.start()
        killer = random.Random(seed + 1)
        for _ in range(ROUNDS):
            time.sleep(killer.random())
            which = killer.randrange(4)
            if which in (0, 2):
                follower.kill()
            if which in (1, 2):
                daemon.stop(signal.SIGKILL)
                daemon.start()
            if which in (0, 2):
                follower.start()
            if which == 3:
                follower.process.send_signal(signal.SIGSTOP)
                time.sleep(0.3)
                follower.process.send_signal(signal.SIGCONT)
        stop.set()
        writer.join()
        self.counted(daemon, written[0], wait_s=120)
        follower.stop()
        self.assertEqual(daemon.metrics()["footfall_ledger_mismatch"], 0)
        daemon.stop()
        daemon.start()
        self.assertEqual(daemon.stats(SITE)["counted"], written[0])
        print(f"{written[0]} lines, each counted once")

    def test_two_followers_of_one_source_and_older_data_of_the_daemon_change_nothing(self):
        daemon = self.daemon()
        one = self.follow(daemon, "--site", SITE, "--source", "web", "--from-start")
        until(lambda: "following" in one.text(), one.text)
        two = self.follow(daemon, "--site", SITE, "--source", "web", "--from-start")
        for n in range(40):
            self.write(line(f"/{n}") * 5)
            time.sleep(0.02)
        self.counted(daemon, 200)
        two.stop()
        backup = self.directory / "backup"
        subprocess.run([str(BUILD / "footfall"), "backup", str(backup), "--admin", f"http://127.0.0.1:{daemon.admin_port}", "--token-file",
                        str(daemon.directory / "admin-token")], check=True, stdout=subprocess.DEVNULL)
        self.write(line("/later") * 10)
        self.counted(daemon, 210)
        # The daemon comes back as it was before those.
        daemon.stop()
        shutil.rmtree(daemon.directory)
        subprocess.run([str(BUILD / "footfall"), "restore", str(backup), str(daemon.directory)], check=True, stdout=subprocess.DEVNULL)
        daemon.start()  # with an admin token of its own; the follower's is in force still
        self.write(line("/last"))
        self.counted(daemon, 211)
        self.assertIn("was counted to another place", one.text())

    def test_a_log_of_several_hosts_goes_to_several_sites(self):
        daemon = self.daemon()
        daemon.add_site("other.org")
        arguments = ("--format", "vhost-combined", "--host", "www.example.org=example.org", "--host", "other.org=other.org", "--source", "web", "--from-start")
        follower = self.follow(daemon, *arguments)
        self.write(line("/", host="www.example.org:443") * 3 + line("/", host="OTHER.org:80") * 2 + line("/", host="nobody.org:80"))
        self.counted(daemon, 3)
        self.counted(daemon, 2, site="other.org")
        self.assertRegex(follower.stop(), r"1 +page hits of hosts that no --host names")
        # One site's mark is behind: it gets what it has not, the other nothing twice.
        self.write(line("/", host="other.org:80"))
        rest = self.follow(daemon, *arguments, "--once")
        self.assertEqual(rest.ended()[0], 0)
        self.assertEqual((daemon.stats(SITE)["counted"], daemon.stats("other.org")["counted"]), (3, 3))

    def test_what_cannot_work_is_said(self):
        daemon = self.daemon()
        for arguments, code, words in (
                ((), 2, "--site NAME"),
                (("--site", "nowhere.org"), 1, "no site is named `nowhere.org`"),
                (("--site", SITE, "--format", "combind"), 2, "combined, common"),
                (("--site", SITE, "--format", "nasa-tsv"), 2, "footfall import"),
                (("--site", SITE, "--filter", "methd=GET"), 2, "methd=GET"),
                (("--host", "example.org"), 2, "HOST=SITE")):
            got, said = self.follow(daemon, *arguments).ended()
            self.assertEqual(got, code, said)
            self.assertIn(words, said)
        # Lines that cannot be read: it ends before the mark has passed them.
        self.write("a line that is none\n" * 2000)
        got, said = self.follow(daemon, "--site", SITE, "--source", "web", "--from-start").ended()
        self.assertEqual(got, 1, said)
        self.assertIn("none of the 2,000 lines could be read as --format combined", said)
        self.assertEqual(self.position(daemon, "web")["position"], 1)
        # An import had the name.
        (self.directory / "other.log").write_text(line("/"))
        subprocess.run([str(BUILD / "footfall"), "import", str(self.directory / "other.log"), "--site", SITE, "--source", "taken", "--url",
                        f"http://127.0.0.1:{daemon.port}", "--admin", f"http://127.0.0.1:{daemon.admin_port}", "--token-file", str(daemon.directory / "admin-token")],
                       check=True, stdout=subprocess.DEVNULL)
        got, said = self.follow(daemon, "--site", SITE, "--source", "taken").ended()
        self.assertEqual(got, 1, said)
        self.assertIn("--source NAME", said)

    def test_any_bytes_are_followed_and_a_line_that_is_too_long_is_passed_over(self):
        daemon = self.daemon()
        follower = self.follow(daemon, "--site", SITE, "--source", "web", "--from-start")
        with open(self.log, "ab") as log:
            log.write(line("/HOSTILE").encode().replace(b"HOSTILE", bytes(b for b in range(256) if b not in b'\n "\\')))
            log.write(line("/x").encode().replace(b"Mozilla", b"\xff\xfe\x00\\\"\xc3("))
            log.write(line("/" + "l" * 1000).encode() + line("/" + "l" * 100_000).encode() + b"\x00" * 5000 + b"\n" + b"y" * (3 << 20) + b"\n\r\n\n")
            log.write(line("/last").encode())
        self.counted(daemon, 4)
        self.assertEqual(daemon.metrics()['footfall_hits_rejected_total{reason="malformed"}'], 1, "an item is at most 64 KiB")
        self.assertRegex(follower.stop(), r"9 +lines, 4 of them unreadable")

    def test_a_log_that_may_not_be_read_is_told_and_one_that_cannot_be_read_for_a_while_is_waited_for(self):
        daemon = self.daemon()
        follower = self.follow(daemon, "--site", SITE, "--source", "web", "--from-start")
        self.write(line("/"))
        self.counted(daemon, 1)
        self.write(line("/") + line("/half").rstrip("\n"))
        self.log.rename(self.directory / "access.log.1")
        self.log.mkdir()
        until(lambda: "trying until it can be read" in follower.text(), follower.text)
        self.counted(daemon, 3)
        self.log.rmdir()
        self.write(line("/"))
        self.counted(daemon, 4)
        until(lambda: "can be read again" in follower.text(), follower.text)
        follower.stop()
        self.log.chmod(0)
        if os.geteuid() != 0:
            follower.start()
            code, said = follower.ended()
            self.assertEqual(code, 1, said)
            self.assertIn("run this as a user who may read it", said)

    def test_it_waits_for_a_daemon_and_ends_when_it_is_told_meanwhile(self):
        daemon = self.daemon()
        self.write(line("/"))
        daemon.stop()
        follower = self.follow(daemon, "--site", SITE, "--source", "web", "--from-start")
        until(lambda: "trying until it is there" in follower.text(), follower.text)
        follower.stop()
        follower.start()
        daemon.start()
        self.counted(daemon, 1)
        until(lambda: "there again" in follower.text(), follower.text)

    def test_once_counts_what_is_there_and_ends(self):
        daemon = self.daemon()
        self.write(line("/") * 4)
        for total in (4, 4, 9):
            if total == 9:
                self.write(line("/") * 5)
            code, said = self.follow(daemon, "--site", SITE, "--source", "cron", "--from-start", "--once", "--json").ended()
            self.assertEqual(code, 0, said)
            self.assertEqual(daemon.stats(SITE)["counted"], total)
        self.assertEqual(json.loads(said[:said.rindex("}") + 1])["accepted"], 5)


if __name__ == "__main__":
    unittest.main(verbosity=2)
