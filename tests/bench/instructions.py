#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Counted under callgrind in a daemon of one shard, its other threads idle: GET, pipelined, protobuf, NDJSON. Pings are those of the browsers of
browsers.py over a connection each, in the order of a seed; beside them where there is one browser, all of whose connections look alike.

P9   user instructions per hit, of visitors and pages that were there before: the same hits are sent twice, and the second time counted
P10  calls of malloc and its kin per hit in the shard's passes; beside it those of all else, which is what is done once a second

    instructions.py BUILD_DIR            against the goals
    instructions.py BUILD_DIR --check    against instructions.txt, for the compiler of the build: fails at 3 % more (ctest does so in release builds).
                                         A skip without valgrind or counts of that compiler, but a failure where the environment says CI=true
    instructions.py BUILD_DIR --write    notes them there
    instructions.py BUILD_DIR --profile protobuf    where they go, by function
    instructions.py BUILD_DIR --allocating protobuf    who allocates in passes
"""
import os
import pathlib
import random
import re
import shutil
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import browsers
from batches import ITEMS, ndjson, path_of, protobuf, request
from browsers import SITE
from callgrind import PASS, Batches, Counted
from figures import Bench, chosen, options

HITS = 10_000
NOTED = pathlib.Path(__file__).with_suffix(".txt")
MARGIN = 1.03
GOALS_OF = {"single": (1400, 800), "pipelined": (900, 500), "protobuf": (300, 160), "ndjson": (800, 450)}


class Load:
    """Over connections that stay: one, or one for each browser."""
    DEPTHS = {"single": 1, "pipelined": 16}
    BATCHES = {"protobuf": ("application/x-protobuf", protobuf), "ndjson": ("application/x-ndjson", ndjson)}

    def __init__(self, node, shape, of):
        self.node, self.shape, self.of = node, shape, of
        if shape in self.DEPTHS:
            self.connections = [socket.create_connection(("127.0.0.1", node.port)) for _ in of]
        else:
            self.batches = Batches(node)

    def send(self, count):
        """How often it was refused. As many again are the same hits."""
        return self.send_pings(count) if self.shape in self.DEPTHS else self.send_batches(count)

    def send_pings(self, count):
        depth, chance = self.DEPTHS[self.shape], random.Random(browsers.RNG_SEED)
        for first in range(0, count, depth):
            connection, browser = chance.choice(list(zip(self.connections, self.of)))
            connection.sendall("".join(browsers.ping(n, browser, path_of(n)) for n in range(first, first + depth)).encode())
            received = b""
            while received.count(b"HTTP/1.1 200") < depth or not received.endswith(b";"):  # the picture's last byte
                more = connection.recv(1 << 20)
                assert more, received
                received += more
        return 0

    def send_batches(self, count):
        content_type, body_of = self.BATCHES[self.shape]
        before = self.batches.accepted
        refused = self.batches.send(request(self.node, body_of(first), content_type) for first in range(0, count, ITEMS))
        assert self.batches.accepted == before + count, self.batches.accepted
        return refused


def counted(bench, shape, *options, of=None):
    """Instructions of a hit, the same hits having been sent before; and callgrind's file. `of`: these browsers alone."""
    with Counted(bench, f"{shape}{len(options)}{len(of or ())}", *options) as under:
        under.node.add_site(SITE)
        load = Load(under.node, shape, of or browsers.shapes())
        load.send(HITS)
        total, dump = under.instructions(lambda: load.send(HITS))
        return total / HITS, dump


def compiler(build):
    """Its id and version, as CMake found them."""
    found = max(build.glob("CMakeFiles/*/CMakeCXXCompiler.cmake"), key=lambda path: path.stat().st_mtime).read_text()
    return "-".join(re.search(rf'^set\(CMAKE_CXX_COMPILER_{name} "(.+)"\)$', found, re.M).group(1) for name in ("ID", "VERSION"))


def noted():
    """(compiler, shape) -> instructions per hit"""
    if not NOTED.exists():
        return {}
    rows = (line.split() for line in NOTED.read_text().splitlines() if line and not line.startswith("#"))
    return {(name, shape): float(count) for name, shape, count in rows}


ALLOCATORS = {"malloc", "calloc", "realloc", "memalign", "aligned_alloc", "posix_memalign", "operator new(unsigned long)", "operator new[](unsigned long)",
              "operator new(unsigned long, std::align_val_t)", "CRYPTO_malloc", "CRYPTO_zalloc"}


def allocations_in(dump):
    """Who calls the allocators, but for these one another -> how often."""
    names, caller, callee, calls = {}, "", "", {}

    def name_of(text):
        number, _, name = text.partition(" ")
        return names.setdefault(number, name) if name else names[number]

    for line in dump.read_text().splitlines():
        if line.startswith("fn="):
            caller = name_of(line[3:])
        elif line.startswith("cfn="):
            callee = name_of(line[4:])
        elif line.startswith("calls=") and callee in ALLOCATORS and caller not in ALLOCATORS:
            calls[caller] = calls.get(caller, 0) + int(line[6:].split()[0])
    return calls


def in_passes(bench, shape):
    return allocations_in(counted(bench, shape, f"--toggle-collect={PASS}")[1])


def both(bench):
    for shape, (aim, stretch) in GOALS_OF.items():
        figure, dump = counted(bench, shape)
        bench.row("P9", f"user instructions per hit, {shape}", aim, stretch, [figure], "", 0)
        if shape in Load.DEPTHS:
            bench.note("P9", f"the same of one browser, {shape}", [counted(bench, shape, of=browsers.one())[0]], "", 0)
        passes = sum(in_passes(bench, shape).values())
        bench.row("P10", f"allocations per hit in passes, {shape}", 0, 0, [passes / HITS], "", 4)
        bench.note("P10", f"all else allocates per hit, in the seconds that callgrind took, {shape}", [(sum(allocations_in(dump).values()) - passes) / HITS], "", 4)


def skip(why):
    from footfall import SKIPPED
    print(f"{why}: nothing was compared", flush=True)
    sys.exit(1 if os.environ.get("CI") == "true" else SKIPPED)


def check(bench, write):
    name, before, worse = compiler(bench.build), noted(), []
    if shutil.which("valgrind") is None:
        skip("valgrind is not installed")
    if not write and not any(compiler_name == name for compiler_name, _ in before):
        skip(f"nothing is noted for {name}, only for {', '.join(sorted({compiler_name for compiler_name, _ in before}))}")
    with ThreadPoolExecutor(2) as two:  # daemons of their own, most of whose time is their start
        figures = dict(zip(GOALS_OF, two.map(lambda shape: counted(bench, shape)[0], GOALS_OF)))
    for shape, figure in figures.items():
        was = before.get((name, shape))
        print(f"{name} {shape}: {figure:.0f} instructions per hit" + (f", {figure / was:.3f} of the {was:.0f} that are noted" if was else ""), flush=True)
        if was and figure > MARGIN * was:
            worse.append(shape)
        before[name, shape] = figure
    if write:
        rows = "".join(f"{name} {shape} {figure:.0f}\n" for (name, shape), figure in sorted(before.items()))
        NOTED.write_text("# User instructions per hit: compiler, shape, count. Written by instructions.py --write.\n" + rows)
    elif worse:
        sys.exit(f"more than {MARGIN - 1:.0%} worse: {', '.join(worse)}; see --profile, and --write where it is worth it")


GOALS = {"P9": both, "P10": both}
if __name__ == "__main__":
    parser = options(__doc__)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--profile", choices=list(GOALS_OF))
    parser.add_argument("--allocating", choices=list(GOALS_OF))
    args = parser.parse_args()
    bench = Bench(args)
    if args.check or args.write:
        bench.measure("P9", lambda bench: check(bench, args.write))
    elif args.profile:
        def profile(bench):
            figure, out = counted(bench, args.profile)
            print(f"{figure:.0f} instructions per hit")
            subprocess.run(["callgrind_annotate", "--inclusive=yes", "--tree=none", "--threshold=100", str(out)], check=True)
        bench.measure("P9", profile)
    elif args.allocating:
        def allocating(bench):
            for name, calls in sorted(in_passes(bench, args.allocating).items(), key=lambda found: -found[1]):
                print(f"{calls / HITS:.4f} {name}")
        bench.measure("P10", allocating)
    else:
        for function, goal in chosen(GOALS, args.only).items():
            bench.measure(goal, function)
        print(bench.table())
    sys.exit(1 if bench.failures else 0)
