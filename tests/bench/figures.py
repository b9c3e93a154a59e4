# SPDX-License-Identifier: Apache-2.0
"""Figures against goals: what each benchmark script is made of.

A script has GOALS, a dictionary of goal -> function(bench), and ends with main(__doc__, GOALS). run.sh runs those of all scripts.
Servers are pinned to core 0, clients to core 1; what is compared is measured in interleaved rounds of one run.
"""
import argparse
import datetime
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import traceback

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "integration"))

SERVER, CLIENT = ["taskset", "-c", "0"], ["taskset", "-c", "1"]


class Bench:
    def __init__(self, args):
        self.build = pathlib.Path(args.build).resolve()
        self.rounds, self.seconds = args.rounds, args.seconds
        self.visitors = args.visitors
        self.directory = args.directory
        self.sites = args.sites
        self.lines = args.lines
        self.rows, self.failures = [], 0
        self.plots = {}  # name -> what makes an SVG of the rows
        self.at = None  # a directory of the measurement's own
        os.environ["FOOTFALL_BUILD"] = str(self.build)  # before footfall.py is loaded
        from footfall import Daemon
        self.Daemon = Daemon

    def row(self, goal, what, aim, stretch, figures, unit, digits=2, at_least=False):
        """The verdict is of the median."""
        figure = statistics.median(figures)
        met = (lambda bound: figure >= bound) if at_least else (lambda bound: figure <= bound)
        verdict = "stretch" if met(stretch) else "met" if met(aim) else "missed"
        sign = ">=" if at_least else "<="
        self.add(goal, what, f"{sign} {aim:.{digits}f} ({stretch:.{digits}f})", figures, unit, digits, verdict)

    def note(self, goal, what, figures, unit, digits=2):
        self.add(goal, what, "", figures, unit, digits, "")

    def add(self, goal, what, aim, figures, unit, digits, verdict):
        figure = f"{statistics.median(figures):.{digits}f} {unit}".strip()
        self.rows.append((goal, what, aim, figure, f"{min(figures):.{digits}f}-{max(figures):.{digits}f}", verdict))
        print(f"{goal}: {what}: {figure} ({self.rows[-1][4]}) {verdict}", flush=True)

    def left_out(self, goal, why):
        self.rows.append((goal, why, "", "", "", "not measured"))
        print(f"{goal}: not measured: {why}", flush=True)

    def failed(self, goal, why):
        self.failures += 1
        self.rows.append((goal, f"failed: {why[:160]}", "", "", "", "failed"))
        print(f"{goal}: failed: {why}", flush=True)

    def against(self, ours, theirs):
        """Ours of each round, and its ratio to theirs, measured in turn; the first round warms and is left out."""
        pairs = [(ours(), theirs()) for _ in range(self.rounds + 1)][1:]
        return [one for one, _ in pairs], [one / other for one, other in pairs]

    def server(self, name, *options, durability="kernel", threads=1, rate_limit=0):
        """A daemon on core 0 with a directory under `at`; started again under the same name it has the same directory."""
        directory = self.at / name
        directory.mkdir(exist_ok=True)
        node = self.Daemon("--rate-limit", str(rate_limit), "--threads", str(threads), "--durability", durability, "--log-level", "warning", *options,
                           directory=directory)
        node.prefix, node.start_s_max = SERVER, 600
        return node.start()

    def measure(self, goal, function):
        """What goes wrong is said in a row of its own, and does not end what follows."""
        print(f"--- {goal}", flush=True)
        affinity = os.sched_getaffinity(0)
        try:
            with tempfile.TemporaryDirectory(prefix="footfall-bench-", dir=self.directory) as at:
                self.at = pathlib.Path(at)
                function(self)
        except Exception as error:
            traceback.print_exc()
            self.failed(goal, " ".join(f"{type(error).__name__}: {error}".split()))
        finally:
            os.sched_setaffinity(0, affinity)  # some pin themselves beside their clients

    def table(self):
        return self.table_of(self.rows)

    @staticmethod
    def table_of(rows):
        """As kept.py reads it again."""
        table = [("", "what", "goal (stretch)", "median", "range", "verdict"), *(tuple(cell.replace("|", "/") for cell in row) for row in rows)]
        widths = [max(len(line[i]) for line in table) for i in range(6)]
        lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |" for line in table]
        lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
        return "\n".join(lines)

    def machine(self):
        cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
        mounts = [line.split()[:3] for line in open("/proc/mounts")]
        at = max((m for m in mounts if os.path.realpath(self.directory).startswith(m[1])), key=lambda m: len(m[1]))
        if at[2] == "tmpfs":
            sys.exit(f"{self.directory} is on a tmpfs; name a directory of a device with --directory")
        load = os.getloadavg()[0]
        text = (f"footfall {revision() or 'of no repository'}, {datetime.date.today()}; {os.cpu_count()} cores, {cpu}, Linux {platform.release()}, "
                f"{at[2]}; load average {load:.1f}, {self.rounds} rounds of {self.seconds} s\n{', '.join(self.versions())}")
        if load > 0.5:
            text += "\nOther work was running: ratios of one round may be trusted, times may not."
        return text


    def versions(self):
        """Of what built it, and of what it is compared with, where that is installed."""
        from footfall import cached
        said = [subprocess.run(words, capture_output=True, text=True) for words in
                ([cached("CMAKE_CXX_COMPILER"), "--version"], ["nginx", "-v"], ["redis-server", "--version"], ["goaccess", "--version"]) if shutil.which(words[0])]
        return [(out.stdout + out.stderr).splitlines()[0].split(" sha=")[0].strip() for out in said]


def revision():
    """Of what is measured, "-dirty" where it is no commit's; results that were kept make it no other. Empty: of no repository."""
    git = lambda *words: subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True)
    name = git("describe", "--always").stdout.strip()
    return name + "-dirty" if name and git("diff", "--quiet", "HEAD", "--", ".", ":!tests/bench/results").returncode != 0 else name


def footfall_bench(node, site, *options, counted=True):
    """footfall bench on core 1: what it prints as JSON, if the daemon's total agrees with it; not `counted`: the hits go to another server."""
    from footfall import BUILD
    command = [*CLIENT, BUILD / "footfall", "bench", "--json", "--site", site, "--url", f"http://127.0.0.1:{node.port}",
               "--admin", f"http://127.0.0.1:{node.admin_port}", "--token-file", node.directory / "admin-token", *options]
    ended = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if not ended.stdout or counted and ended.returncode != 0:
        raise AssertionError(ended.stdout + ended.stderr)
    return json.loads(ended.stdout)


def rss(pid):
    """Resident bytes that are the process's own."""
    with open(f"/proc/{pid}/smaps_rollup") as f:
        fields = dict(line.split(":") for line in f.read().splitlines()[1:])
    return sum(int(fields[name].split()[0]) for name in ("Private_Clean", "Private_Dirty")) * 1024


def options(description):
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", nargs="?", default=str(ROOT / "build" / "release"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--visitors", type=int, default=10_000_000, help="of goals that speak of ten million")
    parser.add_argument("--sites", type=int, default=100_000, help="of the goal that speaks of a hundred thousand")
    parser.add_argument("--lines", type=int, default=5_000_000, help="of the log that is analysed")
    parser.add_argument("--directory", default="/var/tmp", help="where the daemons' files lie: on the device that is meant")
    parser.add_argument("--only", action="append", metavar="GOAL", help="P3, for example; may be repeated")
    return parser


def chosen(goals, only):
    """A function that measures several goals stands under each, and runs once."""
    wanted = [function for goal, function in goals.items() if not only or goal in only]
    unknown = set(only or ()) - set(goals)
    if unknown:
        sys.exit(f"--only {' '.join(sorted(unknown))}: there is no such goal; there are {' '.join(goals)}")
    return {function: goal for goal, function in reversed(list(goals.items())) if function in wanted}


def run(bench, goals, only, then=lambda: None):
    for function, goal in reversed(list(chosen(goals, only).items())):
        bench.measure(goal, function)
        then()


def main(description, goals):
    args = options(description).parse_args()
    bench = Bench(args)
    print(bench.machine())
    run(bench, goals, args.only)
    print("\n" + bench.table())
    for name, drawn in bench.plots.items():
        pathlib.Path(f"{name}.svg").write_text(drawn(bench.rows))
        print(f"written: {name}.svg")
    sys.exit(1 if bench.failures else 0)
