# SPDX-License-Identifier: Apache-2.0
"""Three nodes whose clocks differ: by five minutes and by a day, one behind and one ahead of Redis. Totals are exact, a reset on the node
that is ahead and its undo on the one behind are the same everywhere, and who is online is so until the second that Redis's clock says.

The nodes' wall clocks are wrong by wrong_clock.cc; Redis's and the drill's are the machine's."""
import os
import shutil
import sys
import time

from drill import BUILD, SEED, SITE, SKIPPED, daemon, rounds
from nodes_drill import Trio
from redis_server import Redis, footfall, until
from steady import Steady

WINDOW_S = 15


class SkewedTrio(Trio):
    def __init__(self, redis, skew_s):
        self.skew_s = dict(zip("abc", (-skew_s, 0, skew_s)))
        super().__init__(redis)
        # Noon on the site: no node's day ends meanwhile, so that a visitor is one (where the clocks differ by minutes).
        hour = time.gmtime().tm_hour
        zone = f"Etc/GMT{hour - 12:+d}" if hour != 12 else "UTC"
        self.set(timezone=zone, window_s=3600)

    def node(self, name):
        node = daemon("--redis", self.redis.uri, "--node", name, "--cluster-key", self.key.name, "--threads", "1", "--snapshot-interval", "0")
        node.environment = {**os.environ, "LD_PRELOAD": str(BUILD / "libwrong_clock.so"), "WRONG_CLOCK_S": str(self.skew_s[name])}
        return node.start()

    def set(self, **settings):
        answer = self.nodes[0].admin("PUT", f"/v1/admin/sites/{SITE}", settings)
        assert answer.status == 200, answer.text
        until(lambda: all(s[name] == value for s in self.stats() for name, value in settings.items() if name in s), "a setting did not reach a node")

    def load(self, seconds):
        # Salts are of a day: where the nodes' days differ, a visitor of two of them is two.
        with Steady(self.nodes, self.seed, self.visitors, apart=self.skew_s["c"] > 12 * 3600) as steady:
            self.seed += len(self.nodes)
            time.sleep(seconds)
        self.last_hit_s, self.over = time.time(), time.monotonic()
        steady.settle(self.books, "/steady")
        self.visitors |= steady.visitors
        return steady

    def online(self, want):
        until(lambda: [(s["online"], s["scope"]) for s in self.stats()] == [(want, "cluster")] * 3,
              lambda: f"online {[(s['online'], s['scope']) for s in self.stats()]} where {want} visitors were")


def skewed(trio):
    skew_s = trio.skew_s["c"]
    trio.load(4)
    trio.agree(f"clocks {skew_s} s behind and ahead", trio.over)

    before = trio.books.total()
    reset = footfall(trio.nodes[2], "reset", SITE, "--wait", "20")
    assert all(node["adopted"] for node in reset["nodes"]) and len(reset["nodes"]) == 3, reset
    since = trio.load(2).acknowledged
    assert trio.books.in_epoch(2) == since, f"{trio.books.epochs} where {since} were acknowledged since the reset"
    trio.agree("reset by the node that is ahead", trio.over, want=since)
    footfall(trio.nodes[0], "undo", reset["id"])
    trio.agree("undone by the node that is behind")
    assert trio.books.total() == before + since

    # A window that ends while we look: by Redis's clock, whatever the node's is.
    trio.set(window_s=WINDOW_S)
    trio.online(0)
    load_s, late_s = 2, 2  # answers may be so old
    visitors, stayed = len(trio.load(load_s).visitors), 0
    while True:
        begin_s, stats = time.time(), trio.stats()
        seen = [s["online"] for s in stats]
        if seen == [0] * 3:
            break
        together = all(s["scope"] == "cluster" for s in stats)
        if together and begin_s > trio.last_hit_s + late_s + 1 and time.time() < trio.last_hit_s + WINDOW_S - load_s - late_s - 1:
            assert seen == [visitors] * 3, f"{seen} of {visitors} are online {begin_s - trio.last_hit_s:.1f} s after the last hit"
            stayed += 1
        assert begin_s < trio.last_hit_s + WINDOW_S + 60, f"{seen} are online {begin_s - trio.last_hit_s:.1f} s after the last hit"
        time.sleep(0.2)
    assert stayed > 0
    print(f"{visitors} online by Redis's clock until {begin_s - trio.last_hit_s:.1f} s after the last hit, in a window of {WINDOW_S} s", flush=True)
    trio.agree("all have gone", online=0)
    for name, node in zip("abc", trio.nodes):
        metrics = node.metrics()
        assert metrics["footfall_replication_losses_total"] == 0, f"{name}: a mark was disturbed"
        assert metrics["footfall_replication_unreadable_total"] == 0
        ahead_s = metrics["footfall_redis_clock_ahead_seconds"]
        assert abs(ahead_s + trio.skew_s[name]) < 2, f"{name}: Redis is {ahead_s} s ahead"


if __name__ == "__main__":
    count = rounds(1)
    if shutil.which("redis-server") is None:
        print("SKIPPED: there is no redis-server here (Debian: redis-server)", flush=True)
        sys.exit(SKIPPED)
    for _ in range(count):
        for skew_s in (300, 86_400):
            redis = Redis()
            try:
                trio = SkewedTrio(redis, skew_s)
                trio.seed = SEED
                try:
                    skewed(trio)
                    trio.limits.settle()
                finally:
                    trio.close()
            finally:
                redis.close()
