# SPDX-License-Identifier: Apache-2.0
"""A real redis-server of the test's own, and the footfall command against a daemon of the test's."""
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time

from footfall import BUILD, free_port


class Redis:
    """One redis-server; with `configuration` a sentinel."""

    prefix = []  # of its commands: where they run

    def __init__(self, *options, configuration=None, append=True):
        self.port = free_port()
        self.directory, self.options = tempfile.mkdtemp(prefix="footfall-redis-"), list(options)
        if append:
            self.options += ["--appendonly", "yes"]
        self.configuration = []
        if configuration:
            self.configuration = [f"{self.directory}/redis.conf"]
            with open(self.configuration[0], "w") as file:
                file.write(configuration)
        self.start()

    def start(self):
        self.process = subprocess.Popen([*self.prefix, "redis-server", *self.configuration, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
                                         "--dir", self.directory, *self.options], stdout=subprocess.DEVNULL)
        for _ in range(500):
            if self.run("PING") == "PONG":
                return
            time.sleep(0.02)
        raise AssertionError("redis-server does not answer")

    def run(self, *words):
        return subprocess.run([*self.prefix, "redis-cli", "-p", str(self.port), *words], capture_output=True, text=True, timeout=20).stdout.strip()

    def masters(self):
        return [self]

    def kill(self):
        self.process.kill()
        self.process.wait()

    def empty(self):
        """Of a server that was killed: what it had on its disk."""
        shutil.rmtree(self.directory)
        os.mkdir(self.directory)

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def close(self):
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    @property
    def uri(self):
        return f"redis://127.0.0.1:{self.port}"


class Sentinels:
    """A master, a replica, and three sentinels that watch them."""

    def __init__(self):
        self.servers = [Redis()]
        self.servers.append(Redis("--replicaof", "127.0.0.1", str(self.servers[0].port)))
        configuration = (f"sentinel monitor m 127.0.0.1 {self.servers[0].port} 2\nsentinel down-after-milliseconds m 500\n"
                         "sentinel failover-timeout m 3000\n")
        self.sentinels = [Redis("--sentinel", configuration=configuration, append=False) for _ in range(3)]
        until(lambda: all("num-slaves\n1" in s.run("SENTINEL", "MASTER", "m") and "num-other-sentinels\n2" in s.run("SENTINEL", "MASTER", "m")
                          for s in self.sentinels), "the sentinels do not find each other")

    def master(self):
        port = self.sentinels[0].run("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "m").split()[1]
        return next(s for s in self.servers if str(s.port) == port)

    def masters(self):
        return [self.master()]

    def close(self):
        for server in [*self.sentinels, *self.servers]:
            server.close()

    @property
    def uri(self):
        return "redis+sentinel://" + ",".join(f"127.0.0.1:{s.port}" for s in self.sentinels) + "/m"


class Cluster:
    """Three masters, each with a replica."""

    def __init__(self):
        self.servers = [Redis("--cluster-enabled", "yes", "--cluster-node-timeout", "1000") for _ in range(6)]
        addresses = [f"127.0.0.1:{s.port}" for s in self.servers]
        subprocess.run(["redis-cli", "--cluster", "create", *addresses, "--cluster-replicas", "1", "--cluster-yes"], check=True,
                       stdout=subprocess.DEVNULL, timeout=60)
        until(lambda: all("cluster_state:ok" in s.run("CLUSTER", "INFO") and "cluster_known_nodes:6" in s.run("CLUSTER", "INFO") for s in self.servers),
              "the cluster does not come up")
        until(lambda: sum("master_link_status:up" in s.run("INFO", "replication") for s in self.servers) == 3, "a replica is not in step")

    def masters(self):
        return [s for s in self.servers if s.process.poll() is None and s.run("ROLE").startswith("master")]

    def reshard(self, slots):
        of = [s.run("CLUSTER", "MYID") for s in self.masters()]
        subprocess.run(["redis-cli", "--cluster", "reshard", f"127.0.0.1:{self.masters()[0].port}", "--cluster-from", of[0], "--cluster-to", of[1],
                        "--cluster-slots", str(slots), "--cluster-yes"], check=True, stdout=subprocess.DEVNULL, timeout=120)

    def move_slot_of(self, tag):
        """All keys in {tag}, one each 0.4 s: meanwhile a command finds its key here, or there by ASK."""
        masters = self.masters()
        slot = masters[0].run("CLUSTER", "KEYSLOT", "{%s}" % tag)
        of = next(s for s in masters if s.run("CLUSTER", "COUNTKEYSINSLOT", slot) != "0")
        to = next(s for s in masters if s is not of)
        ids = {s: s.run("CLUSTER", "MYID") for s in masters}
        for server, *words in ((to, "IMPORTING", ids[of]), (of, "MIGRATING", ids[to])):
            assert server.run("CLUSTER", "SETSLOT", slot, *words) == "OK"
        while keys := of.run("CLUSTER", "GETKEYSINSLOT", slot, "1").splitlines():
            assert of.run("MIGRATE", "127.0.0.1", str(to.port), keys[0], "0", "5000") == "OK", keys
            time.sleep(0.4)
        for server in (to, of, *(s for s in masters if s not in (to, of))):
            assert server.run("CLUSTER", "SETSLOT", slot, "NODE", ids[to]) == "OK"

    def close(self):
        for server in self.servers:
            server.close()

    @property
    def uri(self):
        return "redis://" + ",".join(f"127.0.0.1:{s.port}" for s in self.servers[:3])


def footfall(daemon, *words, code=0):
    ran = subprocess.run([str(BUILD / "footfall"), *words, "--json", "--admin", f"http://127.0.0.1:{daemon.admin_port}", "--token-file",
                          str(daemon.directory / "admin-token")], capture_output=True, text=True, timeout=60)
    assert ran.returncode == code, f"footfall {words} ended with {ran.returncode}:\n{ran.stdout}{ran.stderr}"
    return json.loads(ran.stdout) if code == 0 else ran.stderr


def until(what, why, patience_s=60):
    end = time.monotonic() + patience_s
    while time.monotonic() < end:
        if what():
            return
        time.sleep(0.05)
    raise AssertionError(why() if callable(why) else why)
