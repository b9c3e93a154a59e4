# SPDX-License-Identifier: Apache-2.0
"""The sample configuration (deploy/systemd/footfalld.toml), mutated: letters changed, keys misspelt, values of other types or out of range, lines
gone, doubled or made up of other options. A parser that is not ours (Python's) says what each mutant means; then it is either taken, each difference to
what is in force by its name, or refused with file, line and what is wrong, and all stays as it was. Some are started with: a refused one ends before
anything is bound or made, a right one does what it says.

FOOTFALL_ROUNDS mutants, 1,000 by default; one in STARTED is started with."""
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import time

from drill import BUILD, SEED, SKIPPED, Daemon, free_port, rounds

try:
    import tomllib
except ImportError:
    print("SKIPPED: Python 3.11 reads TOML", flush=True)
    sys.exit(SKIPPED)

SAMPLE = pathlib.Path(__file__).resolve().parents[2] / "deploy" / "systemd" / "footfalld.toml"
STARTED = 40
REPEATED = {"listen", "admin", "metrics-listen", "trusted-proxy", "trusted-proxy-file", "syslog-listen"}
COMMENTED = re.compile(r"^# (\w[\w-]* = .*)$")


def options():
    """Of the daemon, as its help names them."""
    said = subprocess.run([str(BUILD / "footfalld"), "--help"], capture_output=True, text=True, check=True, timeout=20).stdout
    return [name for name in re.findall(r"^ +--([a-z-]+) [A-Z]", said, re.M) if name != "config"]


def sample(port, admin_port, directory):
    """Its text, with places of this drill's own; what it has in comments is in force in half of the mutants."""
    text = SAMPLE.read_text()
    for place, own in (("/var/lib/footfall", directory), ("127.0.0.1:8080", f"127.0.0.1:{port}"), ("127.0.0.1:8081", f"127.0.0.1:{admin_port}"),
                       ("10.0.0.5:9181", f"127.0.0.1:{free_port()}"), ("threads = 0 ", "threads = 2 ")):
        assert place in text, place
        text = text.replace(place, own)
    return text


class Mutator:
    VALUES = ['0', '1', '-1', '2', '63', '64', '99999', '9223372036854775807', '9223372036854775808', '1.5', '1e3', '0x10', '1_000', 'true', 'false', '""', '"1"', '"disk"',
              '"kernel"', '"info"', '"debug"', '"127.0.0.1:0"', '"127.0.0.1"', '"nobody:80"', '["127.0.0.1:0"]', '["10.0.0.0/8", "192.0.2.1"]', '["10.0.0.0/33"]', '[]', '[1, 2]',
              '{a = 1}', '2026-11-30', 'nothing', '"/tmp"', '"/nowhere/at/all"', '"GET"', '"redis://127.0.0.1:1"', "'0660'", '"""a\nb"""', '"\\u0000"', '"x" "y"', '']
    BYTES = 'abcxyz0189"\'[]{}=#,.:/-_ \t\n\r\\\0é\x7f'

    def __init__(self, text, names, seed):
        self.text, self.names, self.rng = text, names, random.Random(seed)
        self.kinds = [self.byte, self.byte, self.misspelt, self.value, self.value, self.gone, self.doubled, self.moved, self.another, self.another, self.section, self.cut]

    def mutant(self):
        lines = self.text.splitlines()
        if self.rng.random() < 0.5:
            lines = [COMMENTED.sub(lambda found: found[1] if self.rng.random() < 0.5 else found[0], line) for line in lines]
        for _ in range(self.rng.choice((1, 1, 1, 2))):
            lines = self.rng.choice(self.kinds)(lines)
        return "\n".join(lines) + self.rng.choice(("\n", "\n", ""))

    def setting(self, lines):
        """Where one is."""
        return self.rng.choice([n for n, line in enumerate(lines) if re.match(r"[\w-]+ *=", line)] or [0])

    def byte(self, lines):
        text = "\n".join(lines)
        at = self.rng.randrange(len(text))
        if self.rng.random() < 0.6:  # where it matters
            line = self.setting(lines)
            at = min(len(text) - 1, sum(len(before) + 1 for before in lines[:line]) + self.rng.randrange(len(lines[line]) + 1))
        with_ = self.rng.choice(("", self.rng.choice(self.BYTES), self.rng.choice(self.BYTES) + text[at]))
        return (text[:at] + with_ + text[at + 1:]).split("\n")

    def misspelt(self, lines):
        n = self.setting(lines)
        at = self.rng.randrange(max(1, lines[n].find("=")))
        return [*lines[:n], lines[n][:at] + self.rng.choice("abcdefgh-_") + lines[n][at:], *lines[n + 1:]]

    def value(self, lines):
        n = self.setting(lines)
        return [*lines[:n], lines[n].split("=")[0] + "= " + self.rng.choice(self.VALUES), *lines[n + 1:]]

    def gone(self, lines):
        n = self.setting(lines)
        return lines[:n] + lines[n + 1:]

    def doubled(self, lines):
        n = self.setting(lines)
        return [*lines, lines[n]]

    def moved(self, lines):
        n = self.setting(lines)
        return [lines[n], *lines[:n], *lines[n + 1:]]

    def another(self, lines):
        return [*lines, f"{self.rng.choice(self.names)} = {self.rng.choice(self.VALUES)}"]

    def section(self, lines):
        n = self.setting(lines)
        return [*lines[:n], self.rng.choice(("[server]", "[listen]", "[[listen]]", "[", "[a.b]")), *lines[n:]]

    def cut(self, lines):
        text = "\n".join(lines)
        return text[:self.rng.randrange(len(text))].split("\n")


def texts(value):
    """A value as the daemon knows it: a list of texts. None: of a type that no option has."""
    if isinstance(value, bool):
        return ["true" if value else "false"]
    if isinstance(value, (str, int)):
        return [str(value)]
    if isinstance(value, list) and all(isinstance(element, (str, int)) for element in value):
        return [text for element in value for text in texts(element)]
    return None


def meaning(text):
    """option -> texts, as TOML has it; None: it is no TOML."""
    try:
        return {name: texts(value) for name, value in tomllib.loads(text).items()}
    except (tomllib.TOMLDecodeError, RecursionError):
        return None


class Node(Daemon):
    """All of its options come from the file."""

    def __init__(self, file, port, admin_port, directory):
        super().__init__(directory=directory)
        self.file, self.port, self.admin_port, self.listens = file, port, admin_port, False

    def start(self):
        self.log = open(str(self.directory) + ".log", "ab")
        self.command = [str(self.binary), "--config", str(self.file)]
        self.process = subprocess.Popen(self.command, stderr=self.log, stdout=self.log)
        return self.wait_until("/readyz")


def reloaded(node, file, text):
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    return node.admin("POST", "/v1/admin/reload")


def successful(node):
    return node.metrics()["footfall_config_last_reload_successful"]


def refused_well(said, file, text):
    """With the file, a line of it, what is wrong; and in the words of somebody who may mend it."""
    found = re.match(re.escape(str(file)) + r":(\d+): (.{8,})", said, re.S)
    by_default = re.match(r"--[a-z-]+ by default: .{8,}", said)  # two addresses, of which one is not in the file
    return bool(by_default) or (found is not None and 1 <= int(found[1]) <= text.count("\n") + 1)


def held_to(node, file, mutant, first, names):
    """What became of it: "taken" or "refused"."""
    means = meaning(mutant)
    answer = reloaded(node, file, mutant)
    assert node.process.poll() is None, f"it ended:\n{mutant}\n{node.log_text()[-2000:]}"
    if answer.status == 200:
        assert means is not None, f"no TOML, and taken:\n{mutant}"
        unknown = [name for name in means if name not in names or means[name] is None]
        assert not unknown, f"{unknown} are passed over:\n{mutant}"
        expected = {name for name in first.keys() | means.keys() if first.get(name) != means.get(name)}
        assert set(answer.json["applied"] + answer.json["needs_start"]) == expected, f"{answer.json}, and {expected} differ:\n{mutant}"
        assert successful(node) == 1
    else:
        assert answer.status == 409, answer.text
        assert refused_well(answer.json["detail"], file, mutant), f"{answer.json['detail']}:\n{mutant}"
        assert successful(node) == 0
    return "taken" if answer.status == 200 else "refused"


def stays_as_it_was(node, file, text):
    """Behind a refused one, the first again changes nothing."""
    answer = reloaded(node, file, text)
    assert answer.status == 200, answer.text
    assert successful(node) == 1
    return answer.json["applied"], answer.json["needs_start"]


def started(mutant, became, places):
    """A start with it: refused before anything is bound or made, or listening where it says. `places`: of the node that runs, where it is not to be."""
    own = pathlib.Path(tempfile.mkdtemp(prefix="footfall-config-"))
    at = own / "footfalld.toml"
    text = mutant.replace(places[0], str(own / "data"))
    for port in places[1:]:
        text = text.replace(port, f"127.0.0.1:{free_port()}")
    at.write_bytes(text.encode("utf-8", "surrogateescape"))
    try:
        if became == "refused":
            trace = own / "trace"
            ended = subprocess.run(["strace", "-f", "-qqq", "-o", str(trace), "-e", "trace=bind,listen,mkdir,mkdirat", str(BUILD / "footfalld"), "--config", str(at)],
                                   capture_output=True, text=True, timeout=60)
            assert ended.returncode == 2, f"{ended.returncode}: {ended.stderr}\n{text}"
            assert refused_well(ended.stderr.removeprefix("footfalld: invalid configuration: "), at, text), f"{ended.stderr}\n{text}"
            assert trace.read_text() == "", f"before it was refused: {trace.read_text()}\n{text}"
            return True
        means = meaning(text)
        listen, admin = means.get("listen", []), means.get("admin", [])
        if any(place in text for place in places) or not all(re.fullmatch(r"127\.0\.0\.1:[1-9]\d{4}", address) for address in listen + admin + means.get("metrics-listen", [])) or not listen or not admin:
            return False  # where it would listen is not this drill's
        if not means.get("data-dir", [""])[0].startswith(str(own)) or means.get("take-over") == ["true"]:
            return False
        if means.get("redis") or means.get("country-database") or means.get("syslog-listen") or means.get("accept-loss"):
            return False  # what it names is not there
        node = Node(at, int(listen[0].split(":")[1]), int(admin[0].split(":")[1]), means["data-dir"][0])
        try:
            node.start()
            verbose = node.admin("GET", "/readyz?verbose").text
            assert f"durability {means.get('durability', ['disk'])[0]}" in verbose, f"{verbose}\n{text}"
            log = node.log_text()
            for address in listen + admin + means.get("metrics-listen", []):
                assert f"listening on {address}" in log or f" on {address}" in log, f"{address}: {log}\n{text}"
            threads = int(means.get("threads", ["0"])[0])
            assert threads == 0 or f"{threads} shards" in log or f"{threads} shard" in log, log
            node.stop()
        finally:
            node.close()
        return True
    finally:
        subprocess.run(["rm", "-r", str(own)], check=True)


def mutants(seed, count):
    names = options()
    assert len(names) > 40, names
    directory = pathlib.Path(tempfile.mkdtemp(prefix="footfall-config-"))
    file, data = directory / "footfalld.toml", directory / "data"
    port, admin_port = free_port(), free_port()
    text = sample(port, admin_port, str(data))
    file.write_text(text)
    mutator, counts, starts = Mutator(text, names, seed), {"taken": 0, "refused": 0}, 0
    node = Node(file, port, admin_port, data)
    try:
        node.start()
        first = meaning(text)
        incarnation = node.metrics()
        for n in range(count):
            mutant = mutator.mutant()
            became = held_to(node, file, mutant, first, names)
            counts[became] += 1
            changed = stays_as_it_was(node, file, text)
            assert became == "taken" or changed == ([], []), f"{changed} behind a refused one:\n{mutant}"
            if n % STARTED == 0:
                starts += started(mutant, became, (str(data), f"127.0.0.1:{port}", f"127.0.0.1:{admin_port}"))
        assert incarnation.keys() <= node.metrics().keys()
        failures = node.metrics()["footfall_reload_failures_total"]
        assert failures == counts["refused"], (failures, counts)
    finally:
        node.close()
        subprocess.run(["rm", "-rf", str(directory)], check=True)
    assert min(counts.values()) > count // 20, counts
    return f"{counts['taken']} mutants taken, each difference named; {counts['refused']} refused, with file and line; {starts} started with"


if __name__ == "__main__":
    os.environ.pop("FOOTFALL_CONFIG", None)
    count, began = rounds(1_000), time.monotonic()
    print(mutants(SEED, count), f"({time.monotonic() - began:.0f} s)", flush=True)
