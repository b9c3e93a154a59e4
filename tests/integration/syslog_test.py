# SPDX-License-Identifier: Apache-2.0
"""Access logs by syslog: a real nginx, HAProxy and Apache with the configurations that are shipped, and what is no log."""
import concurrent.futures
import http.client
import http.server
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

from footfall import BROWSER, ROOT, Daemon, free_port
from nginx_server import NGINX, NginxServer
from redis_server import until

SITE = "example.org"
APACHE = shutil.which("apache2", path=os.environ["PATH"] + ":/usr/sbin")
APACHE_MODULES = "/usr/lib/apache2/modules"
HAPROXY = shutil.which("haproxy", path=os.environ["PATH"] + ":/usr/sbin")
LOGGER = shutil.which("logger")


def listens(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def stamp(at=None):
    return time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(at))


def line(path="/", client="192.0.2.7", status=200, at=None):
    return f'{client} - - [{stamp(at)}] "GET {path} HTTP/1.1" {status} 12 "-" "{BROWSER % 120}"'


class Nginx:
    """Of the shipped file only the address is changed; it answers what its location says."""

    def __init__(self, server):
        self.port = free_port()
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="footfall-nginx-"))
        shipped = (ROOT / "deploy/nginx/syslog.conf").read_text()
        (self.directory / "syslog.conf").write_text(shipped)
        lines = re.findall(r"^#   (access_log syslog:server=.*;)$", shipped, re.M)
        chosen = lines[1 if server.startswith("unix:") else 0]
        access_log, changed = re.subn(r"server=(unix:)?[^,]*,", f"server={server},", chosen)
        assert (len(lines), changed) == (2, 1), "this is not the file that this test knows"
        self.server = NginxServer(self.directory, f"include {self.directory}/syslog.conf; keepalive_requests 100000; server {{ listen 127.0.0.1:{self.port}; {access_log}\n"
                                  "location / { return 200 page; } location /gone { return 404; } }", workers=2)

    def close(self):
        self.server.close()
        shutil.rmtree(self.directory)

    def get(self, paths, client, host=SITE, agent=BROWSER % 120):
        """Over one connection, from an address of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20, source_address=(client, 0))
        for path in paths:
            connection.putrequest("GET", path, skip_host=True, skip_accept_encoding=True)
            connection.putheader("Host", host)
            connection.putheader("User-Agent", agent)
            connection.endheaders()
            connection.getresponse().read()
        connection.close()


class Syslog(unittest.TestCase):
    def daemon(self, *options):
        daemon = Daemon("--threads", "2", *options)
        self.addCleanup(daemon.close)
        daemon.start()
        daemon.add_site(SITE, hosts=[SITE, "www." + SITE])
        return daemon

    def counted(self, daemon, total, site=SITE):
        until(lambda: daemon.stats(site)["counted"] >= total, lambda: f"{daemon.stats(site)['counted']} of {total} are counted\n{daemon.log_text()}", 30)
        self.assertEqual(daemon.stats(site)["counted"], total)

    def balanced(self, daemon):
        """Each datagram is a ping, no page hit, or malformed; each ping is accepted or rejected. The metrics."""
        metrics = daemon.metrics()
        malformed = sum(value for name, value in metrics.items() if name.startswith("footfall_syslog_malformed_total"))
        self.assertEqual(metrics["footfall_syslog_datagrams_total"], metrics["footfall_syslog_pings_total"] + metrics["footfall_syslog_filtered_total"] + malformed)
        rejected = sum(value for name, value in metrics.items() if name.startswith("footfall_hits_rejected_total"))
        self.assertEqual(metrics["footfall_hits_received_total"], metrics["footfall_hits_accepted_total"] + rejected)
        self.assertEqual(metrics["footfall_hits_acknowledged_total"], metrics["footfall_hits_accepted_total"])
        self.assertEqual(metrics["footfall_ledger_mismatch"], 0)
        return metrics

    def nginx(self, server):
        if NGINX is None:
            self.skipTest("nginx is not installed")
        nginx = Nginx(server)
        self.addCleanup(nginx.close)
        return nginx

    def load(self, daemon, nginx):
        clients, each = 8, 150
        with concurrent.futures.ThreadPoolExecutor(clients) as pool:
            list(pool.map(lambda n: nginx.get([f"/page/{i % 9}?x={i}" for i in range(each)] + ["/gone"] * 3, f"127.1.0.{n + 1}",
                                              host=("www." if n % 2 else "") + SITE), range(clients)))
        self.counted(daemon, clients * each)
        metrics = self.balanced(daemon)
        self.assertEqual(metrics["footfall_syslog_lost_total"], 0)
        self.assertEqual(metrics["footfall_syslog_filtered_total"], clients * 3)
        stats = daemon.stats(SITE)
        self.assertEqual((stats["online"], stats["today"]["visitors"]), (clients, clients))
        pages = {page["path"]: page["counted"] for page in daemon.pages(SITE)["pages"]}
        self.assertEqual(sum(pages.values()), clients * each)
        self.assertEqual(set(pages), {f"/page/{n}" for n in range(9)})
        return clients * each

    def test_what_nginx_answers_over_udp_is_counted(self):
        for durability in ("disk", "memory"):  # kernel: below
            with self.subTest(durability):
                port = free_port(socket.SOCK_DGRAM)
                daemon = self.daemon("--syslog-listen", f"127.0.0.1:{port}", "--durability", durability)
                nginx = self.nginx(f"127.0.0.1:{port}")
                total = self.load(daemon, nginx)
                daemon.stop()
                daemon.start()
                self.counted(daemon, total)

    def test_what_nginx_answers_over_a_unix_socket_is_counted(self):
        directory = tempfile.mkdtemp(prefix="footfall-socket-")
        self.addCleanup(shutil.rmtree, directory)
        daemon = self.daemon("--syslog-listen", f"unix:{directory}/syslog", "--listen-mode", "0666")
        nginx = self.nginx(f"unix:{directory}/syslog")
        # nginx does not wait for a unix socket: what does not fit it drops, and says so. So one client, with pauses.
        for n in range(20):
            nginx.get(["/a"] * 10, "127.1.0.9")
            self.counted(daemon, 10 * (n + 1))
        self.balanced(daemon)
        # A stop takes the file away, a start makes it anew; nginx goes on with the next one.
        daemon.stop()
        self.assertFalse(pathlib.Path(directory, "syslog").exists())

    def test_odd_requests_of_nginx_are_lines_too(self):
        port = free_port(socket.SOCK_DGRAM)
        daemon = self.daemon("--syslog-listen", f"127.0.0.1:{port}")
        nginx = self.nginx(f"127.0.0.1:{port}")
        nginx.get(['/q?a="b"', "/%22quoted%22", "/" + "long/" * 150, "/caf%C3%A9"], "127.1.0.2", agent='An "agent" with \\ and \xe9 (X11) Firefox/120.0')
        self.counted(daemon, 4)
        self.assertEqual({page["path"] for page in daemon.pages(SITE)["pages"]}, {"/q", '/"quoted"', "/" + "long/" * 149 + "long", "/café"})
        with socket.create_connection(("127.0.0.1", nginx.port)) as s:
            s.sendall(b"\x16\x03\x01 no HTTP\r\n\r\n")
            s.recv(1000)
        until(lambda: self.balanced(daemon)["footfall_syslog_filtered_total"] == 1, "a request that is none is no page hit")

    @unittest.skipUnless(HAPROXY, "haproxy is not installed")
    def test_what_haproxy_answers_is_counted(self):
        class Pages(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(404 if "gone" in self.path else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        pages = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages)
        threading.Thread(target=pages.serve_forever, daemon=True).start()
        self.addCleanup(pages.server_close)
        self.addCleanup(pages.shutdown)
        port, front = free_port(socket.SOCK_DGRAM), free_port()
        daemon = self.daemon("--syslog-listen", f"127.0.0.1:{port}")
        shipped = (ROOT / "deploy/haproxy/syslog.cfg").read_text()
        for old, new in (("127.0.0.1:8000", f"127.0.0.1:{front}"), ("127.0.0.1:8001", f"127.0.0.1:{pages.server_port}"), ("  log 127.0.0.1:5514", f"  log 127.0.0.1:{port}")):
            self.assertEqual(shipped.count(old), 1)
            shipped = shipped.replace(old, new)
        with tempfile.NamedTemporaryFile("w", suffix=".cfg") as configuration:
            configuration.write(shipped)
            configuration.flush()
            haproxy = subprocess.Popen([HAPROXY, "-db", "-f", configuration.name])
            try:
                until(lambda: listens(front), "haproxy does not start")
                for n in range(60):
                    connection = http.client.HTTPConnection("127.0.0.1", front, timeout=20, source_address=(f"127.1.0.{n % 5 + 1}", 0))
                    connection.request("GET", ["/a?x=1", "/%22q%22", "/gone"][n % 3], headers={"Host": SITE, "User-Agent": 'An "agent" \\ Firefox/120.0'})
                    connection.getresponse().read()
                    connection.close()
                self.counted(daemon, 40)
                self.assertEqual(daemon.stats(SITE)["online"], 5)
                self.balanced(daemon)
            finally:
                haproxy.terminate()
                haproxy.wait()

    @unittest.skipUnless(APACHE and LOGGER and os.path.isdir(APACHE_MODULES), "apache2 is not installed")
    def test_what_apache_answers_is_counted(self):
        port, front = free_port(socket.SOCK_DGRAM), free_port()
        daemon = self.daemon("--syslog-listen", f"127.0.0.1:{port}", "--syslog-format", "vhost-combined")
        directory = pathlib.Path(tempfile.mkdtemp(prefix="footfall-apache-"))
        self.addCleanup(shutil.rmtree, directory)
        directory.chmod(0o755)
        (directory / "page").write_text("page")
        shipped = (ROOT / "deploy/apache/syslog.conf").read_text()
        for old, new in ((" --port 5514 ", f" --port {port} "), ("|/usr/bin/logger ", f"|{LOGGER} ")):
            self.assertEqual(shipped.count(old), 1)
            shipped = shipped.replace(old, new)
        modules = "".join(f"LoadModule {name}_module {APACHE_MODULES}/mod_{name}.so\n" for name in ("mpm_event", "authz_core"))
        user = "User nobody\nGroup nogroup\n" if os.geteuid() == 0 else ""
        (directory / "httpd.conf").write_text(
            f"{modules}{user}ServerRoot {directory}\nPidFile {directory}/pid\nListen 127.0.0.1:{front}\nServerName localhost\nErrorLog {directory}/error.log\n"
            f"DocumentRoot {directory}\n{shipped}\n"
            f"<VirtualHost *:{front}>\nServerName www.{SITE}\nCustomLog {directory}/own.log footfall\n</VirtualHost>\n")
        apache = subprocess.Popen([APACHE, "-f", str(directory / "httpd.conf"), "-DFOREGROUND"])
        try:
            until(lambda: apache.poll() is not None or listens(front), "apache does not start")
            self.assertIsNone(apache.poll(), (directory / "error.log").read_text() if (directory / "error.log").exists() else "")
            for n in range(30):
                connection = http.client.HTTPConnection("127.0.0.1", front, timeout=20, source_address=(f"127.1.0.{n % 5 + 1}", 0))
                connection.request("GET", ["/page?x=1", '/page?"q"', "/gone"][n % 3], headers={"Host": "www." + SITE, "User-Agent": 'An "agent" \\ \xe9 Firefox/120.0'})
                connection.getresponse().read()
                connection.close()
            self.counted(daemon, 20)
            self.assertEqual(daemon.stats(SITE)["online"], 5)
            until(lambda: self.balanced(daemon)["footfall_syslog_filtered_total"] == 10, "what was not found is no page hit")
            self.assertEqual(len((directory / "own.log").read_text().splitlines()), 30, "the virtual host's own log stays")
        finally:
            apache.terminate()
            apache.wait()

    def test_other_senders_and_formats(self):
        port, other = free_port(socket.SOCK_DGRAM), free_port(socket.SOCK_DGRAM)
        daemon = self.daemon("--syslog-listen", f"127.0.0.1:{port}", "--syslog-listen", f"[::1]:{other}", "--syslog-format", "vhost-combined")
        daemon.add_site("tagged")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s, socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as s6:
            s.sendto(f"<190>Nov 29 06:52:00 web apache: www.{SITE}:443 {line()}\n".encode(), ("127.0.0.1", port))
            s6.sendto(f"<190>1 2026-11-29T06:52:00Z web apache 1 - - {SITE} {line()}".encode(), ("::1", other))
            s.sendto(f"<190>Nov 29 06:52:00 tagged: nowhere.org {line()}".encode(), ("127.0.0.1", port))
            s.sendto(f"<190>Nov 29 06:52:00 web x: nowhere.org {line()}".encode(), ("127.0.0.1", port))
        self.counted(daemon, 2)
        self.counted(daemon, 1, site="tagged")
        until(lambda: daemon.metrics()['footfall_hits_rejected_total{reason="unknown_site"}'] == 1, "a site that is unknown is told")
        self.balanced(daemon)

    def test_what_is_no_log_is_counted_by_reason_and_changes_nothing_else(self):
        port = free_port(socket.SOCK_DGRAM)
        daemon = self.daemon("--syslog-listen", f"127.0.0.1:{port}", "--syslog-site", SITE)
        bad = {"priority": [b"<999>x", b"<x"], "header": [b"<1>1 - -"], "empty": [b"", b"<1>", b"\n"], "line": [b"hello", b"<1>{}", bytes(range(1, 256)), b"x" * 60000],
               "truncated": []}
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            for datagrams in bad.values():
                for datagram in datagrams:
                    s.sendto(datagram, ("127.0.0.1", port))
            s.sendto(line("/future", at=time.time() + 600).encode(), ("127.0.0.1", port))
            s.sendto(line("/late", at=time.time() - 7200).encode(), ("127.0.0.1", port))
            s.sendto(line("/" + "x" * 2000).encode(), ("127.0.0.1", port))
            s.sendto(line("/now").encode(), ("127.0.0.1", port))
        self.counted(daemon, 2)
        metrics = self.balanced(daemon)
        for reason, datagrams in bad.items():
            self.assertEqual(metrics[f'footfall_syslog_malformed_total{{reason="{reason}"}}'], len(datagrams), reason)
        self.assertEqual(metrics['footfall_hits_rejected_total{reason="time"}'], 1)
        self.assertEqual(metrics['footfall_hits_rejected_total{reason="too_large"}'], 1)
        refusals = daemon.request("GET", f"/v1/sites/{SITE}/refusals", Authorization=f"Bearer {daemon.token}").json
        self.assertEqual(refusals["refused"], {"time": 1, "too_large": 1}, "the site's owner sees them")
        self.assertEqual(daemon.stats(SITE)["online"], 1, "who was here two hours ago is not online")

    def test_lost_datagrams_are_told(self):
        port = free_port(socket.SOCK_DGRAM)
        daemon = self.daemon("--syslog-listen", f"127.0.0.1:{port}", "--syslog-site", SITE, "--syslog-buffer", "8192")
        datagram = line("/" + "x" * 500).encode()
        sent = 3000
        daemon.process.send_signal(signal.SIGSTOP)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            for _ in range(sent):
                s.sendto(datagram, ("127.0.0.1", port))
        daemon.process.send_signal(signal.SIGCONT)
        until(lambda: sum(daemon.metrics()[f"footfall_syslog_{of}_total"] for of in ("datagrams", "lost")) == sent, lambda: str(self.balanced(daemon)), 30)
        metrics = self.balanced(daemon)
        self.assertGreater(metrics["footfall_syslog_lost_total"], 0)
        self.assertEqual(daemon.stats(SITE)["counted"], metrics["footfall_syslog_datagrams_total"])

    def test_pings_and_syslog_count_beside_each_other_and_a_kill_keeps_what_was_counted(self):
        port = free_port(socket.SOCK_DGRAM)
        daemon = self.daemon("--syslog-listen", f"127.0.0.1:{port}", "--syslog-site", SITE, "--durability", "kernel")
        stop = threading.Event()
        answered = [0]

        def ping():
            while not stop.is_set():
                answered[0] += daemon.hit(SITE, "/ping").status == 204

        pinger = threading.Thread(target=ping)
        pinger.start()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            for n in range(2000):
                s.sendto(line("/log").encode(), ("127.0.0.1", port))
                if n % 50 == 0:
                    time.sleep(0.005)
        stop.set()
        pinger.join()
        total = 2000 - int(daemon.metrics()["footfall_syslog_lost_total"]) + answered[0]
        self.counted(daemon, total)
        self.balanced(daemon)
        daemon.stop(signal.SIGKILL)
        daemon.start()
        self.counted(daemon, total)


if __name__ == "__main__":
    unittest.main(verbosity=2)
