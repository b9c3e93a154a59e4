#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How far counting together carries: what a visitor who is online, a site that is hit, and a command cost Redis and the nodes.

    scale.py BUILD_DIR [--only commands,sites,whole,steady] [--visitors 1000000,10000000] [--ended 98] [--online 1000000] [--rate 80000]

commands  CPU and bytes of the commands that count together is made of, sent alone, pipelined, to one Redis.
sites     many sites that are each hit every second at one of two nodes: commands, bytes and CPU for each; the same beside slots of
          --ended runs that count no more, and what each of those takes up.
whole     so many visitors in sites of a million: until a second node shows the exact online after a start with an empty Redis, and
          after FLUSHALL; bytes in Redis for each member; memory of Redis and node.
steady    so many who return while others come, and then go: the age of what the second node shows, and CPU, commands and bytes
          for each of them.

Redis is a cluster of three masters on loopback, without append-only file or replica. Of two cores the nodes have one, Redis and the
client the other: times are for three masters on one core. CPU is what the scheduler or Redis accounts, whatever else runs.
"""
import argparse
import contextlib
import http.client
import itertools
import json
import os
import pathlib
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

MASTERS = 3
A_SITE = 1_000_000
ITEMS = 10_000  # of a batch
WINDOW_S, COMING_S = 120, 90


# ---- what is measured


def thread_ns(pid):
    """thread -> CPU"""
    out = {}
    for task in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{task}/schedstat") as f:
            out[task] = int(f.read().split()[0])
    return out


def rss_mb(pid):
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS")) / 1024


def info(server):
    out = dict(line.split(":", 1) for line in server.run("INFO", "everything").splitlines() if ":" in line)
    figures = {"us": 1e6 * (float(out["used_cpu_user"]) + float(out["used_cpu_sys"])), "commands": int(out["total_commands_processed"]),
               "in": int(out["total_net_input_bytes"]), "out": int(out["total_net_output_bytes"]), "memory": int(out["used_memory"])}
    for name, value in out.items():
        if name.startswith("cmdstat_"):
            figures[name.removeprefix("cmdstat_")] = int(value.split(",")[0].split("=")[1])
    return figures


class Spent:
    """What servers and nodes spent since."""

    def __init__(self, servers, nodes):
        self.servers, self.nodes = servers, nodes
        self.before, self.cpu, self.began = self.look(), [thread_ns(n.process.pid) for n in nodes], time.monotonic()

    def look(self):
        total = {}
        for server in self.servers:
            for name, value in info(server).items():
                total[name] = total.get(name, 0) + value
        return total

    def end(self):
        self.seconds = time.monotonic() - self.began
        after = self.look()
        self.redis = {name: value - self.before.get(name, 0) for name, value in after.items()}
        # Microseconds of each node's threads, but the shard's: what is left is what counting together costs.
        self.node_us = [sum(ns - cpu.get(task, 0) for task, ns in thread_ns(n.process.pid).items() if task != n.shard) / 1000
                        for n, cpu in zip(self.nodes, self.cpu)]
        return self


def say(what):
    print(what, flush=True)


# ---- Redis and nodes


class Masters:
    def __init__(self):
        self.servers = [Redis("--cluster-enabled", "yes", append=False) for _ in range(MASTERS)]
        for server in self.servers:
            os.sched_setaffinity(server.process.pid, {1})
        subprocess.run(["redis-cli", "--cluster", "create", *(f"127.0.0.1:{s.port}" for s in self.servers), "--cluster-replicas", "0",
                        "--cluster-yes"], check=True, stdout=subprocess.DEVNULL, timeout=60)
        until(lambda: all("cluster_state:ok" in s.run("CLUSTER", "INFO") for s in self.servers), "the cluster does not come up")

    def empty(self):
        for server in self.servers:
            subprocess.run(["redis-cli", "-p", str(server.port), "FLUSHALL"], check=True, stdout=subprocess.DEVNULL, timeout=120)

    def members(self):
        """Of all sorted sets of who is online, and the bytes that these take."""
        count = size = 0
        for server in self.servers:
            for key in server.run("--scan", "--pattern", "*:online:*").splitlines():
                count += int(server.run("ZCARD", key))
                size += int(server.run("MEMORY", "USAGE", key, "SAMPLES", "100"))
        return count, size

    def memory(self):
        return sum(info(s)["memory"] for s in self.servers)

    def close(self):
        for server in self.servers:
            server.close()

    @property
    def uri(self):
        return "redis://" + ",".join(f"127.0.0.1:{s.port}" for s in self.servers)


class Node:
    def __init__(self, work, name, redis, *options):
        key = work / "cluster-key"
        if not key.exists():
            key.write_text(secrets.token_hex(32))
            key.chmod(0o600)
        self.daemon = Daemon("--rate-limit", "0", "--threads", "1", "--log-level", "warning", "--durability", "memory", "--checkpoint-interval", "86400",
                             "--checkpoint-journal", str(1 << 40), "--online-pairs-max", "40000000", "--redis", redis.uri, "--node", name, "--cluster-key",
                             str(key), "--snapshot-interval", "0", *options, directory=work / name)
        self.daemon.prefix, self.daemon.start_s_max, self.shard = ["taskset", "-c", "0"], 300, None
        self.daemon.directory.mkdir(exist_ok=True)
        self.start()

    def start(self):
        self.daemon.start()
        self.fields = {"Content-Type": "application/x-ndjson", "Authorization": f"Bearer {self.daemon.token}"}
        self.connections = threading.local()
        return self

    @property
    def process(self):
        return self.daemon.process

    def ask(self, method, target, body=None):
        """On a connection of the calling thread's own, which stays open."""
        if not hasattr(self.connections, "own"):
            self.connections.own = http.client.HTTPConnection("127.0.0.1", self.daemon.port, timeout=120)
        self.connections.own.request(method, target, body, self.fields)
        answer = self.connections.own.getresponse()
        text = answer.read()
        assert answer.status == 200, text
        return json.loads(text)

    def send(self, body, items):
        answer = self.ask("POST", "/v1/hits", body)
        assert answer["accepted"] == items, answer

    def find_shard(self, body, items):
        """The thread that counts."""
        before = thread_ns(self.process.pid)
        for _ in range(5):
            self.send(body, items)
        after = thread_ns(self.process.pid)
        self.shard = max(after, key=lambda task: after[task] - before.get(task, 0))

    def stats(self, site):
        return self.ask("GET", f"/v1/sites/{site}/stats?fields=online,scope,as_of")

    def shows(self, online):
        """site -> who are to be online over all nodes"""
        found = {site: self.stats(site) for site in online}
        return all(found[site].get("scope") == "cluster" and found[site]["online"] == count for site, count in online.items())

    def close(self):
        self.daemon.close()


@contextlib.contextmanager
def cluster(*options):
    with tempfile.TemporaryDirectory(prefix="scale.", dir="/var/tmp") as work, contextlib.ExitStack() as stack:
        redis = Masters()
        stack.callback(redis.close)
        nodes = [Node(pathlib.Path(work), name, redis, *options) for name in ("a", "b")]
        for node in nodes:
            stack.callback(node.close)
        yield redis, *nodes


def add_sites(a, b, names, **settings):
    for name in names:
        a.daemon.add_site(name, **settings)
    until(lambda: b.daemon.get(f"/v1/sites/{names[-1]}/stats", Authorization=f"Bearer {b.daemon.token}").status == 200, "a site did not reach b", 120)


def body_of(site, visitors, at_s=None):
    time_of = "" if at_s is None else f',"time":{at_s}'
    head = f'{{"site":"{site}","path":"/"{time_of},"visitor":"'
    return "".join(f'{head}{v}"}}\n' for v in visitors).encode()


def last_seen_wrong(node, online, settled_s=8):
    """When the node showed for the last time another number: it is right from then on."""
    wrong, begun, was = time.monotonic(), time.monotonic(), False
    while time.monotonic() < wrong + settled_s:
        right = node.shows(online)
        if not right:
            if was:
                say(f"  right for {time.monotonic() - wrong:.1f} s, then {[(s['online'], s['scope']) for s in map(node.stats, online)]}")
            wrong = time.monotonic()
            assert wrong < begun + 600, {site: node.stats(site) for site in online}
        was = right
        time.sleep(0.05)
    return wrong


# ---- parts


class Pipe:
    """Commands to one Redis, as bytes; integers, nil and arrays of strings are what it answers here."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.file = self.socket.makefile("rb", 1 << 20)

    def reply(self):
        line = self.file.readline()
        assert line[:1] != b"-", line
        if line[:1] == b"$" and line != b"$-1\r\n":
            return self.file.read(int(line[1:]) + 2)[:-2]
        if line[:1] == b"*":
            return [self.reply() for _ in range(int(line[1:]))]
        return line

    def many(self, commands):
        self.socket.sendall(b"".join(commands))
        return [self.reply() for _ in commands]


def command(*words):
    words = [w if isinstance(w, bytes) else str(w).encode() for w in words]
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words)


def commands(args):
    """Each as Online, Visitors and Replicator send it."""
    redis = Redis(append=False)
    try:
        os.sched_setaffinity(redis.process.pid, {1})
        os.sched_setaffinity(0, {0})
        pipe = Pipe(redis.port)
        ids = [secrets.token_bytes(8) for _ in range(50_000)]
        now = int(time.time())

        def zadd(key, members, score):
            return command("ZADD", key, "GT", *itertools.chain.from_iterable((score, m) for m in members))

        def slots(count):
            return [command("HSET", f"slots-{count}", f"{number:032x}:1.0", secrets.token_bytes(22)) for number in range(count)]

        part = "footfall:{example.org.17}:online:300-1a2b3c4d5e6f7a8b-32"
        fill = [zadd(part, ids[i:i + 500], now + 300) for i in range(0, len(ids), 500)]
        pipe.many(fill)
        for count in (1, 10, 100):
            pipe.many(slots(count))
        names = [f"{number:032x}:1.0 site-{number}.example" for number in range(100)]
        pipe.many([command("ZADD", "names", "GT", "CH", *itertools.chain.from_iterable((1000, name) for name in names))])
        later, field = itertools.count(now + 301), f"{secrets.token_hex(16)}:1.0"
        visitors = [command("PFADD", "visitors", *ids[i:i + 500]) for i in range(0, len(ids), 500)]
        shapes = {  # name -> (what makes a round of commands, units of one command, what these are)
            "ZADD, 500 who return": (lambda: [zadd(part, ids[i:i + 500], next(later)) for i in range(0, len(ids), 500)], 500),
            "ZADD, 500 who are new": (lambda: [zadd(f"new-{i}", [secrets.token_bytes(8) for _ in range(500)], now) for i in range(100)], 500),
            "ZADD, 1 who returns": (lambda: [zadd(part, [m], next(later)) for m in ids[:2000]], 1),
            "ZCOUNT of a part of 50,000": (lambda: [command("ZCOUNT", part, f"({now + 300}", "(1000000000000")] * 2000, 1),
            "PFADD, 500 ids": (lambda: visitors, 500),
            "PFCOUNT": (lambda: [command("PFCOUNT", "visitors")] * 2000, 1),
            "HSET of a slot": (lambda: [command("HSET", "one", field, secrets.token_bytes(22)) for _ in range(1000)], 1),
            "HGETALL of 1 slot": (lambda: [command("HGETALL", "slots-1")] * 1000, 1),
            "HGETALL of 10 slots": (lambda: [command("HGETALL", "slots-10")] * 1000, 1),
            "HGETALL of 100 slots": (lambda: [command("HGETALL", "slots-100")] * 1000, 1),
            "HMGET of 1 of 100 slots": (lambda: [command("HMGET", "slots-100", f"{7:032x}:1.0")] * 1000, 1),
            "HMGET of 10 of 100 slots": (lambda: [command("HMGET", "slots-100", *(f"{number:032x}:1.0" for number in range(10)))] * 1000, 1),
            "ZADD, 100 names of slots": (lambda: [command("ZADD", "names", "GT", "CH", *itertools.chain.from_iterable((next(later), name) for name in names))
                                                  for _ in range(100)], 100),
            "ZRANGEBYSCORE of 100 names": (lambda: [command("ZRANGEBYSCORE", "names", 0, "+inf", "WITHSCORES")] * 100, 100),
        }
        for name, (make, units) in shapes.items():
            pipe.many(make())
            us, net_in, net_out = [], [], []
            for _ in range(args.rounds):
                sent, before = 0, info(redis)
                end = time.monotonic() + args.seconds
                while time.monotonic() < end:
                    round_of = make()
                    pipe.many(round_of)
                    sent += len(round_of)
                after = info(redis)
                us.append((after["us"] - before["us"]) / sent)
                net_in.append((after["in"] - before["in"]) / sent)
                net_out.append((after["out"] - before["out"]) / sent)
            each = f"; {statistics.median(us) / units:.2f} us a member" if units > 1 else ""
            say(f"commands: {name}: {statistics.median(us):.2f} us of Redis ({min(us):.2f}-{max(us):.2f}){each}; "
                f"{statistics.median(net_in):.0f} bytes to it, {statistics.median(net_out):.0f} from it")
    finally:
        os.sched_setaffinity(0, {0, 1})
        redis.close()


def add_ended(redis, count):
    """To each site slots of runs that count no more, as those that are there. Answers how many."""
    runs, added = [secrets.token_hex(16) for _ in range(count)], 0
    for server in redis.servers:
        keys, pipe = server.run("--scan", "--pattern", "*:slots").splitlines(), Pipe(server.port)
        for key, slots in zip(keys, pipe.many([command("HGETALL", key) for key in keys])):
            pipe.many([command("HSET", key, *itertools.chain.from_iterable((f"{run}:1.0", slots[1]) for run in runs))])
            added += count
    return added


def learnt(node):
    return node.daemon.metrics()["footfall_replication_slots_learnt_total"]


def sites(args):
    with cluster() as (redis, a, b):
        names = [f"site-{n}.example" for n in range(args.sites)]
        add_sites(a, b, names)
        body = b"".join(body_of(name, [n % 20]) for n, name in enumerate(names))
        a.find_shard(body, len(names))
        time.sleep(5)

        def second(sent):
            if sent:
                a.send(body, len(names))

        for what, sent, ended in (("idle", False, 0), ("hit each second, read by nobody", True, 0),
                                  (f"the same, beside {args.ended} ended slots", True, args.ended)):
            if ended > 0:
                before = redis.memory(), rss_mb(a.process.pid), rss_mb(b.process.pid), learnt(a), learnt(b)
                added = add_ended(redis, ended)
                until(lambda: learnt(a) - before[3] >= added and learnt(b) - before[4] >= added, "the ended slots are not learnt", 180)
                say(f"sites: an ended slot takes {(redis.memory() - before[0]) / added:.0f} bytes of Redis, "
                    f"{(rss_mb(a.process.pid) - before[1]) * 2**20 / added:.0f} and {(rss_mb(b.process.pid) - before[2]) * 2**20 / added:.0f} of the nodes")
            for _ in range(3):
                second(sent)
                time.sleep(1)
            spent = Spent(redis.servers, (a, b))
            while time.monotonic() < spent.began + args.seconds * 5:
                begun = time.monotonic()
                second(sent)
                time.sleep(max(0, begun + 1 - time.monotonic()))
            spent.end()
            each = spent.seconds * len(names)
            counted = {k: v for k, v in spent.redis.items() if v > 0 and k not in ("us", "commands", "in", "out", "memory")}
            most = sorted(((v, k) for k, v in counted.items()), reverse=True)
            say(f"sites: {len(names)} {what}; each and second, over two nodes: {spent.redis['commands'] / each:.2f} commands, "
                f"{spent.redis['in'] / each:.0f} bytes to Redis, {spent.redis['out'] / each:.0f} from it, {spent.redis['us'] / each:.1f} us of Redis "
                f"({spent.redis['us'] / spent.redis['commands']:.2f} a command), "
                f"{' and '.join(f'{us / each:.1f}' for us in spent.node_us)} us of the nodes")
            say("sites:   " + ", ".join(f"{k} {v / each:.2f}" for v, k in most[:9]))


def whole(args, visitors):
    count = max(1, visitors // A_SITE)
    with cluster() as (redis, a, b):
        names = [f"site-{n}.example" for n in range(count)]
        add_sites(a, b, names, window_s=3600)
        empty, online = redis.memory(), {name: visitors // count for name in names}
        begun = time.monotonic()
        for name, of in online.items():
            for first in range(0, of, ITEMS):
                ids = range(first, min(of, first + ITEMS))
                a.send(body_of(name, ids), len(ids))
        b.send(body_of(names[0], range(1000)), 1000)  # who is at both is one
        told = time.monotonic()
        shown = last_seen_wrong(b, online)
        say(f"whole: {visitors:,} visitors in {count} sites, counted in {told - begun:.1f} s; the second node shows them {shown - told:.1f} s later")
        members, size = redis.members()
        say(f"whole: Redis {redis.memory() / 2**20:.0f} MB, {members:,} members of {size / members:.0f} bytes ({(redis.memory() - empty) / members:.0f} with all that is "
            f"in Redis); node that counts {rss_mb(a.process.pid):.0f} MB, the other {rss_mb(b.process.pid):.0f} MB")
        for node in (a, b):
            node.daemon.stop()
        redis.empty()
        b.start()
        begun = time.monotonic()
        a.start()
        ready, spent = time.monotonic(), Spent(redis.servers, ())
        shown = last_seen_wrong(b, online)
        spent.end()
        say(f"whole: started with an empty Redis: ready after {ready - begun:.1f} s, exact at the second node {shown - ready:.1f} s later; "
            f"{spent.redis['us'] / visitors:.2f} us of Redis, {spent.redis['in'] / visitors:.0f} bytes for each visitor")
        time.sleep(20 + visitors // count / 50_000)  # the sites are divided into parts: 10 s, and 1 s for 100,000
        until(lambda: b.shows(online), "the number is another one with parts", 60)
        for number in range(args.rounds if visitors <= A_SITE else 1):
            spent = Spent(redis.servers, (a, b))
            redis.empty()
            lost = time.monotonic()
            shown = last_seen_wrong(b, online)
            spent.end()
            say(f"whole: after FLUSHALL: {shown - lost:.1f} s; {spent.redis['us'] / visitors:.2f} us of Redis, {spent.node_us[0] / visitors:.2f} us of the node, "
                f"{spent.redis['in'] / visitors:.0f} bytes for each visitor")
            time.sleep(3)


def ages_while_coming(seen, log, residents, until_s):
    """How old each reading was: since the last of those who it shows was acknowledged."""
    ages = []
    for read, online in seen:
        if log[0][1] + 3 < read < until_s:
            assert online is not None, "the second node knew its own number alone"
            shown = online - residents
            ages.append(read - next((done for _, done, came in log if came >= shown), read))
    return sorted(ages)


def check_going(seen, log, residents, from_s):
    """Each reading is exact in some second; the greatest age of that, and of how many readings."""
    came, oldest, readings = {at_s: count for at_s, _, count in log}, 0, 0  # second -> who had come by its end
    for read, online in seen:
        if read < from_s or online is None:
            continue
        readings += 1
        exact_in = [second for second in range(int(read) - 5, int(read) + 1)
                    if online == residents + log[-1][2] - max((count for at_s, count in came.items() if at_s <= second - WINDOW_S), default=0)]
        assert exact_in, f"{online} at {read} is the number of no second"
        oldest = max(oldest, int(read) - max(exact_in))
    return oldest, readings


def steady(args):
    site, round_s = "example.org", args.online / args.rate
    with cluster() as (redis, a, b):
        add_sites(a, b, [site], window_s=WINDOW_S)
        bodies = [body_of(site, (f"r{v}" for v in range(first, first + ITEMS))) for first in range(0, args.online, ITEMS)]
        a.find_shard(bodies[0], ITEMS)
        # (second, when acknowledged, who came so far); (when read, online or None); how late a batch was
        log, seen, late, over = [], [], [0.0], threading.Event()

        def returning():
            due = time.monotonic()
            for body in itertools.cycle(bodies):
                if over.is_set():
                    return
                a.send(body, ITEMS)
                due += ITEMS / args.rate
                late.append(time.monotonic() - due)
                time.sleep(max(0, -late[-1]))

        def reading():
            while not over.is_set():
                stats = b.stats(site)
                seen.append((time.time(), stats["online"] if stats["scope"] == "cluster" else None))
                time.sleep(0.1)

        threads = [threading.Thread(target=of) for of in (returning, reading)]
        for thread in threads:
            thread.start()
        try:
            say(f"steady: {args.online:,} visitors with a hit each {round_s:.1f} s ({args.rate:,} hits/s), "
                f"{args.coming:,} others come each second; window {WINDOW_S} s, walks each {WINDOW_S // 10} s")
            time.sleep(round_s + 45)  # all are there, in parts
            late.clear()
            spent, came, begun = Spent(redis.servers, (a, b)), 0, time.time()
            each = args.coming // 10
            while time.time() < begun + COMING_S:
                at_s, before = int(time.time()), time.monotonic()
                a.send(body_of(site, (f"p{v}" for v in range(came, came + each)), at_s), each)
                came += each
                log.append((at_s, time.time(), came))
                time.sleep(max(0, before + 0.1 - time.monotonic()))
            spent.end()
            coming_until = min(time.time(), begun + WINDOW_S - 1)  # then the first of them go
            time.sleep(max(0, begun + WINDOW_S + 45 - time.time()))
        finally:
            over.set()
            for thread in threads:
                thread.join()
        ages = ages_while_coming(seen, log, args.online, coming_until)
        say(f"steady: coming: {len(ages)} readings of the second node are {statistics.median(ages):.2f} s old in the median, "
            f"{ages[int(len(ages) * 0.99)]:.2f} s at the 99th percentile, {ages[-1]:.2f} s at most; {sum(age > 2 for age in ages)} are older than 2 s; "
            f"batches were {max(0, *late):.1f} s late at most")
        oldest, readings = check_going(seen, log, args.online, begun + WINDOW_S + 3)
        say(f"steady: going: each of {readings} readings is exact in a second, {oldest} s ago at most")
        r, seconds, visitors = spent.redis, spent.seconds, args.online + came / 2
        members = min(args.rate, args.online / (WINDOW_S / 10)) + came / seconds
        say(f"steady: each who is online, and second: {r['us'] / seconds / visitors:.3f} us of Redis, {spent.node_us[0] / seconds / visitors:.3f} us of the "
            f"node beside counting, {r['commands'] / seconds / visitors:.5f} commands, {r['in'] / seconds / visitors:.2f} bytes to Redis")
        say(f"steady: each member, {members:,.0f} a second: {r['us'] / seconds / members:.2f} us of Redis, {spent.node_us[0] / seconds / members:.2f} us of the "
            f"node, {r['in'] / seconds / members:.0f} bytes; {r['commands'] / seconds:.0f} commands/s, of them {r.get('zadd', 0) / seconds:.0f} ZADD and "
            f"{r.get('zcount', 0) / seconds:.0f} ZCOUNT; {r['us'] / seconds / 1e6:.2f} cores of Redis, "
            f"{spent.node_us[0] / seconds / 1e6:.2f} and {spent.node_us[1] / seconds / 1e6:.2f} of the nodes beside counting")
        say(f"steady: Redis {redis.memory() / 2**20:.0f} MB, node {rss_mb(a.process.pid):.0f} MB")


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("build")
    args.add_argument("--only", default="commands,sites,whole,steady")
    args.add_argument("--rounds", type=int, default=3)
    args.add_argument("--seconds", type=int, default=2)
    args.add_argument("--sites", type=int, default=1000)
    args.add_argument("--ended", type=int, default=98, help="slots of each site that count no more")
    args.add_argument("--visitors", default="1000000,10000000")
    args.add_argument("--online", type=int, default=1_000_000)
    args.add_argument("--rate", type=int, default=80_000, help="hits a second of those who return")
    args.add_argument("--coming", type=int, default=2000, help="visitors a second who come once")
    args = args.parse_args()
    os.environ["FOOTFALL_BUILD"] = str(pathlib.Path(args.build).resolve())
    global Daemon, Redis, until  # they look at the environment
    from footfall import Daemon
    from redis_server import Redis, until
    load = os.getloadavg()[0]
    say(f"{os.cpu_count()} cores, load average {load:.1f}" + ("; other work is running: times are longer than they would be" if load > 0.5 else ""))
    for part in args.only.split(","):
        if part == "whole":
            for visitors in args.visitors.split(","):
                whole(args, int(visitors))
        else:
            {"commands": commands, "sites": sites, "steady": steady}[part](args)


if __name__ == "__main__":
    main()
