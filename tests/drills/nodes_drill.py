# SPDX-License-Identifier: Apache-2.0
"""Three nodes count one site under load while their Redis is treated badly, or while copies of their directories begin. No read of any
node ever shows more than was attempted. When it is over and the load has ended, each shows what all acknowledged, by the epochs that the
answers named, within 5 s, and who is online as the oracle says within 2 s; within 5 s too where Redis has lost data. So do the keys in
Redis within 5 s: the slots of each epoch, and who is online.

    nodes_drill.py [single] [copies] [sentinels] [cluster]      all where none is named

FOOTFALL_ROUNDS is how often the list of what is done to it is gone through (1), FOOTFALL_PAUSE how many seconds Redis is stopped (4).
Each line says what was done, the hits that were acknowledged until then, and how long afterwards all nodes showed the truth."""
import ast
import collections
import contextlib
import functools
import operator
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from drill import BUILD, SEED, SITE, SKIPPED, VISITORS, Books, Limits, Load, add_site, daemon, rounds, visitors_of
from redis_server import Cluster, Redis, Sentinels, footfall, free_port, until
from steady import Reader

TOTALS_S, ONLINE_S = 5, 2  # within which all nodes show the truth
NEW_VISITORS = 500
GIVE_UP_S = 60


def counted_of(slot):
    """SLOT, as proto/redis-keys.md has it: "ffslot\\r\\n"  varint format  varint counted ..."""
    assert slot.startswith(b"ffslot\r\n\x01"), slot
    counted = 0
    for shift, byte in enumerate(slot[9:]):
        counted |= (byte & 127) << 7 * shift
        if byte < 128:
            return counted
    raise AssertionError(f"a slot that ends in its number: {slot}")


class Trio:
    def __init__(self, redis):
        self.redis, self.books, self.limits, self.seed = redis, Books(), Limits(), SEED
        self.running, self.visitors = [], set()  # loads; and visitors beside the oracle's, of a Steady
        self.seen_by = collections.defaultdict(int)  # node -> its visitors, as bits
        self.crowd = VISITORS  # of which the oracle draws: each load brings some who are new
        self.begun = time.monotonic()
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
        for load in self.running:
            load.process.kill()
        for node in self.nodes:
            node.close()

    def load(self, *nodes):
        """At full speed, until end_loads()."""
        self.crowd += NEW_VISITORS
        for node in nodes:
            self.running.append(Load(node, self.seed, connections=4, pipeline=8, visitors=self.crowd))
            self.seed += 1

    def end_loads(self, loads=None):
        loads = list(self.running) if loads is None else loads
        for load in loads:
            load.stop()
        for load in loads:
            truth = load.truth()
            assert not truth["gone"] and truth["wrong_reads"] == 0 and truth["refused"] == 0, truth
            self.books.add(truth)
            self.seen_by[load.of] |= visitors_of(truth)
            self.running.remove(load)

    def attempted(self):
        running = sum(load.attempted for load in list(self.running))  # first: a load that ends meanwhile is then in both
        return self.books.attempted() + running

    @contextlib.contextmanager
    def watched(self):
        """Meanwhile every read of every node is held to what was attempted."""
        with Reader(self.nodes, self.attempted, lambda: self.crowd + len(self.visitors)) as reader:
            yield
        silent = [node.port for node in self.nodes if reader.reads[node] == 0]
        assert not silent, f"nobody read {silent}"

    def under_load(self, what, act, lost_data=False, without=None):
        """Does it while each node is loaded; act() may load more, and answers when it was over, if that was before its end. Then all
        are to show the truth; but whom only the node `without` saw is not known to be online."""
        with self.watched():
            self.load(*self.nodes)
            time.sleep(0.5)
            over = act()
            over = time.monotonic() if over is None else over
            self.end_loads()
            known = functools.reduce(operator.or_, (seen for node, seen in self.seen_by.items() if node is not without))
            self.agree(what, over, lost_data, online=None if without is None else bin(known).count("1"))

    def stats(self):
        return [node.stats(SITE) for node in self.nodes]

    def counted(self):
        return [stats["counted"] for stats in self.stats()]

    def keys(self, pattern):
        """With the server that each is on."""
        return [(server, key) for server in self.redis.masters() for key in server.run("KEYS", pattern).split()]

    def in_redis(self):
        """What the slots of all nodes add up to, by epoch, and how many are online."""
        slots = collections.Counter()
        for server, key in self.keys("footfall:{%s}:slots" % SITE):
            texts = [ast.literal_eval("b" + text) for text in re.findall(r'"(?:[^"\\]|\\.)*"', server.run("--no-raw", "HGETALL", key))]
            for of, slot in zip(texts[::2], texts[1::2]):
                slots[of.decode().split(":")[1]] += counted_of(slot)
        online = collections.Counter()  # by set: for a while after a change of the settings there are two
        window_s = self.nodes[0].admin("GET", f"/v1/admin/sites/{SITE}").json["window_s"]
        for server, key in self.keys("footfall:{%s.*}:online:%d-*" % (SITE, window_s)):
            online[key.rpartition(":")[2]] += int(server.run("ZCOUNT", key, f"({int(time.time())}", "(1000000000000"))
        return +slots, max(online.values(), default=0)

    def agree(self, what, over=None, lost_data=False, want=None, online=None):
        """All show the truth, in time since `over` or the last answer, whichever was later, and still do a flush later."""
        over = time.monotonic() if over is None else over
        want = self.books.total() if want is None else want
        online = bin(self.books.visitors).count("1") + len(self.visitors) if online is None else online
        assert time.monotonic() - self.begun < 3000, "the first visitors leave the window of 3600 s soon: what is online is not known"
        totals_s = online_s = None
        while totals_s is None or online_s is None:
            stats = self.stats()
            now_s = time.monotonic() - over
            seen = [(s["counted"], s["online"], s["scope"]) for s in stats]
            right = all(s["counted"] == want and s["total"] == want for s in stats)
            totals_s = (totals_s or now_s) if right else None
            together = all((s["online"], s["scope"]) == (online, "cluster") for s in stats)
            online_s = (online_s or now_s) if together else None
            if now_s > GIVE_UP_S:
                raise AssertionError(f"{what}: after {now_s:.0f} s {seen}, where {want} were acknowledged of {online} visitors\n"
                                     + "\n".join(node.log_text()[-1500:] for node in self.nodes))
            time.sleep(0.02)
        looked = []  # when: a look is several processes

        def redis_has_it():
            looked.append(time.monotonic() - over)
            return self.in_redis() == (self.books.epochs, online)

        until(redis_has_it, lambda: f"{what}: Redis has {self.in_redis()}, and not {self.books.epochs} and {online} online")
        redis_s = looked[-1]
        print(f"{what}: {want} hits, equal everywhere {totals_s:.1f} s later, {online} online {online_s:.1f} s later, in Redis {redis_s:.1f} s later",
              flush=True)
        self.limits.hold(f"{what}: totals", totals_s, TOTALS_S)
        self.limits.hold(f"{what}: what Redis has", redis_s, TOTALS_S)
        self.limits.hold(f"{what}: online", online_s, TOTALS_S if lost_data else ONLINE_S)
        time.sleep(1.2)
        assert self.counted() == [want] * len(self.nodes), f"{what}: {self.counted()} where {want} were shown before"
        for node in self.nodes:
            metrics = node.metrics()
            assert metrics["footfall_ledger_mismatch"] == 0
            assert metrics["footfall_replication_conflicts_total"] == 0

    def memory_mb(self):
        """Resident, of each node."""
        return [int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{node.process.pid}/status").read())[1]) // 1024 for node in self.nodes]

    def lost_by_redis(self):
        return sum(node.metrics()["footfall_replication_losses_total"] + node.metrics()["footfall_replication_resyncs_total"] for node in self.nodes)

    def losses(self):
        return sum(node.metrics()["footfall_replication_losses_total"] for node in self.nodes)


def single(trio):
    redis = trio.redis

    def nothing():
        time.sleep(3)

    def killed():
        redis.kill()
        time.sleep(1)
        redis.start()

    def killed_and_emptied():
        redis.kill()
        redis.empty()
        redis.start()

    def stopped():
        before = trio.memory_mb()
        redis.pause()
        time.sleep(int(os.environ.get("FOOTFALL_PAUSE", 4)))
        print(f"memory while Redis is stopped: {before} MB, then {trio.memory_mb()} MB", flush=True)
        redis.go_on()

    def full():
        redis.run("CONFIG", "SET", "maxmemory", "1")
        until(lambda: all(m['footfall_redis_errors_total{class="oom"}'] > 0 for m in (node.metrics() for node in trio.nodes)), "nobody was told OOM")
        redis.run("CONFIG", "SET", "maxmemory", "0")

    def read_only():
        """It is made the replica of a server that does not exist, and keeps what it has; then it is a master again."""
        assert redis.run("REPLICAOF", "127.0.0.1", str(free_port())) == "OK"
        until(lambda: all(m['footfall_redis_errors_total{class="readonly"}'] > 0 for m in (node.metrics() for node in trio.nodes)), "nobody was told READONLY")
        time.sleep(1)
        assert redis.run("REPLICAOF", "NO", "ONE") == "OK"

    def slow():
        """What is asked waits up to 300 ms, also the next pause, which is asked with the rest."""
        begun = time.monotonic()
        while time.monotonic() < begun + 3:
            assert redis.run("CLIENT", "PAUSE", "300", "ALL") == "OK"

    def flushed():
        assert redis.run("FLUSHALL") == "OK"

    def old_dump():
        redis.kill()
        shutil.rmtree(redis.directory)
        shutil.copytree(redis.directory + ".old", redis.directory)
        redis.start()

    trio.under_load("nothing", nothing)
    trio.under_load("kill -9 of Redis, which reads its log", killed)
    redis.run("BGREWRITEAOF")
    until(lambda: "aof_rewrite_in_progress:0" in redis.run("INFO", "persistence"), "the log is not rewritten")
    shutil.copytree(redis.directory, redis.directory + ".old", dirs_exist_ok=True)
    trio.under_load("kill -9 of Redis, which begins with nothing", killed_and_emptied, lost_data=True)
    trio.under_load("SIGSTOP of Redis", stopped)
    trio.under_load("maxmemory of Redis is 1", full)
    trio.under_load("Redis takes no writes: READONLY", read_only)
    trio.under_load("Redis is slow: 300 ms", slow)
    before = trio.lost_by_redis()
    trio.under_load("Redis is put back to an old state", old_dump, lost_data=True)
    shutil.rmtree(redis.directory + ".old")
    assert trio.lost_by_redis() > before, "that Redis lost data has to be noticed"

    down = trio.nodes.pop()
    down.stop()
    trio.under_load("FLUSHALL while a node is down", flushed, lost_data=True, without=down)
    trio.nodes.append(down.start())
    trio.agree("that node again")

    def empty_directory():
        """What it had told is kept by the others; so it took nothing before it was killed."""
        trio.nodes[1].stop(signal.SIGKILL)
        trio.nodes[1].close()
        trio.nodes[1] = trio.node("b")
        trio.knows(trio.nodes[1])
        trio.load(trio.nodes[1])
        time.sleep(1)

    with trio.watched():
        trio.load(trio.nodes[0], trio.nodes[2])
        time.sleep(0.5)
        empty_directory()
        trio.end_loads()
        trio.agree("a node is killed, and begins again with an empty directory")
    reset_under_load(trio, trio.nodes[2], trio.nodes[0])


def reset_under_load(trio, on, undone_on):
    """While all nodes are loaded: each hit is in the epoch that its answer named."""
    earlier = sum(trio.books.epochs.values())
    assert earlier == trio.books.total() == trio.books.in_epoch(1), trio.books.epochs
    with trio.watched():
        trio.load(*trio.nodes)
        time.sleep(0.5)
        reset = footfall(on, "reset", SITE, "--wait", "5")
        assert {node["node"] for node in reset["nodes"] if node["adopted"]} >= set("abc"), reset
        time.sleep(1)
        trio.end_loads()
        since = trio.books.in_epoch(2)
        assert 0 < since < trio.books.total() - earlier, f"{trio.books.epochs}: some hits before the reset, some behind it"
        trio.agree("a reset on one node while all are loaded", want=since)
        footfall(undone_on, "undo", reset["id"])
        trio.agree("its undo on another")


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

    def two_from(directory, name, of):
        def begin():
            pair = [of.start(), trio.node(name, directory)]
            trio.nodes += pair
            trio.load(*pair)
            time.sleep(2)
        return begin

    trio.under_load("nothing", lambda: time.sleep(2))
    stopped = trio.nodes.pop()
    stopped.stop()
    trio.under_load("a node that was stopped, and a copy of it", two_from(copy_of(stopped, "d"), "d", stopped))

    def beside(of, name):
        def begin():
            trio.nodes.append(trio.node(name, copy_of(of, name)))
            trio.load(trio.nodes[-1])
            time.sleep(2)
        return begin

    trio.under_load("a copy of a node that runs", beside(trio.nodes[0], "e"))

    put_back = trio.nodes[1]
    kept = []

    def keep():
        kept.append(copy_of(put_back, "kept"))
        time.sleep(1)

    trio.under_load("a copy of a node is kept", keep)
    trio.nodes.remove(put_back)
    put_back.stop(signal.SIGKILL)
    shutil.rmtree(put_back.directory)
    os.rename(kept[0], put_back.directory)

    def begin_put_back():
        trio.nodes.append(put_back.start())
        trio.load(put_back)
        time.sleep(2)

    trio.under_load("that node is put back to it", begin_put_back)

    def away():
        redis.kill()
        of = trio.nodes[0]
        trio.nodes.append(trio.node("f", copy_of(of, "f")))
        trio.load(trio.nodes[-1])
        time.sleep(1)
        trio.end_loads(trio.running[-1:])
        trio.nodes[-1].stop(signal.SIGKILL)
        trio.nodes[-1].start()
        trio.load(trio.nodes[-1])
        redis.start()

    trio.under_load("a copy begins, and is killed, while Redis is away", away)
    before = slots(trio)
    for node in trio.nodes:
        node.stop()
    for node in trio.nodes:
        node.start()
    trio.agree("all were stopped and started again")
    trio.under_load("and they count", lambda: time.sleep(1))
    assert slots(trio) == before, f"{before} slots became {slots(trio)} by clean stops"
    for node in trio.nodes:
        node.stop(signal.SIGKILL)
    for node in trio.nodes:
        node.start()
    trio.agree("all were killed and started again")


def sentinels(trio):
    def other_than(master):
        until(lambda: trio.redis.master() is not master, "no failover")
        over = time.monotonic()
        master.start()
        return over

    def master_dies():
        dead = trio.redis.master()
        dead.kill()
        return other_than(dead)

    def detached_replica_follows():
        """The replica asks where nobody listens, so it has none of what its master acknowledges; then it is the master."""
        master = trio.redis.master()
        replica = next(server for server in trio.redis.servers if server is not master)
        assert replica.run("REPLICAOF", "127.0.0.1", str(free_port())) == "OK"
        counted = "--no-raw", "HGETALL", "footfall:{%s}:slots" % SITE
        held = replica.run(*counted)
        time.sleep(2)
        assert held == replica.run(*counted) != master.run(*counted), "the replica is not behind"
        master.kill()
        return other_than(master)

    def settled(before):
        # The sentinels end the connections of a server that they make a replica: it is left alone then.
        until(lambda: before.run("ROLE").startswith("slave") and "master_link_status:up" in before.run("INFO", "replication"),
              "the master of before is no replica")
        time.sleep(2)
        connects = [node.metrics()["footfall_redis_connects_total"] for node in trio.nodes]
        assert max(connects) < 30, f"connections to Redis: {connects}"
        trio.agree("the master of before is a replica")

    for _ in range(2):
        before = trio.redis.master()
        trio.under_load("kill -9 of the master under sentinels", master_dies)
        settled(before)
    before, losses = trio.redis.master(), trio.losses()
    trio.under_load("a failover that loses what Redis had acknowledged", detached_replica_follows, lost_data=True)
    assert trio.losses() > losses, "that Redis lost data has to be noticed"
    settled(before)


def cluster(trio):
    def master_dies():
        dead = trio.redis.masters()[0]
        dead.kill()
        until(lambda: len(trio.redis.masters()) == 3, "no failover in the cluster")
        over = time.monotonic()
        dead.start()
        return over

    trio.under_load("kill -9 of a master of the cluster", master_dies)
    trio.under_load("slots of the cluster move", lambda: trio.redis.reshard(300))
    trio.under_load("the site's slot moves, a key in each flush", lambda: trio.redis.move_slot_of(SITE))


def drill(kind, steps):
    redis = kind()
    try:
        print(f"--- {kind.__name__}", flush=True)
        trio = Trio(redis)
        try:
            steps(trio)
            assert trio.books.total() > 0
            trio.limits.settle()
        finally:
            trio.close()
    finally:
        redis.close()


if __name__ == "__main__":
    count = rounds(1)
    if shutil.which("redis-server") is None:
        print("SKIPPED: there is no redis-server here (Debian: redis-server)")
        sys.exit(SKIPPED)
    kinds = {single: Redis, copies: Redis, sentinels: Sentinels, cluster: Cluster}
    for _ in range(count):
        for steps, kind in kinds.items():
            if not sys.argv[1:] or steps.__name__ in sys.argv[1:]:
                drill(kind, steps)
