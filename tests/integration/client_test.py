# SPDX-License-Identifier: Apache-2.0
"""The C++ client library against a real daemon that is killed again and again: what is counted in the end is what was given."""
import collections
import glob
import json
import os
import pathlib
import random
import subprocess
import tempfile
import threading
import time
import unittest

from footfall import BUILD, ROOT, Daemon, cached

SITE = "example.org"
PROGRAM = BUILD / "client" / "cpp" / "client_example"


class Client(unittest.TestCase):
    def start(self, daemon, url=None, environment=None):
        return subprocess.Popen([str(PROGRAM), url or f"http://127.0.0.1:{daemon.port}", str(daemon.directory / "admin-token"), SITE],
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)

    def test_every_hit_is_counted_once_however_often_the_daemon_is_killed(self):
        seed = int(os.environ.get("FOOTFALL_SEED", random.randrange(1 << 32)))
        print(f"FOOTFALL_SEED={seed}", flush=True)
        draw = random.Random(seed)
        kills, per_step = int(os.environ.get("FOOTFALL_KILLS", 5)), 20
        given = collections.Counter()
        with Daemon("--threads", "2") as daemon:
            daemon.add_site(SITE, visibility="full")
            program = self.start(daemon)
            self.addCleanup(program.kill)
            stopping = threading.Event()

            def feed():
                while not stopping.is_set():
                    for _ in range(per_step):
                        path = f"/{draw.randrange(40)}"
                        given[path] += 1
                        program.stdin.write(path + "\n")
                    program.stdin.flush()  # waits where the client has no more room
                    time.sleep(0.002)
                program.stdin.close()

            feeder = threading.Thread(target=feed)
            feeder.start()
            pauses = random.Random(seed + 1)
            for _ in range(kills):
                time.sleep(0.3 + pauses.random() / 2)
                daemon.process.kill()
                daemon.process.wait()
                daemon.log.close()
                time.sleep(pauses.random() / 3)
                daemon.start()
            time.sleep(0.3)
            stopping.set()
            feeder.join()
            program.stdin = None
            out, err = program.communicate(timeout=120)
            self.assertEqual(program.returncode, 0, out + err)
            counts = json.loads(out)
            self.assertEqual(counts["taken"], given.total())
            self.assertGreater(counts["retries"], 0)
            self.assertEqual(daemon.stats(SITE)["counted"], given.total())
            self.assertEqual({row["path"]: row["counted"] for row in daemon.pages(SITE)["pages"]}, dict(given))
            self.assertEqual(daemon.metrics()["footfall_ledger_mismatch"], 0)
            print(f"{given.total()} hits, {kills} kills: {out.strip()}", flush=True)

    def test_at_any_pace_it_takes_few_places_among_the_keys(self):
        paths = [f"/{n}" for n in range(40)]
        with Daemon("--threads", "2", "--batch-keys-max", "2") as daemon:
            daemon.add_site(SITE, visibility="full")
            program = self.start(daemon)
            self.addCleanup(program.kill)
            for number, path in enumerate(paths):  # a trickle: each hit is a batch of its own
                program.stdin.write(path + "\n")
                program.stdin.flush()
                deadline = time.monotonic() + 60
                while daemon.stats(SITE)["counted"] <= number:
                    self.assertLess(time.monotonic(), deadline, path)
                    time.sleep(0.01)
                if number == 20:
                    daemon.process.kill()
                    daemon.process.wait()
                    daemon.log.close()
                    daemon.start()
            out, err = program.communicate(timeout=60)
            self.assertEqual(program.returncode, 0, out + err)
            self.assertEqual(json.loads(out)["batches"], len(paths))
            self.assertEqual(daemon.stats(SITE)["counted"], len(paths))
            metrics = daemon.metrics()
            self.assertEqual(metrics['footfall_batch_key_requests_total{outcome="full"}'], 0)
            self.assertEqual(metrics["footfall_batch_keys"], 1)

    def test_a_machine_whose_clock_is_wrong_loses_no_hit(self):
        libraries = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
        if not libraries:
            self.skipTest("a wrong clock needs the package faketime")
        with Daemon() as daemon:
            daemon.add_site(SITE, visibility="full")
            for number, offset in enumerate(("-3600s", "+3600s", "+86400s"), 1):
                program = self.start(daemon, environment={**os.environ, "LD_PRELOAD": libraries[0], "FAKETIME": offset, "DONT_FAKE_MONOTONIC": "1"})
                out, err = program.communicate("/a\n" * 20, timeout=60)
                self.assertEqual(program.returncode, 0, out + err)
                stats = daemon.stats(SITE)
                self.assertEqual(stats["counted"], 20 * number, offset)
                self.assertGreater(stats["online"], 0, offset)  # of the first, which would be an hour late

    def test_what_is_rejected_is_told(self):
        with Daemon() as daemon:
            out, _ = self.start(daemon).communicate("/a\n/b\n", timeout=60)  # the site was never added
            counts = json.loads(out)
            self.assertEqual((counts["taken"], counts["accepted"], counts["rejected"]), (2, 0, 2))

    def test_an_address_that_is_none_is_told(self):
        with Daemon() as daemon:
            program = self.start(daemon, url="127.0.0.1")
            _, err = program.communicate("", timeout=60)
            self.assertEqual(program.returncode, 2)
            self.assertIn("write http://", err)

    def test_an_application_outside_of_the_tree_finds_what_was_installed(self):
        with tempfile.TemporaryDirectory(prefix="footfall-test-") as place:
            place = pathlib.Path(place)
            subprocess.run(["cmake", "--install", str(BUILD / "client" / "cpp"), "--prefix", str(place / "usr")], check=True, capture_output=True, timeout=60)
            (place / "CMakeLists.txt").write_text("cmake_minimum_required(VERSION 3.25)\nproject(app LANGUAGES CXX)\n"
                                                  "find_package(footfall-client REQUIRED)\nadd_executable(app app.cc)\n"
                                                  "target_link_libraries(app PRIVATE footfall::client)\n")
            (place / "app.cc").write_text((ROOT / "client" / "cpp" / "example.cc").read_text())
            sanitizers = cached("FOOTFALL_SANITIZE")  # the library carries them
            configured = subprocess.run(["cmake", "-S", str(place), "-B", str(place / "b"), f"-DCMAKE_PREFIX_PATH={place / 'usr'}",
                                         f"-DCMAKE_CXX_COMPILER={cached('CMAKE_CXX_COMPILER')}", "-DCMAKE_CXX_FLAGS=" + ("-fsanitize=" + sanitizers if sanitizers else "")],
                                        capture_output=True, text=True, timeout=120)
            self.assertEqual(configured.returncode, 0, configured.stdout + configured.stderr)
            built = subprocess.run(["cmake", "--build", str(place / "b")], capture_output=True, text=True, timeout=240)
            self.assertEqual(built.returncode, 0, built.stdout + built.stderr)
            ran = subprocess.run([str(place / "b" / "app")], capture_output=True, text=True, timeout=60)
            self.assertEqual((ran.returncode, ran.stderr), (2, "usage: client_example URL TOKEN_FILE SITE\n"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
