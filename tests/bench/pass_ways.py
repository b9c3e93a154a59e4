#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Server CPU per request of the ways to make a pass and of the http module, beside the floor program and, when
installed, nginx.

    pass_ways.py BUILD_DIR [--rounds 5] [--seconds 2]
"""
import argparse
import os
import tempfile

from side_by_side import add_nginx, keep_answer, measure, running, same_answers

REQUEST = b"GET /hit?site=example.vn&path=/ HTTP/1.1\r\nHost: x\r\n\r\n"
LUA = """
local n = %d
init = function(args)
  local t = {}
  for i = 1, n do t[i] = wrk.format("GET", "/hit?site=example.vn&path=/tin-tuc/" .. i) end
  batch = table.concat(t)
end
request = function() return batch end
"""


def main():
    args = argparse.ArgumentParser()
    args.add_argument("build")
    args.add_argument("--rounds", type=int, default=5)
    args.add_argument("--seconds", type=int, default=2)
    args = args.parse_args()
    bench = os.path.join(args.build, "tests", "bench")
    with tempfile.TemporaryDirectory(prefix="pass_ways.") as work:
        ports = {"floor": 18901, "asio": 18902, "epoll": 18903, "http": 18905}
        answer = os.path.join(work, "answer")
        commands = {
            "floor": [os.path.join(bench, "floor"), "18901", answer],
            "asio": [os.path.join(bench, "pass_ways"), "asio", "18902", os.path.join(work, "a"), answer],
            "epoll": [os.path.join(bench, "pass_ways"), "epoll", "18903", os.path.join(work, "b"), answer],
        }
        with running({"http": [os.path.join(bench, "http_loop"), "18905", os.path.join(work, "c")]}) as http:
            keep_answer(ports["http"], REQUEST, answer)
            others = [*ports]
            add_nginx(commands, ports, 18904, work)
            with running(commands) as servers:
                same_answers({name: ports[name] for name in others}, REQUEST)
                servers |= http
                for label, depth in (("single", 1), ("16 pipelined", 16)):
                    measure(label, servers, ports, LUA % depth, "floor", args.rounds, args.seconds)


if __name__ == "__main__":
    main()
