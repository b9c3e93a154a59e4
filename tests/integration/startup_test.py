# SPDX-License-Identifier: Apache-2.0
"""A start that has to wait answers for itself; damage stops a start until its loss is accepted, once."""
import os
import signal
import struct
import subprocess
import time
import unittest

from footfall import BUILD, Daemon, free_port

SITE = "example.org"
HEADER, BLOCK_HEADER = 4096, 40


class Startup(unittest.TestCase):
    def setUp(self):
        self.metrics_port = free_port()
        self.daemon = Daemon("--threads", "1", "--metrics-listen", f"127.0.0.1:{self.metrics_port}")
        self.addCleanup(self.daemon.close)
        self.daemon.start()
        self.daemon.add_site(SITE, visibility="full")

    def hit(self, count):
        for visitor in range(count):
            self.assertEqual(self.daemon.hit(SITE, "/", visitor).status, 204)

    def launch(self, *more):
        command = [str(BUILD / "footfalld"), "--data-dir", str(self.daemon.directory), "--listen",
                   f"127.0.0.1:{self.daemon.port}", "--admin", f"127.0.0.1:{self.daemon.admin_port}", *self.daemon.options, *more]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def until_it_answers(self, process, port, target, wanted):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            self.assertIsNone(process.poll(), "it ended")
            try:
                answer = self.daemon.request("GET", target, port=port)
                if wanted in answer.text:
                    return answer
            except OSError:
                pass
            time.sleep(0.02)
        raise AssertionError(f"{target} never said {wanted!r}")

    def test_while_it_starts_it_says_how_far_it_is(self):
        self.hit(7)
        self.assertEqual(self.daemon.admin("GET", "/startupz", token=False).text, "started\n")
        self.daemon.stop()
        # What is read behind the journal, and does not come: opening a pipe waits for its other end.
        salts = self.daemon.directory / "salts"
        kept = salts.read_bytes()
        salts.unlink()
        os.mkfifo(salts, 0o600)
        process = self.launch()
        try:
            for port in (self.daemon.admin_port, self.metrics_port):
                answer = self.until_it_answers(process, port, "/startupz", "stream 2 of 2, 100 %")
                self.assertEqual(answer.status, 503)
                self.assertTrue(answer.text.startswith("recovering: ") and answer.text.endswith(" 7 hits\n"), answer.text)
                self.assertEqual(self.daemon.request("GET", "/livez", port=port).status, 200)
                self.assertEqual(self.daemon.request("GET", "/readyz", port=port).status, 503)
                other = self.daemon.request("GET", "/metrics", port=port)
                self.assertEqual(other.status, 503)
                self.assertEqual(other.fields["Content-Type"], "application/problem+json")
                self.assertEqual(other.fields["Retry-After"], "1")
        finally:
            process.send_signal(signal.SIGKILL)
            process.communicate()
        salts.unlink()
        salts.write_bytes(kept)
        salts.chmod(0o600)
        self.daemon.start()
        for port in (self.daemon.admin_port, self.metrics_port):
            self.assertEqual(self.daemon.request("GET", "/startupz", port=port).status, 200)
        self.assertEqual(self.daemon.stats(SITE)["counted"], 7)

    def test_files_that_are_missing_are_told_and_no_total_is_touched(self):
        self.hit(3)
        self.daemon.stop()
        self.assertNotIn("is missing", self.daemon.log_text())
        kept = self.daemon.token
        for name in ("salts", "history.sqlite", "admin-token"):
            (self.daemon.directory / name).unlink()
        process = self.launch()
        try:
            self.until_it_answers(process, self.daemon.admin_port, "/startupz", "started")
            self.assertFalse((self.daemon.directory / "admin-token").exists())
            (self.daemon.directory / "admin-token").write_text(kept + "\n")
            self.assertEqual(self.daemon.stats(SITE)["counted"], 3, "the token is in force still")
        finally:
            process.terminate()
            _, said = process.communicate(timeout=60)
        for told in ("salts was absent", "history.sqlite is missing", "admin-token is missing"):
            self.assertIn(f"{self.daemon.directory}/{told}", said)

    def test_damage_stops_the_start_until_its_loss_is_accepted(self):
        self.hit(3)
        self.daemon.stop(signal.SIGKILL)
        self.daemon.start()  # what is there is durable from here on
        self.daemon.stop(signal.SIGKILL)
        segment = self.daemon.directory / "journal" / "hits-000" / "0000000001.seg"
        data = bytearray(segment.read_bytes())
        at, sound = HEADER, 0
        while True:  # to the second block that holds a hit
            length, count = struct.unpack_from("<I24xI", data, at + 4)
            self.assertGreater(length, 0)
            sound += count
            if sound > 1:
                break
            at += BLOCK_HEADER + length
        data[at + BLOCK_HEADER] ^= 1
        segment.write_bytes(data)

        process = self.launch()
        _, said = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 1)
        self.assertIn("with 2 hits", said)
        self.assertIn("--accept-loss true", said)
        self.daemon.start("--accept-loss", "true")
        self.assertEqual(self.daemon.stats(SITE)["counted"], 1)
        metrics = self.daemon.metrics()
        self.assertEqual(metrics["footfall_recovery_lost_hits"], 2)
        self.assertGreaterEqual(metrics["footfall_recovery_lost_blocks"], 2)
        self.assertIn("going on without it", self.daemon.log_text())
        self.assertTrue((self.daemon.directory / "journal" / "damaged" / "hits-000-0000000001.seg").is_file())
        self.hit(2)
        self.daemon.stop()
        self.daemon.start()
        self.assertEqual(self.daemon.stats(SITE)["counted"], 3)
        self.assertEqual(self.daemon.metrics()["footfall_recovery_lost_hits"], 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
