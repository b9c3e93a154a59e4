# SPDX-License-Identifier: Apache-2.0
"""Results that are kept: one table for each day and revision, which several runs fill. What a run measured replaces the rows of the same goals, all others stay.

    footfall 836086d, 2026-11-30; 2 cores, ...      what a run says of its machine,
    goals: P1 P2 P22                                and the goals whose rows are its

    |     | what ...                                the table, as Bench.table() makes it
"""
import datetime

from figures import ROOT, Bench, revision

OF_RUN = "goals: "


def order(row):
    goal = row[0]
    return goal[0] != "P", goal[0], int(goal[1:])


def read(text):
    """The runs, each what it says of its machine and its goals; and the rows."""
    head, _, table = text.partition("\n\n|")
    rows = [tuple(cell.strip() for cell in line.strip("|").split(" | ")) for line in table.splitlines()[2:]]
    runs = []
    for paragraph in head.split("\n\n"):
        machine, said, goals = paragraph.partition("\n" + OF_RUN)
        runs.append((machine, goals.split() if said else list(dict.fromkeys(row[0] for row in rows))))
    return runs, rows


def merged(text, rows, machine):
    """The text of before (empty: none), with the rows of a run."""
    runs, before = read(text) if text else ([], [])
    new = dict.fromkeys(row[0] for row in rows)
    runs = [(of, [goal for goal in goals if goal not in new]) for of, goals in runs if of != machine] + \
           [(machine, [goal for of, goals in runs if of == machine for goal in goals if goal not in new] + list(new))]
    rows = sorted([row for row in before if row[0] not in new] + rows, key=order)
    said = [f"{of}\n{OF_RUN}{' '.join(sorted(goals, key=lambda goal: order([goal])))}" for of, goals in runs if goals]
    return "\n\n".join([*said, Bench.table_of(rows)]) + "\n", rows


class Kept:
    def __init__(self):
        name = f"{datetime.date.today()}-{revision()}"  # as of the begin: a commit meanwhile does not change what is measured
        results = ROOT / "tests" / "bench" / "results"
        results.mkdir(exist_ok=True)
        self.file = results / f"{name}.txt"
        self.path = self.file.relative_to(ROOT)

    def add(self, bench, machine):
        """All that the run has measured so far."""
        text, rows = merged(self.file.read_text() if self.file.exists() else "", bench.rows, machine)
        self.file.write_text(text)
        for name, drawn in bench.plots.items():
            self.file.with_name(f"{self.file.stem}-{name}.svg").write_text(drawn(rows))
