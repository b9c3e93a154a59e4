# SPDX-License-Identifier: Apache-2.0
"""deploy/systemd: the units are sound and hardened by systemd's own tools (debian_test.py boots one), a daemon makes no system call that
its unit forbids, and the backup job keeps as many as it is told."""
import configparser
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

from footfall import BUILD, ROOT, SKIPPED, Daemon, free_port
from tls_test import make_certificate

UNITS = ROOT / "deploy" / "systemd"
SERVICES = sorted(UNITS.glob("*.service"))
EXPOSURE_MAX = 15  # tenths
SITE = "example.org"


def run(*words, **more):
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=60, **more)


def directives(unit):
    """Of [Service], each with all its values."""
    found = {}
    for line in unit.read_text().splitlines():
        if match := re.match(r"(\w+)=(.*)", line):
            found.setdefault(match[1], []).append(match[2])
    return found


class Units(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="footfall-units-")
        self.addCleanup(directory.cleanup)
        self.root = pathlib.Path(directory.name)

    def test_systemd_accepts_them(self):
        drop_ins = self.root / "etc/systemd/system/footfalld.service.d"
        drop_ins.mkdir(parents=True)
        shutil.copy(UNITS / "port-443.conf", drop_ins)
        there = self.root / "usr/lib/systemd/system"
        there.mkdir(parents=True)
        for unit in [*UNITS.glob("*.service"), *UNITS.glob("*.timer"), *UNITS.glob("*.socket"), *pathlib.Path("/usr/lib/systemd/system").glob("*.target")]:
            shutil.copy(unit, there)
        for program in ("usr/bin/footfalld", "usr/bin/footfall", "bin/sh", "usr/libexec/footfall/backup"):
            (self.root / program).parent.mkdir(parents=True, exist_ok=True)
            (self.root / program).touch(mode=0o755)
        done = run("systemd-analyze", "verify", "--man=no", f"--root={self.root}", *(unit.name for unit in SERVICES), "footfall-backup.timer", "footfalld.socket")
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_they_are_hardened(self):
        for unit in SERVICES:
            with self.subTest(unit.name):
                done = run("systemd-analyze", "security", "--offline=true", "--no-pager", f"--threshold={EXPOSURE_MAX}", unit)
                self.assertEqual(done.returncode, 0, done.stdout[-300:])

    def test_a_crash_leaves_no_core(self):
        self.assertEqual(directives(UNITS / "footfalld.service")["LimitCORE"], ["0"])

    def test_the_timer_is_one(self):
        timer = configparser.ConfigParser()
        timer.read(UNITS / "footfall-backup.timer")
        self.assertEqual(run("systemd-analyze", "calendar", timer["Timer"]["OnCalendar"]).returncode, 0)

    def test_the_configuration_is_right_as_it_is_shipped_and_with_all_that_it_proposes(self):
        proposed = self.root / "proposed.toml"
        proposed.write_text(re.sub(r"(?m)^# (?=[a-z-]+ = )", "", (UNITS / "footfalld.toml").read_text()))
        for config in (UNITS / "footfalld.toml", proposed):
            done = run(BUILD / "footfalld", "--config", config, "--check-config")
            self.assertEqual(done.returncode, 0, done.stderr)

    def test_the_key_of_tls_is_one_that_a_reload_reads_anew(self):
        """systemd copies what LoadCredential= names at a start alone."""
        for name in ("footfalld.socket", "port-443.conf"):
            text = (UNITS / name).read_text()
            self.assertEqual(re.findall(r'(?m)^#   tls-key = "(.*)"$', text), ["/etc/footfall/key.pem"], name)
            self.assertIn("install -m 0640 -o root -g footfall KEY /etc/footfall/key.pem", text)
            self.assertEqual(directives(UNITS / name).get("LoadCredential"), None)

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_a_key_of_root_that_its_group_may_read_is_taken(self):
        self.root.chmod(0o755)
        certificate, key = make_certificate(self.root)
        certificate.chmod(0o644)
        binary = shutil.copy(BUILD / "footfalld", self.root)
        check = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", binary, "--listen", "tls:127.0.0.1:1", "--tls-certificate", certificate, "--tls-key", key, "--check-config"]
        shutil.chown(key, "root", "nogroup")
        for mode, code in ((0o640, 0), (0o600, 2), (0o644, 2)):
            key.chmod(mode)
            self.assertEqual(run(*check).returncode, code, oct(mode))

    def test_the_user_and_the_directory_of_backups_are_made(self):
        (self.root / "etc").mkdir()
        for name in ("passwd", "group", "shadow", "gshadow"):
            (self.root / "etc" / name).write_text("root:x:0:0::/root:/bin/sh\n" if name == "passwd" else "root:x:0:\n" if name == "group" else "")
        done = run("systemd-sysusers", f"--root={self.root}", UNITS / "footfall.sysusers")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex((self.root / "etc/passwd").read_text(), r"(?m)^footfall:x:\d+:\d+:footfall, a visitor counter:/var/lib/footfall:\S*nologin$")
        if os.geteuid() == 0:
            done = run("systemd-tmpfiles", f"--root={self.root}", "--create", UNITS / "footfall.tmpfiles")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual((self.root / "var/backups/footfall").stat().st_mode & 0o777, 0o700)

    @unittest.skipUnless(shutil.which("strace"), "strace is not installed")
    def test_a_daemon_makes_no_system_call_that_its_unit_forbids(self):
        allowed = self.allowed_calls(directives(UNITS / "footfalld.service")["SystemCallFilter"])
        counted, at = self.root / "calls", self.root / "place"
        at.mkdir()
        certificate, key = make_certificate(at)
        daemon = Daemon("--threads", "2", "--checkpoint-interval", "1", "--listen", f"unix:{at}/http", "--listen", f"tls:127.0.0.1:{free_port()}",
                        "--tls-certificate", str(certificate), "--tls-key", str(key), "--syslog-listen", f"unix:{at}/log", "--redis", "redis://localhost:1")
        self.addCleanup(daemon.close)
        daemon.prefix = ["strace", "-D", "-f", "-c", "-o", str(counted)]
        if os.geteuid() == 0:  # the service is not: SQLite keeps the owner of files for root alone
            self.root.chmod(0o755)
            daemon.binary = shutil.copy(daemon.binary, self.root)
            for path in (daemon.directory, at, key):
                shutil.chown(path, "nobody")
            daemon.prefix += ["-u", "nobody"]
        for _ in range(2):
            daemon.start()
            if not daemon.admin("GET", "/v1/admin/sites").json.get("sites"):
                daemon.add_site(SITE)
            for visitor in range(50):
                daemon.hit(SITE, "/", visitor)
            daemon.get(f"/v1/sites/{SITE}/pages")
            made = run(BUILD / "footfall", "backup", at / f"backup-{time.monotonic_ns()}", env=environment_of(daemon))
            self.assertEqual(made.returncode, 0, made.stderr)
            time.sleep(1.5)  # a checkpoint
            daemon.stop()
            for _ in range(100):
                if counted.exists() and "total" in counted.read_text():
                    break
                time.sleep(0.1)
            made = {line.split()[-1] for line in counted.read_text().splitlines()[2:-2]}
            self.assertIn("fdatasync", made)
            self.assertEqual(made - allowed, set())
            counted.unlink()

    def allowed_calls(self, filters):
        """What SystemCallFilter= leaves, by the sets that this systemd knows."""
        sets, name = {}, None
        for line in run("systemd-analyze", "syscall-filter").stdout.splitlines():
            if line.startswith("@"):
                name = line.strip()
                sets[name] = set()
            elif line.startswith(" ") and not line.strip().startswith("#"):
                sets[name].add(line.strip())

        def calls(word):
            return set().union(*map(calls, sets[word])) if word.startswith("@") else {word}
        left = calls("@default")
        for value in filters:
            named = set().union(*map(calls, value.lstrip("~").split()))
            left = left - named if value.startswith("~") else left | named
        return left | calls("@default")


def environment_of(daemon):
    return {**os.environ, "PATH": f"{BUILD}:{os.environ['PATH']}", "FOOTFALL_URL": f"http://127.0.0.1:{daemon.port}",
            "FOOTFALL_ADMIN": f"http://127.0.0.1:{daemon.admin_port}", "FOOTFALL_TOKEN_FILE": str(daemon.directory / "admin-token")}


class Backups(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="footfall-backups-")
        self.addCleanup(directory.cleanup)
        self.at = pathlib.Path(directory.name)
        self.daemon = Daemon("--threads", "1")
        self.addCleanup(self.daemon.close)
        self.daemon.start()
        self.daemon.add_site(SITE)

    def backup(self, kept="2"):
        return run(UNITS / "backup.sh", env={**environment_of(self.daemon), "FOOTFALL_BACKUPS": str(self.at), "FOOTFALL_BACKUPS_KEPT": kept})

    def names(self):
        return sorted(file.name for file in self.at.iterdir())

    def test_the_newest_are_kept_and_what_is_not_ours_stays(self):
        old = ["2026-01-01T030000Z.footfall", "2026-01-02T030000Z.footfall"]
        others = ["2026-01-01T030000Z.footfall.mine", "before-the-upgrade.footfall"]
        for name in (*old, *others):
            (self.at / name).touch()
        cut_off = self.at / "2026-01-03T030000Z.footfall.partial"
        cut_off.touch()
        os.utime(cut_off, (0, 0))
        made = self.backup()
        self.assertEqual(made.returncode, 0, made.stderr)
        left = self.names()
        self.assertEqual(set(left) & {*old, *others, cut_off.name}, {old[1], *others})
        self.assertEqual(len(left), 4)
        new = next(name for name in left if name > "2026-02" and name != others[1])
        restored = run(BUILD / "footfall", "restore", self.at / new, self.at / "restored")
        self.assertEqual(restored.returncode, 0, restored.stderr)

    def test_one_that_fails_says_so_and_removes_nothing(self):
        for n in range(1, 5):
            (self.at / f"2026-01-0{n}T030000Z.footfall").touch()
        self.daemon.stop()
        self.assertNotEqual(self.backup("1").returncode, 0)
        self.assertEqual(len(self.names()), 4)

    def test_a_number_that_is_none_is_refused(self):
        for kept in ("0", "", "-1", "all"):
            self.assertEqual(self.backup(kept).returncode, 2 if kept else 0, kept)
        self.assertEqual(len(self.names()), 1)


if __name__ == "__main__":
    if not shutil.which("systemd-analyze"):
        print("systemd-analyze is not installed (package systemd): skipped")
        sys.exit(SKIPPED)
    unittest.main(verbosity=2)
