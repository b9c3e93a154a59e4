# SPDX-License-Identifier: Apache-2.0
"""Sockets that a service manager holds for the daemon (LISTEN_FDS): found by name and by address, over restarts, and what is said of mistakes."""
import contextlib
import fcntl
import http.client
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

from footfall import BROWSER, BUILD, Daemon, at_once, exchange, free_port
from tls_test import make_certificate, trusting

SITE = "example.org"
REQUEST = f"GET /hit?site={SITE}&path=/ HTTP/1.1\r\nHost: x\r\nUser-Agent: {BROWSER % 120}\r\nConnection: close\r\n\r\n".encode()


def listening(address, family=socket.AF_INET, kind=socket.SOCK_STREAM, reuse_port=False):
    made = socket.socket(family, kind)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if reuse_port:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.bind(address)
    if kind == socket.SOCK_STREAM:
        made.listen(128)
    return made


def activation(sockets):
    """A prefix of a command that gets the sockets, {name: [socket]}, as a service manager gives them."""
    given = [(name, one.fileno()) for name, all_of_it in sockets.items() for one in all_of_it]
    script = (f"import os, sys\nfor i, one in enumerate({[one for _, one in given]}): os.dup2(one, 3 + i)\n"
              f"os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='{len(given)}', LISTEN_FDNAMES='{':'.join(name for name, _ in given)}')\n"
              "os.execv(sys.argv[1], sys.argv[1:])")
    return [sys.executable, "-c", script]


class Sockets(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="footfall-sockets-")
        self.addCleanup(directory.cleanup)
        self.at = pathlib.Path(directory.name)
        self.port, self.admin_port = free_port(), free_port()

    def daemon(self, sockets, *options):
        made = Daemon("--threads", "2", *options)
        self.addCleanup(made.close)
        made.port, made.admin_port, made.listens = self.port, self.admin_port, False
        high = {name: [self.moved_up(one) for one in all_of_it] for name, all_of_it in sockets.items()}
        made.held = high  # open as long as it may be started
        made.prefix = activation(high)
        made.descriptors = [one.fileno() for all_of_it in high.values() for one in all_of_it]
        return made

    def moved_up(self, one):
        """Beyond those that they are put to."""
        return socket.socket(fileno=fcntl.fcntl(one.fileno(), fcntl.F_DUPFD, 50))

    def refusal(self, sockets, *options):
        """What a start says that is refused."""
        made = self.daemon(sockets, *options)
        command = [*made.prefix, str(made.binary), "--data-dir", str(made.directory), *made.options]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, pass_fds=made.descriptors)
        self.assertEqual(done.returncode, 2, done.stderr)
        return done.stderr

    def test_by_name_and_by_address_on_all_listeners_with_whoever_waits_in_the_queue(self):
        certificate, key = make_certificate(self.at)
        tls_port, unix = free_port(), str(self.at / "http")
        log = listening(str(self.at / "log"), socket.AF_UNIX, socket.SOCK_DGRAM)
        sockets = {"http": [listening(("127.0.0.1", self.port))], "https": [listening(("127.0.0.1", tls_port))], "admin": [listening(("127.0.0.1", self.admin_port))],
                   "local": [listening(unix, socket.AF_UNIX)], "log": [log]}
        daemon = self.daemon(sockets, "--listen", f"127.0.0.1:{self.port}", "--listen", "tls:systemd:https", "--listen", f"unix:{unix}", "--admin", "systemd:admin",
                             "--syslog-listen", "systemd:log", "--tls-certificate", str(certificate), "--tls-key", str(key))
        early = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        early.sendall(REQUEST)
        daemon.start()
        with early:
            self.assertIn(b"404", early.recv(65536))  # the site is not there yet
        daemon.add_site(SITE, visibility="full")
        for text in (f"listening on 127.0.0.1:{self.port}, the service manager's socket http", f"listening on tls:127.0.0.1:{tls_port}, the service manager's socket https",
                     f"admin interface on 127.0.0.1:{self.admin_port}, the service manager's socket admin"):
            self.assertIn(text, daemon.log_text())

        def answered(counted):
            self.assertEqual(daemon.hit(SITE).status, 204)
            connection = http.client.HTTPSConnection("localhost", tls_port, timeout=20, context=trusting(certificate))
            self.assertEqual(exchange(connection, "GET", f"/hit?site={SITE}&path=/", None, {"User_Agent": BROWSER % 120}).status, 204)
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(unix)
                client.sendall(REQUEST)
                self.assertIn(b" 204 ", client.recv(65536))
            self.assertEqual(daemon.stats(SITE)["counted"], counted)

        answered(3)
        daemon.stop()
        # It is not there, and nobody is refused.
        waiting = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        waiting.sendall(REQUEST)
        self.assertTrue(pathlib.Path(unix).is_socket())
        daemon.start()
        with waiting:
            self.assertIn(b" 204 ", waiting.recv(65536))
        answered(7)

    def test_one_socket_serves_all_shards_and_several_are_dealt(self):
        sockets = [listening(("127.0.0.1", self.port), reuse_port=True) for _ in range(3)]
        daemon = self.daemon({"http": sockets, "admin": [listening(("127.0.0.1", self.admin_port))]}, "--listen", "systemd:http", "--admin", "systemd:admin")
        daemon.start()
        daemon.add_site(SITE, visibility="full")
        answered = []

        def send(_):
            for _ in range(20):
                with socket.create_connection(("127.0.0.1", self.port), timeout=30) as connection:
                    connection.sendall(REQUEST)
                    answered.append(connection.recv(65536).split()[1])

        at_once(8, send)
        self.assertEqual(answered, [b"204"] * 160)
        self.assertEqual(daemon.stats(SITE)["counted"], 160)

    def test_health_while_it_recovers_leaves_the_queue_alone(self):
        daemon = self.daemon({"http": [listening(("127.0.0.1", self.port))], "admin": [listening(("127.0.0.1", self.admin_port))]}, "--listen", "systemd:http", "--admin",
                             f"127.0.0.1:{self.admin_port}")
        stop = threading.Event()
        answers = []

        def ask():
            while not stop.is_set():
                with contextlib.suppress(OSError, http.client.HTTPException):
                    answers.append(daemon.admin("GET", "/livez", token=False).status)

        asking = threading.Thread(target=ask)
        asking.start()
        try:
            for _ in range(3):
                daemon.start()
                daemon.stop()
        finally:
            stop.set()
            daemon.start()
            asking.join()
        self.assertEqual(set(answers), {200})

    def test_mistakes_are_said_before_anything_begins(self):
        http_socket, admin = listening(("127.0.0.1", self.port)), listening(("127.0.0.1", self.admin_port))
        says = self.refusal({"http": [http_socket]}, "--listen", "systemd:web")
        self.assertIn(f"systemd:web: the service manager passed no such socket, but http (127.0.0.1:{self.port}); a socket unit with ListenStream= and FileDescriptorName=web does", says)
        says = self.refusal({"http": [http_socket], "admin": [admin]}, "--listen", "systemd:http")
        self.assertIn(f"the service manager passed the socket admin (127.0.0.1:{self.admin_port}), which no listener takes: add \"systemd:admin\"", says)
        datagrams = listening(("127.0.0.1", free_port(socket.SOCK_DGRAM)), kind=socket.SOCK_DGRAM)
        self.assertIn("no such socket", self.refusal({"http": [datagrams]}, "--listen", "systemd:http"))
        without = Daemon("--listen", "systemd:http")
        self.addCleanup(without.close)
        with self.assertRaises(AssertionError) as failed:
            without.start()
        self.assertIn("systemd:http: the service manager passed no socket; start it by its socket unit: systemctl start footfalld.socket", str(failed.exception))
        for listen in ("systemd:", "systemd:a:b", "tls:systemd:"):
            done = subprocess.run([BUILD / "footfalld", "--check-config", "--listen", listen], capture_output=True, text=True, timeout=60)
            self.assertEqual((done.returncode, "no name" in done.stderr), (2, True), done.stderr)
        everybody = listening(("0.0.0.0", free_port()))
        http_socket.close()
        says = self.refusal({"admin": [everybody]}, "--listen", f"127.0.0.1:{self.port}", "--admin", "systemd:admin")
        self.assertIn("others than this machine can reach", says)


if __name__ == "__main__":
    unittest.main(verbosity=2)
