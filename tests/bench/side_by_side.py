# SPDX-License-Identifier: Apache-2.0
"""Servers measured side by side: CPU per request, interleaved rounds, medians and ratios.

The server is pinned to core 0 and wrk to core 1; rounds are interleaved a-b-c-a-b-c, so that a noisy minute hits all of
them. CPU is what the scheduler accounts to all threads of the server's processes, in nanoseconds; the number of requests is wrk's.
"""
import contextlib
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import time

NGINX = """
worker_processes 1; daemon off; pid %(dir)s/nginx.pid; error_log %(dir)s/error.log crit;
events { worker_connections 1024; }
http { access_log off; keepalive_requests 1000000000; client_body_temp_path %(dir)s; proxy_temp_path %(dir)s;
  fastcgi_temp_path %(dir)s; uwsgi_temp_path %(dir)s; scgi_temp_path %(dir)s;
  server { listen 127.0.0.1:%(port)d; location / { empty_gif; } } }
"""


CPU_OF_PROCESS = 2  # by the scheduler; such a clock's number is made of this and of the process id (clock_getcpuclockid)


def cpu_ns(pids):
    """CPU of all threads of processes, living and dead."""
    return sum(time.clock_gettime_ns(~pid << 3 | CPU_OF_PROCESS) for pid in pids)


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as f:
        return [int(p) for p in f.read().split()]


def wrk(port, script, seconds, connections=64, refused=0):
    return answered("-t1", f"-c{connections}", f"-d{seconds}s", "-s", script, f"http://127.0.0.1:{port}/", refused=refused)


def answered(*options, refused=0):
    """Runs wrk: how many requests were answered. An error of a socket or an answer other than 2xx is no measurement; nor is one in which fewer were refused
    than this part of all, where there is to be."""
    out = subprocess.run(["taskset", "-c", "1", "wrk", *options], capture_output=True, text=True, check=True).stdout
    requests = int(re.search(r"(\d+) requests in", out).group(1))
    others = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    others = int(others.group(1)) if others else 0
    assert "Socket errors" not in out and (others >= refused * requests if refused else others == 0), out
    return requests


def cpu_us_per_request(pid, url, seconds, connections=64, script=None):
    """Of the server with this process id, its children among it."""
    pids = [pid] + children(pid)
    before = cpu_ns(pids)
    requests = answered("-t1", f"-c{connections}", f"-d{seconds}s", *(["-s", script] if script else []), url)
    return (cpu_ns(pids) - before) / 1000 / requests


def heard(port, request):
    """The whole answer to a request, as it came: head and body by its length."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(request)
        answer = b""
        while b"\r\n\r\n" not in answer or len(answer) < whole(answer):
            more = connection.recv(65536)
            assert more, answer
            answer += more
    assert len(answer) == whole(answer), answer
    return answer


def whole(answer):
    head = answer[:answer.index(b"\r\n\r\n") + 4]
    length = re.search(rb"\r\nContent-Length: (\d+)\r\n", head)
    return len(head) + (int(length.group(1)) if length else 0)


def keep_answer(port, request, path):
    """What a server says, for a yardstick to say the same: floor.cc, pass_ways.cc."""
    with open(path, "wb") as f:
        f.write(heard(port, request))


def same_answers(ports, request):
    """None may send less than another, or be compared for what it left out: the same fields in all, and as many bytes."""
    answers = {name: heard(port, request) for name, port in ports.items()}
    fields = {name: [line.split(b":")[0] for line in answer[:answer.index(b"\r\n\r\n")].split(b"\r\n")] for name, answer in answers.items()}
    assert len({len(answer) for answer in answers.values()}) == 1 and all(found == next(iter(fields.values())) for found in fields.values()), answers


def nginx_binary():
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")


def add_nginx(commands, ports, port, work):
    """nginx's empty_gif among the servers, where nginx is installed."""
    nginx = nginx_binary()
    if nginx:
        config = os.path.join(work, "nginx.conf")
        with open(config, "w") as f:
            f.write(NGINX % {"dir": work, "port": port})
        commands["nginx"] = [nginx, "-c", config, "-p", work]
        ports["nginx"] = port


@contextlib.contextmanager
def running(commands):
    """name -> process, each pinned to core 0; ended by process id."""
    servers = {name: subprocess.Popen(["taskset", "-c", "0"] + command) for name, command in commands.items()}
    try:
        time.sleep(0.5)
        yield servers
    finally:
        for server in servers.values():
            server.send_signal(signal.SIGTERM)
        for server in servers.values():
            server.wait()


def measure(label, servers, ports, lua, base, rounds, seconds, connections=64, helpers=None, totals=None, refused=None):
    """Prints the median CPU per request of each, its range, and the median ratio to `base` round by round.

    `helpers`: name -> processes whose CPU is the server's too. `totals`: gets name -> all that wrk had answered. `refused`: name -> the part of its
    answers that are other than 2xx, at least. Answers name -> microseconds a request, and name -> requests a second, one for each round."""
    figures = {name: [] for name in servers}  # name -> us per request, one per round
    rates = {name: [] for name in servers}
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(lua)
        script.flush()
        totals = {} if totals is None else totals
        ask = lambda name, seconds: wrk(ports[name], script.name, seconds, connections, (refused or {}).get(name, 0))
        for name in servers:
            totals[name] = ask(name, 1)  # warm
        for _ in range(rounds):
            for name, server in servers.items():
                pids = [server.pid, *children(server.pid)]
                pids += [process.pid for process in (helpers or {}).get(name, [])]
                before, began = cpu_ns(pids), time.monotonic()
                requests = ask(name, seconds)
                totals[name] += requests
                figures[name].append((cpu_ns(pids) - before) / 1000 / requests)
                rates[name].append(requests / (time.monotonic() - began))
    print(f"{label}:")
    for name, values in figures.items():
        ratios = [v / b for v, b in zip(values, figures[base])]
        print(f"  {name:9} {statistics.median(values):6.3f} us/request ({min(values):.3f}-{max(values):.3f})"
              f"   / {base} {statistics.median(ratios):5.3f} ({min(ratios):.3f}-{max(ratios):.3f})"
              f"   {statistics.median(rates[name]):9.0f} requests/s", flush=True)
    return figures, rates
