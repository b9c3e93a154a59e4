# SPDX-License-Identifier: Apache-2.0
"""deploy/debian: the package is built of the binaries here, and installed, used, upgraded, removed and purged in a copy of this system: an overlay in
namespaces of its own, without a network, of which nothing is left. Once without systemd, and once booted with it (systemd-nspawn)."""
import contextlib
import gzip
import json
import os
import pathlib
import re
import shutil
import time
import unittest

from debian_system import System, built, main, overlay, run
from footfall import BUILD

SITE = "example.org"
# Who builds the package says who answers for it; and it is in no archive.
LINTIAN_PASSES_OVER = "bogus-mail-host,bogus-mail-host-in-debian-changelog,root-in-contact,initial-upload-closes-no-bugs"


class Package(System):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.deb = pathlib.Path(shutil.copy(built(), cls.root / "tmp"))
        cls.next = cls.as_next(cls.deb)

    @classmethod
    def as_next(cls, deb):
        """The same as a later version."""
        run("dpkg-deb", "-R", deb, cls.at / "next")
        control = cls.at / "next" / "DEBIAN" / "control"
        control.write_text(re.sub(r"(?m)^(Version: .*)$", r"\1.1", control.read_text()))
        run("dpkg-deb", "--root-owner-group", "-Znone", "-b", cls.at / "next", cls.root / "tmp" / "next.deb")
        return cls.root / "tmp" / "next.deb"

    def dpkg(self, *words):
        self.inside("dpkg", "--force-unsafe-io", *words, env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"})

    def is_there(self, path):
        return os.path.lexists(self.root / path)

    def installed(self, deb):
        self.dpkg("-i", f"/tmp/{deb.name}")

    def total(self):
        return json.loads(self.inside("footfall", "stats", SITE, "--json").stdout)["total"]

    def test_it_is_installed_counts_and_goes(self):
        self.installed(self.deb)
        self.assertEqual(self.inside("dpkg", "--verify", "footfall").stdout, "")
        owner = self.inside("stat", "-c", "%U %a", "/var/lib/footfall", "/var/backups/footfall").stdout
        self.assertEqual(owner, "footfall 700\n" * 2)
        self.assertRegex(self.inside("getent", "passwd", "footfall").stdout, r"nologin$")
        self.assertTrue(self.is_there("etc/systemd/system/multi-user.target.wants/footfalld.service"))
        self.assertTrue(self.is_there("etc/systemd/system/timers.target.wants/footfall-backup.timer"))

        daemon = self.started()
        self.inside("footfall", "site", "add", SITE, "--host", SITE)
        for visitor in range(3):
            run("curl", "-fs", "-A", f"Mozilla/5.0 Firefox/{100 + visitor}.0", f"127.0.0.1:8080/hit?site={SITE}&path=/")
        self.assertEqual(self.total(), 3)
        self.inside("setpriv", "--reuid=footfall", "--regid=footfall", "--clear-groups", "--reset-env", "/usr/libexec/footfall/backup")
        self.stop(daemon)

        config = self.root / "etc/footfall/footfalld.toml"
        config.write_text(config.read_text() + "# a line of the administrator's\n")
        self.installed(self.next)
        self.assertIn("administrator", config.read_text())

        self.dpkg("-r", "footfall")
        self.assertFalse(self.is_there("usr/bin/footfalld"))
        self.assertTrue(self.is_there("var/lib/footfall/META"))
        self.assertIn("administrator", config.read_text())
        self.installed(self.next)
        daemon = self.started()
        self.assertEqual(self.total(), 3, "removal keeps the counts")
        self.stop(daemon)

        self.dpkg("-P", "footfall")
        for gone in ("var/lib/footfall", "etc/footfall", "usr/bin/footfall", "usr/libexec/footfall", "usr/share/doc/footfall",
                     "etc/systemd/system/multi-user.target.wants/footfalld.service"):
            self.assertFalse(self.is_there(gone), gone)
        self.assertEqual(len(list((self.root / "var/backups/footfall").iterdir())), 1, "purging keeps the backups")
        self.installed(self.next)  # onto what a purge leaves
        self.dpkg("-P", "footfall")

    @unittest.skipUnless(shutil.which("lintian"), "lintian is not installed")
    def test_lintian_has_nothing_to_say(self):
        done = run("lintian", "--fail-on", "error,warning", "--suppress-tags", LINTIAN_PASSES_OVER, "--allow-root", self.deb, ok=False)
        self.assertEqual((done.returncode, done.stdout), (0, ""))

    def test_it_wants_what_is_read_at_run_time(self):
        wanted = run("dpkg-deb", "-f", self.deb, "Depends").stdout
        for package in ("tzdata", "uap-core"):
            self.assertRegex(wanted, rf"(^|, ){package}(,|$)")

    def test_the_manual_has_what_help_has(self):
        tree = self.at / "tree"
        run("dpkg-deb", "-x", self.deb, tree)
        pages = sorted((tree / "usr/share/man").glob("man*/*.gz"))
        self.assertGreater(len(pages), 15)
        for page in pages:
            text = gzip.decompress(page.read_bytes()).decode()
            said = self.help_of(page.name.split(".")[0])
            for option in set(re.findall(r"(?m)^  (?:-\w,)?(--[\w-]+)", said)):
                self.assertIn(option.replace("-", "\\-"), text, f"{page.name} has no {option}")
            if shutil.which("groff"):
                rendered = run("groff", "-man", "-Tutf8", "-ww", "-z", "-Kutf8", input=text)
                self.assertEqual(rendered.stderr, "", page.name)

    def help_of(self, page):
        """Of the program, or of a command and those below it."""
        words = page.split("-", 1)
        program = [BUILD / words[0], *words[1:]]
        said = run(*program, "--help").stdout
        commands = said.partition("Subcommands:\n")[2] if len(words) > 1 else ""
        return said + "".join(run(*program, line.split()[0], "--help").stdout for line in commands.splitlines() if line.strip())

    def test_the_shell_completes(self):
        tree = self.at / "completion"
        run("dpkg-deb", "-x", self.deb, tree)
        place = self.at / "files"
        place.mkdir()
        (place / "access.log").touch()
        for typed, completed in ((["footfall", "sn"], ["snapshot"]), (["footfall", "snapshot", ""], ["now", "list", "show"]),
                                 (["footfall", "site", "add", "--vis"], ["--visibility"]), (["footfall", "site", "add", "--visibility", "f"], ["full"]),
                                 (["footfall", "analyze", "acc"], ["access.log"]), (["footfall", "--json", "stats", "--u"], ["--url"]),
                                 (["footfalld", "--durab"], ["--durability"]), (["footfalld", "--config", "a"], ["access.log"])):
            script = ('source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _footfall; printf "%s\\n" "${COMPREPLY[@]}"')
            done = run("bash", "-c", script, tree / "usr/share/bash-completion/completions" / typed[0], *typed, cwd=place)
            self.assertEqual((done.stdout.split(), done.stderr), (completed, ""), typed)


# Runs as a service beside footfalld, and ends the system. Each line of its answer: a name, what came of it.
SCRIPT = """#!/bin/sh
say() { echo "$1: $(shift; "$@" 2>&1 | tr '\\n' ' ')"; }
code() { "$@" >/dev/null 2>&1; echo $?; }
ready() { for _ in $(seq 200); do curl -fs 127.0.0.1:8080/readyz >/dev/null && return; sleep 0.1; done; }
exec >/answers
ready
pid() { systemctl show -p MainPID --value footfalld; }
say status sh -c "grep -E '^(Uid|CapBnd|NoNewPrivs|Seccomp):' /proc/$(pid)/status"
footfall site add example.org --host example.org
say hit curl -s -o /dev/null -w '%{http_code}' -A 'Mozilla/5.0 Firefox/120.0' '127.0.0.1:8080/hit?site=example.org&path=/'
say reload code systemctl reload footfalld
say backup code systemctl start footfall-backup
say backups ls /var/backups/footfall
say started sh -c "curl -s 127.0.0.1:8081/metrics | grep ^process_start_time_seconds"
say restart code systemctl restart footfalld
ready
old=$(pid)
say upgrade code dpkg --force-unsafe-io -i /footfall.deb
say handed sh -c "test $old != $(pid) && test -e /proc/$(pid) && ! test -e /proc/$old && echo yes"
say sure systemctl is-active footfalld
kill -9 $(pid)
sleep 3
ready
say restarts systemctl show -p NRestarts --value footfalld
say total footfall stats example.org --json
say log journalctl -u footfalld -o cat --no-pager
say remove code dpkg -r footfall
say stopped systemctl is-active footfalld
say purge code dpkg -P footfall
say failed systemctl --failed --plain --no-legend
systemctl poweroff --force
"""


@unittest.skipUnless(shutil.which("systemd-nspawn"), "systemd-nspawn is not installed (package systemd-container)")
class UnderSystemd(unittest.TestCase):
    """The copy is booted, with systemd as it is here, in a container."""

    def tearDown(self):
        for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines():  # what systemd-nspawn leaves, where no systemd cleans it up
            for mounted in ("systemd", "unified", ""):
                for left in ("payload/init.scope", "payload", "supervisor"):
                    with contextlib.suppress(OSError):
                        os.rmdir(f"/sys/fs/cgroup/{mounted}/{line.split(':', 2)[2]}/{left}")

    def test_systemd_starts_confines_reloads_and_restarts_it(self):
        run("mount", "-t", "tmpfs", "tmpfs", "/run")  # where systemd-nspawn leaves directories
        _, root = overlay()
        for wants in (root / "etc/systemd/system").glob("*.wants"):  # what is enabled on this machine
            shutil.rmtree(wants)
        (root / "usr/sbin/policy-rc.d").unlink(missing_ok=True)
        shutil.copy(built(), root / "footfall.deb")
        (root / "test.sh").write_text(SCRIPT)
        (root / "test.sh").chmod(0o755)
        units = root / "etc/systemd/system"
        (units / "test.service").write_text("[Unit]\nAfter=footfalld.service\n[Service]\nExecStart=/test.sh\n")
        (units / "multi-user.target.wants").mkdir()
        (units / "multi-user.target.wants/test.service").symlink_to("../test.service")
        run("chroot", root, "dpkg", "--force-unsafe-io", "-i", "/footfall.deb")
        booted = run("systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--private-network", "--console=pipe", "--machine=footfall", "-D", root,
                     "/usr/lib/systemd/systemd", "--unit=multi-user.target", ok=False)
        if not (root / "answers").exists():
            self.skipTest(f"systemd does not boot in a container here: {booted.stderr[-300:]}")
        answers = dict(line.split(": ", 1) for line in (root / "answers").read_text().splitlines() if ": " in line)
        status = " ".join(answers["status"].split())
        self.assertRegex(status, r"^Uid: ([1-9]\d*) \1 \1 \1 CapBnd: 0+ NoNewPrivs: 1 Seccomp: 2$")
        self.assertEqual({name: answers[name].strip() for name in ("hit", "reload", "backup", "restart", "upgrade", "handed", "sure", "restarts", "remove", "stopped", "purge", "failed")},
                         {"hit": "204", "reload": "0", "backup": "0", "restart": "0", "upgrade": "0", "handed": "yes", "sure": "active", "restarts": "1", "remove": "0", "stopped": "inactive", "purge": "0", "failed": ""},
                         answers["log"])
        self.assertRegex(answers["backups"], r"^[\dT-]+Z\.footfall $")
        self.assertEqual(json.loads(answers["total"])["total"], 1)
        self.assertGreater(float(answers["started"].split()[1]), time.time() - 300)
        self.assertIn("patterns", answers["log"])


if __name__ == "__main__":
    main(__file__)
