#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""P16: lines a second of `footfall analyze`, beside GoAccess, over the same log in the combined format, one core, uncompressed.

The log is made here, from a seed: --lines of them, of 50,000 clients over 5,000 pages.
"""
import datetime
import random
import shutil
import subprocess
import time

from batches import AGENT
from figures import SERVER, main


def write_log(path, lines):
    chance, at = random.Random(1), datetime.datetime(2026, 1, 1)
    with open(path, "w") as log:
        for _ in range(lines):
            at += datetime.timedelta(seconds=chance.random() < 0.3)
            client = chance.randrange(50_000)
            log.write(f'10.{client >> 16}.{client >> 8 & 255}.{client & 255} - - [{at:%d/%b/%Y:%H:%M:%S} +0000] "GET /tin-tuc/bai-{chance.randrange(5000)} HTTP/1.1" '
                      f'200 {chance.randrange(100, 90000)} "https://www.example.com/{chance.randrange(100)}" "{AGENT % (100 + client % 20)}"\n')


def logs(bench):
    if shutil.which("goaccess") is None:
        return bench.left_out("P16", "GoAccess is not installed")
    path = bench.at / "access.log"
    write_log(path, bench.lines)
    ratios, ours = [], []
    for _ in range(bench.rounds):
        taken = []
        for command in ([str(bench.build / "footfall"), "analyze", str(path), "--json"],
                        ["goaccess", str(path), "--log-format=COMBINED", "--no-progress", "-o", str(bench.at / "report.json")]):
            begin = time.perf_counter()
            subprocess.run([*SERVER, *command], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            taken.append(time.perf_counter() - begin)
        ratios.append(taken[1] / taken[0])
        ours.append(bench.lines / taken[0] / 1e6)
    bench.row("P16", f"lines/s of analyze / GoAccess, {bench.lines:,} lines", 20, 40, ratios, "x", 1, at_least=True)
    bench.note("P16", "lines/s of analyze", ours, "M/s")


GOALS = {"P16": logs}
if __name__ == "__main__":
    main(__doc__, GOALS)
