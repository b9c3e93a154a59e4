# SPDX-License-Identifier: Apache-2.0
"""Three nodes count one site under load while their Redis is treated badly, or while copies of their directories begin; afterwards each
shows what all acknowledged.

FOOTFALL_ROUNDS is how often the list of what is done to it is gone through (1). Each line says what was done, the hits that were
acknowledged meanwhile, and how long after the last of them all nodes showed their sum."""
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from drill import BUILD, SEED, SITE, SKIPPED, Books, Load, add_site, daemon, rounds
from redis_server import Cluster, Redis, Sentinels, footfall, until

HITS = 60_000  # of each node while something is done


class Trio:
    def __init__(self, redis):
        self.redis, self.books, self.seed = redis, Books(), SEED
        self.key = tempfile.NamedTemporaryFile("w")  # 0600
        self.key.write(secrets.token_hex(32))
        self.key.flush()
        self.nodes = [self.node(name) for name in "abc"]
        add_site(self.nodes[0])
        for node in self.nodes:
            self.knows(node)

    def node(self, name, directory=None):
        of = daemon("--redis", self.redis.uri, "--node", name, "--cluster-key", self.key.name, "--threads", "1", "--snapshot-interval", "0",
                    directory=directory)
        of.own_directory = True
        return of.start()

    def knows(self, node):
        until(lambda: node.get(f"/v1/sites/{SITE}/stats").status == 200, "the site did not reach a node")

    def close(self):
        for node in self.nodes:
            node.close()

    def load(self, *nodes):
        loads = [Load(node, self.seed + n, hits=HITS, connections=4, pipeline=8) for n, node in enumerate(nodes)]
        self.seed += len(nodes)
        return loads

    def under_load(self, what, act):
        """Does it while each node takes HITS, and waits until all show the sum. What it answers are more loads."""
        loads = self.load(*self.nodes)
        for load in loads + (act() or []):
            truth = load.truth()
            assert not truth["gone"] and truth["wrong_reads"] == 0 and truth["refused"] == 0, truth
            self.books.add(truth)
        return self.agree(what)

    def stats(self):
        return [node.stats(SITE) for node in self.nodes]

    def counted(self):
        return [stats["counted"] for stats in self.stats()]

    def agree(self, what):
        want, begin = self.books.total(), time.monotonic()
        until(lambda: self.counted() == [want] * len(self.nodes),
              lambda: f"{what}: {self.counted()} where {want} were acknowledged\n" + self.nodes[0].log_text()[-2000:])
        took = time.monotonic() - begin
        until(lambda: len({(s["online"], s["scope"]) for s in self.stats()}) == 1 and self.stats()[0]["scope"] == "cluster",
              lambda: f"{what}: online {[(s['online'], s['scope']) for s in self.stats()]}")
        online = time.monotonic() - begin
        for node in self.nodes:
            metrics = node.metrics()
            assert metrics["footfall_ledger_mismatch"] == 0
            assert metrics["footfall_replication_conflicts_total"] == 0
        print(f"{what}: {want} hits, equal everywhere {took:.1f} s later, {self.stats()[0]['online']} online {online:.1f} s later", flush=True)
        return took

    def lost_by_redis(self):
        return sum(node.metrics()["footfall_replication_losses_total"] + node.metrics()["footfall_replication_resyncs_total"] for node in self.nodes)


def single(trio):
    redis = trio.redis

    def killed():
        redis.kill()
        time.sleep(1)
        redis.start()

    def killed_and_emptied():
        redis.kill()
        redis.empty()
        redis.start()

    def stopped():
        redis.pause()
        time.sleep(int(os.environ.get("FOOTFALL_PAUSE", 4)))
        redis.go_on()

    def full():
        redis.run("CONFIG", "SET", "maxmemory", "1")
        until(lambda: any(m['footfall_redis_errors_total{class="oom"}'] > 0 for m in (node.metrics() for node in trio.nodes)), "nobody was told OOM")
        redis.run("CONFIG", "SET", "maxmemory", "0")

    def forgets_while_a_node_is_down():
        assert redis.run("FLUSHALL") == "OK"

    def old_dump():
        redis.kill()
        shutil.rmtree(redis.directory)
        shutil.copytree(redis.directory + ".old", redis.directory)
        redis.start()

    trio.under_load("nothing", lambda: None)
    trio.under_load("kill -9 of Redis, which reads its log", killed)
    redis.run("BGREWRITEAOF")
    until(lambda: "aof_rewrite_in_progress:0" in redis.run("INFO", "persistence"), "the log is not rewritten")
    shutil.copytree(redis.directory, redis.directory + ".old", dirs_exist_ok=True)
    trio.under_load("kill -9 of Redis, which begins with nothing", killed_and_emptied)
    trio.under_load("SIGSTOP of Redis", stopped)
    trio.under_load("maxmemory of Redis is 1", full)
    before = trio.lost_by_redis()
    trio.under_load("Redis is put back to an old state", old_dump)
    shutil.rmtree(redis.directory + ".old")
    assert trio.lost_by_redis() > before, "that Redis lost data has to be noticed"

    down = trio.nodes.pop()
    down.stop()
    trio.under_load("FLUSHALL while a node is down", forgets_while_a_node_is_down)
    trio.nodes.append(down.start())
    trio.agree("that node again")

    trio.nodes[1].close()
    trio.nodes[1] = trio.node("b")
    trio.knows(trio.nodes[1])
    trio.agree("a node begins again with an empty directory")

    loads = trio.load(*trio.nodes)
    time.sleep(0.3)
    reset = footfall(trio.nodes[2], "reset", SITE, "--wait", "20")
    assert {node["node"] for node in reset["nodes"] if node["adopted"]} >= set("abc"), reset
    for load in loads:
        trio.books.add(load.truth())
    until(lambda: len(set(trio.counted())) == 1, lambda: f"after a reset: {trio.counted()}")
    since = trio.counted()[0]
    assert since < 3 * HITS, "nothing was left out by the reset"
    footfall(trio.nodes[0], "undo", reset["id"])
    trio.agree(f"a reset on one node ({since} hits since), and its undo on another")


def copy_of(node, name):
    """Its directory as it stands, in use or not. One that was caught between two moments is made again."""
    for attempt in range(20):
        directory = f"{node.directory}-{name}"
        shutil.rmtree(directory, ignore_errors=True)
        subprocess.run(["cp", "-r", str(node.directory), directory], stderr=subprocess.DEVNULL)
        if subprocess.run([str(BUILD / "footfall"), "verify", directory], stdout=subprocess.DEVNULL).returncode == 0:
            return directory
    raise AssertionError("no copy can be read")


def slots(trio):
    return trio.redis.run("HLEN", "footfall:{%s}:slots" % SITE)


def copies(trio):
    """Directories that run twice, or that were put back: begun under the load of the others, and loaded themselves."""
    redis = trio.redis
    trio.under_load("nothing", lambda: None)

    def two_from(directory, name, of):
        def begin():
            pair = [of.start(), trio.node(name, directory)]
            trio.nodes += pair
            return trio.load(*pair)
        return begin

    stopped = trio.nodes.pop()
    stopped.stop()
    trio.under_load("a node that was stopped, and a copy of it", two_from(copy_of(stopped, "d"), "d", stopped))

    def beside(of, name):
        def begin():
            time.sleep(0.3)
            trio.nodes.append(trio.node(name, copy_of(of, name)))
            return trio.load(trio.nodes[-1])
        return begin

    trio.under_load("a copy of a node that runs", beside(trio.nodes[0], "e"))

    put_back = trio.nodes[1]
    kept = []

    def keep():
        time.sleep(0.3)
        kept.append(copy_of(put_back, "kept"))

    trio.under_load("a copy of a node is kept", keep)
    trio.nodes.remove(put_back)
    put_back.stop(signal.SIGKILL)
    shutil.rmtree(put_back.directory)
    os.rename(kept[0], put_back.directory)

    def begin_put_back():
        trio.nodes.append(put_back.start())
        return trio.load(put_back)

    trio.under_load("that node is put back to it", begin_put_back)

    def away():
        time.sleep(0.3)
        redis.kill()
        of = trio.nodes[0]
        trio.nodes.append(trio.node("f", copy_of(of, "f")))
        more = trio.load(trio.nodes[-1])
        for load in more:
            trio.books.add(load.truth())
        trio.nodes[-1].stop(signal.SIGKILL)
        trio.nodes[-1].start()
        more = trio.load(trio.nodes[-1])
        redis.start()
        return more

    trio.under_load("a copy begins, and is killed, while Redis is away", away)
    before = slots(trio)
    for node in trio.nodes:
        node.stop()
    for node in trio.nodes:
        node.start()
    trio.agree("all were stopped and started again")
    trio.under_load("and they count", lambda: None)
    assert slots(trio) == before, f"{before} slots became {slots(trio)} by clean stops"
    for node in trio.nodes:
        node.stop(signal.SIGKILL)
    for node in trio.nodes:
        node.start()
    trio.agree("all were killed and started again")


def sentinels(trio):
    def master_dies():
        dead = trio.redis.master()
        dead.kill()
        until(lambda: trio.redis.master() is not dead, "no failover")
        dead.start()

    for _ in range(2):
        before = trio.redis.master()
        trio.under_load("kill -9 of the master under sentinels", master_dies)
        # The sentinels end the connections of a server that they make a replica: it is left alone then.
        until(lambda before=before: before.run("ROLE").startswith("slave"), "the master of before is no replica")
        time.sleep(2)
        connects = [node.metrics()["footfall_redis_connects_total"] for node in trio.nodes]
        assert max(connects) < 30, f"connections to Redis: {connects}"
        trio.agree("the master of before is a replica")


def cluster(trio):
    def master_dies():
        dead = trio.redis.masters()[0]
        dead.kill()
        until(lambda: len(trio.redis.masters()) == 3, "no failover in the cluster")
        dead.start()

    trio.under_load("kill -9 of a master of the cluster", master_dies)
    trio.under_load("slots of the cluster move", lambda: trio.redis.reshard(300))


def drill(kind, steps):
    redis = kind()
    try:
        print(f"--- {kind.__name__}", flush=True)
        trio = Trio(redis)
        try:
            steps(trio)
            assert trio.books.total() > 0
        finally:
            trio.close()
    finally:
        redis.close()


if __name__ == "__main__":
    count = rounds(1)
    if shutil.which("redis-server") is None:
        print("SKIPPED: there is no redis-server here (Debian: redis-server)")
        sys.exit(SKIPPED)
    for _ in range(count):
        drill(Redis, single)
        drill(Redis, copies)
        drill(Sentinels, sentinels)
        drill(Cluster, cluster)
