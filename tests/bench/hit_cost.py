#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""CPU per hit of footfalld, everything counted and journaled, beside nginx's empty_gif and the floor program.

    hit_cost.py BUILD_DIR [--rounds 5] [--seconds 2] [--durability kernel]

The same requests go to all three: GET /hit.gif with the fields that a browser sends (about 480 bytes), 1,000 visitors
told apart by X-Forwarded-For and agent, 100 pages. At the end the daemon's total is compared with what wrk had answered.
"""
import argparse
import http.client
import json
import os
import sys
import tempfile
import time

from side_by_side import add_nginx, measure, running

SITE = "bench.example"
LUA = """
local depth = %d
local batches = {}
init = function(args)
  local n = 0
  for b = 1, math.floor(1000 / depth) do
    local t = {}
    for i = 1, depth do
      n = n + 1
      t[i] = "GET /hit.gif?site=bench.example&path=/tin-tuc/bai-" .. n %% 100 .. " HTTP/1.1\\r\\n" ..
        "Host: stats.bench.example\\r\\nConnection: keep-alive\\r\\n" ..
        "User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/" .. 100 + n %% 20 .. ".0.0.0 Safari/537.36\\r\\n" ..
        "Accept: image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8\\r\\nReferer: https://bench.example/\\r\\n" ..
        "Accept-Encoding: gzip, deflate, br\\r\\nAccept-Language: vi-VN,vi;q=0.9,en;q=0.8\\r\\n" ..
        "X-Forwarded-For: 10.9." .. math.floor(n / 250) .. "." .. n %% 250 .. "\\r\\n\\r\\n"
    end
    batches[b] = table.concat(t)
  end
end
local at = 0
request = function()
  at = at %% #batches + 1
  return batches[at]
end
"""


def admin(port, token, method, target, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, target, None if body is None else json.dumps(body), {"Authorization": f"Bearer {token}"})
    answer = connection.getresponse()
    text = answer.read()
    if answer.status >= 300:
        sys.exit(f"hit_cost: {method} {target}: {answer.status} {text.decode()}")
    return text


def main():
    args = argparse.ArgumentParser()
    args.add_argument("build")
    args.add_argument("--rounds", type=int, default=5)
    args.add_argument("--seconds", type=int, default=2)
    args.add_argument("--durability", default="kernel", choices=["disk", "kernel", "memory"])
    args = args.parse_args()
    with tempfile.TemporaryDirectory(prefix="hit_cost.") as work:
        ports = {"floor": 18911, "footfall": 18912}
        data = os.path.join(work, "data")
        commands = {
            "floor": [os.path.join(args.build, "tests", "bench", "floor"), "18911"],
            "footfall": [os.path.join(args.build, "footfalld"), "--data-dir", data, "--durability", args.durability, "--listen", "127.0.0.1:18912", "--admin",
                         "127.0.0.1:18913", "--threads", "1", "--rate-limit", "0", "--log-level", "warning"],
        }
        add_nginx(commands, ports, 18914, work)
        base = "nginx" if "nginx" in commands else "floor"
        with running(commands) as servers:
            token_file = os.path.join(data, "admin-token")
            for _ in range(100):
                if os.path.exists(token_file):
                    break
                time.sleep(0.1)
            with open(token_file) as f:
                token = f.read().strip()
            admin(18913, token, "POST", "/v1/admin/sites", {"name": SITE, "timezone": "Asia/Ho_Chi_Minh", "visibility": "full"})
            for label, depth in (("single", 1), ("16 pipelined", 16)):
                measure(label, servers, ports, LUA % depth, base, args.rounds, args.seconds)
            text = admin(18913, token, "GET", "/metrics").decode()
            figures = dict(line.rsplit(" ", 1) for line in text.splitlines() if line.startswith("footfall_hits_"))
            print("counted: accepted", figures["footfall_hits_accepted_total"], "acknowledged", figures["footfall_hits_acknowledged_total"])


if __name__ == "__main__":
    main()
