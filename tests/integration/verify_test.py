# SPDX-License-Identifier: Apache-2.0
"""What a daemon has in memory under load is what its journal says: `footfall verify --live` before a kill, replayed after it."""
import json
import pathlib
import shutil
import subprocess
import tempfile
import threading
import time
import unittest

from footfall import BROWSER, BUILD, Daemon, copy_directory

SITES = ["one.example", "two.example", "three.example"]
ROUNDS = 4


def footfall(*words, daemon=None, code=0, stdin=None):
    options = [] if daemon is None else ["--admin", f"http://127.0.0.1:{daemon.admin_port}", "--token-file", str(daemon.directory / "admin-token")]
    ran = subprocess.run([str(BUILD / "footfall"), *map(str, words), *options], input=stdin, capture_output=True, text=True, timeout=60)
    if ran.returncode != code:
        raise AssertionError(f"footfall {words} ended with {ran.returncode}:\n{ran.stdout}{ran.stderr}")
    return ran


def crc32c(data, crc=0):
    crc ^= 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def with_more_hits(checkpoint):
    """A checkpoint with another `earlier_hits` in its header (0 before) and the checksums that belong to it."""
    length = int.from_bytes(checkpoint[12:16], "little")
    header, chunks = bytearray(checkpoint[:16 + length]), checkpoint[16 + length + 4:]
    at = 16 + 16 + 8  # incarnation, number
    while header[at] & 0x80:  # newest_second
        at += 1
    assert header[at + 1] == 0
    header[at + 1] = 1
    seed = crc32c(header)
    out = bytes(header) + seed.to_bytes(4, "little")
    while chunks:
        size = 9 + int.from_bytes(chunks[5:9], "little")
        out += crc32c(chunks[4:size], seed).to_bytes(4, "little") + chunks[4:size]
        chunks = chunks[size:]
    return out


class Load(threading.Thread):
    """Pings, batches or changes, one after another, until it is told to end or the daemon is gone."""

    def __init__(self, daemon, what):
        super().__init__()
        self.node, self.what, self.done, self.ended, self.failure = daemon, what, 0, threading.Event(), None

    def run(self):
        try:
            while not self.ended.is_set():
                getattr(self, self.what)(self.done)
                self.done += 1
        except OSError:
            pass  # the daemon was killed
        except AssertionError as failure:
            self.failure = failure

    def ping(self, n):
        answer = self.node.hit(SITES[n % 3], f"/page/{n % 40}", visitor=n % 200, ref=f"https://from.example/{n % 9}")
        assert answer.status == 204, answer.text

    def batch(self, n):
        lines = [json.dumps({"site": SITES[i % 3], "path": f"/late/{i % 5}", "address": f"10.9.{n % 250}.{i}", "agent": BROWSER % (n % 100),
                             "kind": ["pageview", "event", "heartbeat"][i % 3], "name": "sign-up"}) for i in range(50)]
        fields = {"Authorization": f"Bearer {self.token}", "Content_Type": "application/x-ndjson"}
        if n == 0:
            self.incarnation = self.node.request("POST", "/v1/hits", "", **fields).fields["Footfall-Node"]
        # A name each, one after another under one, or none.
        key = [f"{self.incarnation}/{id(self)}-{n}", f"{self.incarnation}/{id(self)}/{n}", None][n % 3]
        answer = self.node.request("POST", "/v1/hits", "\n".join(lines), **fields, **({"Idempotency_Key": key} if key else {}))
        assert answer.status == 200 and answer.json["accepted"] > 0, answer.text

    def import_part(self, n):
        if n == 0:
            begun = self.node.admin("POST", "/v1/admin/imports", {"site": SITES[1], "source": f"log-{id(self)}"})
            assert begun.status in (200, 201), begun.text
        lines = [json.dumps({"site": SITES[1], "path": "/old", "time": 1_700_000_000 + n, "address": f"10.8.0.{i}", "agent": "log"}) for i in range(20)]
        answer = self.node.request("POST", f"/v1/hits?source=log-{id(self)}&position={n + 1}", "\n".join(lines),
                                   Authorization=f"Bearer {self.token}", Content_Type="application/x-ndjson")
        assert answer.status == 200, answer.text

    def change(self, n):
        site = f"/v1/admin/sites/{SITES[n % 3]}"
        method, target, body = [
            ("POST", f"{site}/seed", {"add": n + 1}),
            ("POST", f"{site}/seed", {"total": 5, "page": f"/page/{n % 40}"}),
            ("PUT", site, {"window_s": 15 + n % 100}),
            ("POST", f"{site}/reset", {}),
        ][n % 4]
        answer = self.node.admin(method, target, body)
        assert answer.status == 200, answer.text
        if n % 8 == 3:
            undone = self.node.admin("POST", f"/v1/admin/changes/{answer.json['id']}/undo", {})
            assert undone.status == 200, undone.text

    @property
    def token(self):
        return self.node.token


class Verify(unittest.TestCase):
    def setUp(self):
        self.place = pathlib.Path(tempfile.mkdtemp(prefix="footfall-verify-"))
        self.addCleanup(shutil.rmtree, self.place, ignore_errors=True)

    def daemon(self, *options):
        daemon = Daemon("--rate-limit", "0", "--threads", "2", *options)
        self.addCleanup(daemon.close)
        daemon.start()
        for site in SITES:
            daemon.add_site(site, visibility="full", timezone="Asia/Ho_Chi_Minh")
        return daemon

    def verified(self, directory, live, code=0):
        file = self.place / "positions.json"
        file.write_text(json.dumps(live))
        return json.loads(footfall("verify", directory, "--positions", file, "--json", code=code).stdout)

    def test_under_load_memory_is_what_the_journal_says(self):
        for durability in ("disk", "kernel"):
            daemon = self.daemon("--durability", durability, "--checkpoint-interval", "1")
            for round_ in range(ROUNDS):
                load = [Load(daemon, what) for what in ("ping", "ping", "ping", "batch", "import_part", "change")]
                for one in load:
                    one.start()
                live = []
                # Over a checkpoint at least; the last ones are asked just before the kill.
                while len(live) < 20 or live[-1]["checkpoint"] == live[0]["checkpoint"]:
                    live.append(json.loads(footfall("verify", "--live", daemon=daemon).stdout))
                done = sum(one.done for one in load)
                while sum(one.done for one in load) < done + 20:  # hits beyond the positions
                    assert all(one.is_alive() for one in load), [one.failure for one in load]
                daemon.stop(9)
                for one in load:
                    one.ended.set()
                for one in load:
                    one.join()
                    self.assertIsNone(one.failure)
                self.assertTrue(all(one.done > 0 for one in load))
                self.assertGreater(len({moment["hash"] for moment in live}), 10, "the state moved between them")
                # Those that no checkpoint has passed by twice.
                ends = json.loads(footfall("verify", daemon.directory, "--json").stdout)
                self.assertTrue(ends["ok"], ends)
                in_reach = [moment for moment in live if moment["checkpoint"] in ends["checkpoints"]]
                self.assertGreaterEqual(len(in_reach), 1)
                for moment in in_reach[-3:]:
                    said = self.verified(daemon.directory, moment)
                    self.assertTrue(said["equal"], said)
                    self.assertEqual(said["hash"], moment["hash"])
                    self.assertEqual({s["site"]: s["counted"] for s in said["sites"]}, {s["site"]: s["counted"] for s in moment["sites"]})
                self.assertNotEqual(ends["hash"], in_reach[-1]["hash"], "more came behind it")
                daemon.start()
                self.assertEqual(daemon.metrics()["footfall_ledger_mismatch"], 0)
            daemon.stop()
            daemon.close()

    def test_a_difference_is_found(self):
        daemon = self.daemon()
        for n in range(30):
            daemon.hit(SITES[0], f"/{n % 3}", visitor=n)
        live = json.loads(footfall("verify", "--live", daemon=daemon).stdout)
        daemon.hit(SITES[0], "/more", visitor=99)
        daemon.stop(9)
        copy = self.place / "copy"
        copy_directory(daemon.directory, copy)
        self.assertTrue(self.verified(copy, live)["equal"])
        text = footfall("verify", copy, "--positions", "-", stdin=json.dumps(live)).stdout
        self.assertIn("the live state had the same hash", text)
        # Another hash; and one block fewer than there were.
        other = {**live, "hash": "0" * 32}
        said = self.verified(copy, other, code=1)
        self.assertFalse(said["equal"])
        self.assertIn("0" * 32, said["problems"][0])
        self.assertIn(live["hash"], said["problems"][0])
        fewer = json.loads(json.dumps(live))
        stream = max(fewer["positions"], key=lambda p: p["sequence"] if p["stream"] != "control" else 0)
        stream["sequence"] -= 1
        said = self.verified(copy, fewer, code=1)
        self.assertIn(f"site {SITES[0]} differs: live 30 counted", "\n".join(said["problems"]))
        # Of another directory.
        other = self.daemon()
        other.stop()
        self.assertIn("of incarnation", self.verified(other.directory, live, code=1)["problems"][0])

    def test_a_checkpoint_that_holds_other_numbers_than_its_streams_is_told_everywhere(self):
        daemon = self.daemon("--checkpoint-interval", "1")
        for n in range(5):
            daemon.hit(SITES[0], "/", visitor=n)
        deadline = time.monotonic() + 60
        while daemon.metrics()["footfall_ledger_hits{in=\"sites\"}"] < 5 and time.monotonic() < deadline:
            time.sleep(0.05)
        metrics = daemon.metrics()
        self.assertEqual((metrics["footfall_ledger_hits{in=\"streams\"}"], metrics["footfall_ledger_mismatch"]), (5, 0))
        self.assertIn("[+] the ledger balances", daemon.get("/readyz?verbose", port=daemon.admin_port).text)
        daemon.stop()
        newest = max((daemon.directory / "checkpoint").glob("*.ckpt"), key=lambda p: int(p.stem))
        newest.write_bytes(with_more_hits(newest.read_bytes()))
        daemon.start()
        sentence = "everything: hits in all streams 6, in all sites 5"
        self.assertEqual(daemon.metrics()["footfall_ledger_mismatch"], 1)
        self.assertIn("[-] the ledger does not balance: " + sentence, daemon.get("/readyz?verbose", port=daemon.admin_port).text)
        self.assertEqual(daemon.get("/readyz", port=daemon.admin_port).status, 200)
        self.assertIn("error the ledger does not balance: " + sentence, daemon.log_text())
        daemon.stop()
        self.assertIn(sentence, footfall("verify", daemon.directory, code=1).stdout)

    def test_the_route_and_the_command(self):
        daemon = self.daemon()
        self.assertEqual(daemon.admin("GET", "/v1/admin/verify", token=False).status, 401)
        self.assertEqual(daemon.admin("POST", "/v1/admin/verify", {}).status, 405)
        answer = daemon.admin("GET", "/v1/admin/verify")
        self.assertEqual(answer.status, 200)
        self.assertEqual([p["stream"] for p in answer.json["positions"]], ["control", "hits-000", "hits-001"])
        self.assertEqual([s["site"] for s in answer.json["sites"]], SITES)
        self.assertIn("the shards were stopped for", daemon.log_text())
        self.assertIn("another process uses", footfall("verify", daemon.directory, code=1).stderr)
        footfall("verify", daemon.directory, "--live", code=2)
        footfall("verify", "--positions", "x", code=2)
        self.assertIn("is not what", footfall("verify", daemon.directory, "--positions", "-", code=1, stdin="{}").stderr)

    def test_in_memory_durability_what_was_counted_is_written_for_it(self):
        daemon = self.daemon("--durability", "memory")
        for n in range(10):
            daemon.hit(SITES[0], "/", visitor=n)
        live = json.loads(footfall("verify", "--live", daemon=daemon).stdout)
        daemon.stop(9)
        self.assertTrue(self.verified(daemon.directory, live)["equal"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
