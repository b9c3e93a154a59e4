# SPDX-License-Identifier: Apache-2.0
"""Where the CPU of a process goes, by perf. It runs after what is timed, which it would slow down."""
import collections
import re
import shutil
import signal
import subprocess

FUNCTIONS, LEAST_PERCENT = 12, 1.5
RECORD = ["perf", "record", "-q", "-F", "997"]  # samples a second of CPU: a prime, so that it is in step with nothing
KERNEL = "the kernel"


def works():
    return shutil.which("perf") is not None and subprocess.run([*RECORD, "-o", "/dev/null", "true"], capture_output=True).returncode == 0


def profile(bench, goal, what, pid, act):
    """Of process `pid`, while act() runs: a row for each thread, and one for each function of a thread, the kernel as a whole, that takes up most."""
    if not works():
        return bench.left_out(goal, f"perf does not work here: no profile of {what}")
    data = bench.at / f"{goal}.perf"
    recorder = subprocess.Popen([*RECORD, "-p", str(pid), "-o", str(data)], stderr=subprocess.PIPE, text=True)
    act()
    recorder.send_signal(signal.SIGINT)
    _, err = recorder.communicate(timeout=60)
    assert data.exists() and data.stat().st_size, err
    found, threads = shares(data, by_thread=True), collections.Counter()
    for (thread, _), share in found.items():
        threads[thread] += share
    for thread, share in threads.most_common():
        if share >= LEAST_PERCENT:
            bench.note(goal, f"of the CPU of {what}, by perf: thread {thread}", [share], "%", 1)
    for (thread, name), share in found.most_common(FUNCTIONS):
        if share >= LEAST_PERCENT:
            bench.note(goal, f"of the CPU of {what}, by perf: {thread}: {name}", [share], "%", 1)


def of_command(bench, command):
    """Shares of it, and what it printed."""
    data = bench.at / "command.perf"
    out = subprocess.run([*RECORD, "-o", str(data), *command], capture_output=True, text=True, check=True).stdout
    return shares(data), out


def shares(data, by_thread=False):
    """function, or (thread, function) -> per cent of all samples, by itself; the kernel's under one name"""
    report = subprocess.run(["perf", "report", "-q", "--stdio", "--no-children", "-F", "overhead,comm,symbol", "-t", "|", "-i", str(data)],
                            capture_output=True, text=True, check=True).stdout
    found = collections.Counter()
    for line in report.splitlines():
        if parts := re.match(r"\s*([\d.]+)%?\s*\|([^|]*)\|\s*\[([^]])\] (.*)", line):
            name = plain(parts[4].strip()) if parts[3] != "k" else KERNEL
            found[(parts[2].strip(), name) if by_thread else name] += float(parts[1])
    assert found, report[:500]
    return found


def plain(name):
    """A function's name without arguments, templates and our namespace."""
    name = re.sub(r"\[clone .*?\]|\(anonymous namespace\)::|footfall::", "", name)
    while (shorter := re.sub(r"<[^<>]*>|\([^()]*\)( const)?", "", name)) != name:
        name = shorter
    return name.strip().split(" ")[-1][:80]
