# SPDX-License-Identifier: Apache-2.0
"""/metrics under promtool's rules, and scraped by a real Prometheus on loopback."""
import shutil
import subprocess
import sys
import time
import unittest

from all_parts import daemon_with_all_parts
from footfall import SKIPPED, Daemon
from prometheus_server import PrometheusServer

SITE = "example.org"


class Prometheus(unittest.TestCase):
    def check(self, text):
        checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=30)
        self.assertEqual((checked.returncode, checked.stdout + checked.stderr), (0, ""))

    def test_promtool_accepts_the_metrics_and_they_stay_few(self):
        with Daemon("--threads", "2", "--metrics-sites", "3") as daemon:
            for n in range(20):
                daemon.add_site(f"s{n}.example")
                daemon.hit(f"s{n}.example", "/", n)
            text = daemon.admin("GET", "/metrics").text
            self.check(text)
            series = [line for line in text.splitlines() if line and not line.startswith("#")]
            of_sites = [line for line in series if line.startswith("footfall_site_")]
            self.assertEqual(len(of_sites), 3 * 3)
            self.assertIn('footfall_site_hits_counted_total{site="s0.example"} 1', of_sites)
            self.assertLessEqual(len(series) - len(of_sites), 300)
            metrics = daemon.metrics()
            self.assertEqual(metrics["footfall_hits_accepted_total"], 20)
            self.assertEqual(metrics["footfall_hits_received_total"], 20)
            self.assertEqual(metrics["footfall_sites"], 20)

    @unittest.skipUnless(shutil.which("redis-server"), "redis-server is not installed")
    def test_promtool_accepts_those_of_a_daemon_with_all_parts(self):
        daemon = daemon_with_all_parts(self)
        daemon.add_site(SITE)
        daemon.hit(SITE, "/", 1)
        text = daemon.admin("GET", "/metrics").text
        for part in ("tls", "syslog", "redis", "replication"):
            self.assertRegex(text, rf"(?m)^footfall_{part}_")
        self.check(text)

    def test_what_was_answered_is_in_flight_no_more(self):
        with Daemon("--threads", "2") as daemon:
            daemon.add_site(SITE, visibility="full")
            for n in range(30):
                daemon.hit(SITE, "/", n)
            self.assertTrue(daemon.raw(b"no request\r\n\r\n").startswith(b"HTTP/1.1 400"))
            self.assertEqual(daemon.get("/nothing").status, 404)
            self.assertEqual(daemon.get(f"/v1/sites/{SITE}/top/pages").status, 200)  # answered by another thread
            refused = b"POST /v1/hits HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Type: text/csv\r\n\r\n"  # its body is not waited for
            self.assertTrue(daemon.raw(refused).startswith(b"HTTP/1.1 4"))
            script = daemon.get("/footfall.js")
            self.assertEqual(daemon.get("/footfall.js", If_None_Match=script.fields["ETag"]).status, 304)
            metrics = daemon.metrics()
            self.assertEqual(metrics["footfall_http_requests_in_flight"], 0)
            self.assertEqual([metrics[f'footfall_http_requests_total{{route="script",code_class="{of}"}}'] for of in ("2xx", "3xx")], [1, 1])
            self.assertEqual(metrics["footfall_hit_duration_seconds_count"], 30)
            self.assertEqual(metrics['footfall_hit_duration_seconds_bucket{le="+Inf"}'], 30)
            self.assertLessEqual(metrics["footfall_http_connections_max"], 2 * 15_000)
            self.assertEqual(metrics["footfall_unsynced_hits_max"], 2 * 131_072)

    def test_where_nothing_waits_for_the_disk_one_block_of_16_is_timed(self):
        with Daemon("--threads", "1", "--durability", "kernel") as daemon:
            daemon.add_site(SITE)
            for n in range(48):
                daemon.hit(SITE, "/", n)
            metrics = daemon.metrics()
            self.assertEqual(metrics["footfall_hits_accepted_total"], 48)
            timed = metrics["footfall_hit_duration_seconds_count"]
            self.assertTrue(1 <= timed <= 4, timed)  # blocks of what was observed are among those that are looked at

    def test_a_real_prometheus_scrapes_them(self):
        with Daemon("--threads", "1") as daemon, PrometheusServer([f"127.0.0.1:{daemon.admin_port}"]) as prometheus:
            daemon.add_site(SITE)
            daemon.hit(SITE, "/", 1)
            for _ in range(300):
                if [sample["value"][1] for sample in prometheus.query("footfall_hits_accepted_total")] == ["1"]:
                    break
                time.sleep(0.1)
            else:
                self.fail("Prometheus did not come to know the hit")


if __name__ == "__main__":
    if not (shutil.which("promtool") and shutil.which("prometheus")):
        print("promtool and prometheus are not installed (package prometheus): skipped")
        sys.exit(SKIPPED)
    unittest.main(verbosity=2)
