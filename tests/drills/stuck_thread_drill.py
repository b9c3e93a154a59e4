# SPDX-License-Identifier: Apache-2.0
"""A thread of the daemon stands still, as in a loop without end.

    a shard      /livez names it and /readyz is 503, the service manager hears no WATCHDOG=1; the other shard counts on
    control      the service manager hears nothing, and nobody answers /livez; the shards count on
    sync         what waits for the disk is not answered, and footfall_unsynced_hits tells
    the others   all at once: hits are counted and answered, the manager hears that all is well

Let go, it goes on, with nothing lost. And a manager that ends the daemon (SIGABRT) when its time has passed, and starts it anew, is a
kill -9 like any other. FOOTFALL_ROUNDS such ends, 2 by default, of a shard and of control in turn. A thread is held by ptrace."""
import contextlib
import ctypes
import os
import pathlib
import resource
import select
import signal
import sys
import threading
import time

from drill import BROWSER, SEED, SITE, SKIPPED, Books, Connection, Load, add_site, daemon, rounds
from service_test import Manager

WITHIN_S = 2  # of the manager; WatchdogSec= is 10
CONNECTIONS = 16
OTHERS = ("footfalld", "log", "history", "checkpointer", "take-over")
PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 17, 0x4206, 0x4207
WALL = 0x40000000  # of waitpid: threads too

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long


def ptrace(request, thread):
    if libc.ptrace(request, thread, None, None) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


class Held:
    """This thread of the daemon does not run. Ends with the process, too."""

    def __init__(self, node, name):
        tasks = pathlib.Path(f"/proc/{node.process.pid}/task").iterdir()
        self.thread = min(int(task.name) for task in tasks if (task / "comm").read_text().strip() == name)

    def __enter__(self):
        try:
            ptrace(PTRACE_SEIZE, self.thread)
        except PermissionError as error:
            print(f"SKIPPED: ptrace is refused here: {error}", flush=True)
            sys.exit(SKIPPED)
        ptrace(PTRACE_INTERRUPT, self.thread)
        _, status = os.waitpid(self.thread, WALL)
        assert os.WIFSTOPPED(status), status
        return self

    def __exit__(self, *_):
        with contextlib.suppress(ProcessLookupError):  # it was killed meanwhile
            ptrace(PTRACE_DETACH, self.thread)


class Clients:
    """A hit on each connection at a time; of whom has an answer to come nothing more is sent."""

    def __init__(self, node, books, stack):
        self.books = books
        self.connections = [stack.enter_context(Connection(node)) for _ in range(CONNECTIONS)]
        self.waiting = set()

    def send(self):
        for connection in self.connections:
            if connection not in self.waiting:
                connection.socket.sendall(f"GET /hit?site={SITE}&path=/held HTTP/1.1\r\nHost: x\r\nUser-Agent: {BROWSER % 120}\r\n\r\n".encode())
                self.books.sent["/held"] += 1
                self.waiting.add(connection)

    def hear(self, enough):
        """Until enough() is; answers of `waiting` are taken meanwhile, each 204."""
        deadline = time.monotonic() + 30
        while not enough():
            assert time.monotonic() < deadline, f"{len(self.waiting)} of {CONNECTIONS} have no answer"
            readable, _, _ = select.select([connection.socket for connection in self.waiting], [], [], 0.05)
            for connection in [connection for connection in self.waiting if connection.socket in readable]:
                answer = connection.answer()
                assert answer is not None and answer.status == 204, answer
                self.books.acknowledged["/held"] += 1
                self.waiting.remove(connection)

    def all_answered(self):
        self.send()
        self.hear(lambda: not self.waiting)


def livez(node):
    answer = node.admin("GET", "/livez", token=False)
    return answer.status, answer.text


class Ask(threading.Thread):
    """/livez, of whom may not answer for long."""

    def __init__(self, node):
        super().__init__()
        self.node, self.answer = node, None
        self.start()

    def run(self):
        self.answer = livez(self.node)


class Watched:
    def __init__(self, stack):
        self.manager, self.books = Manager(), Books()
        self.node = daemon("--threads", "2", "--checkpoint-interval", "1")
        stack.callback(self.node.close)
        self.node.environment = self.manager.environment(WATCHDOG_USEC=str(WITHIN_S * 1_000_000))
        self.start()
        add_site(self.node)

    def start(self):
        self.node.start()
        resource.prlimit(self.node.process.pid, resource.RLIMIT_CORE, (0, 0))

    def goes_on(self):
        """The manager is told so, more than what was on its way."""
        before = self.manager.pings()
        self.manager.wait_for(lambda lines: lines.count("WATCHDOG=1") > before + 1)

    def runs_out(self):
        """Waits until the manager's time has passed; how long that took."""
        begin = last = time.monotonic()
        told = self.manager.pings()
        while time.monotonic() - last < WITHIN_S:
            assert time.monotonic() - begin < 30, "the manager was told all the time that all is well"
            time.sleep(0.02)
            if self.manager.pings() != told:
                told, last = self.manager.pings(), time.monotonic()
        return time.monotonic() - begin

    # ---- One thread after the other

    def shard(self, clients):
        clients.all_answered()
        with Held(self.node, "shard-1"):
            begin, told = time.monotonic(), self.manager.pings()
            clients.send()
            clients.hear(lambda: livez(self.node)[0] != 200)
            noticed = time.monotonic() - begin
            assert livez(self.node) == (503, "shard-1 is stuck\n"), livez(self.node)
            assert self.node.admin("GET", "/readyz", token=False).status == 503
            assert self.node.metrics()["footfall_ready"] == 0, "footfall_ready must show it"
            assert self.manager.pings() <= told + 1, "the manager is told that all is well"
            assert 0 < len(clients.waiting) < CONNECTIONS, "one shard is held, and the other counts on"
        clients.hear(lambda: not clients.waiting)
        self.goes_on()
        assert livez(self.node)[0] == 200
        assert self.node.admin("GET", "/readyz", token=False).status == 200
        return f"shard-1 (/livez said so after {noticed:.1f} s)"

    def control(self, clients):
        with Held(self.node, "control"):
            asked = Ask(self.node)
            self.runs_out()
            clients.all_answered()
            assert asked.answer is None, asked.answer
        asked.join()
        assert asked.answer == (200, "ok\n"), asked.answer
        self.goes_on()
        return "control"

    def sync(self, clients):
        with Held(self.node, "sync"):
            clients.send()
            clients.hear(lambda: 0 < len(clients.waiting) < CONNECTIONS)
            self.goes_on()
            clients.hear(lambda: self.node.metrics()["footfall_unsynced_hits"] == len(clients.waiting) > 0)
            assert livez(self.node)[0] == 200
        clients.hear(lambda: not clients.waiting)
        return "sync"

    def others(self, clients):
        with contextlib.ExitStack() as held:
            for name in OTHERS:
                held.enter_context(Held(self.node, name))
            self.goes_on()
            for _ in range(3):
                clients.all_answered()
            assert livez(self.node)[0] == 200
        return ", ".join(OTHERS)

    def held(self):
        with contextlib.ExitStack() as stack:
            clients = Clients(self.node, self.books, stack)
            done = [part(clients) for part in (self.shard, self.control, self.sync, self.others)]
            clients.all_answered()
        threads = {(task / "comm").read_text().strip() for task in pathlib.Path(f"/proc/{self.node.process.pid}/task").iterdir()}
        assert threads == {"shard-0", "shard-1", "control", "sync", *OTHERS}, f"not all were held: {threads}"
        self.books.settle(self.node)
        assert self.books.attempted() == self.books.total()
        print(f"held and let go: {'; '.join(done)}: {self.books.figures()}", flush=True)

    # ---- Ended by the manager

    def ended(self, count):
        slowest = 0
        for number in range(count):
            load = Load(self.node, SEED + number)
            try:
                with Held(self.node, ("shard-1", "control")[number % 2]) as held:
                    slowest = max(slowest, self.runs_out())
                    self.node.process.send_signal(signal.SIGABRT)
                    os.waitpid(held.thread, WALL)
                    assert self.node.process.wait(30) == -signal.SIGABRT
            finally:
                load.stop()
            self.node.log.close()
            truth = load.truth()
            assert truth["gone"] and truth["acknowledged"] > 0
            self.books.add(truth)
            self.start()
            self.books.settle(self.node)
            self.goes_on()
        self.node.stop()
        print(f"ended by the manager {count} times, after {slowest:.1f} s at most of {WITHIN_S}: {self.books.figures()}", flush=True)


if __name__ == "__main__":
    with contextlib.ExitStack() as ends:
        watched = Watched(ends)
        count = rounds(2)
        watched.held()
        watched.ended(count)
