# SPDX-License-Identifier: Apache-2.0
"""A daemon whose listeners speak TLS, against Python's ssl: both versions, their resumption, many hits, the admin interface, renewal."""
import http.client
import json
import os
import pathlib
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import unittest
import warnings

from footfall import BROWSER, BUILD, Daemon, at_once, exchange, free_port

SITE = "example.org"
VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


def make_certificate(at, name="server", host="localhost", days=2, address="127.0.0.1"):
    """Paths of a certificate that signs itself and of its key."""
    certificate, key = at / f"{name}.pem", at / f"{name}-key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", str(days), "-subj", f"/CN={host}",
                    "-addext", f"subjectAltName=DNS:{host},IP:{address}", "-keyout", key, "-out", certificate], check=True, capture_output=True)
    os.chmod(key, 0o600)
    return certificate, key


def trusting(certificate, version=None):
    context = ssl.create_default_context(cafile=certificate)
    if version:
        context.minimum_version = context.maximum_version = VERSIONS[version]
    return context


def hit_request(path="/", visitor=0, close=False):
    return (f"GET /hit?site={SITE}&path={path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: {BROWSER % (100 + visitor % 7)}\r\n"
            f"X-Forwarded-For: 10.1.{visitor >> 8}.{visitor & 255}\r\n{'Connection: close' if close else 'Accept: */*'}\r\n\r\n").encode()


def read_all(connection):
    out = b""
    while chunk := connection.recv(65536):
        out += chunk
    return out


class Tls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory(prefix="footfall-tls-")
        cls.addClassCleanup(directory.cleanup)
        cls.at = pathlib.Path(directory.name)
        cls.certificate, cls.key = make_certificate(cls.at)

    def setUp(self):
        self.port, self.admin_port = free_port(), free_port()
        self.daemon = Daemon("--listen", f"tls:127.0.0.1:{self.port}", "--admin", f"tls:127.0.0.1:{self.admin_port}", "--threads", "2", "--rate-limit", "0",
                             "--tls-certificate", str(self.certificate), "--tls-key", str(self.key))

    def start(self):
        self.addCleanup(self.daemon.close)
        self.daemon.start()
        self.daemon.add_site(SITE, visibility="full")

    def connect(self, context, session=None):
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        return context.wrap_socket(plain, server_hostname="localhost", session=session)

    def failures(self):
        return {name.split('"')[1]: value for name, value in self.daemon.metrics().items() if name.startswith("footfall_tls_failures") and value}

    def test_both_versions_and_their_sessions(self):
        self.start()
        for version in VERSIONS:
            context = trusting(self.certificate, version)
            context.set_alpn_protocols(["h2", "http/1.1"])
            session = None
            for visit in range(4):
                with self.connect(context, session) as connection:
                    self.assertEqual((connection.version(), connection.selected_alpn_protocol()), (f"TLSv{version}", "http/1.1"))
                    self.assertRegex(connection.cipher()[0], "GCM|CHACHA20")
                    self.assertEqual(connection.session_reused, visit > 0)
                    connection.sendall(hit_request(close=True))
                    answer = read_all(connection)  # ends by close_notify: ssl tells it from a cut
                    self.assertTrue(answer.startswith(b"HTTP/1.1 204 "), answer)
                    session = connection.session
        self.assertEqual(self.daemon.stats(SITE)["counted"], 8)
        metrics = self.daemon.metrics()
        self.assertEqual((metrics['footfall_tls_handshakes_total{kind="full"}'], metrics['footfall_tls_handshakes_total{kind="resumed"}']), (2, 6))
        self.assertEqual(self.failures(), {})

    def test_many_hits_are_counted_once(self):
        """Over kept connections in groups, and over new ones that go on with a session."""
        self.start()
        answered, lock = [0], threading.Lock()

        def send(number):
            context = trusting(self.certificate, "1.2" if number % 2 else "1.3")
            done, session = 0, None
            for group in [50] * 48 + [1] * 100:
                with self.connect(context, session) as connection:
                    requests = [hit_request(f"/{n % 10}", number * 100 + n % 100, close=n == group - 1) for n in range(group)]
                    connection.sendall(b"".join(requests))
                    done += read_all(connection).count(b"HTTP/1.1 204 ")
                    session = connection.session
            with lock:
                answered[0] += done

        at_once(4, send)
        self.assertEqual(answered[0], 10_000)
        self.assertEqual(self.daemon.stats(SITE)["counted"], 10_000)
        metrics = self.daemon.metrics()
        self.assertEqual(metrics["footfall_ledger_mismatch"], 0)
        self.assertEqual(metrics['footfall_tls_handshakes_total{kind="full"}'] + metrics['footfall_tls_handshakes_total{kind="resumed"}'], 4 * 148)
        self.assertGreater(metrics['footfall_tls_handshakes_total{kind="resumed"}'], 500)

    def test_the_load_generator_goes_on_with_its_session(self):
        self.start()
        found = json.loads(subprocess.run(
            [str(BUILD / "footfall"), "bench", "--site", SITE, "--url", f"http://127.0.0.1:{self.daemon.port}", "--through", f"https://127.0.0.1:{self.port}", "--ca-file",
             str(self.certificate), "--reconnect", "--resume", "--hits", "1000", "--connections", "8", "--json"], capture_output=True, check=True, timeout=120).stdout)
        self.assertTrue(found["ok"], found)
        self.assertEqual((found["acknowledged"], found["tls_connections"]), (1000, 1000))
        self.assertGreaterEqual(found["tls_resumed"], 900)

    def test_the_admin_interface_and_a_batch_over_tls(self):
        self.start()

        def call(port, method, target, body=None, **fields):
            connection = http.client.HTTPSConnection("localhost", port, timeout=20, context=trusting(self.certificate))
            return exchange(connection, method, target, body, {"Authorization": f"Bearer {self.daemon.token}", **fields})

        answer = call(self.admin_port, "POST", "/v1/admin/sites", json.dumps({"name": "by.tls.example"}))
        self.assertEqual(answer.status, 201, answer.text)
        self.assertIn("footfall_tls_certificate_expires_timestamp_seconds", call(self.admin_port, "GET", "/metrics").text)
        items = "\n".join(json.dumps({"site": SITE, "path": f"/{n % 100}", "title": "x" * 200}) for n in range(10_000))  # megabytes: many records
        answer = call(self.port, "POST", "/v1/hits", items, Content_Type="application/x-ndjson", User_Agent=BROWSER % 120)
        self.assertEqual((answer.status, answer.json["accepted"]), (200, 10_000))
        self.assertEqual(len(call(self.port, "GET", f"/v1/sites/{SITE}/pages?limit=10000").json["pages"]), 100)

    def test_browsers_are_told_to_stay_with_tls(self):
        """By all that a browser keeps, errors too; not by pings, whose bytes cost; nor over a listener without TLS beside it."""
        plain = free_port()
        self.daemon.options += ["--listen", f"127.0.0.1:{plain}"]
        self.start()
        said = {"Strict-Transport-Security": "max-age=31536000"}

        def told(port, target, method="GET", **fields):
            if port in (self.port, self.admin_port):
                connection = http.client.HTTPSConnection("localhost", port, timeout=20, context=trusting(self.certificate))
            else:
                connection = http.client.HTTPConnection("localhost", port, timeout=20)
            answer = exchange(connection, method, target, None, {"User-Agent": BROWSER % 120, **fields})
            return {name: value for name, value in answer.fields.items() if name == "Strict-Transport-Security"}

        reads = ("/", f"/sites/{SITE}", "/footfall.js", "/nowhere", "/livez", "/v1/sites", f"/v1/sites/{SITE}/stats", f"/v1/sites/{SITE}/pages", f"/v1/sites/{SITE}/top/pages",
                 f"/v1/sites/{SITE}/top/colours", "/v1/sites/nowhere.example/stats", f"/widget/{SITE}", f"/widget/{SITE}.svg", f"/widget/{SITE}.svg?lang=fr")
        for target in reads:
            with self.subTest(target):
                self.assertEqual(told(self.port, target), said)
                self.assertEqual(told(plain, target), {})
        self.assertEqual(told(self.port, "/footfall.js", "HEAD"), said)
        for target in (f"/hit?site={SITE}&path=/", f"/hit.gif?site={SITE}&path=/", f"/hit?site={SITE}&format=json", "/hit?site=nowhere.example"):
            self.assertEqual(told(self.port, target), {}, target)
        for target in ("/metrics", "/readyz", "/v1/admin/sites", "/v1/admin/nowhere"):
            self.assertEqual(told(self.admin_port, target, Authorization=f"Bearer {self.daemon.token}"), said, target)
        with self.connect(trusting(self.certificate)) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\n\r\n")  # no Host
            self.assertIn(b"\r\nStrict-Transport-Security: max-age=31536000\r\n", read_all(connection))

    def test_for_how_long_is_an_option(self):
        self.addCleanup(self.daemon.close)
        for seconds, says in (("0", None), ("60", "max-age=60")):
            self.daemon.start("--hsts-max-age", seconds)
            connection = http.client.HTTPSConnection("localhost", self.port, timeout=20, context=trusting(self.certificate))
            self.assertEqual(exchange(connection, "GET", "/livez", None, {}).fields.get("Strict-Transport-Security"), says)
            self.daemon.stop()

    def command(self, *words, host="localhost", authorities=None, stdin=None, **environment):
        """`footfall WORDS`, over TLS to both listeners."""
        token = ["--token-file", str(self.daemon.directory / "admin-token")] if words[0] != "analyze" else []
        trust = ["--ca-file", str(authorities)] if authorities else []
        where = ["--url", f"https://{host}:{self.port}", "--admin", f"https://{host}:{self.admin_port}"]
        return subprocess.run([str(BUILD / "footfall"), *words, *where, *trust, *token], capture_output=True, text=True, timeout=60, env={**os.environ, **environment})

    def test_the_command_line_over_tls(self):
        self.start()

        def done(*words, **options):
            ended = self.command(*words, authorities=self.certificate, **options)
            self.assertEqual(ended.returncode, 0, ended.stderr)
            return ended.stdout

        done("site", "add", "a.example", "--visibility", "full")
        done("seed", "a.example", "--total", "1000", host="127.0.0.1")
        self.assertEqual(json.loads(done("stats", "a.example", "--json"))["total"], 1000)
        self.assertIn("reload", done("audit") + "reload")
        log = self.at / "access.log"
        day = time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(time.time() - 60))
        log.write_text("".join(f'10.0.{n >> 8}.{n & 255} - - [{day}] "GET /{n % 50} HTTP/1.1" 200 5 "-" "{BROWSER % 120}"\n' for n in range(20_000)))  # over many records
        done("import", str(log), "--site", "a.example")
        self.assertEqual(self.daemon.stats("a.example")["total"], 21_000)
        self.assertEqual(json.loads(done("pages", "a.example", "--json", "--limit", "3"))["pages"][0]["total"], 400)
        moment = json.loads(done("verify", "--live"))
        self.assertTrue(moment)
        found = json.loads(done("bench", "--site", SITE, "--hits", "200", "--json"))  # without --through: to --url itself
        self.assertEqual((found["ok"], found["tls_connections"] > 0), (True, True), found)
        # By the environment alone, as a service has it.
        ended = self.command("stats", SITE, FOOTFALL_CA_FILE=str(self.certificate))
        self.assertEqual(ended.returncode, 0, ended.stderr)

    def test_the_command_line_says_what_is_wrong_with_a_certificate(self):
        self.start()
        other, _ = make_certificate(self.at, "not-ours")
        no_file = self.at / "absent.pem"
        for options, code, says in (({}, 1, ("the certificate is refused: self-signed certificate", "--ca-file FILE")),
                                    ({"authorities": other}, 1, ("the certificate is refused", "--ca-file FILE")),
                                    ({"authorities": self.certificate, "host": "127.0.0.2"}, 1, ("it is for other hosts: localhost, 127.0.0.1", "that names 127.0.0.2")),
                                    ({"authorities": no_file}, 2, (f"--ca-file {no_file}",))):
            if options.get("host") == "127.0.0.2":
                self.daemon.stop()
                self.daemon.start("--listen", f"tls:127.0.0.2:{self.port}")
            for words in (["stats", SITE], ["site", "list"]):
                if options.get("host") == "127.0.0.2" and words[0] == "site":
                    continue  # the admin listener is not there
                ended = self.command(*words, **options)
                self.assertEqual(ended.returncode, code, ended.stderr)
                for part in says:
                    self.assertIn(part, ended.stderr)
                self.assertNotIn("Is the daemon running", ended.stderr)
        plain = subprocess.run([str(BUILD / "footfall"), "stats", SITE, "--url", f"http://localhost:{self.port}"], capture_output=True, text=True, timeout=60)
        self.assertEqual(plain.returncode, 1)
        self.assertIn("https://", plain.stderr)

    def test_the_command_line_says_that_a_port_speaks_no_tls(self):
        with Daemon("--threads", "1") as plain:
            ended = subprocess.run([str(BUILD / "footfall"), "stats", SITE, "--url", f"https://localhost:{plain.port}"], capture_output=True, text=True, timeout=60)
            self.assertEqual(ended.returncode, 1)
            self.assertIn("speaks no TLS. Is it http:// there?", ended.stderr)

    def test_a_live_stream_over_tls(self):
        self.start()
        with self.connect(trusting(self.certificate)) as connection:
            connection.sendall(f"GET /v1/sites/{SITE}/live HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            heard, shown = b"", b'"total":3'
            for _ in range(3):
                self.daemon.hit(SITE)
            while shown not in heard:
                chunk = connection.recv(65536)
                self.assertTrue(chunk, heard)
                heard += chunk
            self.daemon.process.send_signal(signal.SIGTERM)
            read_all(connection)  # to its end, which is said
        self.assertEqual(self.daemon.process.wait(30), 0)

    def test_whoever_speaks_something_else_is_told_and_counted(self):
        self.start()
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as plain:
            plain.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            head, body = read_all(plain).split(b"\r\n\r\n")
            self.assertTrue(head.startswith(b"HTTP/1.1 400 "), head)
            self.assertEqual(body, b"This port speaks HTTPS: write https:// before it.\n")
        with self.assertRaises(ssl.SSLCertVerificationError):
            self.connect(ssl.create_default_context())
        old = trusting(self.certificate)
        old.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
        with self.assertRaises(ssl.SSLError):
            self.connect(old)
        other = trusting(self.certificate)
        other.set_alpn_protocols(["h2"])
        with self.assertRaises(ssl.SSLError):
            self.connect(other)
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as plain:
            plain.sendall(b"\x16\x03\x01")
        deadline = time.monotonic() + 20
        while "closed" not in self.failures() and time.monotonic() < deadline:
            time.sleep(0.02)
        self.assertEqual(self.failures(), {"plain_text": 1, "alert": 1, "version": 1, "protocol": 1, "closed": 1})

    def test_a_hangup_renews_the_certificate_and_keeps_connections(self):
        self.start()
        with self.connect(trusting(self.certificate)) as kept:
            other, other_key = make_certificate(self.at, "other")
            served, served_key = self.certificate.read_bytes(), self.key.read_bytes()
            self.addCleanup(lambda: (self.certificate.write_bytes(served), self.key.write_bytes(served_key)))

            def renew(certificate, key, says):
                self.certificate.write_bytes(certificate)
                self.key.write_bytes(key)
                self.daemon.process.send_signal(signal.SIGHUP)
                deadline = time.monotonic() + 20
                while says not in self.daemon.log_text() and time.monotonic() < deadline:
                    time.sleep(0.02)
                self.assertIn(says, self.daemon.log_text())

            renew(other.read_bytes(), served_key, "not reloaded, all stays as it was: ")  # half of a pair
            with self.connect(ssl.create_default_context(cadata=served.decode())) as connection:
                self.assertEqual(connection.version(), "TLSv1.3")
            renew(other.read_bytes(), other_key.read_bytes(), "reloaded: no option has changed; new connections are shown the certificate")
            with self.connect(trusting(other)) as connection:
                connection.sendall(hit_request(close=True))
                self.assertIn(b"204", read_all(connection))
            kept.sendall(hit_request(close=True))
            self.assertIn(b"204", read_all(kept))

    def test_files_that_are_wrong_are_refused_before_anything_begins(self):
        other, other_key = make_certificate(self.at, "another")
        absent, garbage, exposed = self.at / "absent.pem", self.at / "garbage.pem", self.at / "exposed.pem"
        garbage.write_text("nothing\n")
        garbage.chmod(0o600)
        exposed.write_bytes(self.key.read_bytes())
        exposed.chmod(0o644)

        def run(certificate, key, *more):
            command = [str(BUILD / "footfalld"), "--data-dir", str(self.at / "data"), "--listen", f"tls:127.0.0.1:{self.port}", "--tls-certificate", str(certificate), "--tls-key", str(key)]
            return subprocess.run([*command, *more], capture_output=True, text=True, timeout=30)

        for certificate, key, says in ((absent, self.key, f"{absent}: No such file or directory; it is to hold"), (garbage, self.key, "there is no certificate in it"),
                                       (self.certificate, garbage, "there is no private key in it"), (self.certificate, other_key, "is not the key of the first certificate"),
                                       (self.certificate, exposed, f"everybody may read it; chmod o-rwx {exposed}"), (self.at, self.key, "is a directory")):
            for more in ([], ["--check-config"]):
                ended = run(certificate, key, *more)
                self.assertEqual(ended.returncode, 2, says)
                self.assertIn(says, ended.stderr)
        self.assertFalse((self.at / "data").exists())
        self.assertEqual(run(other, other_key, "--check-config").returncode, 0)

    def test_a_file_that_is_wrong_is_named_with_the_line_that_names_it(self):
        absent = self.at / "absent.pem"
        open_key = self.at / "cluster-key"
        open_key.write_text("0f" * 32)
        open_key.chmod(0o644)
        config = self.at / "footfalld.toml"
        right = f'data-dir = "{self.at / "data"}"\nlisten = "tls:127.0.0.1:{self.port}"\ntls-certificate = "{self.certificate}"\ntls-key = "{self.key}"\n'
        for old, new, says in ((str(self.certificate), str(absent), f"{config}:3: tls-certificate: {absent}: No such file"), (str(self.key), str(absent), f"{config}:4: tls-key: {absent}: No such file"),
                               ("", f'redis-ca = "{absent}"\n', f"{config}:1: redis-ca: {absent}: "), ("", f'cluster-key = "{absent}"\n', f"{config}:1: cluster-key: "),
                               ("", f'cluster-key = "{open_key}"\n', f"{config}:1: cluster-key: {open_key}: others may read")):
            config.write_text(right.replace(old, new, 1))
            for more in ([], ["--check-config"]):
                ended = subprocess.run([str(BUILD / "footfalld"), "--config", str(config), *more], capture_output=True, text=True, timeout=30)
                self.assertEqual(ended.returncode, 2, ended.stderr)
                self.assertIn(says, ended.stderr)
        self.assertFalse((self.at / "data").exists())


if __name__ == "__main__":
    unittest.main(verbosity=2)
