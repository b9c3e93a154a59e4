#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""P26: CPU per read of stats.json and of widget.svg, beside nginx serving a static file of that size. 64 connections, rounds interleaved."""
import subprocess

from figures import SERVER, main
from side_by_side import cpu_us_per_request, nginx_binary

SITE = "bench.example"
NGINX = """
worker_processes 1; daemon off; pid %(at)s/nginx.pid; error_log %(at)s/error.log crit;
events { worker_connections 1024; }
http { access_log off; keepalive_requests 1000000000; client_body_temp_path %(at)s; proxy_temp_path %(at)s; fastcgi_temp_path %(at)s;
  uwsgi_temp_path %(at)s; scgi_temp_path %(at)s; open_file_cache max=10;
  server { listen 127.0.0.1:%(port)d; location / { root %(at)s; } } }
"""


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
    finally:
        if other:
            other.terminate()
            other.wait()
        node.close()


GOALS = {"P26": reads}
if __name__ == "__main__":
    main(__doc__, GOALS)
