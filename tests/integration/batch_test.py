# SPDX-License-Identifier: Apache-2.0
"""Batches under an Idempotency-Key: counted once, whatever comes between a batch and the same batch again."""
import gzip
import json
import os
import pathlib
import resource
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import unittest

from footfall import BUILD, Daemon
from hit_message import field

SITE = "example.org"


def message(*paths):
    return field(1, SITE.encode()) + b"".join(field(2, field(2, path.encode()) + field(10, path.encode())) for path in paths)


def body(*paths):
    return "".join(json.dumps({"site": SITE, "path": path, "visitor": path}) + "\n" for path in paths)


class Batch(unittest.TestCase):
    def setUp(self):
        self.daemon = Daemon()
        self.addCleanup(self.daemon.close)
        self.daemon.start("--threads", "2")
        self.daemon.add_site(SITE, visibility="full")
        self.node = self.send("").fields["Footfall-Node"]  # an empty batch tells the node's name

    def send(self, text, key=None, daemon=None, query="", **fields):
        daemon = daemon or self.daemon
        if key is not None:
            fields["Idempotency_Key"] = key
        fields.setdefault("Content_Type", "application/x-ndjson")
        return daemon.request("POST", "/v1/hits" + query, text, Authorization=f"Bearer {daemon.token}", **fields)

    def expect(self, answer, status, problem=None):
        self.assertEqual(answer.status, status, answer.text)
        self.assertEqual(answer.fields["Footfall-Node"], self.node)
        if problem:
            self.assertEqual(answer.json["type"], "/problems/" + problem)
        return answer

    def counted(self, daemon=None):
        return (daemon or self.daemon).stats(SITE)["counted"]

    def key_metrics(self):
        metrics = self.daemon.metrics()
        self.assertEqual(metrics["footfall_ledger_mismatch"], 0)
        prefix = 'footfall_batch_key_requests_total{outcome="'
        return {name[len(prefix):-2]: int(value) for name, value in metrics.items() if name.startswith(prefix) and value > 0}

    def kill(self):
        self.daemon.process.kill()
        self.daemon.process.wait()
        self.daemon.log.close()
        self.daemon.prefix = []

    def test_a_batch_that_is_sent_again_is_counted_once_and_answered_as_the_first_time(self):
        text = body("/a", "/b") + '{"site":"nowhere.example"}\n'
        first = self.expect(self.send(text, self.node + "/one"), 200)
        self.assertEqual((first.json["accepted"], first.json["rejected_total"]), (2, 1))
        self.assertNotIn("Idempotency-Replayed", first.fields)
        again = self.expect(self.send(text, self.node + "/one"), 200)
        self.assertEqual((again.body, again.fields["Idempotency-Replayed"]), (first.body, "true"))
        self.assertEqual(self.counted(), 2)
        self.expect(self.send(text, self.node + "/two"), 200)
        self.expect(self.send(text), 200)
        self.assertEqual(self.counted(), 6, "another key, and none, are other batches")
        metrics = self.daemon.metrics()
        self.assertEqual(metrics["footfall_batch_keys"], 2)
        self.assertGreater(metrics["footfall_batch_key_bytes"], 2 * len(first.body))
        self.assertEqual(self.key_metrics(), {"claimed": 2, "replayed": 1})

    def test_a_batch_may_be_a_message_and_packed(self):
        form = {"Content_Type": "application/x-protobuf"}
        paths = [f"/{n}" for n in range(3000)]
        bad = field(2, field(8, b"12345"))
        for number, (text, fields) in enumerate([(message(*paths) + bad, form), (gzip.compress(message(*paths) + bad), {**form, "Content_Encoding": "gzip"}),
                                                 (gzip.compress((body(*paths) + "nonsense\n").encode()), {"Content_Encoding": "gzip"}),
                                                 (gzip.compress(message(*paths) + bad), {"Content_Type": "Application/X-Protobuf", "Content_Encoding": "X-GZIP"}),
                                                 ((body(*paths) + "nonsense\n").encode(), {"Content_Type": "Application/X-NDJSON; charset=utf-8", "Content_Encoding": "Identity"})]):
            key = f"{self.node}/{number}"
            first = self.expect(self.send(text, key, **fields), 200)
            self.assertEqual((first.json["accepted"], first.json["rejected_total"], first.json["rejected"][0]["index"]), (3000, 1, 3000))
            self.assertEqual(self.expect(self.send(text, key, **fields), 200).body, first.body)
            self.assertEqual(self.counted(), 3000 * (number + 1))
        self.assertEqual(self.daemon.stats(SITE)["online"], 3000)
        self.expect(self.send(b"\x12\x7f", **form), 400, "malformed")
        self.expect(self.send(b"no gzip", Content_Encoding="gzip"), 400, "malformed")
        self.expect(self.send("", Content_Encoding="br"), 415, "unsupported-media-type")
        self.expect(self.send(gzip.compress(b" " * (17 << 20)), Content_Encoding="gzip"), 413, "too-large")
        self.assertEqual(self.daemon.metrics()["footfall_ledger_mismatch"], 0)

    def test_a_body_that_drips_in_is_decoded_as_it_comes(self):
        text = message(*(f"/{n}" for n in range(5000)))
        head = (f"POST /v1/hits HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.daemon.token}\r\nContent-Type: application/x-protobuf\r\n"
                f"Content-Length: {len(text)}\r\nIdempotency-Key: {self.node}/drip\r\n\r\n")
        with socket.create_connection(("127.0.0.1", self.daemon.port), timeout=20) as connection:
            connection.sendall(head.encode())
            for at in range(0, len(text), 10_007):
                connection.sendall(text[at:at + 10_007])
                time.sleep(0.002)
                if at == 10_007 * 8:
                    self.until(lambda: self.daemon.metrics()["footfall_http_body_bytes"] > 0)
            answer = b""
            while not answer.endswith(b"}"):
                answer += connection.recv(65536)
        self.assertIn(b'"accepted":5000,', answer)
        again = self.expect(self.send(text, self.node + "/drip", Content_Type="application/x-protobuf"), 200)
        self.assertEqual(again.fields["Idempotency-Replayed"], "true", "the digest is that of the whole")
        self.assertEqual(self.counted(), 5000)
        self.assertEqual(self.daemon.metrics()["footfall_http_body_bytes"], 0)

    def until(self, holds):
        for _ in range(1000):
            if holds():
                return
            time.sleep(0.01)
        self.fail("it did not come to hold")

    def test_a_kill_between_a_batch_and_the_same_again_changes_nothing(self):
        text = body("/a", "/b", "/c")
        first = self.expect(self.send(text, self.node + "/one"), 200)
        for how in ("kill", "stop", "kill"):
            self.kill() if how == "kill" else self.daemon.stop()
            # Other counts of shards, and a checkpoint: the key is found wherever it was kept.
            self.daemon.start("--checkpoint-interval", "1", "--threads", "1" if how == "stop" else "2")
            again = self.expect(self.send(text, self.node + "/one"), 200)
            self.assertEqual((again.body, again.fields["Idempotency-Replayed"]), (first.body, "true"))
            self.expect(self.send(body("/z"), self.node + "/one"), 422, "key-reused")
            self.assertEqual(self.counted(), 3)
            time.sleep(1.5)  # so that the next start may have a checkpoint to begin with

    def test_batches_that_a_kill_cut_off_are_counted_once_when_they_are_sent_again(self):
        answered, sent = {}, {}
        for round_ in range(3):
            stopping = threading.Event()

            def sender(name):
                for number in range(10_000):
                    key = f"{self.node}/{name}-{number}"
                    sent[key] = body(*(f"/{name}-{number}/{i}" for i in range(1 + number % 5)))
                    try:
                        answer = self.send(sent[key], key)
                    except (OSError, AssertionError):
                        return
                    if answer.status == 200:
                        answered[key] = answer.body
                    if stopping.is_set():
                        return
            threads = [threading.Thread(target=sender, args=(f"{round_}-{i}",)) for i in range(4)]
            for thread in threads:
                thread.start()
            time.sleep(0.5)
            self.kill()
            stopping.set()
            for thread in threads:
                thread.join()
            self.daemon.start("--threads", "2")
            for key, text in sent.items():
                answer = self.expect(self.send(text, key), 200)
                if key in answered:
                    self.assertEqual((answer.body, answer.fields["Idempotency-Replayed"]), (answered[key], "true"))
                answered[key] = answer.body
            rows = {row["path"]: row["counted"] for row in self.daemon.pages(SITE)["pages"]}
            pages = [json.loads(line)["path"] for text in sent.values() for line in text.splitlines()]
            self.assertEqual(self.counted(), len(pages))
            self.assertEqual({rows[page] for page in pages if page in rows} - {1}, set())
        self.assertGreater(len(sent), 12)

    def test_what_a_key_may_not_be(self):
        text = body("/a")
        for key in ("", "one", self.node, self.node + "/", self.node + "/a b", self.node + "/a/0", self.node + "/a/1/2", self.node + "/" + "x" * 129, "A" * 32 + "/one"):
            self.expect(self.send(text, key), 400, "malformed")
        self.expect(self.send(text, "0" * 32 + "/one"), 421, "wrong-node")
        self.expect(self.send(text, self.node + "/one", query="?source=log&position=1"), 400, "malformed")
        self.assertEqual(self.counted(), 0)

    def test_another_body_is_refused_and_what_counted_nothing_keeps_no_key(self):
        self.expect(self.send(body("/a"), self.node + "/one"), 200)
        self.expect(self.send(body("/b"), self.node + "/one"), 422, "key-reused")
        nothing = self.expect(self.send('{"site":"nowhere.example"}\n', self.node + "/two"), 200)
        self.assertEqual(nothing.json["accepted"], 0)
        self.expect(self.send(body("/c"), self.node + "/two"), 200)
        self.assertEqual(self.counted(), 2)
        self.assertEqual(self.daemon.metrics()["footfall_batch_keys"], 2)

    def test_a_full_table_takes_no_new_key_and_forgets_none(self):
        self.daemon.stop()
        self.daemon.start("--threads", "2", "--batch-keys-max", "2")
        self.expect(self.send(body("/a"), self.node + "/one"), 200)
        self.expect(self.send(body("/b"), self.node + "/two"), 200)
        full = self.expect(self.send(body("/c"), self.node + "/three"), 429, "keys-full")
        self.assertEqual(full.fields["Retry-After"], "60")
        self.assertEqual(self.expect(self.send(body("/a"), self.node + "/one"), 200).fields["Idempotency-Replayed"], "true")
        self.expect(self.send(body("/c")), 200)  # without a key it counts
        self.assertEqual(self.counted(), 3)
        self.assertEqual(self.key_metrics(), {"claimed": 2, "full": 1, "replayed": 1})

    def test_numbered_batches_take_one_place_and_are_counted_once_whatever_is_killed(self):
        self.daemon.stop()
        self.daemon.start("--threads", "2", "--batch-keys-max", "1", "--checkpoint-interval", "1")
        for number in range(1, 13):
            text, key = body(f"/{number}"), f"{self.node}/mine/{number}"
            first = self.expect(self.send(text, key), 200)
            self.assertNotIn("Idempotency-Replayed", first.fields)
            if number % 4 == 0:
                self.kill()
                self.daemon.start("--threads", "1" if number % 8 else "2", "--batch-keys-max", "1", "--checkpoint-interval", "1")
            again = self.expect(self.send(text, key), 200)
            self.assertEqual((again.body, again.fields["Idempotency-Replayed"]), (first.body, "true"))
            if number > 1:
                self.expect(self.send(body(f"/{number - 1}"), f"{self.node}/mine/{number - 1}"), 422, "key-reused")
            self.assertEqual(self.counted(), number)
        self.expect(self.send(body("/b"), self.node + "/other/1"), 429, "keys-full")
        self.assertEqual(self.daemon.metrics()["footfall_batch_keys"], 1)

    def test_keys_of_a_directory_before_its_restore_are_of_another_node(self):
        self.expect(self.send(body("/a"), self.node + "/one"), 200)
        with tempfile.TemporaryDirectory(prefix="footfall-test-") as place:
            command = [str(BUILD / "footfall"), "backup", place + "/b", "--admin", f"http://127.0.0.1:{self.daemon.admin_port}", "--token-file", str(self.daemon.directory / "admin-token")]
            subprocess.run(command, check=True, timeout=60, capture_output=True)
            subprocess.run([str(BUILD / "footfall"), "restore", place + "/b", place + "/d"], check=True, timeout=60, capture_output=True)
            restored = Daemon(directory=place + "/d")
            self.addCleanup(restored.close)
            restored.start()
            answer = self.send(body("/a"), self.node + "/one", daemon=restored)
            self.assertEqual(answer.status, 421, answer.text)
            self.assertNotEqual(answer.fields["Footfall-Node"], self.node)
            self.assertEqual(restored.metrics()["footfall_batch_keys"], 0)
            self.assertEqual(self.counted(restored), 1)
            restored.close()

    def test_while_nothing_can_be_written_a_key_is_given_back_and_counts_when_it_can(self):
        self.expect(self.send(body("/a"), self.node + "/one"), 200)
        pid = self.daemon.process.pid
        limits = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, limits[1]))
        for _ in range(3):
            refused = self.expect(self.send(body("/b", "/c"), self.node + "/two"), 503, "unavailable")
            self.assertEqual(refused.fields["Retry-After"], "1")
        again = self.expect(self.send(body("/a"), self.node + "/one"), 200)
        self.assertEqual(again.fields["Idempotency-Replayed"], "true", "what was counted is answered all the same")
        resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)
        counted = self.until_counted(body("/b", "/c"), self.node + "/two", {503})
        self.assertNotIn("Idempotency-Replayed", counted.fields)
        self.kill()
        self.daemon.start("--threads", "2")
        self.assertEqual(self.counted(), 3)

    def until_counted(self, text, key, statuses):
        """Sends it again until it is answered 200; what is said before is one of `statuses`."""
        for _ in range(200):
            answer = self.send(text, key)
            if answer.status == 200:
                return answer
            self.assertIn(answer.status, statuses, answer.text)
            time.sleep(0.05)
        self.fail("it is never counted")

    @unittest.skipUnless(shutil.which("strace") and os.geteuid() == 0, "strace, as root, makes fdatasync fail")
    def test_a_batch_whose_sync_failed_is_counted_once_whichever_shard_it_is_sent_to_again(self):
        pid = self.daemon.process.pid
        # The first call of each thread from now on.
        fails = subprocess.Popen(["strace", "-f", "-qqq", "-o", "/dev/null", "-e", "trace=fdatasync", "-e", "inject=fdatasync:error=EIO:when=1", "-p", str(pid)])
        self.addCleanup(fails.wait)
        self.addCleanup(fails.kill)
        threads = list(pathlib.Path(f"/proc/{pid}/task").glob("*/status"))
        while any("TracerPid:\t0\n" in thread.read_text() for thread in threads):
            if fails.poll() is not None:
                self.skipTest("strace may not attach here")
            time.sleep(0.01)
        for number in range(4):
            key, text = f"{self.node}/{number}", body(f"/{number}/a", f"/{number}/b")
            counted = self.until_counted(text, key, {409, 503})
            again = self.expect(self.send(text, key), 200)
            self.assertEqual((again.body, again.fields["Idempotency-Replayed"]), (counted.body, "true"))
        metrics = self.daemon.metrics()
        self.assertGreater(metrics["footfall_journal_sync_failures_total"], 0)
        self.assertEqual(metrics["footfall_ledger_mismatch"], 0)
        self.assertEqual(self.counted(), 8)
        self.kill()
        self.daemon.start("--threads", "2")
        self.assertEqual(self.counted(), 8)

    @unittest.skipUnless(shutil.which("strace") and os.geteuid() == 0, "strace, as root, delays the disk")
    def test_while_the_disk_has_it_not_the_same_batch_is_told_to_wait(self):
        self.daemon.stop()
        self.daemon.prefix = ["strace", "-D", "-f", "-qqq", "-o", "/dev/null", "-e", "trace=fdatasync", "-e", "inject=fdatasync:delay_enter=2000000"]
        self.daemon.start()
        text, answers = body("/a", "/b"), []
        first = threading.Thread(target=lambda: answers.append(self.send(text, self.node + "/one")))
        first.start()
        while not self.key_metrics():
            time.sleep(0.01)
        early = self.expect(self.send(text, self.node + "/one"), 409, "in-progress")
        self.assertEqual(early.fields["Retry-After"], "1")
        self.expect(self.send(body("/z"), self.node + "/one"), 422, "key-reused")
        first.join()
        self.expect(answers[0], 200)
        self.assertEqual(self.expect(self.send(text, self.node + "/one"), 200).body, answers[0].body)
        self.assertEqual(self.counted(), 2)
        self.assertEqual(self.key_metrics(), {"claimed": 1, "in_progress": 1, "other_body": 1, "replayed": 1})


if __name__ == "__main__":
    unittest.main(verbosity=2)
