# SPDX-License-Identifier: Apache-2.0
"""What a daemon tells the service manager (systemd, by the socket that NOTIFY_SOCKET names), and that it tells nothing while a thread is stuck."""
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import threading
import time
import unittest

from footfall import Daemon

SITE = "example.org"


class Manager:
    """Keeps what it is told, as a service manager would."""

    def __init__(self):
        self.name = f"footfall-test-notify-{os.getpid()}-{time.monotonic_ns()}"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + self.name)
        self.heard, self.more = [], threading.Condition()
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        while True:
            try:
                message, descriptors, _, _ = socket.recv_fds(self.socket, 4096, 4)
            except OSError:  # it was closed
                return
            for descriptor in descriptors:
                os.close(descriptor)
            with self.more:
                self.heard.append(message.decode().split("\n"))
                self.more.notify_all()

    def environment(self, **more):
        return {**os.environ, "NOTIFY_SOCKET": "@" + self.name, **more}

    def lines(self):
        with self.more:
            return [line for message in self.heard for line in message]

    def wait_for(self, condition, wait=30):
        """condition(lines)"""
        deadline = time.monotonic() + wait
        with self.more:
            while not condition([line for message in self.heard for line in message]):
                if not self.more.wait(max(0, deadline - time.monotonic())):
                    raise AssertionError(f"the service manager was told only {self.heard}")

    def pings(self):
        return self.lines().count("WATCHDOG=1")


class Service(unittest.TestCase):
    def start(self, *options, **environment):
        self.manager = Manager()
        self.daemon = Daemon("--threads", "2", *options)
        self.addCleanup(self.daemon.close)
        self.daemon.environment = self.manager.environment(**environment)
        self.daemon.start()

    def test_it_says_when_it_counts_when_it_reloads_and_when_it_stops(self):
        self.start()
        self.daemon.add_site(SITE)
        self.manager.wait_for(lambda lines: "READY=1" in lines)
        self.assertIn(f"STATUS=counting on 127.0.0.1:{self.daemon.port}, durability disk", self.manager.lines())
        self.assertNotIn("WATCHDOG=1", self.manager.lines())  # nobody asked for it
        self.daemon.process.send_signal(signal.SIGHUP)
        self.manager.wait_for(lambda lines: lines.count("READY=1") == 2)
        lines = self.manager.lines()
        begun = lines.index("RELOADING=1")
        self.assertRegex(lines[begun + 1], r"^MONOTONIC_USEC=\d+$")
        self.assertEqual(lines[begun + 2], "READY=1")
        self.daemon.stop()
        self.manager.wait_for(lambda lines: "STOPPING=1" in lines)
        self.assertIn("EXTEND_TIMEOUT_USEC=60000000", self.manager.lines())  # --drain, and fifty

    def test_it_is_silent_when_nobody_is_there(self):
        self.start()
        self.manager.socket.close()
        self.daemon.process.send_signal(signal.SIGHUP)
        self.assertEqual(self.daemon.add_site(SITE)["site"], SITE)
        self.daemon.stop()

    def test_the_watchdog_hears_nothing_of_a_process_that_is_stopped(self):
        self.start(WATCHDOG_USEC="1000000")
        self.manager.wait_for(lambda lines: lines.count("WATCHDOG=1") > 2)
        self.daemon.process.send_signal(signal.SIGSTOP)
        try:
            time.sleep(0.2)
            before = self.manager.pings()
            time.sleep(2)
            self.assertEqual(self.manager.pings(), before)
        finally:
            self.daemon.process.send_signal(signal.SIGCONT)
        self.manager.wait_for(lambda lines: lines.count("WATCHDOG=1") > before + 2)

    @unittest.skipUnless(shutil.which("strace"), "strace is not installed")
    def test_the_watchdog_hears_nothing_while_one_shard_is_stuck(self):
        self.start(WATCHDOG_USEC="1000000")
        self.manager.wait_for(lambda lines: lines.count("WATCHDOG=1") > 2)
        tasks = pathlib.Path(f"/proc/{self.daemon.process.pid}/task")
        shard = next(task.name for task in tasks.iterdir() if (task / "comm").read_text() == "shard-1\n")
        # From its next call on it stands still for a minute, or until strace ends.
        tracer = subprocess.Popen(["strace", "-qqq", "-o", "/dev/null", "-p", shard, "-e", "trace=epoll_wait", "-e", "inject=epoll_wait:delay_enter=60000000"])
        try:
            deadline, before = time.monotonic() + 30, -1
            while (now := self.manager.pings()) != before and time.monotonic() < deadline:
                before = now
                time.sleep(2)  # four times as long as between two
            self.assertEqual(now, before, "the watchdog was told all the time that all is well")
            said = self.daemon.admin("GET", "/livez", token=False)  # the control thread goes on
            self.assertEqual((said.status, said.text), (503, "shard-1 is stuck\n"))
            self.assertIsNone(tracer.poll())
        finally:
            tracer.terminate()
            tracer.wait()
        self.manager.wait_for(lambda lines: lines.count("WATCHDOG=1") > before + 2)
        self.assertEqual(self.daemon.admin("GET", "/livez", token=False).status, 200)
        self.daemon.stop()


if __name__ == "__main__":
    unittest.main(verbosity=2)
