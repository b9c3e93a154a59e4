# SPDX-License-Identifier: Apache-2.0
"""Three nodes behind a real nginx with the configuration that is shipped, deploy/nginx/, over HTTPS: nothing of it is changed but the addresses and
where the certificate is."""
import http.client
import json
import pathlib
import re
import secrets
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from footfall import BROWSER, BUILD, ROOT, SKIPPED, Daemon, exchange, free_port
from nginx_server import NGINX, NginxServer
from redis_server import Redis, footfall, until
from tls_test import make_certificate, trusting

SITE = "example.org"
HOST = "stats.example.vn"


class ToHost(http.client.HTTPSConnection):
    """To the nginx of the test, as the name that its certificate is for."""

    def connect(self):
        self.sock = self._context.wrap_socket(socket.create_connection((self.host, self.port), self.timeout, self.source_address), server_hostname=HOST)


class Nginx:
    def __init__(self, nodes):
        self.port, self.plain_port = free_port(), free_port()
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="footfall-nginx-"))
        certificate, key = make_certificate(self.directory, host=HOST)
        self.context = trusting(certificate)
        site = (ROOT / "deploy/nginx/footfall.conf").read_text()
        listens = 0
        for of, to in ((r"listen 80;", f"listen 127.0.0.1:{self.plain_port};"), (r"listen 443 ssl http2;", f"listen 127.0.0.1:{self.port} ssl http2;"),
                       (r"listen \[::\]:\d+( ssl http2)?;", ""), (rf"/etc/letsencrypt/live/{HOST}/fullchain.pem", str(certificate)),
                       (rf"/etc/letsencrypt/live/{HOST}/privkey.pem", str(key)), (r"/var/www/html", str(self.directory))):
            site, found = re.subn(of, to, site)
            listens += found
        upstream, servers = re.subn(r"(?:# )?server 127\.0\.0\.1:8([012])80 ", lambda m: f"server 127.0.0.1:{nodes[int(m[1])].port} ",
                                    (ROOT / "deploy/nginx/upstream.conf").read_text())
        assert (listens, servers) == (8, 3), "these are not the files that this test knows"
        (self.directory / "site.conf").write_text(site)
        (self.directory / "upstream.conf").write_text(upstream)
        self.server = NginxServer(self.directory, f"access_log off; include {self.directory}/upstream.conf; include {self.directory}/site.conf;", workers=2)

    def close(self):
        self.server.close()
        shutil.rmtree(self.directory)

    def connect(self, visitor=0):
        """As a client of an address of its own: loopback has 16 million."""
        return ToHost("127.0.0.1", self.port, timeout=20, source_address=(f"127.1.{visitor >> 8}.{visitor & 255}", 0), context=self.context)

    def without_tls(self, method, target, body=None, host=HOST):
        return exchange(http.client.HTTPConnection("127.0.0.1", self.plain_port, timeout=20), method, target, body, {"Host": host})

    def request(self, method, target, body=None, visitor=0, **fields):
        return exchange(self.connect(visitor), method, target, body, fields)

    def hit(self, path, visitor):
        return self.request("GET", f"/hit?site={SITE}&path={path}", visitor=visitor, User_Agent=BROWSER % 120).status


class BehindNginx(unittest.TestCase):
    def setUp(self):
        self.redis = Redis()
        self.addCleanup(self.redis.close)
        key = tempfile.NamedTemporaryFile("w")  # 0600
        self.addCleanup(key.close)
        key.write(secrets.token_hex(32))
        key.flush()
        # The others are made from a backup of the first: so its token is known to all, which a batch needs here.
        first = self.node("a", key, None)
        first.start()
        first.add_site(SITE, visibility="full")
        backup = first.directory.parent / (first.directory.name + ".backup")
        self.addCleanup(backup.unlink)
        footfall(first, "backup", str(backup))
        self.nodes = [first]
        for name in "bc":
            directory = tempfile.mkdtemp(prefix="footfall-test-")
            self.addCleanup(shutil.rmtree, directory)
            subprocess.run([str(BUILD / "footfall"), "restore", str(backup), directory], check=True, stdout=subprocess.DEVNULL, timeout=60)
            self.nodes.append(self.node(name, key, directory).start())
        for node in self.nodes:
            until(lambda node=node: node.get(f"/v1/sites/{SITE}/stats").status == 200, "the site did not reach a node")
            # Before that a node hashes visitors under a salt of its own.
            until(lambda node=node: node.stats(SITE)["scope"] == "cluster", "the nodes' salt did not reach a node")
        self.nginx = Nginx(self.nodes)
        self.addCleanup(self.nginx.close)

    def node(self, name, key, directory):
        node = Daemon("--redis", self.redis.uri, "--node", name, "--cluster-key", key.name, "--rate-limit", "0", "--threads", "1", "--snapshot-interval", "0",
                      directory=directory)
        self.addCleanup(node.close)
        return node

    def counted_here(self):
        return [int(node.metrics()["footfall_hits_counted_total"]) for node in self.nodes]

    def agree(self, total):
        until(lambda: [node.stats(SITE)["total"] for node in self.nodes] == [total] * 3,
              lambda: f"{[node.stats(SITE)['total'] for node in self.nodes]} is not {total} everywhere")

    def test_pings_are_spread_and_visitors_are_told_apart_by_their_address(self):
        for n in range(120):
            self.assertEqual(self.nginx.hit(f"/{n % 5}", n % 40), 204)
        self.agree(120)
        self.assertEqual(sum(self.counted_here()), 120)
        self.assertGreater(min(self.counted_here()), 20, "each has a part")
        online = [(40, "cluster")] * 3
        until(lambda: [(s["online"], s["scope"]) for s in (node.stats(SITE) for node in self.nodes)] == online, "forty visitors, whatever node they met")
        # Who says to be somebody else is who they are.
        forged = self.nginx.request("GET", f"/hit?site={SITE}&path=/", visitor=1, User_Agent=BROWSER % 120, X_Forwarded_For="203.0.113.9")
        self.assertEqual(forged.status, 204)
        self.agree(121)
        self.assertEqual([node.stats(SITE)["online"] for node in self.nodes], [40] * 3)
        self.assertEqual(self.nginx.request("GET", "/metrics").status, 404)

    def test_nothing_is_counted_without_tls(self):
        for method, body in (("GET", None), ("POST", "{}")):
            answer = self.nginx.without_tls(method, f"/hit?site={SITE}&path=/", body)
            self.assertEqual((answer.status, answer.fields["Location"]), (308, f"https://{HOST}/hit?site={SITE}&path=/"))
        (self.nginx.directory / ".well-known/acme-challenge").mkdir(parents=True)
        (self.nginx.directory / ".well-known/acme-challenge/token").write_text("answer")
        self.assertEqual(self.nginx.without_tls("GET", "/.well-known/acme-challenge/token").text, "answer")
        self.assertEqual([node.stats(SITE)["total"] for node in self.nodes], [0] * 3)

    def test_browsers_are_told_to_stay_with_tls_and_may_speak_http_2(self):
        for target, status in ((f"/hit?site={SITE}&path=/", 204), ("/nothing", 404), ("/metrics", 404)):
            answer = self.nginx.request("GET", target, User_Agent=BROWSER % 120)
            self.assertEqual((answer.status, answer.fields["Strict-Transport-Security"]), (status, "max-age=31536000"))
        self.nginx.context.set_alpn_protocols(["h2", "http/1.1"])
        with socket.create_connection(("127.0.0.1", self.nginx.port), 20) as plain, self.nginx.context.wrap_socket(plain, server_hostname=HOST) as connection:
            self.assertEqual((connection.selected_alpn_protocol(), connection.version()), ("h2", "TLSv1.3"))
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        old.minimum_version, old.maximum_version = ssl.TLSVersion.MINIMUM_SUPPORTED, ssl.TLSVersion.TLSv1_1
        old.set_ciphers("ALL:@SECLEVEL=0")
        with socket.create_connection(("127.0.0.1", self.nginx.port), 20) as plain, self.assertRaises(ssl.SSLError):
            old.wrap_socket(plain, server_hostname=HOST)

    def test_a_batch_reaches_the_node_that_its_key_names(self):
        token = self.nodes[0].token
        text = "".join(json.dumps({"site": SITE, "path": f"/{n}", "visitor": f"v{n}"}) + "\n" for n in range(100))

        def send(to, key=None):
            fields = {} if key is None else {"Idempotency_Key": key}
            return to.request("POST", "/v1/hits", "" if key is None else text, Authorization=f"Bearer {token}", Content_Type="application/x-ndjson", **fields)

        for n, node in enumerate(self.nodes):
            key = send(node).fields["Footfall-Node"] + f"/order-{n}"
            first = send(self.nginx, key)
            self.assertEqual((first.status, first.fields["Footfall-Node"]), (200, key.split("/")[0]), first.text)
            for _ in range(4):
                again = send(self.nginx, key)
                self.assertEqual((again.status, again.fields["Idempotency-Replayed"], again.text), (200, "true", first.text))
        self.agree(300)
        self.assertEqual(self.counted_here(), [100] * 3)
        nobodys = send(self.nginx, "0" * 32 + "/order")
        self.assertEqual((nobodys.status, nobodys.json["type"]), (421, "/problems/wrong-node"))

    def test_a_live_stream_is_not_held_back(self):
        connection = self.nginx.connect()
        self.addCleanup(connection.close)
        connection.request("GET", f"/v1/sites/{SITE}/live")
        answer = connection.getresponse()
        self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, "text/event-stream"))

        def until_total(total):
            while True:
                line = answer.readline().decode()
                self.assertTrue(line, "the stream ended")
                if line.startswith("data: ") and json.loads(line[6:]).get("total") == total:
                    return
        until_total(0)
        for total in (1, 2, 3):  # each is some hundred bytes: a buffer would keep them
            self.assertEqual(self.nginx.hit("/", total), 204)
            until_total(total)

    def test_a_node_that_is_killed_costs_what_was_in_flight(self):
        clients = 4
        acknowledged, failed = [0] * clients, [[] for _ in range(clients)]
        begin, ended = time.monotonic(), threading.Event()

        def ping(client):
            connection = self.nginx.connect(client)
            while not ended.is_set():
                at = time.monotonic()
                connection.request("GET", f"/hit?site={SITE}&path=/", headers={"User-Agent": BROWSER % 120})
                answer = connection.getresponse()
                answer.read()
                if answer.status == 204:
                    acknowledged[client] += 1
                else:
                    failed[client].append((round(at - begin, 3), answer.status))
                time.sleep(0.005)
            connection.close()

        threads = [threading.Thread(target=ping, args=(client,)) for client in range(clients)]
        for thread in threads:
            thread.start()
        time.sleep(1)
        self.nodes[2].stop(signal.SIGKILL)
        dead = time.monotonic() - begin
        time.sleep(7)  # fail_timeout is 2 s: nginx has tried it again several times
        ended.set()
        for thread in threads:
            thread.join()
        self.assertGreater(min(acknowledged), 0)
        # One for each client, and nginx hears of the death a moment later.
        self.assertTrue(all(len(of) <= 1 and all(at < dead + 0.2 for at, _ in of) for of in failed), f"killed at {dead:.3f}, failed: {failed}")
        self.nodes[2].start()
        until(lambda: len({node.stats(SITE)["total"] for node in self.nodes}) == 1, "they do not agree")
        total = self.nodes[0].stats(SITE)["total"]
        self.assertGreaterEqual(total, sum(acknowledged))
        self.assertLessEqual(total, sum(acknowledged) + sum(len(of) for of in failed), "what was in flight may have been counted")


if __name__ == "__main__":
    for program, package in ((NGINX, "nginx-light"), (shutil.which("redis-server"), "redis-server")):
        if program is None:
            print(f"SKIPPED: there is no {package} here (Debian: {package})")
            sys.exit(SKIPPED)
    unittest.main(verbosity=2)
