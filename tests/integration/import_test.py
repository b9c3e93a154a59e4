# SPDX-License-Identifier: Apache-2.0
"""footfall import sends a log's page hits, with their times, to a daemon; analyze counts the same log without one."""
import glob
import json
import os
import pathlib
import random
import subprocess
import tempfile
import time
import unittest

from footfall import BROWSER, BUILD, SAMPLES, Daemon

SITE = "example.org"


def own_log(path, lines, seed):
    """A combined log over three days with documentation addresses."""
    draw = random.Random(seed)
    agents = ["Mozilla/5.0 (Windows NT 10.0; rv:120.0) Gecko/20100101 Firefox/%d.0" % n for n in range(100, 104)]
    with open(path, "w") as log:
        for _ in range(lines):
            second = draw.randrange(3 * 86400)
            log.write('192.0.2.%d - - [%02d/Mar/2021:%02d:%02d:%02d +0000] "GET /p%d HTTP/1.1" %d 120 "-" "%s"\n' % (
                draw.randrange(1, 250), 10 + second // 86400, second % 86400 // 3600, second % 3600 // 60, second % 60,
                draw.randrange(40), draw.choice([200, 200, 200, 304, 404]), draw.choice(agents)))
        log.write("this line is broken\n")


class Import(unittest.TestCase):
    def footfall(self, *arguments, code=0):
        ended = subprocess.run([str(BUILD / "footfall"), *map(str, arguments)], capture_output=True, text=True, timeout=120)
        self.assertEqual(ended.returncode, code, ended.stdout + ended.stderr)
        return ended.stdout

    def import_into(self, daemon, log, *more):
        return self.footfall("import", log, "--site", SITE, "--url", f"http://127.0.0.1:{daemon.port}", "--admin", f"http://127.0.0.1:{daemon.admin_port}",
                             "--token-file", daemon.directory / "admin-token", *more)

    def compare(self, daemon, log):
        analyzed = json.loads(self.footfall("analyze", log, "--json", "--top", "1000000"))
        self.assertEqual(daemon.stats(SITE)["counted"], analyzed["page_hits"])
        days = sorted(analyzed["page_hits_per_day_utc"])
        for metric, key in (("hits", "page_hits_per_day_utc"), ("visitors", "unique_visitors_per_day_utc")):
            series = daemon.get(f"/v1/sites/{SITE}/series?metric={metric}&step=day&from={days[0]}&to={days[-1]}",
                                Authorization=f"Bearer {daemon.token}").json
            imported = [value for _, value in series["points"] if value]
            self.assertEqual(imported, [analyzed[key][day] for day in days if analyzed[key][day]], metric)

    def test_an_import_counts_what_analyze_counts_once_however_often_it_is_sent(self):
        with tempfile.TemporaryDirectory() as directory, Daemon("--threads", "2", "--checkpoint-interval", "2") as daemon:
            # Bots are in a log's page hits; the site counts them too, so that both mean the same.
            daemon.add_site(SITE, timezone="UTC", count_bots=True)
            log = pathlib.Path(directory) / "access.log"
            own_log(log, 5000, seed=7)
            self.import_into(daemon, log)
            self.compare(daemon, log)
            self.import_into(daemon, log)
            self.compare(daemon, log)
            daemon.stop()
            daemon.start()
            self.compare(daemon, log)

    def test_a_log_that_grew_goes_on_whatever_its_name_and_one_without_agents_counts(self):
        with tempfile.TemporaryDirectory() as directory, Daemon("--threads", "2") as daemon:
            daemon.add_site(SITE)
            log = pathlib.Path(directory) / "my & log.log"
            line = '192.0.2.7 - - [10/Mar/2021:10:00:%02d +0000] "GET /a HTTP/1.1" 200 5\n'
            log.write_text("".join(line % n for n in range(7)))
            self.import_into(daemon, log)
            self.assertEqual(daemon.stats(SITE)["counted"], 7)
            with open(log, "a") as more:
                more.write(line % 8 + line % 9)
            self.import_into(daemon, log)
            self.assertEqual(daemon.stats(SITE)["counted"], 9)
            metrics = daemon.metrics()
            self.assertEqual(metrics["footfall_ledger_mismatch"], 0)

    def test_crawlers_are_told_and_an_import_of_which_nothing_counts_fails(self):
        with tempfile.TemporaryDirectory() as directory, Daemon("--threads", "2") as daemon:
            daemon.add_site(SITE)
            log = pathlib.Path(directory) / "access.log"
            line = '192.0.2.7 - - [10/Mar/%d:10:00:00 +0000] "GET /a HTTP/1.1" 200 5 "-" "%s"\n'
            log.write_text(line % (2021, "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)") * 3 + line % (2021, BROWSER % 120) * 2)
            said = self.import_into(daemon, log)
            self.assertRegex(said, r"3 +of them crawlers, counted apart .*--count-bots true")
            self.assertEqual(daemon.stats(SITE)["counted"], 2)
            log.write_text(line % (2999, BROWSER % 120) * 4)
            ended = subprocess.run([str(BUILD / "footfall"), "import", str(log), "--site", SITE, "--url", f"http://127.0.0.1:{daemon.port}", "--admin",
                                    f"http://127.0.0.1:{daemon.admin_port}", "--token-file", str(daemon.directory / "admin-token")],
                                   capture_output=True, text=True, timeout=120)
            self.assertEqual(ended.returncode, 1, ended.stdout + ended.stderr)
            self.assertRegex(ended.stdout, r"4 +of them: time")
            self.assertIn("every hit was rejected", ended.stderr)

    def test_an_import_that_nobody_ends_is_ended_after_a_week_without_a_part(self):
        libraries = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
        if not libraries:
            self.skipTest("another day needs the package faketime")

        def days_later(days):
            return {**os.environ, "LD_PRELOAD": libraries[0], "FAKETIME": f"+{days}d", "DONT_FAKE_MONOTONIC": "1"}

        def part(daemon, position):
            line = json.dumps({"site": SITE, "path": "/", "time": 1_700_000_000, "address": "192.0.2.1", "agent": "log"})
            answer = daemon.request("POST", f"/v1/hits?source=a.log&position={position}", line, Authorization=f"Bearer {daemon.token}", Content_Type="application/x-ndjson")
            self.assertEqual(answer.status, 200, answer.text)

        def begin(daemon):
            return daemon.admin("POST", "/v1/admin/imports", {"site": SITE, "source": "a.log"})

        with Daemon("--threads", "1") as daemon:
            daemon.add_site(SITE)
            self.assertEqual(begin(daemon).status, 201)
            daemon.stop()
            daemon.environment = days_later(6)
            daemon.start()
            part(daemon, 1)
            daemon.stop()
            daemon.environment = days_later(12)  # six days after the part
            daemon.start()
            self.assertEqual(begin(daemon).status, 200, "it is open still")
            daemon.stop()
            daemon.environment = days_later(14)
            daemon.start()
            deadline = time.monotonic() + 60
            while "ended an import into" not in daemon.log_text() and time.monotonic() < deadline:
                time.sleep(0.05)
            entry = daemon.admin("GET", "/v1/admin/audit").json["audit"][0]
            self.assertEqual((entry["action"], entry["actor"], entry["site"]), ("import ended", "footfalld", SITE))
            daemon.stop(9)
            daemon.start()
            self.assertEqual(begin(daemon).json["position"], 1, "its mark is kept")

    def test_a_real_log_imports_as_it_analyzes(self):
        log = SAMPLES / "elastic-nginx-2015.log.gz"
        if not log.exists():
            self.skipTest(f"{log} is not here (FOOTFALL_SAMPLES names the directory)")
        with Daemon("--threads", "2") as daemon:
            daemon.add_site(SITE, timezone="UTC", count_bots=True)
            self.import_into(daemon, log)
            analyzed = json.loads(self.footfall("analyze", log, "--json"))
            self.assertEqual(daemon.stats(SITE)["counted"], analyzed["page_hits"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
