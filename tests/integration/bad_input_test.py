# SPDX-License-Identifier: Apache-2.0
"""What is refused, and how: every refusal is named, counted, and carries CORS fields."""
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from footfall import BUILD, BROWSER, Daemon

SITE = "example.org"
HOST = b"Host: stats.example\r\n"


class BadInput(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon("--threads", "1").start()
        cls.addClassCleanup(cls.daemon.close)
        cls.daemon.add_site(SITE, hosts=[SITE])

    def test_malformed_requests_get_400_and_are_counted_by_reason(self):
        cases = {
            "bare_cr_or_lf": b"GET /hit?site=x HTTP/1.1\n" + HOST + b"\r\n",
            "missing_host": b"GET /livez HTTP/1.1\r\n\r\n",
            "repeated_host": b"GET /livez HTTP/1.1\r\n" + HOST + HOST + b"\r\n",
            "bad_field_name": b"GET /livez HTTP/1.1\r\n" + HOST + b"A B: c\r\n\r\n",
            "obs_fold": b"GET /livez HTTP/1.1\r\n" + HOST + b"A: b\r\n c\r\n\r\n",
            "bad_content_length": b"POST /hit HTTP/1.1\r\n" + HOST + b"Content-Length: 5, 5\r\n\r\nhello",
            "length_and_chunked": b"POST /hit HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "bad_transfer_encoding": b"POST /hit HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            "bad_chunk": b"POST /hit HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
        }
        before = self.daemon.metrics()
        for reason, data in cases.items():
            with self.subTest(reason):
                answer = self.daemon.raw(data)
                self.assertTrue(answer.startswith(b"HTTP/1.1 400 "), answer[:200])
                self.assertIn(b"application/problem+json", answer)
                self.assertIn(b"Access-Control-Allow-Origin: *", answer)
                self.assertIn(b"Connection: close", answer)
        after = self.daemon.metrics()
        for reason in cases:
            name = f'footfall_http_parse_errors_total{{reason="{reason}"}}'
            self.assertEqual(after[name] - before.get(name, 0), 1, reason)

    def test_what_is_too_large_is_said(self):
        self.assertTrue(self.daemon.raw(b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n" + HOST + b"\r\n").startswith(b"HTTP/1.1 414 "))
        self.assertTrue(self.daemon.raw(b"GET / HTTP/1.1\r\n" + HOST + b"A: " + b"b" * 40000 + b"\r\n\r\n").startswith(b"HTTP/1.1 431 "))
        self.assertTrue(self.daemon.raw(b"GET / HTTP/1.1\r\n" + HOST + b"A: b\r\n" * 101 + b"\r\n").startswith(b"HTTP/1.1 431 "))
        self.assertTrue(self.daemon.raw(b"POST /hit HTTP/1.1\r\n" + HOST + b"Content-Length: 70000\r\n\r\n").startswith(b"HTTP/1.1 413 "))

    def test_pings_that_are_no_requests_are_in_the_ledger_and_say_why(self):
        long = b"a" * 9000
        cases = [
            (b"GET /hit?site=x&path=/" + long + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414, "too_large"),
            (b"GET /hit?site=\xff HTTP/1.1\r\n" + HOST + b"\r\n", 400, "malformed"),
            (b"GET /hit?site=x HTTP/1.1\r\n\r\n", 400, "malformed"),
            (b"POST /hit HTTP/1.1\r\n" + HOST + b"Content-Length: 70000\r\n\r\n", 413, "too_large"),
            (b"POST /v1/hits HTTP/1.1\r\n" + HOST + b"Content-Length: 17000000\r\n\r\n", 413, "too_large"),
            (b"GET /hit.gif?site=x HTTP/1.1\r\n" + HOST + b"A: b\r\n" * 101 + b"\r\n", 431, "too_large"),
            (b"GET /hit?site=x HTTP/2.0\r\n" + HOST + b"\r\n", 505, "malformed"),
            (b"GET /hit?site=x HTTP/1.1\r\n" + HOST + b"Expect: much\r\n\r\n", 417, "malformed"),
        ]
        before = self.daemon.metrics()
        for data, status, reason in cases:
            with self.subTest(data[:40]):
                answer = self.daemon.raw(data)
                self.assertTrue(answer.startswith(b"HTTP/1.1 %d " % status), answer[:200])
                self.assertIn(b"\r\nFootfall-Rejected: " + reason.encode() + b"\r\n", answer)
                self.assertIn(b"\r\nAccess-Control-Allow-Origin: *", answer)
                self.assertIn(b"image/gif" if b"hit.gif" in data else b"application/problem+json", answer)
        after = self.daemon.metrics()
        self.assertNotIn(b"Footfall-Rejected:", self.daemon.raw(b"GET /" + long + b" HTTP/1.1\r\n" + HOST + b"\r\n"))
        rose = lambda name: after[name] - before.get(name, 0)
        self.assertEqual(rose("footfall_hits_received_total"), len(cases))
        for wanted in ("malformed", "too_large"):
            rejected = sum(reason == wanted for _, _, reason in cases)
            self.assertEqual(rose(f'footfall_hits_rejected_total{{reason="{wanted}"}}'), rejected, wanted)
        self.assertEqual(after["footfall_ledger_mismatch"], 0)

    def test_a_batch_without_a_token_is_refused_before_its_body(self):
        head = b"POST /v1/hits HTTP/1.1\r\n" + HOST + b"Content-Type: application/x-ndjson\r\nContent-Length: 16000000\r\n"
        for more in (b"", b"Expect: 100-continue\r\n", b"Authorization: Bearer wrong\r\n"):
            answer = self.daemon.raw(head + more + b"\r\n")
            self.assertTrue(answer.startswith(b"HTTP/1.1 401 "), answer[:200])
            self.assertIn(b"\r\nConnection: close\r\n", answer)
        self.assertEqual(self.daemon.metrics()["footfall_http_body_bytes"], 0)

    def refused(self, answer, status, reason):
        self.assertEqual(answer.status, status, answer.text)
        self.assertEqual(answer.fields["Footfall-Rejected"], reason)
        self.assertEqual(answer.fields["Access-Control-Allow-Origin"], "*")
        if status != 204:
            self.assertEqual(answer.fields["Content-Type"], "application/problem+json")
            self.assertTrue(answer.json["detail"])

    def test_refused_pings_say_why(self):
        agent = {"User_Agent": BROWSER % 120}
        self.refused(self.daemon.get("/hit?site=nowhere.example&path=/", **agent), 404, "unknown_site")
        self.refused(self.daemon.get("/hit?path=/", **agent), 400, "malformed")
        self.refused(self.daemon.get(f"/hit?site={SITE}&path=/{'a' * 1100}", **agent), 414, "too_large")
        self.refused(self.daemon.get(f"/hit?site={SITE}&path=/&kind=visit", **agent), 400, "malformed")
        self.refused(self.daemon.get(f"/hit?site={SITE}&path=/", Origin="https://elsewhere.example", **agent), 204, "origin")
        self.refused(self.daemon.get(f"/hit?site={SITE}&path=/", Origin="null", **agent), 204, "origin")
        self.refused(self.daemon.get(f"/hit?site={SITE}&path=/", Sec_Purpose="prefetch;prerender", **agent), 204, "prefetch")
        self.refused(self.daemon.request("POST", "/hit", b"{", Content_Type="application/json", **agent), 400, "malformed")
        self.refused(self.daemon.request("POST", "/hit", b"<x/>", Content_Type="application/xml", **agent), 415, "media_type")
        image = self.daemon.get("/hit.gif?site=nowhere.example", **agent)
        self.assertEqual((image.fields["Content-Type"], len(image.body)), ("image/gif", 43))
        self.assertEqual(self.daemon.stats(SITE)["counted"], 0)

    def test_image_routes_answer_an_image_whatever_is_wrong(self):
        svg = "image/svg+xml; charset=utf-8"
        for target, status, says in (("/widget/nowhere.example.svg", 404, "no site is registered"), (f"/widget/{SITE}.svg?lang=fr", 400, "lang:"),
                                     (f"/widget/{SITE}.svg?style=3d", 400, "style:"), (f"/widget/{SITE}.svg?show=hits", 400, "show:")):
            answer = self.daemon.get(target)
            self.assertEqual((answer.status, answer.fields["Content-Type"]), (status, svg), target)
            self.assertTrue(answer.text.startswith("<svg "), answer.text)
            self.assertIn(says, answer.text)
            self.assertEqual(answer.fields["Access-Control-Allow-Origin"], "*")
        answer = self.daemon.request("POST", f"/widget/{SITE}.svg")
        self.assertEqual((answer.status, answer.fields["Content-Type"], answer.fields["Allow"]), (405, svg, "GET, HEAD, OPTIONS"))
        answer = self.daemon.request("POST", f"/hit.gif?site={SITE}")
        self.assertEqual((answer.status, answer.fields["Content-Type"], answer.fields["Allow"]), (405, "image/gif", "GET, OPTIONS"))
        self.assertEqual(answer.body[:6], b"GIF89a")
        self.assertEqual(self.daemon.get("/widget/nowhere.example.txt").fields["Content-Type"], "application/problem+json")

    def test_reads_of_what_is_not_there_and_without_rights(self):
        missing = self.daemon.get("/v1/sites/nowhere.example/stats")
        self.assertEqual((missing.status, missing.fields["Content-Type"]), (404, "application/problem+json"))
        self.assertEqual(self.daemon.get("/no/such/thing").status, 404)
        self.assertEqual(self.daemon.request("DELETE", "/hit").status, 405)
        self.assertEqual(self.daemon.get(f"/v1/sites/{SITE}/pages").status, 401, "visibility counter shows no pages")
        self.assertEqual(self.daemon.get(f"/v1/sites/{SITE}/pages?limit=many", Authorization="Bearer " + self.daemon.token).status, 400)
        self.assertEqual(self.daemon.admin("GET", "/v1/admin/sites", token=False).status, 401)
        self.assertEqual(self.daemon.request("GET", "/v1/admin/sites", port=self.daemon.admin_port, Authorization="Bearer wrong").status, 401)
        self.assertEqual(self.daemon.get("/v1/admin/sites", Authorization="Bearer " + self.daemon.token).status, 404, "admin is not on the public listener")
        self.assertEqual(self.daemon.admin("POST", "/v1/admin/sites", {"name": "UPPER.example"}).status, 400)
        self.assertEqual(self.daemon.admin("POST", "/v1/admin/sites", {"name": "a.example", "timezone": "Mars/Base"}).status, 400)
        self.assertEqual(self.daemon.admin("POST", "/v1/admin/sites", {"name": SITE}).status, 409)


class BadStart(unittest.TestCase):
    def run_daemon(self, *options):
        return subprocess.run([str(BUILD / "footfalld"), *options], capture_output=True, text=True, timeout=20)

    def test_config_errors_name_file_line_and_key(self):
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "footfall.toml"
            for text, wanted in (("threads = 2\n\nthraeds = 2\n", ":3: thraeds: unknown key"),
                                 ("threads = 2\nlog-level = \"loud\"\n", ":2: log-level: 'loud'"),
                                 ("threads = 99\n", ":1: threads: '99'"),
                                 ("threads = \n", ":1")):
                path.write_text(text)
                ended = self.run_daemon("--config", str(path), "--check-config")
                self.assertEqual(ended.returncode, 2, ended)
                self.assertIn(str(path) + wanted, ended.stderr)
            path.write_text("threads = 2\nlisten = [\"127.0.0.1:0\"]\n")
            self.assertEqual(self.run_daemon("--config", str(path), "--check-config").returncode, 0)
            path.write_text("threads = 2\nadmin = \"0.0.0.0:8081\"\n")
            self.assertIn(f"{path}:2: admin: 0.0.0.0 is not", self.run_daemon("--config", str(path), "--check-config").stderr)
            ended = self.run_daemon("--config", directory, "--check-config")
            self.assertEqual(ended.returncode, 2, ended)
            self.assertIn(f"{directory}: is a directory", ended.stderr)
        self.assertEqual(self.run_daemon("--listen", "nonsense").returncode, 2)
        self.assertEqual(self.run_daemon("--no-such-flag").returncode, 2)

    def test_a_directory_in_use_from_a_newer_format_or_not_writable_is_a_clear_error(self):
        with Daemon("--threads", "1") as daemon:
            second = self.run_daemon("--data-dir", str(daemon.directory), "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")
            self.assertEqual(second.returncode, 1)
            self.assertIn("in use", second.stderr)
            self.assertIn(str(daemon.directory), second.stderr)
            taken = self.run_daemon("--data-dir", str(daemon.directory) + "-other", "--listen", f"127.0.0.1:{daemon.port}", "--admin", "127.0.0.1:0")
            self.assertEqual(taken.returncode, 1)
            self.assertIn(f"127.0.0.1:{daemon.port}", taken.stderr)
            subprocess.run(["rm", "-r", str(daemon.directory) + "-other"], check=True)
        with tempfile.TemporaryDirectory() as directory:
            blocked = pathlib.Path(directory) / "file"
            blocked.write_text("")
            ended = self.run_daemon("--data-dir", str(blocked), "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")
            self.assertEqual(ended.returncode, 1)
            self.assertIn(str(blocked), ended.stderr)
            newer = pathlib.Path(directory) / "newer"
            newer.mkdir()
            (newer / "META").write_text("footfall 2\nwhat a later release writes\n")
            ended = self.run_daemon("--data-dir", str(newer), "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")
            self.assertEqual(ended.returncode, 1)
            self.assertIn(f"{newer}/META says format 2", ended.stderr)
            self.assertIn("start the release that wrote it", ended.stderr)

    @unittest.skipIf(os.geteuid() != 0, "becoming somebody else needs root")
    def test_another_user_may_use_a_directory_of_their_own_and_is_told_of_one_that_is_not(self):
        nobody = 65534
        with tempfile.TemporaryDirectory() as directory:
            parent = pathlib.Path(directory)
            footfalld = parent / "footfalld"
            shutil.copy(BUILD / "footfalld", footfalld)  # where anybody may run it
            own, foreign = parent / "own", parent / "foreign"
            own.mkdir(0o700)
            os.chown(own, nobody, nobody)
            foreign.mkdir(0o755)
            parent.chmod(0o711)  # it may be passed through, and not be read
            prefix = ["setpriv", f"--reuid={nobody}", f"--regid={nobody}", "--clear-groups"]

            daemon = Daemon("--threads", "1", directory=own)
            daemon.prefix, daemon.binary = prefix, footfalld
            self.addCleanup(daemon.close)
            for _ in range(2):
                daemon.start()
                daemon.stop()
            for path, why in ((foreign, f"open {foreign}/LOCK: Permission denied"), (parent / "absent", f"mkdir {parent}/absent: Permission denied")):
                ended = subprocess.run([*prefix, str(footfalld), "--data-dir", str(path), "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"],
                                       capture_output=True, text=True, timeout=20)
                self.assertEqual(ended.returncode, 1)
                self.assertIn(f"cannot use {path} as the data directory: {why}; make it writable for the user that runs footfalld", ended.stderr)


if __name__ == "__main__":
    os.environ["PYTHONUNBUFFERED"] = "1"
    unittest.main(verbosity=2)
