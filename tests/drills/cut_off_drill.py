# SPDX-License-Identifier: Apache-2.0
"""One of three nodes cannot reach Redis for a while: nothing passes either way, or Redis gets what it says and the answers are lost.
Or none can: Redis is stopped. Meanwhile all three take hits. Within 5 s each shows what all acknowledged, and within 2 s who is online with any.

Redis is a host of its own, a network namespace with a cable to each node: so it needs root. FOOTFALL_PAUSE is how long it lasts (8 s),
FOOTFALL_ROUNDS how often."""
import os
import time

from drill import SITE, daemon, rounds
from nodes_drill import Trio
from own_network import Host, enter_own_network, ip
from redis_server import Redis, until
from steady import Steady

PAUSE_S = int(os.environ.get("FOOTFALL_PAUSE", 8))
NAMES = "abc"


class FarRedis(Redis):
    def __init__(self, host):
        self.prefix, self.host = host.enter, host
        super().__init__("--bind", "0.0.0.0", "--protected-mode", "no")


class FarTrio(Trio):
    def node(self, name):
        uri = f"redis://{self.redis.host.far(name)}:{self.redis.port}"
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
            cut_off = [scope == "node" for scope in scopes]
            until(lambda: [node.metrics()["footfall_redis_up"] == 0 for node in self.nodes] == cut_off, "footfall_redis_up must show it")
        heal()
        healed = time.monotonic()
        steady.settle(self.books, "/steady")
        self.visitors |= steady.visitors
        print(f"{what} for {healed - begin:.0f} s: {steady.acknowledged} hits meanwhile, {steady.reads} reads held to them", flush=True)
        self.agree(f"{what}, healed", healed)
        for node in self.nodes:
            assert node.metrics()["footfall_replication_losses_total"] == 0, "Redis had lost nothing"


if __name__ == "__main__":
    enter_own_network(("redis-server", "redis-server"))
    count = rounds(1)
    host = Host(NAMES)
    try:
        redis = FarRedis(host)
        try:
            trio = FarTrio(redis)
            try:
                for _ in range(count):
                    trio.cut_off("nothing passes", lambda: host.cut("c"), lambda: host.heal("c"))
                    trio.cut_off("answers are lost",
                                 lambda: ip("route", "add", "blackhole", host.near("c") + "/32", on=host.enter),
                                 lambda: ip("route", "del", "blackhole", host.near("c") + "/32", on=host.enter))
                    trio.cut_off("Redis is stopped", redis.pause, redis.go_on, ("node",) * 3)
                trio.limits.settle()
            finally:
                trio.close()
        finally:
            redis.close()
    finally:
        host.close()
