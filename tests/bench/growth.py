#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whether a hit costs the same wherever a site has grown to: CPU per hit at the size where it is dearest, as a multiple of that where it is
cheapest; plotted, a panel for each.

G1   sites, 1 to 100,000, hit in turn            (protobuf batches of 1,000)
G2   pages of a site, 10 to 1,000,000            (the same)
G3   visitors online, 1,000 to --visitors        (the same; all are there before)
G4   connections, 1 to 10,000                    (pixels over keep-alive connections, one request in flight on each)

The goal is 1.2. Cache misses are the only excuse: beside G1 to G3 stand, under callgrind, instructions per hit in passes, which are as many wherever data lies, and
misses of data in caches that it simulates (CACHES): at a small size, a larger one, and one at which a hit is dearer, the largest that is there within some
three minutes of callgrind. All were hit before, and then some by chance, until the caches have what they would have.

G4 is judged from one connection, as the goal is worded, and beside it stands the figure from 10. One is dear: its hits come one at a time, so that each pays for a
wake-up and a pass of its own, which is what they cost to a daemon that has nothing else to do.
"""
import itertools
import os
import random
import resource
import shutil
import statistics

from batches import ITEMS, request, send_all
from callgrind import PASS, Batches, Counted, events
from figures import footfall_bench, main
from hit_message import field
from memory import add_sites
from side_by_side import cpu_ns

SITE = "bench.example"
FLAT = 1.2
ITEMS_A_ROUND = 200_000
SHUFFLE = 7  # seed
ITEMS_COUNTED, ITEMS_WARM = 20_000, 100_000  # under callgrind
CACHES = ["--cache-sim=yes", "--I1=32768,8,64", "--D1=32768,8,64", "--LL=33554432,16,64"]  # the same on any machine: first level 32 KB, last 32 MB
MISSES = {"first": ("D1mr", "D1mw"), "last": ("DLmr", "DLmw")}  # level -> events: of data, read and written


def sizes(least, most):
    return [10 ** power for power in range(len(str(least)) - 1, len(str(most)))]


def in_batches(node, messages):
    return [request(node, b"".join(part)) for part in iter(lambda: list(itertools.islice(messages, ITEMS)), [])]


def sent(node, messages):
    """CPU seconds of the daemon per hit, of batches that are all made before."""
    whole = in_batches(node, messages)
    before = cpu_ns([node.process.pid])
    accepted = send_all(node.port, whole)
    assert accepted > 0
    return (cpu_ns([node.process.pid]) - before) / 1e9 / accepted


def item(site=SITE, page=b"/", visitor=1):
    return field(2, field(1, site.encode()) + field(2, page) + field(10, b"%d" % visitor))


def in_turn(bench, node, count, message_of):
    """Each of `count` once, then ITEMS_A_ROUND of them by chance for each round: CPU microseconds per hit."""
    sent(node, (message_of(n) for n in range(count)))
    chance = random.Random(SHUFFLE)
    return [1e6 * sent(node, (message_of(chance.randrange(count)) for _ in range(ITEMS_A_ROUND))) for _ in range(bench.rounds)]


def instructions(bench, goal, what, of_sizes, prepare, message_of, *options):
    """Per hit, by chance, of those that were all hit before; and misses of data. prepare(node, size): what is there without a hit."""
    if shutil.which("valgrind") is None:
        return bench.left_out(goal, "valgrind is not installed: no instructions per hit")
    for size in of_sizes:
        with Counted(bench, f"instructions-{size}", f"--toggle-collect={PASS}", *CACHES, daemon=options) as under:
            prepare(under.node, size)
            batches, chance = Batches(under.node), random.Random(SHUFFLE)
            batches.send(in_batches(under.node, (message_of(n) for n in range(size))))
            warm, whole = (in_batches(under.node, (message_of(chance.randrange(size)) for _ in range(count))) for count in (ITEMS_WARM, ITEMS_COUNTED))
            before = batches.accepted
            total, dump = under.instructions(lambda: batches.send(whole), lambda: batches.send(warm))
            assert (batches.accepted - before - ITEMS_WARM) % ITEMS_COUNTED == 0, batches.accepted  # again where it was refused
            bench.note(goal, f"instructions per hit in passes with {size:,} {what}", [total / ITEMS_COUNTED], "", 0)
            found = events(dump)
            for level, names in MISSES.items():
                bench.note(goal, f"misses of the {level} level per hit in passes with {size:,} {what}", [sum(found[name] for name in names) / ITEMS_COUNTED], "")


def started(bench, name, *options):
    return bench.server(name, "--checkpoint-interval", "86400", "--checkpoint-journal", str(1 << 40), "--online-pairs-max", str(4 * bench.visitors), *options)


def spread(points, what):
    """What of which to which, and its figures."""
    medians = {size: statistics.median(us) for size, us in points.items()}
    cheapest, dearest = min(points, key=medians.get), max(points, key=medians.get)
    return f"{what} from {min(points):,} to {max(points):,}: the dearest, {dearest:,}, / the cheapest, {cheapest:,}", [us / medians[cheapest] for us in points[dearest]]


def curve(bench, goal, what, points, also_from=None):
    """points: size -> CPU microseconds per hit of each round. `also_from`: beside the verdict, the figure without smaller ones."""
    for size in points:
        bench.note(goal, f"{AT}{size:,} {what}", points[size], "us", 3)
    text, figures = spread(points, what)
    bench.row(goal, text, FLAT, 1.1, figures, "x")
    if also_from:
        bench.note(goal, *spread({size: us for size, us in points.items() if size >= also_from}, what), "x")
    bench.plots["growth"] = lambda rows: svg(curves(rows))


def sites(bench):
    node, points, made = started(bench, "sites"), {}, 0
    try:
        os.sched_setaffinity(0, {1})
        for size in sizes(1, bench.sites):
            add_sites(node, range(made, size))
            made = size
            points[size] = in_turn(bench, node, size, lambda n: item(site=f"site-{n}.example"))
        curve(bench, "G1", "sites", points)
    finally:
        node.close()
    instructions(bench, "G1", "sites", (1, 1000, 10_000), lambda node, size: add_sites(node, range(size)), lambda n: item(site=f"site-{n}.example"))


def pages(bench):
    points = {}
    for size in sizes(10, 1_000_000):
        node = started(bench, f"pages-{size}", "--pages-max", "1000000")
        try:
            os.sched_setaffinity(0, {1})
            node.add_site(SITE)
            points[size] = in_turn(bench, node, size, lambda n: item(page=b"/p%d" % n))
        finally:
            node.close()
    curve(bench, "G2", "pages", points)
    instructions(bench, "G2", "pages", (10, 10_000, 1_000_000), lambda node, _: node.add_site(SITE), lambda n: item(page=b"/p%d" % n), "--pages-max", "1000000")


def visitors(bench):
    points = {}
    node = started(bench, "visitors")
    try:
        os.sched_setaffinity(0, {1})
        node.add_site(SITE, visibility="full", window_s=3600)
        for size in sizes(1000, bench.visitors):
            points[size] = in_turn(bench, node, size, lambda n: item(visitor=n))
            online = node.stats(SITE)["online"]
            assert online == size, online
        curve(bench, "G3", "visitors online", points)
    finally:
        node.close()
    instructions(bench, "G3", "visitors online", (1000, 100_000, 1_000_000), lambda node, _: node.add_site(SITE, visibility="full", window_s=3600), lambda n: item(visitor=n))


def cpu_of(node, size, hits):
    """CPU seconds of the daemon for so many hits over so many connections."""
    before = cpu_ns([node.process.pid])
    done = footfall_bench(node, SITE, "--connections", size, "--hits", hits, "--seconds", 120)["acknowledged"]
    assert done == hits, done
    return (cpu_ns([node.process.pid]) - before) / 1e9


def connections(bench):
    points = {}
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 11_000), hard))
    node = started(bench, "connections")
    try:
        node.add_site(SITE)
        for size in sizes(1, 10_000):
            points[size] = []
            hits = (5_000 if size == 1 else 50_000) * bench.seconds
            for _ in range(bench.rounds):
                opening = cpu_of(node, size, size)  # a hit on each: what connections cost is taken off
                points[size].append(1e6 * (cpu_of(node, size, size + hits) - opening) / hits)
        curve(bench, "G4", "connections", points, also_from=10)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        node.close()


# ---- the plot, of a table's rows: a panel for each, size in powers of ten across, multiples of the least up

AT = "CPU per hit with "  # in rows of a size


def curves(rows):
    """what -> size -> CPU as a multiple of the least"""
    found = {}
    for goal, text, _, figure, *_ in rows:
        if goal in GOALS and text.startswith(AT):
            size, what = text.removeprefix(AT).split(" ", 1)
            found.setdefault(what, {})[int(size.replace(",", ""))] = float(figure.split()[0])
    return {what: {size: us / min(points.values()) for size, us in points.items()} for what, points in found.items()}


PANEL, HEIGHT, LEFT, TOP, BOTTOM = 300, 220, 44, 34, 40


def svg(curves):
    top = max(2.0, *(value for points in curves.values() for value in points.values())) * 1.05
    up = lambda value: TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / top)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{PANEL * len(curves)}" height="{HEIGHT}" font-family="sans-serif" font-size="11">',
             '<rect width="100%" height="100%" fill="#fff"/>']
    for panel, (what, points) in enumerate(curves.items()):
        begin, span = panel * PANEL + LEFT, PANEL - LEFT - 16
        across = {size: begin + span * n / max(len(points) - 1, 1) for n, size in enumerate(points)}
        parts.append(f'<text x="{begin}" y="18" font-weight="bold">{what}</text>')
        for value in [n / 2 for n in range(int(2 * top) + 1)]:
            parts.append(f'<path d="M{begin} {up(value):.1f}h{span}" stroke="#ddd"/><text x="{begin - 6}" y="{up(value) + 4:.1f}" text-anchor="end">{value:g}</text>')
        parts.append(f'<path d="M{begin} {up(FLAT):.1f}h{span}" stroke="#c33" stroke-dasharray="4 3"/>')
        for size, x in across.items():
            parts.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{short(size)}</text>')
        line = " ".join(f"{across[size]:.1f},{up(value):.1f}" for size, value in points.items())
        parts.append(f'<polyline points="{line}" fill="none" stroke="#246" stroke-width="2"/>')
        parts += [f'<circle cx="{across[size]:.1f}" cy="{up(value):.1f}" r="3" fill="#246"><title>{size:,}: {value:.2f}</title></circle>' for size, value in points.items()]
    parts.append(f'<text x="{LEFT}" y="{HEIGHT - 6}">CPU per hit, as a multiple of the least; dashed: the goal, {FLAT}</text></svg>\n')
    return "\n".join(parts)


def short(size):
    return f"{size // 1_000_000}M" if size >= 1_000_000 else f"{size // 1000}k" if size >= 1000 else str(size)


GOALS = {"G1": sites, "G2": pages, "G3": visitors, "G4": connections}
if __name__ == "__main__":
    main(__doc__, GOALS)
