# SPDX-License-Identifier: Apache-2.0
"""deploy/guides/first-counter.md, to the letter: its commands, its location and its snippet are taken out of the text, in a copy of this system
whose nginx serves a page over https. Only systemd does not run: what it would start is started here. Then what production.md says
about restoring.

What is built here serves for the guide's build, and is packaged as it says.

tests/debian.sh does the same on a bare Debian: FOOTFALL_BARE_TREE is a server before the guide, and FOOTFALL_PACKAGE the package, which the
guide's first commands made in another tree."""
import os
import pathlib
import re
import shutil
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "browser"))
import chromium
from debian_system import BARE, System, main, run
from footfall import BROWSER, BUILD, ROOT
from guide_text import blocks
from tls_test import make_certificate

GUIDES = ROOT / "deploy" / "guides"
SITE = "example.vn"
CHECKOUT = "/checkout"
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive",
               "FOOTFALL_DEB_COMPRESSION": "0"}
BEFORE_THE_GUIDE = """server {
  listen 443 ssl;
  server_name example.vn;
  ssl_certificate /etc/ssl/site.pem;
  ssl_certificate_key /etc/ssl/site-key.pem;
  root /var/www/site;
}
"""
PAGE = '<!doctype html><html lang="vi"><meta charset="utf-8"><title>Trang chủ</title><h1>Trang chủ</h1>%s</html>\n'


@unittest.skipUnless(BARE or shutil.which("nginx") and shutil.which("update-ca-certificates"), "nginx-light or ca-certificates is not installed")
class FirstCounter(System):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.make_checkout()
        (cls.root / "etc/dpkg/dpkg.cfg.d/unsafe").write_text("force-unsafe-io\n")  # it goes anyway
        hosts = cls.root / "etc" / "hosts"
        hosts.write_text(f"127.0.0.1 localhost {SITE}\n")
        run("mount", "--bind", hosts, "/etc/hosts")  # for the browser, which is not in the copy
        certificate, key = make_certificate(cls.at, "site", SITE)
        for file in (certificate, key):
            shutil.copy(file, cls.root / "etc/ssl")
        shutil.copy(certificate, cls.root / "usr/local/share/ca-certificates/site.crt")
        run("chroot", cls.root, "update-ca-certificates", env=ENVIRONMENT)
        cls.server_block = cls.root / "etc/nginx/conf.d/site.conf"
        cls.server_block.write_text(BEFORE_THE_GUIDE)
        cls.page = cls.root / "var/www/site/index.html"
        cls.page.parent.mkdir(parents=True)
        cls.page.write_text(PAGE % "")
        run("chroot", cls.root, "nginx")

    @classmethod
    def make_checkout(cls):
        if BARE:  # "copy the package there", and nothing else is there
            there = cls.root / "checkout/build/release"
            there.mkdir(parents=True)
            shutil.copy(os.environ["FOOTFALL_PACKAGE"], there)
            # Whoever sits there says yes to what the package needs.
            (cls.root / "etc/apt/apt.conf.d/yes").write_text('APT::Get::Assume-Yes "true";\n')
            return
        cls.mounted(ROOT, "checkout", CHECKOUT)
        cls.mounted(BUILD, "build", CHECKOUT + "/build/release")  # it is built, as the guide wants it
        for old in (cls.root / "checkout/build/release").glob("*.deb"):
            old.unlink()

    @classmethod
    def mounted(cls, directory, name, place):
        """`directory` at `place` in the copy; what is written there goes with the test."""
        for part in ("upper", "work"):
            (cls.at / f"{name}-{part}").mkdir()
        there = cls.root / place[1:]
        there.mkdir(parents=True, exist_ok=True)
        run("mount", "-t", "overlay", "overlay", "-o", f"lowerdir={directory},upperdir={cls.at}/{name}-upper,workdir={cls.at}/{name}-work", there)

    def shell(self, text):
        print(text, flush=True)
        return self.inside("bash", "-euo", "pipefail", "-c", f"cd {CHECKOUT}\n{text}", env=ENVIRONMENT, timeout_s=300).stdout

    def hit(self, path, agent):
        """As the page script sends it."""
        return self.inside("curl", "-s", "-X", "POST", "-A", BROWSER % agent, "-H", f"Origin: https://{SITE}", "-o", "/dev/null", "-w", "%{http_code}",
                           f"https://{SITE}/so-lieu/hit?site={SITE}&path={path}&kind=pageview&format=json").stdout

    def total(self):
        return re.search(r"total +(\S+)", self.inside("footfall", "stats", SITE).stdout)[1]

    def test_what_the_guide_says_works_as_it_is_written(self):
        guide = blocks((GUIDES / "first-counter.md").read_text())
        self.assertEqual([language for language, _ in guide], ["sh", "sh", "sh", "nginx", "sh", "html", "sh"])
        (_, build), (_, install), (_, name), (_, location), (_, reload), (_, snippet), (_, look) = guide

        *building, package = build.splitlines()
        bare = (ROOT / "tests" / "debian.sh").read_text()
        steps = [bare.index(f"in_checkout {command}") for command in (*building, package)]  # it does these, and nothing else makes the package
        self.assertEqual(len(steps), 4)
        self.assertEqual(package, "deploy/debian/build.sh")
        self.shell(install if BARE else package + "\n" + install)
        self.daemon = self.started()
        self.addCleanup(lambda: self.stop(self.daemon))
        self.shell(name)
        self.server_block.write_text(BEFORE_THE_GUIDE.rstrip("}\n") + "\n" + location + "}\n")
        self.shell(reload)
        self.inside("nginx", "-s", "reload")  # in a chroot systemctl passes over it
        self.page.write_text(PAGE % snippet)

        self.assertTrue(chromium.eventually(lambda: self.hit("/", 120) == "200"), "no hit through https was counted")
        self.assertEqual(self.total(), "1")
        if chromium.program():
            self.look_with_a_browser()
        seen = self.shell(look)
        self.assertRegex(seen, r"total +[12]\b")
        self.assertRegex(seen, r"Tổng số lượt truy cập: [12]\nSố người đang truy cập: [12]\n")
        self.try_a_restore()

    def look_with_a_browser(self):
        browser = chromium.Browser(BROWSER % 140)
        self.addCleanup(browser.close)
        tab = chromium.Tab(browser)
        tab.call("Security.setIgnoreCertificateErrors", ignore=True)  # it keeps its own list of authorities
        tab.open(f"https://{SITE}/")
        for number in ("total", "online"):
            self.assertTrue(chromium.eventually(lambda number=number: tab.text(f'[data-footfall="{number}"]') == "2"), tab.text("body"))
        self.assertEqual(tab.uncaught, [])
        self.assertEqual(self.total(), "2")
        metrics = chromium.eventually(lambda: re.search(r"(?m)^footfall_live_subscribers 1$", run("curl", "-s", "127.0.0.1:8081/metrics").stdout))
        self.assertTrue(metrics, "live numbers do not come through this location")

    def try_a_restore(self):
        total = self.total()
        self.inside("setpriv", "--reuid=footfall", "--regid=footfall", "--clear-groups", "--reset-env", "/usr/libexec/footfall/backup")
        tried, needed = (block for language, block in blocks((GUIDES / "production.md").read_text()) if language == "sh" and "footfall restore" in block)
        self.assertIn("is whole", self.shell(tried))
        self.hit("/later", 121)
        self.stop(self.daemon)
        self.shell(needed)
        self.daemon = self.started()
        self.assertEqual(self.total(), total)


if __name__ == "__main__":
    main(__file__)
