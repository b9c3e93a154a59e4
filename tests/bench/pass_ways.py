#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Server CPU per request of the ways to make a pass and of the http module, beside the floor program and, when installed, nginx.

    pass_ways.py BUILD_DIR [--rounds 5] [--seconds 2]

The server is pinned to core 0 and wrk to core 1; rounds are interleaved a-b-c-a-b-c, so that a noisy minute hits all of
them. CPU is what the scheduler accounts to the server's threads (/proc/PID/task/*/schedstat, nanoseconds); the number
of requests is wrk's. Printed: the median of each and its range, and the median ratio to the floor round by round.
"""
import argparse
import glob
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

LUA = """
local n = %d
init = function(args)
  local t = {}
  for i = 1, n do t[i] = wrk.format("GET", "/hit?site=example.vn&path=/tin-tuc/" .. i) end
  batch = table.concat(t)
end
request = function() return batch end
"""

NGINX = """
worker_processes 1; daemon off; pid %(dir)s/nginx.pid; error_log %(dir)s/error.log crit;
events { worker_connections 1024; }
http { access_log off; keepalive_requests 1000000000; client_body_temp_path %(dir)s; proxy_temp_path %(dir)s;
  fastcgi_temp_path %(dir)s; uwsgi_temp_path %(dir)s; scgi_temp_path %(dir)s;
  server { listen 127.0.0.1:%(port)d; location / { empty_gif; } } }
"""


def cpu_ns(pids):
    total = 0
    for pid in pids:
        for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
            with open(path) as f:
                total += int(f.read().split()[0])
    return total


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as f:
        return [int(p) for p in f.read().split()]


def wrk(port, script, seconds):
    out = subprocess.run(["taskset", "-c", "1", "wrk", "-t1", "-c64", f"-d{seconds}s", "-s", script,
                          f"http://127.0.0.1:{port}/"], capture_output=True, text=True, check=True).stdout
    if "Socket errors" in out or "Non-2xx" in out:
        print(out, file=sys.stderr)
    return int(re.search(r"(\d+) requests in", out).group(1))


def main():
    args = argparse.ArgumentParser()
    args.add_argument("build")
    args.add_argument("--rounds", type=int, default=5)
    args.add_argument("--seconds", type=int, default=2)
    args = args.parse_args()
    work = tempfile.mkdtemp(prefix="pass_ways.")
    bench = os.path.join(args.build, "tests", "bench")
    commands = {
        "floor": [os.path.join(bench, "floor"), "18901"],
        "asio": [os.path.join(bench, "pass_ways"), "asio", "18902", os.path.join(work, "a")],
        "epoll": [os.path.join(bench, "pass_ways"), "epoll", "18903", os.path.join(work, "b")],
        "http": [os.path.join(bench, "http_loop"), "18905", os.path.join(work, "c")],
    }
    ports = {"floor": 18901, "asio": 18902, "epoll": 18903, "nginx": 18904, "http": 18905}
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if nginx:
        config = os.path.join(work, "nginx.conf")
        with open(config, "w") as f:
            f.write(NGINX % {"dir": work, "port": ports["nginx"]})
        commands["nginx"] = [nginx, "-c", config, "-p", work]
    servers = {name: subprocess.Popen(["taskset", "-c", "0"] + command) for name, command in commands.items()}
    try:
        time.sleep(0.5)
        for label, depth in (("single", 1), ("16 pipelined", 16)):
            script = os.path.join(work, f"{depth}.lua")
            with open(script, "w") as f:
                f.write(LUA % depth)
            figures = {name: [] for name in servers}  # name -> us per request, one per round
            rates = {name: [] for name in servers}
            for name in servers:
                wrk(ports[name], script, 1)  # warm
            for _ in range(args.rounds):
                for name, server in servers.items():
                    pids = [server.pid] + children(server.pid)
                    before, began = cpu_ns(pids), time.monotonic()
                    requests = wrk(ports[name], script, args.seconds)
                    figures[name].append((cpu_ns(pids) - before) / 1000 / requests)
                    rates[name].append(requests / (time.monotonic() - began))
            print(f"{label}:")
            for name, values in figures.items():
                ratios = [v / f for v, f in zip(values, figures["floor"])]
                print(f"  {name:6} {statistics.median(values):6.3f} us/request ({min(values):.3f}-{max(values):.3f})"
                      f"   / floor {statistics.median(ratios):5.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
                      f"   {statistics.median(rates[name]):9.0f} requests/s")
    finally:
        for server in servers.values():
            server.send_signal(signal.SIGTERM)
        for server in servers.values():
            server.wait()
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
