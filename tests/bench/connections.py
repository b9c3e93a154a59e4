#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""P23: CPU of the server per hit with a new connection for each, beside nginx's empty_gif, in plain HTTP and in TLS that goes on with a session.

Both are sent to by `footfall bench --reconnect`, 64 connections at a time, requests of a browser that say `Connection: close`; both
show the same certificate (P-256) and know sessions by ticket, and the version is what they agree on, 1.3. Full handshakes are shown
too, without a goal. The rounds of nginx and footfall are interleaved.
"""
import subprocess

from figures import SERVER, footfall_bench, main
from side_by_side import children, cpu_ns, nginx_binary

SITE = "bench.example"
HITS = {"plain": 8000, "resumed": 1500, "full": 1500}  # for each of --seconds: about what a core answers in one
NGINX = """
worker_processes 1; daemon off; pid %(at)s/nginx.pid; error_log %(at)s/error.log crit;
events { worker_connections 1024; }
http { access_log off; client_body_temp_path %(at)s; proxy_temp_path %(at)s; fastcgi_temp_path %(at)s; uwsgi_temp_path %(at)s; scgi_temp_path %(at)s;
  server { listen 127.0.0.1:%(plain)d backlog=4096; listen 127.0.0.1:%(tls)d ssl backlog=4096;
    ssl_certificate %(at)s/certificate.pem; ssl_certificate_key %(at)s/key.pem; ssl_protocols TLSv1.2 TLSv1.3; ssl_session_tickets on;
    location / { empty_gif; } } }
"""


def us_per_hit(bench, process, node, port, kind):
    """CPU of `process` and its children for each hit that it answers on `port`."""
    to = {"plain": [f"http://127.0.0.1:{port}"], "full": [f"https://127.0.0.1:{port}"], "resumed": [f"https://127.0.0.1:{port}", "--resume"]}[kind]
    pids = [process.pid, *children(process.pid)]
    before = cpu_ns(pids)
    found = footfall_bench(node, SITE, "--reconnect", "--connections", "64", "--hits", bench.seconds * HITS[kind], "--seconds", 120, "--through", *to,
                           "--ca-file", bench.at / "certificate.pem", counted=process is node.process)
    spent_us = (cpu_ns(pids) - before) / 1000
    assert not found["trouble"] and found["undecided"] == 0, found
    assert kind != "resumed" or found["tls_resumed"] >= found["tls_connections"] - 64 > 0, found
    assert kind != "full" or found["tls_resumed"] == 0, found
    return spent_us / found["acknowledged"]


def connections(bench):
    from footfall import free_port
    nginx = nginx_binary()
    if nginx is None:
        return bench.left_out("P23", "nginx is not installed")
    bench.at.chmod(0o755)  # nginx's worker is another user
    certificate, key = bench.at / "certificate.pem", bench.at / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate], check=True, capture_output=True)
    key.chmod(0o600)
    theirs = {"plain": free_port(), "tls": free_port()}
    (bench.at / "nginx.conf").write_text(NGINX % {"at": bench.at, **theirs})
    tls_port = free_port()
    node = bench.server("connections", "--listen", f"tls:127.0.0.1:{tls_port}", "--tls-certificate", str(certificate), "--tls-key", str(key))
    other = subprocess.Popen([*SERVER, nginx, "-c", str(bench.at / "nginx.conf"), "-p", str(bench.at)])
    try:
        node.add_site(SITE, visibility="full")
        for kind, what in (("plain", "a connection for each hit"), ("resumed", "the same with resumed TLS"), ("full", "the same with full handshakes of TLS")):
            our_port, their_port = (node.port, theirs["plain"]) if kind == "plain" else (tls_port, theirs["tls"])
            ours, ratios = bench.against(lambda: us_per_hit(bench, node.process, node, our_port, kind), lambda: us_per_hit(bench, other, node, their_port, kind))
            bench.note("P23", f"{what}: CPU per hit", ours, "us", 1)
            if kind == "full":
                bench.note("P23", f"{what}: CPU per hit / nginx", ratios, "x")
            else:
                bench.row("P23", f"{what}: CPU per hit / nginx", 1.05, 0.98 if kind == "plain" else 1.00, ratios, "x")
    finally:
        other.terminate()
        other.wait()
        node.close()


GOALS = {"P23": connections}
if __name__ == "__main__":
    main(__doc__, GOALS)
