# SPDX-License-Identifier: Apache-2.0
"""footfall bench in each of its modes against a real daemon, briefly: what it says was acknowledged is what was counted."""
import json
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from footfall import BUILD, SAMPLES, Daemon, free_port
from import_test import own_log

SITE = "bench.example"
TLS_PROXY = """
worker_processes 1; daemon off; pid %(at)s/nginx.pid; error_log %(at)s/error.log crit;
events { worker_connections 256; }
http { access_log off; client_body_temp_path %(at)s; proxy_temp_path %(at)s; fastcgi_temp_path %(at)s; uwsgi_temp_path %(at)s; scgi_temp_path %(at)s;
  server { listen 127.0.0.1:%(port)d ssl; ssl_certificate %(at)s/cert.pem; ssl_certificate_key %(at)s/key.pem;
    location / { proxy_pass http://127.0.0.1:%(daemon)d; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header X-Forwarded-For $http_x_forwarded_for; } } }
"""


class Bench(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon("--threads", "2", "--rate-limit", "0")
        cls.addClassCleanup(cls.daemon.close)
        cls.daemon.start()
        cls.daemon.add_site(SITE, visibility="full")

    def run_bench(self, *options, daemon=None, code=0):
        daemon = daemon or self.daemon
        command = [BUILD / "footfall", "bench", *options, "--admin", f"http://127.0.0.1:{daemon.admin_port}", "--token-file", daemon.directory / "admin-token"]
        for name, value in (("--site", SITE), ("--url", f"http://127.0.0.1:{daemon.port}")):
            command += [] if name in options else [name, value]
        ended = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=120)
        self.assertEqual(ended.returncode, code, ended.stdout + ended.stderr)
        return ended

    def bench(self, *options, **more):
        before = self.daemon.stats(SITE)["counted"]
        found = json.loads(self.run_bench("--json", *options, **more).stdout)
        self.assertTrue(found["ok"], found)
        self.assertEqual((found["difference"], found["undecided"], found["trouble"]), (0, 0, ""))
        self.assertEqual(found["counted"], self.daemon.stats(SITE)["counted"] - before)
        return found

    def test_closed_loops(self):
        for options in ([], ["--pipeline", "16"], ["--request", "script"], ["--request", "mixed", "--threads", "2", "--pipeline", "5"],
                        ["--shape", "edge-cookies", "--connections", "3"], ["--reconnect", "--connections", "8"]):
            found = self.bench("--hits", "3000", *options)
            self.assertEqual((found["loop"], found["sent"], found["acknowledged"], found["counted"]), ("closed", 3000, 3000, 3000), options)
            self.assertGreater(found["latency_ns"]["p50"], 0)
            self.assertEqual(found["connections"], 3000 if "--reconnect" in options else 3 if "--shape" in options else 64)

    def test_a_rate_is_what_is_sent_whatever_comes_back(self):
        found = self.bench("--rate", "2000", "--seconds", "1")
        self.assertEqual((found["loop"], found["due"], found["sent"], found["unsent"], found["acknowledged"]), ("rate", 2000, 2000, 0, 2000))
        self.assertLessEqual(found["in_time"], 2000)
        self.assertEqual(self.bench("--rate", "2000", "--hits", "200", "--in-time", "1e-9")["in_time"], 0)
        self.assertEqual(self.bench("--rate", "500", "--seconds", "1", "--reconnect")["connections"], 500)

    def test_batches(self):
        found = self.bench("--batch", "300", "--hits", "10000", "--connections", "2")
        self.assertEqual((found["requests"], found["acknowledged"]), (34, 10000))
        found = self.bench("--batch", "100", "--rate", "5000", "--hits", "2500")
        self.assertEqual((found["requests"], found["acknowledged"]), (25, 2500))

    def test_logs_come_again_with_their_crawlers(self):
        with tempfile.TemporaryDirectory() as directory:
            log = pathlib.Path(directory) / "access.log"
            own_log(log, 1000, seed=7)
            with open(log, "a") as more:
                for _ in range(9):
                    more.write('192.0.2.1 - - [14/Mar/2021:00:00:00 +0000] "GET /b HTTP/1.1" 200 1 "-" "Googlebot/2.1"\n')
            hits = json.loads(subprocess.run([str(BUILD / "footfall"), "analyze", str(log), "--json"], capture_output=True, check=True).stdout)["page_hits"]
            for options in ([], ["--speed", "1000000", "--threads", "2"], ["--batch", "50"]):
                found = self.bench("--log", log, *options)
                self.assertEqual((found["acknowledged"], found["bots"], found["counted"]), (hits, 9, hits - 9), options)
            self.assertEqual(self.bench("--log", log, "--filter", "path=/b")["counted"], 0)
            self.assertEqual(self.bench("--log", log, "--speed", "1", "--seconds", "0.001")["sent"], 1)

    def test_a_curve(self):
        with tempfile.NamedTemporaryFile("w", suffix=".csv") as curve:
            curve.write("period,count\n1998-06-30 20:59:00,100000\n1998-06-30 21:00:00,1200\n1998-06-30 21:01:00,400\n")
            curve.flush()
            found = self.bench("--curve", curve.name, "--from", "1998-06-30 21:00", "--speed", "120", "--scale", "0.5")
            self.assertEqual((found["loop"], found["acknowledged"]), ("curve", 800))

    @unittest.skipUnless((SAMPLES / "worldcup98-requests-per-minute.csv.gz").exists(), "FOOTFALL_SAMPLES names no folder with the World Cup's counts")
    def test_the_curve_of_the_world_cup(self):
        found = self.bench("--curve", SAMPLES / "worldcup98-requests-per-minute.csv.gz", "--from", "1998-06-30 21:00", "--speed", "60", "--scale", "0.01", "--seconds", "1")
        self.assertGreater(found["acknowledged"], 100)

    def test_hits_that_are_refused_are_told_and_are_no_difference(self):
        limited = Daemon("--rate-limit", "1", "--rate-burst", "5")
        self.addCleanup(limited.close)
        limited.start()
        limited.add_site(SITE)
        found = json.loads(self.run_bench("--json", "--hits", "500", "--visitors", "10", "--connections", "4", daemon=limited).stdout)
        self.assertTrue(found["ok"])
        self.assertGreater(found["answers"]["429"], 0)
        self.assertEqual(found["answers"]["429"] + found["acknowledged"], 500)

    def test_a_total_that_grows_by_more_is_told(self):
        # Another bench hits the same site.
        other = subprocess.Popen([str(BUILD / "footfall"), "bench", "--site", SITE, "--url", f"http://127.0.0.1:{self.daemon.port}", "--rate", "200", "--seconds", "3"],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        ended = self.run_bench("--rate", "100", "--seconds", "1", code=1)
        other.wait()
        self.assertIn("DIFFERENT: the total of bench.example grew by +", ended.stdout)

    def test_text_for_people(self):
        ended = self.run_bench("--hits", "100")
        self.assertIn("OK: the total of bench.example grew by +100", ended.stdout)
        self.assertIn("99.9 %", ended.stdout)

    def test_what_cannot_be_done_is_told(self):
        def said(code, *options):
            return self.run_bench(*options, code=code).stderr
        self.assertIn("--anyway", said(2, "--url", "http://192.0.2.1:8080"))
        self.assertIn("--anyway", said(2, "--through", "http://192.0.2.1:8080"))
        self.assertIn("chrome-windows", said(2, "--shape", "netscape"))
        self.assertIn("nothing to pipeline", said(2, "--reconnect", "--pipeline", "2"))
        self.assertIn("closed loop", said(2, "--rate", "5", "--pipeline", "2"))
        self.assertIn("excludes", said(2, "--rate", "5", "--curve", "x"))
        self.assertIn("no such file", said(1, "--curve", "/nonexistent").lower())
        self.assertIn("no such file", said(1, "--log", "/nonexistent").lower())
        self.assertIn("bench speaks TCP", said(2, "--url", "unix:/run/x"))
        self.assertIn("Is the daemon running?", said(1, "--url", f"http://127.0.0.1:{free_port()}"))
        self.assertIn("cannot connect", said(1, "--through", f"http://127.0.0.1:{free_port()}"))
        self.assertIn("no site is registered", said(1, "--site", "nowhere.example"))

    @unittest.skipUnless(shutil.which("nginx", path="/usr/sbin:/usr/bin") and shutil.which("openssl"), "nginx and openssl make the proxy")
    def test_through_a_proxy_with_tls(self):
        with tempfile.TemporaryDirectory(prefix="footfall-test-") as directory:
            at = pathlib.Path(directory)
            at.chmod(0o755)
            port = free_port()
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", at / "key.pem", "-out", at / "cert.pem",
                            "-days", "2", "-subj", "/CN=bench", "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
            (at / "nginx.conf").write_text(TLS_PROXY % {"at": at, "port": port, "daemon": self.daemon.port})
            nginx = subprocess.Popen([shutil.which("nginx", path="/usr/sbin:/usr/bin"), "-c", str(at / "nginx.conf"), "-p", str(at)], stderr=subprocess.DEVNULL)
            self.addCleanup(nginx.wait)
            self.addCleanup(nginx.terminate)
            through = ["--through", f"https://127.0.0.1:{port}"]
            for _ in range(100):
                tried = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}"], stdin=subprocess.DEVNULL, capture_output=True)
                if tried.returncode == 0:
                    break
            for options in ([], ["--pipeline", "4"], ["--reconnect", "--connections", "4"], ["--batch", "20", "--connections", "2"], ["--rate", "300"]):
                found = self.bench("--hits", "200", *through, "--ca-file", at / "cert.pem", *options)
                self.assertEqual(found["acknowledged"], 200, options)
            self.assertIn("certificate", self.run_bench("--hits", "5", *through, code=1).stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
