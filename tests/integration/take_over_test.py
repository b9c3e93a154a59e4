# SPDX-License-Identifier: Apache-2.0
"""A new process takes over from the one that runs: connections, queues and counts go on; and where it cannot, the old one does."""
import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

from footfall import BROWSER, Daemon, at_once, free_port
from service_test import Manager

SITE = "example.org"


def request(path="/", close=False):
    return (f"GET /hit?site={SITE}&path={path} HTTP/1.1\r\nHost: x\r\nUser-Agent: {BROWSER % 120}\r\n"
            f"{'Connection: close' if close else 'Accept: */*'}\r\n\r\n").encode()


# Says how many connections it got along with the lock, and leaves when its input ends.
TAKES_AND_WAITS = """
import socket, sys
successor = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
successor.connect(sys.argv[1])
successor.send(b"take-over 1 test")
got, connections = b"", 0
while not got.startswith(b"lock"):
    got, descriptors, _, _ = socket.recv_fds(successor, 65536, 300)
    if got.startswith(b"closed"):
        successor.send(b"ready")
    if got.startswith(b"connections"):
        connections += len(descriptors)
print(connections, flush=True)
sys.stdin.read()
"""


class TakeOver(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="footfall-take-over-")
        self.addCleanup(directory.cleanup)
        self.at = pathlib.Path(directory.name)
        self.unix, self.syslog_port = str(self.at / "http"), free_port(socket.SOCK_DGRAM)
        self.daemon = Daemon("--listen", f"unix:{self.unix}", "--syslog-listen", f"127.0.0.1:{self.syslog_port}", "--syslog-site", SITE, "--drain", "1")
        self.addCleanup(self.daemon.close)
        self.hits = 0

    def start(self, *options):
        self.daemon.start("--threads", "2", *options)
        self.daemon.add_site(SITE, visibility="full")

    def hit(self, connection, close=False):
        connection.sendall(request(close=close))
        self.assertTrue(self.heard(connection).startswith(b"HTTP/1.1 204 "))
        self.hits += 1

    def heard(self, connection):
        connection.settimeout(30)
        answer = connection.recv(65536)
        while answer and b"\r\n\r\n" not in answer:
            answer += connection.recv(65536)
        return answer

    def connect(self):
        connection = socket.create_connection(("127.0.0.1", self.daemon.port), timeout=30)
        self.addCleanup(connection.close)
        return connection

    def connect_unix(self):
        connection = socket.socket(socket.AF_UNIX)
        self.addCleanup(connection.close)
        connection.connect(self.unix)
        return connection

    def counts(self):
        """All that was answered, once."""
        self.assertEqual(self.daemon.stats(SITE)["counted"], self.hits)
        self.assertEqual(self.daemon.metrics()["footfall_ledger_mismatch"], 0)

    def said(self, text, times=1):
        deadline = time.monotonic() + 30
        while self.daemon.log_text().count(text) < times and time.monotonic() < deadline:
            time.sleep(0.02)
        self.assertGreaterEqual(self.daemon.log_text().count(text), times, self.daemon.log_text())

    def end(self, process):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)

    def test_connections_go_on_and_all_is_counted(self):
        self.start()
        kept, local, half = self.connect(), self.connect_unix(), self.connect()
        stream = self.connect()
        stream.sendall(f"GET /v1/sites/{SITE}/live HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        self.assertIn(b"text/event-stream", self.heard(stream))
        for connection in (kept, local):
            self.hit(connection)
        half.sendall(request()[:30])
        self.assertEqual((self.daemon.directory / "take-over").stat().st_mode & 0o777, 0o600)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as log:
            log.sendto(b'<190>Jan  1 00:00:00 h nginx: 192.0.2.1 - - [' + time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime()).encode() +
                       b'] "GET /log HTTP/1.1" 200 1 "-" "' + (BROWSER % 120).encode() + b'"', ("127.0.0.1", self.syslog_port))
            self.hits += 1
        before = self.daemon.process.pid
        self.daemon.take_over()
        self.assertNotEqual(self.daemon.process.pid, before)
        # Those that were open are, and nothing was said twice; one in the middle of a request had its time.
        for connection in (kept, local):
            self.hit(connection)
        with contextlib.suppress(ConnectionError):
            half.sendall(request()[30:])
            self.assertIn(self.heard(half)[:12], (b"", b"HTTP/1.1 503", b"HTTP/1.1 408"))
        while stream.recv(65536):  # it ends, and its reader comes back
            pass
        self.hit(self.connect())
        self.hit(self.connect_unix())
        self.counts()
        self.assertEqual(self.daemon.stats(SITE)["online"], 3)  # that of the log, of the unix socket, and all others
        self.daemon.take_over()
        for connection in (kept, local):
            self.hit(connection)
        self.counts()
        self.daemon.stop()
        self.assertFalse(pathlib.Path(self.unix).exists())
        self.assertFalse((self.daemon.directory / "take-over").exists())
        self.daemon.start()
        self.counts()

    def test_the_number_of_threads_and_the_addresses_may_change(self):
        self.start()
        kept = [self.connect() for _ in range(9)]
        for threads, more in (("3", ()), ("1", ("--metrics-listen", f"127.0.0.1:{free_port()}")), ("2", ())):
            for connection in kept:
                self.hit(connection)
            command = self.daemon.command
            self.daemon.command = [*command[:command.index("--threads") + 1], threads, *command[command.index("--threads") + 2:]]
            self.daemon.take_over(*more)
            for connection in kept:
                self.hit(connection)
            answered = []

            def send(_):
                for _ in range(20):
                    with socket.create_connection(("127.0.0.1", self.daemon.port), timeout=30) as connection:
                        connection.sendall(request(close=True))
                        answered.append(self.heard(connection)[:12])

            at_once(8, send)
            self.assertEqual(answered, [b"HTTP/1.1 204"] * 160)
            self.hits += 160
            self.counts()
        # Where nobody listens any more nobody is left waiting.
        command = self.daemon.command
        del command[command.index("--syslog-listen"):command.index("--syslog-listen") + 2]
        self.daemon.take_over()
        self.said(f"no longer on 127.0.0.1:{self.syslog_port}")
        self.counts()

    def test_where_nobody_is_it_is_a_start_as_any(self):
        self.daemon.environment = {**os.environ, "FOOTFALL_TAKE_OVER": "true"}
        self.start()
        self.said("there is no daemon to take over from")
        self.hit(self.connect())
        self.daemon.stop(signal.SIGKILL)
        self.daemon.start("--threads", "2")  # its socket's file is still there
        self.counts()

    def test_a_successor_that_fails_changes_nothing(self):
        self.start()
        kept = self.connect()
        self.hit(kept)
        with socket.create_server(("127.0.0.1", free_port())) as taken:
            for more, code in ((("--sites-max", "0"), 2), (("--metrics-listen", f"127.0.0.1:{taken.getsockname()[1]}"), 1)):
                self.assertEqual(self.daemon.successor(*more).wait(30), code, self.daemon.log_text())
                self.hit(kept)
        meta = self.daemon.directory / "META"  # of a later release
        as_it_was = meta.read_bytes()
        meta.write_bytes(as_it_was.replace(b"footfall 1\n", b"footfall 99\n"))
        self.assertEqual(self.daemon.successor().wait(30), 1)
        meta.write_bytes(as_it_was)
        self.said("has not taken over, and this one goes on", 2)
        self.hit(kept)
        self.hit(self.connect())
        self.counts()
        self.daemon.take_over()
        self.hit(kept)
        self.counts()

    def test_a_successor_that_gets_all_and_leaves_changes_nothing(self):
        self.start()
        kept, waiting = self.connect(), self.connect()
        for connection in (kept, waiting):
            self.hit(connection)
        for _ in range(2):
            # A process of its own, since who took all and did not say so is killed.
            with subprocess.Popen([sys.executable, "-c", TAKES_AND_WAITS, str(self.daemon.directory / "take-over")], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as successor:
                self.assertGreaterEqual(int(successor.stdout.readline()), 2)
                for connection in (kept, waiting):
                    connection.sendall(request())  # nobody reads it now
                late = self.connect()
                late.sendall(request())
                successor.stdin.close()
                for connection in (kept, waiting, late):
                    self.assertTrue(self.heard(connection).startswith(b"HTTP/1.1 204 "))
                    self.hits += 1
            self.hit(self.connect())
            self.counts()
        self.said("has not taken over, and this one goes on", 2)
        self.daemon.stop()
        self.daemon.start("--threads", "2")
        self.counts()

    def test_a_signal_starts_it_and_the_service_manager_learns_who_it_is(self):
        manager = Manager()
        self.daemon.environment = manager.environment(WATCHDOG_USEC="60000000", FOOTFALL_THREADS="2")
        self.daemon.start()
        self.daemon.add_site(SITE, visibility="full")
        kept = self.connect()
        self.hit(kept)
        before = self.daemon.process
        before.send_signal(signal.SIGUSR2)
        self.said("was started to take over")
        successor = int(self.daemon.log_text().split(" was started to take over")[0].rsplit(" ", 1)[1])
        self.addCleanup(self.end, successor)
        self.assertEqual(before.wait(30), 0, self.daemon.log_text())
        manager.wait_for(lambda lines: lines.count("READY=1") == 2)
        lines = manager.lines()
        self.assertLess(lines.index("READY=1"), lines.index(f"MAINPID={successor}"))
        self.assertLess(lines.index(f"MAINPID={successor}"), len(lines) - 1 - lines[::-1].index("READY=1"))
        self.assertNotIn("STOPPING=1", lines)
        self.hit(kept)
        self.counts()
        os.kill(successor, signal.SIGTERM)
        manager.wait_for(lambda lines: "STOPPING=1" in lines)

    def test_a_signal_whose_successor_fails_is_told(self):
        config = self.at / "footfalld.toml"
        config.write_text("")
        self.start("--config", str(config))
        config.write_text("nonsense = 1\n")
        self.daemon.process.send_signal(signal.SIGUSR2)
        self.said("ended with 2 before it took over; this one goes on")
        config.write_text("")
        self.hit(self.connect())
        self.counts()


if __name__ == "__main__":
    unittest.main(verbosity=2)
