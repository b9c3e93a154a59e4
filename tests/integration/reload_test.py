# SPDX-License-Identifier: Apache-2.0
"""A configuration that changes while the daemon runs: what is in force at once, what waits for a start, and one that is wrong."""
import json
import os
import signal
import subprocess
import tempfile
import time
import unittest

from footfall import BROWSER, BUILD, Daemon

SITE = "example.org"


class Reload(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="footfall-reload-")
        self.addCleanup(directory.cleanup)
        self.file = f"{directory.name}/footfalld.toml"
        self.write('log-level = "info"\n')
        self.daemon = Daemon("--config", self.file, "--threads", "2")
        self.addCleanup(self.daemon.close)
        self.daemon.start()
        self.daemon.add_site(SITE, visibility="full")

    def write(self, text):
        with open(self.file, "w") as file:
            file.write(text)

    def reload(self):
        return self.daemon.admin("POST", "/v1/admin/reload")

    def command(self, *words):
        environment = {**os.environ, "FOOTFALL_ADMIN": f"http://127.0.0.1:{self.daemon.admin_port}", "FOOTFALL_TOKEN_FILE": str(self.daemon.directory / "admin-token")}
        return subprocess.run([BUILD / "footfall", "reload", *words], capture_output=True, text=True, timeout=60, env=environment)

    def from_afar(self, forwarded):
        return self.daemon.get(f"/hit?site={SITE}&path=/", User_Agent=BROWSER % 120, X_Forwarded_For=forwarded).status

    def said(self, text):
        deadline = time.monotonic() + 20
        while text not in self.daemon.log_text() and time.monotonic() < deadline:
            time.sleep(0.02)
        self.assertIn(text, self.daemon.log_text())

    def test_what_can_be_taken_is_in_force_on_every_shard(self):
        self.write("rate-limit = 1\nrate-burst = 2\n")
        self.assertEqual(self.reload().json, {"applied": ["log-level", "rate-burst", "rate-limit"], "needs_start": [], "certificate": False})
        answers = [self.from_afar("192.0.2.1") for _ in range(20)]
        self.assertEqual(answers[:2], [204, 204])
        self.assertIn(429, answers)
        self.write("rate-limit = 0\nconnections-max = 16\nonline-pairs-max = 1000\nsites-max = 1\n")
        self.assertEqual(self.reload().json["applied"], ["connections-max", "online-pairs-max", "rate-burst", "rate-limit", "sites-max"])
        self.assertEqual({self.from_afar("192.0.2.1") for _ in range(20)}, {204})
        self.assertEqual(self.daemon.admin("POST", "/v1/admin/sites", {"name": "second.example"}).status, 409)
        # A proxy in between that is not known is the client itself; known, it is who stands before it.
        self.assertEqual(self.daemon.stats(SITE)["online"], 1)
        for n in range(3):
            self.from_afar(f"192.0.2.{n}, 203.0.113.9")
        self.assertEqual(self.daemon.stats(SITE)["online"], 2)
        self.write('trusted-proxy = ["203.0.113.0/24"]\n')
        self.assertIn("trusted-proxy", self.reload().json["applied"])
        for n in range(3):
            self.from_afar(f"192.0.2.{n}, 203.0.113.9")
        self.assertEqual(self.daemon.stats(SITE)["online"], 4)  # 192.0.2.1 was there

    def test_a_file_of_trusted_peers_is_read_again(self):
        networks = self.file + ".cdn"
        with open(networks, "w") as file:
            file.write("# the CDN's\n203.0.113.0/24\n")
        self.write(f'trusted-proxy-file = "{networks}"\n')
        self.assertIn("trusted-proxy-file", self.reload().json["applied"])
        for n in range(3):
            self.from_afar(f"192.0.2.{n}, 203.0.113.9")
        self.assertEqual(self.daemon.stats(SITE)["online"], 3)
        for n in range(3):
            self.from_afar(f"192.0.2.{n}, 198.51.100.9")
        self.assertEqual(self.daemon.stats(SITE)["online"], 4, "that one is not in it")
        with open(networks, "a") as file:
            file.write("198.51.100.0/24\nnobody\n")
        answer = self.reload()
        self.assertEqual(answer.status, 409)
        self.assertIn(f'{self.file}:1: trusted-proxy-file: {networks}:4: "nobody": an address like', answer.json["detail"])
        with open(networks, "w") as file:
            file.write("203.0.113.0/24\n198.51.100.0/24\n")
        self.assertEqual(self.reload().json["applied"], ["trusted-proxy-file"])
        for n in range(10, 13):
            self.from_afar(f"192.0.2.{n}, 198.51.100.9")
        self.assertEqual(self.daemon.stats(SITE)["online"], 7)
        self.assertEqual(self.reload().json["applied"], [])

    def test_what_waits_for_a_start_is_named_until_then(self):
        self.write('log-level = "debug"\nthreads = 3\nbase-path = "/counter"\nlabels-max = 7\n')
        self.assertEqual(self.reload().json, {"applied": ["log-level"], "needs_start": ["base-path", "labels-max"], "certificate": False})  # --threads is a flag
        done = self.command("--json")
        self.assertEqual((done.returncode, json.loads(done.stdout)), (0, {"applied": [], "needs_start": ["base-path", "labels-max"], "certificate": False}))
        done = self.command()
        self.assertEqual((done.returncode, done.stdout), (0, "at the next start or take-over: base-path\nat the next start or take-over: labels-max\n"))
        self.said("reloaded: log-level is in force; base-path and labels-max are read at a start alone, and stay as they were")
        self.assertEqual(self.from_afar("192.0.2.1"), 204)
        self.daemon.stop()
        self.daemon.start()
        self.assertEqual(self.from_afar("192.0.2.1"), 404)

    def test_a_file_that_is_wrong_leaves_all_as_it_was(self):
        for text, says in (("rate-limit = 1\nrate-burst = 1\nthreads = 99\n", ":3: threads: "), ("rate-limit = 1\nrate-burst = 1\nlog-levle = 3\n", ":3: log-levle: unknown key"),
                           ("rate-limit = \n", ":1: ")):
            self.write(text)
            answer = self.reload()
            self.assertEqual(answer.status, 409)
            self.assertIn(self.file + says, answer.json["detail"])
            done = self.command()
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertIn(self.file + says, done.stderr)
        os.unlink(self.file)
        self.daemon.process.send_signal(signal.SIGHUP)
        self.said(f"not reloaded, all stays as it was: {self.file}: cannot open")
        self.assertEqual({self.from_afar("192.0.2.1") for _ in range(20)}, {204})
        metrics = self.daemon.metrics()
        self.assertEqual((metrics["footfall_reload_failures_total"], metrics["footfall_config_last_reload_successful"]), (7, 0))
        last = metrics["footfall_config_last_reload_success_timestamp_seconds"]
        self.assertGreater(last, time.time() - 600)
        self.write("")
        self.assertEqual(self.reload().status, 200)
        metrics = self.daemon.metrics()
        self.assertEqual((metrics["footfall_reload_failures_total"], metrics["footfall_config_last_reload_successful"]), (7, 1))
        self.assertGreaterEqual(metrics["footfall_config_last_reload_success_timestamp_seconds"], last)


if __name__ == "__main__":
    unittest.main(verbosity=2)
