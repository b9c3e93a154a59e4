#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""P26: CPU per read of stats.json and of widget.svg, beside nginx serving a static file of that size. 64 connections, rounds interleaved.

That is of a site at rest, whose widget is drawn once. Beside it reads and hits in turn, what hits cost by themselves taken off: over 64 connections, where the
reads of a pass find the numbers of the pass before; and over one, where each read finds new numbers, and the widget is drawn for each.
"""
import json
import subprocess

from figures import SERVER, main
from side_by_side import cpu_us_per_request, nginx_binary

SITE = "bench.example"
HIT = f"/hit.gif?site={SITE}&path=/"
NGINX = """
worker_processes 1; daemon off; pid %(at)s/nginx.pid; error_log %(at)s/error.log crit;
events { worker_connections 1024; }
http { access_log off; keepalive_requests 1000000000; client_body_temp_path %(at)s; proxy_temp_path %(at)s; fastcgi_temp_path %(at)s;
  uwsgi_temp_path %(at)s; scgi_temp_path %(at)s; open_file_cache max=10;
  server { listen 127.0.0.1:%(port)d; location / { root %(at)s; } } }
"""


IN_TURN = """
local targets, at = {%s}, 0
request = function()
  at = at %% #targets + 1
  return wrk.format("GET", targets[at])
end
"""


def in_turn(bench, node, targets, connections):
    """CPU of the daemon per request of these, one after the other."""
    script = bench.at / "in-turn.lua"
    script.write_text(IN_TURN % ", ".join(map(json.dumps, targets)))
    return cpu_us_per_request(node.process.pid, f"http://127.0.0.1:{node.port}/", bench.seconds, connections, str(script))


def reads(bench):
    from footfall import free_port
    nginx = nginx_binary()
    if nginx is None:
        return bench.left_out("P26", "nginx is not installed")
    node, port = bench.server("reads"), free_port()
    (bench.at / "nginx.conf").write_text(NGINX % {"at": bench.at, "port": port})
    other = None
    try:
        node.add_site(SITE, visibility="full")
        node.hit(SITE)
        bench.at.chmod(0o755)  # nginx's worker is another user
        targets = {"stats.json": f"/v1/sites/{SITE}/stats", "widget.svg": f"/widget/{SITE}.svg"}
        for name, target in targets.items():
            (bench.at / name).write_bytes(node.get(target).body)
        other = subprocess.Popen([*SERVER, nginx, "-c", str(bench.at / "nginx.conf"), "-p", str(bench.at)])
        for name, target in targets.items():
            _, ratios = bench.against(lambda: cpu_us_per_request(node.process.pid, f"http://127.0.0.1:{node.port}{target}", bench.seconds),
                                      lambda: cpu_us_per_request(other.pid, f"http://127.0.0.1:{port}/{name}", bench.seconds))
            bench.row("P26", f"CPU per read of {name} / nginx's of {(bench.at / name).stat().st_size} bytes", 1.1, 1.0, ratios, "x")
            for connections in (64, 1):
                _, ratios = bench.against(lambda: 2 * in_turn(bench, node, [HIT, target], connections) - in_turn(bench, node, [HIT], connections),
                                          lambda: cpu_us_per_request(other.pid, f"http://127.0.0.1:{port}/{name}", bench.seconds, connections))
                bench.note("P26", f"the same, a hit for each read, without the CPU of hits, over {connections} connection{'s' if connections > 1 else ': all numbers are new'}", ratios, "x")
    finally:
        if other:
            other.terminate()
            other.wait()
        node.close()


GOALS = {"P26": reads}
if __name__ == "__main__":
    main(__doc__, GOALS)
