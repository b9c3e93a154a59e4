#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""CPU per hit, everything counted and journaled, all processes of a server summed; and its system calls.

P1   kernel durability, 64 keep-alive connections / nginx's empty_gif
P2   the same / the floor program
P3   16 pipelined: nginx / footfall
P4   16 pipelined / the floor program
P5   nginx with Lua and Redis (INCR, PFADD, ZADD and ZCOUNT of each hit) / footfall; beside it Redis alone: INCR and PFADD, by who needs no HTTP
P11  system calls per hit: GET, pipelined, of a batch of 1,000

The floor program answers what the daemon was heard to answer. The same requests go to all: GET /hit.gif of 1,000 visitors with the browsers of browsers.py, 100 pages; wrk sends them over
whatever connection is ready, as a proxy does. Beside them the figures where all have one browser. At the end the daemon's total is compared with what wrk had answered.

System calls are counted by perf. Without it strace counts them, which stops the process at each: then all connections are always
ready, a pass is as long as it can be, and the figure of a GET is too good; the row says so.
"""
import contextlib
import itertools
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time

import browsers
from batches import AGENT, ITEMS, protobuf, requests, send_all
from browsers import SITE, lua
from figures import CLIENT, main
from side_by_side import add_nginx, cpu_ns, keep_answer, measure, nginx_binary, running, same_answers, wrk

# What a user would build instead: four commands to Redis, one of them through a pipeline.
NGINX_LUA = """
load_module %(modules)s/ndk_http_module.so;
load_module %(modules)s/ngx_http_lua_module.so;
worker_processes 1; daemon off; pid %(at)s/lua.pid; error_log %(at)s/lua.log crit;
events { worker_connections 1024; }
http { access_log off; keepalive_requests 1000000000; client_body_temp_path %(at)s; proxy_temp_path %(at)s; fastcgi_temp_path %(at)s;
  uwsgi_temp_path %(at)s; scgi_temp_path %(at)s; lua_package_path "/usr/share/lua/5.1/?.lua;;";
  server { listen 127.0.0.1:%(port)d; location / { content_by_lua_block {
    local redis = require("nginx.redis"):new()
    assert(redis:connect("unix:%(at)s/redis.sock"))
    local site, now = ngx.var.arg_site, ngx.time()
    local visitor = ngx.md5(ngx.var.http_x_forwarded_for .. ngx.var.http_user_agent)
    redis:init_pipeline()
    redis:incr("total:" .. site)
    redis:pfadd("visitors:" .. site, visitor)
    redis:zadd("online:" .. site, now + 300, visitor)
    redis:zcount("online:" .. site, now, "+inf")
    assert(redis:commit_pipeline())
    redis:set_keepalive(10000, 64)
    ngx.header["Content-Type"] = "image/gif"
    ngx.print(string.rep("G", 43))
  } } } }
"""
MODULES = pathlib.Path("/usr/lib/nginx/modules")


def lua_and_redis(bench, port):
    """Commands of the two processes, or None where a package is absent."""
    if not (MODULES / "ngx_http_lua_module.so").exists() or not pathlib.Path("/usr/share/lua/5.1/nginx/redis.lua").exists():
        return None
    config = bench.at / "lua.conf"
    config.write_text(NGINX_LUA % {"modules": MODULES, "at": bench.at, "port": port})
    return {"redis": ["redis-server", "--port", "0", "--unixsocket", str(bench.at / "redis.sock"), "--unixsocketperm", "777", "--save", "", "--loglevel", "warning", "--logfile", str(bench.at / "redis.log"), "--dir", str(bench.at)],
            "lua": [nginx_binary(), "-c", str(config), "-p", str(bench.at)]}


CONNECTIONS = 64
REQUEST = f"GET /hit.gif?site={SITE}&path=/ HTTP/1.1\r\nHost: x\r\nUser-Agent: {AGENT % 100}\r\n\r\n".encode()


def compared(bench, label, depth, commands, ports, base, helpers=(), floor=None, of=None):
    """`helpers` are processes that nginx with Lua needs. `floor`: the floor program's port. `of`: these browsers alone."""
    node = bench.server(f"hits-{label}")
    try:
        node.add_site(SITE, timezone="Asia/Ho_Chi_Minh", visibility="full")
        if floor:
            keep_answer(node.port, REQUEST, bench.at / "answer")
            commands = {**commands, "floor": [str(bench.build / "tests" / "bench" / "floor"), str(floor), str(bench.at / "answer")]}
            ports = {**ports, "floor": floor}
        with running(commands) as others:
            if floor:
                same_answers({"floor": floor, "footfall": node.port}, REQUEST)
            servers = {**{name: process for name, process in others.items() if name in ports}, "footfall": node.process}
            alone, totals = node.stats(SITE)["counted"], {}
            figures, _ = measure(label, servers, {**ports, "footfall": node.port}, lua(depth, of), base, bench.rounds, bench.seconds, CONNECTIONS,
                                 helpers={"lua": [others[name] for name in helpers]}, totals=totals)
            time.sleep(1)  # what was on its way is counted
            metrics = node.metrics()
            counted = node.stats(SITE)["counted"]
            assert counted == metrics["footfall_hits_accepted_total"] == metrics["footfall_hits_acknowledged_total"] > 0, (counted, totals)
            # What is in flight when wrk ends a round is counted, and not by wrk.
            assert 0 <= counted - alone - totals["footfall"] <= (bench.rounds + 1) * CONNECTIONS * depth, (counted - alone, totals)
            return figures
    finally:
        node.close()


def ratios(figures, one, other):
    return [a / b for a, b in zip(figures[one], figures[other])]


def hits(bench):
    from footfall import free_port
    bench.at.chmod(0o755)  # nginx's worker is another user
    ports, commands, floor = {}, {}, free_port()
    add_nginx(commands, ports, free_port(), str(bench.at))
    base = "nginx" if "nginx" in ports else "floor"
    single = compared(bench, "single", 1, commands, ports, base, floor=floor)
    pipelined = compared(bench, "16 pipelined", 16, commands, ports, base, floor=floor)
    one_single = compared(bench, "single, one browser", 1, commands, ports, base, floor=floor, of=browsers.one())
    one_pipelined = compared(bench, "16 pipelined, one browser", 16, commands, ports, base, floor=floor, of=browsers.one())
    bench.note("P1", "CPU per hit", single["footfall"], "us")
    bench.note("P1", "the same of one browser", one_single["footfall"], "us")
    if base == "nginx":
        bench.row("P1", "CPU per hit / nginx empty_gif", 1.00, 0.92, ratios(single, "footfall", "nginx"), "x")
        bench.note("P1", "the same of one browser", ratios(one_single, "footfall", "nginx"), "x")
        bench.row("P3", "16 pipelined: CPU per hit, nginx / footfall", 7, 9, ratios(pipelined, "nginx", "footfall"), "x", at_least=True)
        bench.note("P3", "the same of one browser", ratios(one_pipelined, "nginx", "footfall"), "x")
    else:
        bench.left_out("P1", "nginx is not installed")
    bench.row("P2", "CPU per hit / the floor program", 1.15, 1.06, ratios(single, "footfall", "floor"), "x")
    bench.note("P2", "the same of one browser", ratios(one_single, "footfall", "floor"), "x")
    bench.row("P4", "16 pipelined: CPU per hit / the floor program", 1.6, 1.25, ratios(pipelined, "footfall", "floor"), "x")
    bench.note("P4", "the same of one browser", ratios(one_pipelined, "footfall", "floor"), "x")


def redis_alone(bench):
    """CPU of redis-server for an INCR and a PFADD, one in flight on each connection and pipelined, by redis-benchmark over loopback."""
    from footfall import free_port
    if shutil.which("redis-benchmark") is None:
        return bench.left_out("P5", "redis-benchmark is not installed")
    port, commands = free_port(), {"INCR": ["INCR", f"total:{SITE}"], "PFADD": ["PFADD", f"visitors:{SITE}", "__rand_int__"]}
    server = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--logfile", str(bench.at / "alone.log"), "--dir", str(bench.at)]
    with running({"redis": server}) as others:
        redis = [others["redis"].pid]
        ask = lambda *words: subprocess.run(["redis-cli", "-p", str(port), *words], capture_output=True, text=True, check=True).stdout.strip()
        for label, depth, count in (("one at a time", 1, 20_000 * bench.seconds), ("16 pipelined", 16, 200_000 * bench.seconds)):
            figures = []
            for _ in range(bench.rounds):
                before, total = cpu_ns(redis), int(ask("GET", f"total:{SITE}") or 0)
                for command in commands.values():
                    subprocess.run([*CLIENT, "redis-benchmark", "-p", str(port), "-q", "-c", str(CONNECTIONS), "-P", str(depth), "-n", str(count), "-r", "1000", *command],
                                   stdout=subprocess.DEVNULL, check=True)
                figures.append((cpu_ns(redis) - before) / 1000 / count)
                counted = int(ask("GET", f"total:{SITE}")) - total
                assert count <= counted < count + CONNECTIONS * depth, counted
            bench.note("P5", f"Redis alone, INCR and PFADD, {label}: its CPU for both", figures, "us")
        assert 900 < int(ask("PFCOUNT", f"visitors:{SITE}")) < 1100


def what_a_user_would_build(bench):
    from footfall import free_port
    redis_alone(bench)
    bench.at.chmod(0o755)
    port = free_port()
    commands = lua_and_redis(bench, port)
    if commands is None:
        return bench.left_out("P5", "nginx's Lua module or its client of Redis is not installed")
    figures = compared(bench, "single", 1, commands, {"lua": port}, "footfall", helpers=["redis"])
    bench.row("P5", "CPU per hit, nginx + Lua + Redis / footfall", 10, 14, ratios(figures, "lua", "footfall"), "x", 1, at_least=True)


@contextlib.contextmanager
def counter(bench, pid):
    """Counts the system calls of all threads of a process; gives a function that ends it and says how many there were."""
    out = bench.at / "calls"
    if counts_with_perf():
        command = ["perf", "stat", "-x", ",", "-e", CALLS, "-o", str(out), "-p", str(pid)]
        found = lambda text: int(re.search(rf"^(\d+),,{CALLS},", text, re.M).group(1))
    else:
        command = ["strace", "-f", "-c", "-qq", "-o", str(out), "-p", str(pid)]
        found = lambda text: int(re.search(r"^100.00\s+\S+\s+\S+\s+(\d+).*total$", text, re.M).group(1))
    process = subprocess.Popen([*CLIENT, *command], stderr=subprocess.DEVNULL)

    def ended():
        process.send_signal(signal.SIGINT)
        process.wait()
        return found(out.read_text())
    try:
        time.sleep(1)  # it is there
        yield ended
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


CALLS = "raw_syscalls:sys_enter"


def counts_with_perf():
    try:
        return subprocess.run(["perf", "stat", "-e", CALLS, "true"], capture_output=True).returncode == 0
    except OSError:
        return False


def accepted(node):
    return node.metrics()["footfall_hits_accepted_total"]


def system_calls(bench):
    how = "" if counts_with_perf() else ", by strace: all connections are always ready"
    for label, depth, aim, stretch in (("GET", 1, 3.1, 2.1), ("16 pipelined", 16, 0.2, 0.14)):
        node = bench.server(f"calls-{depth}")
        try:
            node.add_site(SITE)
            with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
                script.write(lua(depth))
                script.flush()
                wrk(node.port, script.name, 1)
                figures = []
                for _ in range(bench.rounds):
                    with counter(bench, node.process.pid) as ended:
                        before = accepted(node)
                        wrk(node.port, script.name, bench.seconds)
                        figures.append(ended() / (accepted(node) - before))
            bench.row("P11", f"system calls per hit, {label}{how}", aim, stretch, figures, "")
        finally:
            node.close()
    node = bench.server("calls-batch")
    try:
        node.add_site(SITE)
        whole = list(itertools.islice(requests(node, "application/x-protobuf", protobuf), BATCHES))
        send_all(node.port, whole)
        figures = []
        for _ in range(bench.rounds):
            with counter(bench, node.process.pid) as ended:
                accepted_now = send_all(node.port, whole)
                figures.append(ended() / accepted_now)
        bench.row("P11", f"system calls per hit, of protobuf batches of {ITEMS:,}{how}", 0.004, 0.003, figures, "", 4)
    finally:
        node.close()


BATCHES = 200
GOALS = {"P1": hits, "P2": hits, "P3": hits, "P4": hits, "P5": what_a_user_would_build, "P11": system_calls}
if __name__ == "__main__":
    main(__doc__, GOALS)
