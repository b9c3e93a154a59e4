# SPDX-License-Identifier: Apache-2.0
"""A machine of 256 MiB, as a memory cgroup has it. The kernel kills what takes more: that is a kill -9 like any other, nothing acknowledged
is lost. With limits that fit into it the daemon refuses instead, goes on counting, and is never killed. And where it is given no more
memory at all (RLIMIT_AS) it ends at once: nothing half done goes on.

In each, clients send batches that never end, beside hits at full speed; by default the bodies on their way may take as much as this machine
has (--body-memory-max). FOOTFALL_ROUNDS kills, 2 by default. Needs root, and a kernel that can make memory cgroups (version 1 or 2)."""
import contextlib
import json
import os
import pathlib
import resource
import signal
import socket
import sys
import tempfile
import threading
import time

from drill import BROWSER, SEED, SITE, SKIPPED, Books, Load, add_site, daemon, rounds

LIMIT = 256 << 20
BODIES, BODY = 32, 15 << 20  # of 16 MiB that one may have
MORE = 96 << 20  # less than the bodies, of address space
BODIES_MAX = 80 << 20  # 40 MiB a thread, the least
PAIRS_MAX, VISITORS = 20_000, 50_000
KILLED_MAX_S = 120  # until it was killed: it may have to read some 300 MB, on one core beside the load


class Group:
    """A memory cgroup with this limit below our own (version 1), or below the root (version 2)."""

    def __init__(self):
        mine = {line.split(":")[1]: line.strip().split(":")[2] for line in open("/proc/self/cgroup")}
        first = pathlib.Path("/sys/fs/cgroup/memory")
        if first.is_dir():
            within = first / mine.get("memory", "/").lstrip("/")
            above, self.limit, self.events = (within if within.is_dir() else first), "memory.limit_in_bytes", "memory.oom_control"
        else:
            above, self.limit, self.events = pathlib.Path("/sys/fs/cgroup"), "memory.max", "memory.events"
        try:
            self.at = pathlib.Path(tempfile.mkdtemp(prefix="footfall-drill-", dir=above))
            (self.at / self.limit).write_text(str(LIMIT))
        except OSError as error:
            with contextlib.suppress(AttributeError, OSError):
                self.at.rmdir()
            print(f"SKIPPED: no memory cgroup can be made here: {error}", flush=True)
            sys.exit(SKIPPED)
        with contextlib.suppress(OSError):  # what is swapped out is not gone; where there is no swap, nor is this
            (self.at / ("memory.memsw.limit_in_bytes" if first.is_dir() else "memory.swap.max")).write_text(str(LIMIT) if first.is_dir() else "0")

    def prefix(self):
        return ["sh", "-c", f'echo $$ > {self.at}/cgroup.procs && exec "$@"', "sh"]

    def kills(self):
        return int(dict(line.split() for line in (self.at / self.events).read_text().splitlines())["oom_kill"])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for _ in range(100):  # what was killed leaves it a little later
            with contextlib.suppress(OSError):
                return self.at.rmdir()
            time.sleep(0.1)
        raise AssertionError(f"{self.at} is not left")


class Bodies:
    """Batches that begin and never end. `refused` were answered; the others are held."""

    def __init__(self, node):
        self.node, self.refused, self.sent = node, [], 0
        self.lock, self.ended = threading.Lock(), threading.Event()
        self.threads = [threading.Thread(target=self.run) for _ in range(BODIES)]
        for thread in self.threads:
            thread.start()

    def run(self):
        head = (f"POST /v1/hits HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.node.token}\r\nContent-Type: application/x-ndjson\r\n"
                f"Content-Length: {BODY + 1}\r\n\r\n").encode()
        line = json.dumps({"site": SITE, "path": "/" + "x" * 900, "agent": BROWSER % 100, "address": "192.0.2.1"}).encode() + b"\n"
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.node.port), timeout=KILLED_MAX_S) as connection:
            with contextlib.suppress(ConnectionError):
                connection.sendall(head)
                for _ in range(BODY // len(line)):
                    connection.sendall(line)
            connection.settimeout(0.2)
            answer = b""
            while not self.ended.is_set():
                with contextlib.suppress(TimeoutError):
                    more = connection.recv(65536)
                    answer += more
                    if not more:
                        break
                    continue
                if answer:
                    break
            with self.lock:
                self.sent += 1
                if answer:
                    self.refused.append(answer.split(b"\r\n", 1)[0].decode())
                else:
                    return

    def end(self):
        self.ended.set()
        for thread in self.threads:
            thread.join()


def until_it_is_gone(node, seed, books):
    """What it ended with, behind hits at full speed and bodies. It is started anew, as a service manager does; how long that took."""
    load = Load(node, seed)
    bodies = Bodies(node)
    code = node.process.wait(KILLED_MAX_S)
    bodies.end()
    truth = load.truth()
    node.log.close()
    assert truth["gone"]
    books.add(truth)
    begin = time.monotonic()
    node.start()
    took = time.monotonic() - begin
    books.settle(node)
    return code, took


@contextlib.contextmanager
def confined(*options):
    """A node that runs within a group, and the group."""
    with Group() as group, contextlib.closing(daemon("--threads", "2", "--checkpoint-interval", "5", *options)) as node:
        node.prefix = group.prefix()
        node.start()
        add_site(node)
        yield node, group


def killed(count):
    books, slowest = Books(), 0
    with confined() as (node, group):
        for number in range(count):
            before = group.kills()
            code, took = until_it_is_gone(node, SEED + number, books)
            assert code == -signal.SIGKILL and group.kills() > before, f"it ended with {code}, not by the kernel:\n{node.log_text()[-3000:]}"
            slowest = max(slowest, took)
        node.stop()
    print(f"killed {count} times by the kernel at {LIMIT >> 20} MiB: {books.figures()}; started within {slowest:.2f} s", flush=True)


def refused_memory():
    """The kernel kills nobody, it gives no more: the process ends by itself, at once."""
    books = Books()
    with daemon("--threads", "2", "--checkpoint-interval", "5") as node:
        add_site(node)
        size = next(int(line.split()[1]) << 10 for line in open(f"/proc/{node.process.pid}/status") if line.startswith("VmSize:"))
        resource.prlimit(node.process.pid, resource.RLIMIT_AS, (size + MORE, size + MORE))
        resource.prlimit(node.process.pid, resource.RLIMIT_CORE, (0, 0))
        code, _ = until_it_is_gone(node, SEED, books)
        assert code == -signal.SIGABRT, code
        node.stop()
    print(f"with {MORE >> 20} MiB more of address space it ended by SIGABRT: {books.figures()}", flush=True)


def refuses():
    books = Books()
    limits = ("--body-memory-max", str(BODIES_MAX), "--online-pairs-max", str(PAIRS_MAX))
    with confined(*limits) as (node, group), contextlib.ExitStack() as stack:
        load = Load(node, SEED, visitors=VISITORS)
        stack.callback(load.process.kill)
        bodies = Bodies(node)
        stack.callback(bodies.end)
        most, metrics = 0, {}
        deadline = time.monotonic() + KILLED_MAX_S
        while not (metrics.get("footfall_presence_full_total", 0) > 0 and metrics['footfall_http_parse_errors_total{reason="no_room"}'] >= BODIES // 2):
            assert time.monotonic() < deadline and node.process.poll() is None, f"nothing was refused: {metrics}\n{node.log_text()[-3000:]}"
            time.sleep(0.1)
            metrics = node.metrics()
            most = max(most, metrics["footfall_http_body_bytes"])
        load.stop()
        truth = load.truth()
        resident = node.metrics()["process_resident_memory_bytes"]
        bodies.end()
        assert truth["refused"] == 0 and not truth["gone"], "hits were refused for bodies of others"
        assert bodies.refused and all(status.startswith("HTTP/1.1 503 ") for status in bodies.refused), bodies.refused
        assert most <= BODIES_MAX + BODIES * (64 << 10), f"bodies took up {most} bytes"
        books.add(truth)
        books.settle(node)
        while node.metrics()["footfall_http_body_bytes"] > 0:  # until it has seen that they left
            assert time.monotonic() < deadline, "what bodies took up is not free"
            time.sleep(0.1)
        item = json.dumps({"site": SITE, "path": "/after", "agent": BROWSER % 100, "address": "192.0.2.1"}) + "\n"
        answer = node.request("POST", "/v1/hits", item, Content_Type="application/x-ndjson", Authorization=f"Bearer {node.token}")
        assert (answer.status, answer.json["accepted"]) == (200, 1), answer.text
        assert group.kills() == 0
        node.stop()
    print(f"with limits that fit: {len(bodies.refused)} of {BODIES} bodies refused, the others took up {most / 1048576:.0f} MiB of {BODIES_MAX >> 20}; "
          f"{metrics['footfall_presence_full_total']:.0f} hits beyond --online-pairs-max; {resident / 1048576:.0f} MiB resident; {books.figures()}", flush=True)


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("SKIPPED: a memory cgroup needs root", flush=True)
        sys.exit(SKIPPED)
    killed(rounds(2))
    refused_memory()
    refuses()
