# SPDX-License-Identifier: Apache-2.0
"""A footfalld of the test's own, on free loopback ports and a directory that goes with it; and raw HTTP to it."""
import contextlib
import http.client
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("FOOTFALL_BUILD", ROOT / "build" / "release"))
SAMPLES = pathlib.Path(os.environ.get("FOOTFALL_SAMPLES", ROOT.parent / "shared" / "data"))
BROWSER = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%d.0.0.0 Safari/537.36"
SKIPPED = 77  # the exit code that ctest counts as a skip


def cached(name):
    """Of how the binaries here were configured; "" for what was not."""
    found = re.search(rf"(?m)^{name}:\w+=(.*)$", (BUILD / "CMakeCache.txt").read_text())
    return found[1] if found else ""


_ports = []  # what this process has: a socket each, by whose name other tests see that the port is taken


def free_port(kind=socket.SOCK_STREAM):
    """This process's alone until it ends. Below the ports that the kernel gives to connections: between the choice and the
    listening, and between a stop and a start, one of those would take it. From 22,000 on are the second ports of a Redis Cluster."""
    while True:
        port = random.SystemRandom().randrange(12_000, 22_000)
        name = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            name.bind(f"\0footfall-test-port-{port}")
            with socket.socket(socket.AF_INET, kind) as s:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                s.bind(("127.0.0.1", port))
        except OSError:
            name.close()
            continue
        _ports.append(name)
        return port


def at_once(count, work):
    """work(0), work(1) ..., each in a thread of its own, until all are done."""
    threads = [threading.Thread(target=work, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


class Answer:
    def __init__(self, status, fields, body):
        self.status, self.fields, self.body = status, fields, body

    @property
    def text(self):
        return self.body.decode()

    @property
    def json(self):
        return json.loads(self.body)


def copy_directory(of, to):
    """A data directory, of a daemon that may be running: its socket is none to be copied."""
    shutil.copytree(of, to, ignore=shutil.ignore_patterns("take-over"))


def exchange(connection, method, target, body, fields):
    """One request and its answer; the connection ends with it. fields: with _ for -."""
    try:
        connection.request(method, target, body, {k.replace("_", "-"): v for k, v in fields.items()})
        answer = connection.getresponse()
        return Answer(answer.status, answer.headers, answer.read())
    finally:
        connection.close()


class Daemon:
    def __init__(self, *options, directory=None):
        self.own_directory = directory is None
        self.directory = pathlib.Path(directory or tempfile.mkdtemp(prefix="footfall-test-"))
        self.options = list(options)
        self.prefix, self.environment = [], None  # of the command: strace, faketime
        self.descriptors = ()  # that it inherits
        self.listens = True  # on ports of its own
        self.binary = BUILD / "footfalld"
        self.port, self.admin_port = free_port(), free_port()
        self.process = self.log = None
        self.errors = None  # a descriptor that gets its standard error instead of the log
        self.start_s_max = 30

    def start(self, *more, ready="/readyz"):
        self.log = open(self.directory.parent / (self.directory.name + ".log"), "ab")
        listeners = ["--listen", f"127.0.0.1:{self.port}", "--admin", f"127.0.0.1:{self.admin_port}"] if self.listens else []
        self.command = [*self.prefix, str(self.binary), "--data-dir", str(self.directory), *listeners, *self.options, *more]
        self.process = subprocess.Popen(self.command, stderr=self.errors or self.log, stdout=self.log, env=self.environment, pass_fds=self.descriptors)
        return self.wait_until(ready)

    def wait_until(self, ready):
        deadline = time.monotonic() + self.start_s_max
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"footfalld ended with {self.process.returncode}:\n{self.log_text()}")
            with contextlib.suppress(OSError):
                if self.admin("GET", ready, token=False).status == 200:
                    return self
            time.sleep(0.02)
        raise AssertionError(f"footfalld did not become ready:\n{self.log_text()}")

    def successor(self, *more):
        """Another process of the same command, which takes over, or fails to."""
        return subprocess.Popen([*self.command, *more], stderr=self.errors or self.log, stdout=self.log, env={**(self.environment or os.environ), "FOOTFALL_TAKE_OVER": "true"})

    def take_over(self, *more):
        """By a successor, which is the process from then on."""
        before, self.process = self.process, self.successor(*more)
        deadline = time.monotonic() + self.start_s_max
        while before.poll() is None:
            if self.process.poll() is not None or time.monotonic() > deadline:
                failed, self.process = self.process.poll(), before
                raise AssertionError(f"nobody took over (the successor ended with {failed}):\n{self.log_text()}")
            time.sleep(0.01)
        if before.returncode != 0:
            raise AssertionError(f"the process before ended with {before.returncode}:\n{self.log_text()}")
        return self.wait_until("/readyz")

    def log_text(self):
        return pathlib.Path(self.log.name).read_text()

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        code = self.process.wait(30)
        self.log.close()
        if how == signal.SIGTERM and code != 0:
            raise AssertionError(f"footfalld ended with {code}:\n{self.log_text()}")
        return code

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.log:
            with contextlib.suppress(OSError):
                self.log.close()
                os.unlink(self.log.name)
        if self.own_directory:
            shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.close()

    @property
    def token(self):
        return (self.directory / "admin-token").read_text().strip()

    def request(self, method, target, body=None, port=None, **fields):
        return exchange(http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=20), method, target, body, fields)

    def get(self, target, **fields):
        return self.request("GET", target, **fields)

    def admin(self, method, target, body=None, token=True, **fields):
        if token:
            fields["Authorization"] = f"Bearer {self.token}"
        data = None if body is None else json.dumps(body)
        return self.request(method, target, data, port=self.admin_port, **fields)

    def add_site(self, name, **settings):
        answer = self.admin("POST", "/v1/admin/sites", {"name": name, **settings})
        assert answer.status in (200, 201), answer.text
        return answer.json

    def hit(self, site, path="/", visitor=0, **keys):
        """One pageview of a visitor told apart by address and agent."""
        query = "&".join([f"site={site}", f"path={path}"] + [f"{k}={v}" for k, v in keys.items()])
        return self.get(f"/hit?{query}", User_Agent=BROWSER % (100 + visitor % 7), X_Forwarded_For=f"10.1.{visitor >> 8}.{visitor & 255}")

    def stats(self, site, path=None):
        query = f"?path={path}" if path else ""
        answer = self.get(f"/v1/sites/{site}/stats{query}", Authorization=f"Bearer {self.token}")
        assert answer.status == 200, answer.text
        return answer.json

    def pages(self, site):
        answer = self.get(f"/v1/sites/{site}/pages?limit=10000", Authorization=f"Bearer {self.token}")
        assert answer.status == 200, answer.text
        return answer.json

    def metrics(self):
        """name{labels} -> value"""
        out = {}
        for line in self.admin("GET", "/metrics").text.splitlines():
            if line and not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                out[name] = float(value)
        return out

    def raw(self, data, wait=5):
        """Sends bytes as they are, and gives what comes until the other side closes or `wait` seconds pass."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=wait) as s:
            s.sendall(data)
            out = b""
            with contextlib.suppress(TimeoutError, ConnectionResetError):
                while chunk := s.recv(65536):
                    out += chunk
            return out
