# SPDX-License-Identifier: Apache-2.0
"""One of three nodes cannot reach Redis for a while: nothing passes either way, or Redis gets what it says and the answers are lost.
Or none can: Redis is stopped. Meanwhile all three take hits. Within 5 s each shows what all acknowledged, and within 2 s who is online with any.

Redis is a host of its own, a network namespace with a cable to each node: so it needs root. FOOTFALL_PAUSE is how long it lasts (8 s),
FOOTFALL_ROUNDS how often."""
import os
import shutil
import subprocess
import sys
import time

from drill import SITE, SKIPPED, daemon, rounds
from nodes_drill import Trio
from redis_server import Redis, until
from steady import Steady

PAUSE_S = int(os.environ.get("FOOTFALL_PAUSE", 8))
NAMES = "abc"


def skip(why):
    print(f"SKIPPED: {why}", flush=True)
    sys.exit(SKIPPED)


def enter_own_network():
    """The addresses that are made here are seen nowhere else, and go with the drill."""
    if "FOOTFALL_OWN_NETWORK" not in os.environ:
        if os.geteuid() != 0:
            skip("a network of its own needs root")
        for program in ("ip", "unshare", "nsenter", "redis-server"):
            if shutil.which(program) is None:
                skip(f"there is no {program} here (Debian: iproute2, util-linux, redis-server)")
        if refused := subprocess.run(["unshare", "--net", "true"], capture_output=True, text=True).stderr.strip():
            skip(f"a network of its own is refused here: {refused}")
        os.environ["FOOTFALL_OWN_NETWORK"] = "1"
        os.execvp("unshare", ["unshare", "--net", sys.executable, __file__, *sys.argv[1:]])
    ip("link", "set", "lo", "up")


def ip(*words, on=()):
    done = subprocess.run([*on, "ip", *words], capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(f"ip {' '.join(words)}: {done.stderr.strip()}")


class Host:
    """A network namespace with a cable to each node: our end is node-NAME, its own redis-NAME."""

    def __init__(self):
        self.process = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        ours = os.readlink("/proc/self/ns/net")
        until(lambda: os.readlink(f"/proc/{self.process.pid}/ns/net") != ours, "there is no second network")
        self.enter = ["nsenter", "--target", str(self.process.pid), "--net"]
        try:
            ip("link", "set", "lo", "up", on=self.enter)
            for name in NAMES:
                ip("link", "add", f"node-{name}", "type", "veth", "peer", "name", f"redis-{name}", "netns", str(self.process.pid))
                ip("address", "add", self.address(name, 1) + "/30", "dev", f"node-{name}")
                ip("link", "set", f"node-{name}", "up")
                ip("address", "add", self.address(name, 2) + "/30", "dev", f"redis-{name}", on=self.enter)
                ip("link", "set", f"redis-{name}", "up", on=self.enter)
        except BaseException:
            self.close()
            raise

    @staticmethod
    def address(name, end):
        return f"192.0.2.{4 * NAMES.index(name) + end}"  # for documentation: nobody's

    def close(self):
        self.process.kill()
        self.process.wait()


class FarRedis(Redis):
    def __init__(self, host):
        self.prefix = host.enter
        super().__init__("--bind", "0.0.0.0", "--protected-mode", "no")


class FarTrio(Trio):
    def node(self, name):
        uri = f"redis://{Host.address(name, 2)}:{self.redis.port}"
        return daemon("--redis", uri, "--node", name, "--cluster-key", self.key.name, "--threads", "1", "--snapshot-interval", "0").start()

    def cut_off(self, what, cut, heal, scopes=("cluster", "cluster", "node")):
        for node in self.nodes:
            until(lambda node=node: node.stats(SITE)["scope"] == "cluster", "who is online is not counted together")
        with Steady(self.nodes, self.seed, self.visitors) as steady:
            self.seed += len(self.nodes)
            time.sleep(1)
            cut()
            begin = time.monotonic()
            time.sleep(PAUSE_S)
            until(lambda: [node.stats(SITE)["scope"] for node in self.nodes] == list(scopes), "who is cut off?")
        heal()
        healed = time.monotonic()
        steady.settle(self.books, "/steady")
        self.visitors |= steady.visitors
        print(f"{what} for {healed - begin:.0f} s: {steady.acknowledged} hits meanwhile, {steady.reads} reads held to them", flush=True)
        self.agree(f"{what}, healed", healed)
        for node in self.nodes:
            assert node.metrics()["footfall_replication_losses_total"] == 0, "Redis had lost nothing"


if __name__ == "__main__":
    enter_own_network()
    count = rounds(1)
    host = Host()
    try:
        redis = FarRedis(host)
        try:
            trio = FarTrio(redis)
            try:
                for _ in range(count):
                    trio.cut_off("nothing passes",
                                 lambda: ip("link", "set", "redis-c", "down", on=host.enter),
                                 lambda: ip("link", "set", "redis-c", "up", on=host.enter))
                    trio.cut_off("answers are lost",
                                 lambda: ip("route", "add", "blackhole", Host.address("c", 1) + "/32", on=host.enter),
                                 lambda: ip("route", "del", "blackhole", Host.address("c", 1) + "/32", on=host.enter))
                    trio.cut_off("Redis is stopped", redis.pause, redis.go_on, ("node",) * 3)
                trio.limits.settle()
            finally:
                trio.close()
        finally:
            redis.close()
    finally:
        host.close()
