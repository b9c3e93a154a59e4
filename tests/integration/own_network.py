# SPDX-License-Identifier: Apache-2.0
"""A network of the test's own, and hosts beside it by cables that can be cut. What is made here is seen nowhere else, and goes with
the test. Root alone may make one; where that is refused the test says so and is skipped."""
import os
import shutil
import subprocess
import sys

from footfall import SKIPPED
from redis_server import until


def skip(why):
    print(f"SKIPPED: {why}", flush=True)
    sys.exit(SKIPPED)


def enter_own_network(*programs):
    """Begins the program anew in it, with loopback up. `programs`: what else the test needs, with Debian's package for it."""
    if "FOOTFALL_OWN_NETWORK" not in os.environ:
        if os.geteuid() != 0:
            skip("a network of its own needs root")
        for program, package in (("ip", "iproute2"), ("unshare", "util-linux"), ("nsenter", "util-linux"), *programs):
            if shutil.which(program) is None:
                skip(f"there is no {program} here (Debian: {package})")
        if refused := subprocess.run(["unshare", "--net", "true"], capture_output=True, text=True).stderr.strip():
            skip(f"a network of its own is refused here: {refused}")
        os.environ["FOOTFALL_OWN_NETWORK"] = "1"
        os.execvp("unshare", ["unshare", "--net", sys.executable, os.path.abspath(sys.argv[0]), *sys.argv[1:]])
    ip("link", "set", "lo", "up")


def ip(*words, on=()):
    done = subprocess.run([*on, "ip", *words], capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(f"ip {' '.join(words)}: {done.stderr.strip()}")


class Host:
    """A network namespace with a cable of each name to ours: our end is near-NAME, its own far-NAME. `enter` before a command runs it there."""

    def __init__(self, names):
        self.names = list(names)
        self.process = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        try:
            ours = os.readlink("/proc/self/ns/net")
            until(lambda: os.readlink(f"/proc/{self.process.pid}/ns/net") != ours, "there is no second network")
            self.enter = ["nsenter", "--target", str(self.process.pid), "--net"]
            ip("link", "set", "lo", "up", on=self.enter)
            for name in self.names:
                ip("link", "add", f"near-{name}", "type", "veth", "peer", "name", f"far-{name}", "netns", str(self.process.pid))
                ip("address", "add", self.near(name) + "/30", "dev", f"near-{name}")
                ip("link", "set", f"near-{name}", "up")
                ip("address", "add", self.far(name) + "/30", "dev", f"far-{name}", on=self.enter)
                ip("link", "set", f"far-{name}", "up", on=self.enter)
        except BaseException:
            self.close()
            raise

    def near(self, name):
        return f"192.0.2.{4 * self.names.index(name) + 1}"  # for documentation: nobody's

    def far(self, name):
        return f"192.0.2.{4 * self.names.index(name) + 2}"

    def cut(self, name):
        ip("link", "set", f"far-{name}", "down", on=self.enter)

    def heal(self, name):
        ip("link", "set", f"far-{name}", "up", on=self.enter)

    def close(self):
        self.process.kill()
        self.process.wait()
