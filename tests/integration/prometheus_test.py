# SPDX-License-Identifier: Apache-2.0
"""/metrics under promtool's rules, and scraped by a real Prometheus on loopback."""
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

from footfall import SKIPPED, Daemon, free_port

SITE = "example.org"


class Prometheus(unittest.TestCase):
    def test_promtool_accepts_the_metrics_and_they_stay_few(self):
        with Daemon("--threads", "2") as daemon:
            for n in range(20):
                daemon.add_site(f"s{n}.example")
                daemon.hit(f"s{n}.example", "/", n)
            text = daemon.admin("GET", "/metrics").text
            checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=30)
            self.assertEqual((checked.returncode, checked.stdout + checked.stderr), (0, ""))
            series = [line for line in text.splitlines() if line and not line.startswith("#")]
            self.assertLessEqual(len(series), 300)
            metrics = daemon.metrics()
            self.assertEqual(metrics["footfall_hits_accepted_total"], 20)
            self.assertEqual(metrics["footfall_hits_received_total"], 20)
            self.assertEqual(metrics["footfall_sites"], 20)

    def test_a_real_prometheus_scrapes_them(self):
        with Daemon("--threads", "1") as daemon, tempfile.TemporaryDirectory() as directory:
            daemon.add_site(SITE)
            daemon.hit(SITE, "/", 1)
            port = free_port()
            config = pathlib.Path(directory) / "prometheus.yml"
            config.write_text("global: {scrape_interval: 1s}\nscrape_configs:\n- job_name: footfall\n  static_configs:\n"
                              f"  - targets: ['127.0.0.1:{daemon.admin_port}']\n")
            server = subprocess.Popen(["prometheus", f"--config.file={config}", f"--storage.tsdb.path={directory}/data",
                                       f"--web.listen-address=127.0.0.1:{port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                query = f"http://127.0.0.1:{port}/api/v1/query?query=footfall_hits_accepted_total"
                value = None
                for _ in range(150):
                    try:
                        with urllib.request.urlopen(query, timeout=2) as answer:
                            result = json.load(answer)["data"]["result"]
                        if result:
                            value = result[0]["value"][1]
                            break
                    except OSError:
                        pass
                    time.sleep(0.2)
                self.assertEqual(value, "1")
            finally:
                server.terminate()
                server.wait(30)


if __name__ == "__main__":
    if not (shutil.which("promtool") and shutil.which("prometheus")):
        print("promtool and prometheus are not installed (package prometheus): skipped")
        sys.exit(SKIPPED)
    unittest.main(verbosity=2)
