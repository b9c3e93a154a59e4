# SPDX-License-Identifier: Apache-2.0
"""Browsers: the pings of a mix of them, as `footfall bench` has their shapes (client/load/shapes.cc): 400 to 770 bytes,
fields that differ in names, order and length.

One browser's requests are the best case of a daemon that remembers a connection's head before. A visitor keeps their browser: it is drawn once, by
RNG_SEED.
"""
import json
import random
import re
from typing import NamedTuple

from figures import ROOT

SITE = "bench.example"
RNG_SEED = 3
ONE = "chrome-windows"


class Shape(NamedTuple):
    name: str
    agent: str
    fields: str  # complete lines


def shapes():
    text = (ROOT / "client" / "load" / "shapes.cc").read_text()
    literals = r'((?:\s*"(?:[^"\\]|\\.)*")+)'
    unquoted = lambda group: "".join(json.loads(f'"{piece}"') for piece in re.findall(r'"((?:[^"\\]|\\.)*)"', group))
    found = [Shape(*map(unquoted, groups)) for groups in re.findall(rf"\{{{literals},{literals},{literals}\s*\}}", text)]
    assert len(found) == int(re.search(r"std::array<Shape, (\d+)>", text).group(1)), [shape.name for shape in found]
    assert all(shape.fields.endswith("\r\n") for shape in found), found
    return found


def one():
    return [shape for shape in shapes() if shape.name == ONE]


def ping(n, shape, path):
    """Of visitor n, by a proxy."""
    return (f"GET /hit.gif?site={SITE}&path={path} HTTP/1.1\r\nHost: stats.{SITE}\r\nUser-Agent: {shape.agent}\r\nReferer: https://{SITE}/\r\n{shape.fields}"
            f"X-Forwarded-For: 10.9.{n // 250 % 250}.{n % 250}\r\n\r\n")


def lua(depth, of=None):
    """What wrk sends: 1,000 visitors of 100 pages in turn, `depth` requests at once, whatever connection is ready."""
    of, chance = of or shapes(), random.Random(RNG_SEED)
    requests = [ping(n, chance.choice(of), f"/tin-tuc/bai-{n % 100}") for n in range(1, 1001)]
    groups = ["".join(requests[first:first + depth]) for first in range(0, len(requests) - depth + 1, depth)]
    return f"""
local groups = {{{", ".join(json.dumps(group) for group in groups)}}}
local at = 0
request = function()
  at = at % #groups + 1
  return groups[at]
end
"""
