# SPDX-License-Identifier: Apache-2.0
"""A node behind a real HAProxy and a real Caddy with the configurations that are shipped: nothing of them is changed but the addresses.
(nginx: nginx_test.py.)"""
import http.client
import http.server
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest

from footfall import BROWSER, ROOT, SKIPPED, Daemon, exchange, free_port
from redis_server import until
from tls_test import make_certificate, trusting

SITE = "example.org"
PATH = os.environ["PATH"] + ":/usr/sbin"


class Proxied:
    """What holds behind each of them."""

    def setUp(self):
        program = shutil.which(self.program, path=PATH)
        if program is None:
            self.skipTest(f"{self.program} is not installed")
        self.node = Daemon("--threads", "1", "--rate-limit", "0")
        self.addCleanup(self.node.close)
        self.node.start()
        self.node.add_site(SITE, visibility="full")
        self.port = free_port()
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix=f"footfall-{self.program}-"))
        self.addCleanup(shutil.rmtree, self.directory)
        self.log = open(self.directory / "log", "w+")
        self.addCleanup(self.log.close)
        process = subprocess.Popen([program, *self.arguments()], stdout=self.log, stderr=self.log,
                                   env={**os.environ, "HOME": str(self.directory), "XDG_DATA_HOME": str(self.directory), "XDG_CONFIG_HOME": str(self.directory)})
        self.addCleanup(process.wait, 30)
        self.addCleanup(process.terminate)
        until(lambda: self.answers() or process.poll() is not None, lambda: f"{self.program} does not answer: {self.said()}")
        self.assertIsNone(process.poll(), self.said())

    def said(self):
        return (self.directory / "log").read_text()

    def answers(self):
        try:
            return self.request("GET", "/readyz").status == 200
        except OSError:
            return False

    def changed(self, file, *changes):
        """The file as it is shipped, but for this."""
        text = (ROOT / "deploy" / file).read_text()
        for of, to, times in changes:
            text, found = re.subn(of, to, text)
            self.assertEqual(found, times, f"{file} is not the one that this test knows: {of}")
        (self.directory / "configuration").write_text(text)
        return self.directory / "configuration"

    def connect(self, visitor=0):
        """As a client of an address of its own."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=20, source_address=(f"127.1.0.{visitor + 1}", 0))

    def request(self, method, target, body=None, visitor=0, **fields):
        return exchange(self.connect(visitor), method, target, body, {"Host": f"127.0.0.1:{self.port}", **fields})

    def hit(self, visitor=0, **fields):
        return self.request("GET", f"/hit?site={SITE}&path=/", visitor=visitor, User_Agent=BROWSER % 120, **fields).status

    def test_visitors_are_told_apart_by_their_address_and_not_by_what_they_say(self):
        for visitor in range(20):
            self.assertEqual(self.hit(visitor), 204)
            self.assertEqual(self.hit(visitor, X_Forwarded_For=f"203.0.113.{visitor}", Forwarded="for=203.0.113.9"), 204)
        stats = self.node.stats(SITE)
        self.assertEqual((stats["total"], stats["online"]), (40, 20))

    def test_a_large_batch_passes(self):
        item = json.dumps({"site": SITE, "path": "/", "visitor": "v"}) + " " * 900 + "\n"
        text = item * (15_000_000 // len(item))
        answer = self.request("POST", "/v1/hits", text, Authorization=f"Bearer {self.node.token}", Content_Type="application/x-ndjson")
        self.assertEqual(answer.status, 200, answer.text[:300])
        self.assertEqual(self.node.stats(SITE)["total"], text.count("\n"))

    def test_a_live_stream_is_not_held_back(self):
        connection = self.connect()
        self.addCleanup(connection.close)
        connection.request("GET", f"/v1/sites/{SITE}/live")
        answer = connection.getresponse()
        self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, "text/event-stream"))
        for total in range(3):  # each is some hundred bytes: a buffer would keep them
            if total:
                self.assertEqual(self.hit(), 204)
            while (line := answer.readline().decode()) and not (line.startswith("data: ") and json.loads(line[6:]).get("total") == total):
                pass
            self.assertTrue(line, "the stream ended")


class BehindHaproxy(Proxied, unittest.TestCase):
    program = "haproxy"

    def arguments(self):
        certificate, key = make_certificate(self.directory)
        self.context = trusting(certificate)
        both = self.directory / "both.pem"
        both.write_bytes(certificate.read_bytes() + key.read_bytes())
        self.plain_port, self.renewal_port = free_port(), free_port()
        return ["-db", "-f", str(self.changed("haproxy/footfall.cfg", (r"bind :80\n", f"bind 127.0.0.1:{self.plain_port}\n", 1), (r"bind :443 ", f"bind 127.0.0.1:{self.port} ", 1),
                                              (r"/etc/haproxy/stats\.example\.vn\.pem", str(both), 1), (r"127\.0\.0\.1:8888", f"127.0.0.1:{self.renewal_port}", 1),
                                              (r"127\.0\.0\.1:8080", f"127.0.0.1:{self.node.port}", 2)))]

    def connect(self, visitor=0):
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=20, context=self.context, source_address=(f"127.1.0.{visitor + 1}", 0))

    def plain(self, method, target):
        return exchange(http.client.HTTPConnection("127.0.0.1", self.plain_port, timeout=20), method, target, None, {"Host": "localhost"})

    def test_what_comes_without_tls_is_sent_on(self):
        for method in ("GET", "POST"):
            answer = self.plain(method, f"/hit?site={SITE}&path=/")
            self.assertEqual((answer.status, answer.fields["Location"]), (308, f"https://localhost/hit?site={SITE}&path=/"))
        self.assertEqual(self.node.stats(SITE)["total"], 0)

    def test_who_renews_the_certificate_is_asked_without_tls(self):
        class Renewal(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.end_headers()
                self.wfile.write(self.path.encode())

            def log_message(self, *arguments):
                pass

        with http.server.HTTPServer(("127.0.0.1", self.renewal_port), Renewal) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            try:
                answer = self.plain("GET", "/.well-known/acme-challenge/abc")
            finally:
                server.shutdown()
                thread.join()
        self.assertEqual((answer.status, answer.text), (200, "/.well-known/acme-challenge/abc"))


class BehindCaddy(Proxied, unittest.TestCase):
    program = "caddy"

    def arguments(self):
        return ["run", "--adapter", "caddyfile", "--config",
                str(self.changed("caddy/Caddyfile", (r"stats\.example\.vn", f"http://127.0.0.1:{self.port}", 1), ("grace_period 5s", "grace_period 1s\n\tadmin off", 1),
                                 (r"127\.0\.0\.1:8080", f"127.0.0.1:{self.node.port}", 1)))]


if __name__ == "__main__":
    if not any(shutil.which(program, path=PATH) for program in ("haproxy", "caddy")):
        print("haproxy and caddy are not installed: skipped")
        sys.exit(SKIPPED)
    unittest.main(verbosity=2)
