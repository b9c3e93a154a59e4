# SPDX-License-Identifier: Apache-2.0
"""A real redis-server of the test's own, and the footfall command against a daemon of the test's."""
import json
import shutil
import subprocess
import tempfile
import time

from footfall import BUILD, free_port


class Redis:
    def __init__(self, *options):
        self.port, self.directory, self.options = free_port(), tempfile.mkdtemp(prefix="footfall-redis-"), options
        self.start()

    def start(self):
        self.process = subprocess.Popen(["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "yes",
                                         "--dir", self.directory, *self.options], stdout=subprocess.DEVNULL)
        for _ in range(500):
            if self.run("PING") == "PONG":
                return
            time.sleep(0.02)
        raise AssertionError("redis-server does not answer")

    def run(self, *words):
        return subprocess.run(["redis-cli", "-p", str(self.port), *words], capture_output=True, text=True, timeout=20).stdout.strip()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def close(self):
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    @property
    def uri(self):
        return f"redis://127.0.0.1:{self.port}"


def footfall(daemon, *words, code=0):
    ran = subprocess.run([str(BUILD / "footfall"), *words, "--json", "--admin", f"http://127.0.0.1:{daemon.admin_port}", "--token-file",
                          str(daemon.directory / "admin-token")], capture_output=True, text=True, timeout=60)
    assert ran.returncode == code, f"footfall {words} ended with {ran.returncode}:\n{ran.stdout}{ran.stderr}"
    return json.loads(ran.stdout) if code == 0 else ran.stderr


def until(what, why):
    for _ in range(600):
        if what():
            return
        time.sleep(0.05)
    raise AssertionError(why() if callable(why) else why)
