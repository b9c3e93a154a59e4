#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How many lines of the parsers, of what reads bytes from outside, the unit tests run: of each file, by gcov. Fails where one is under 95 %.

    tests/coverage.py [--missed] [--no-build] [MODULE...]     of all modules, or of these; --missed names the lines, too

Builds with the preset coverage, and only the test programs that are needed. What the fuzz targets run beyond that is not in it.
"""
import collections
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
BUILD = ROOT / "build" / "coverage"
LEAST = 0.95
# module -> its files, in daemon/; the test program is unit/MODULE/MODULE_test
PARSERS = {
    "http": ["http/request_parser.cc", "http/scan.h", "http/connection.cc", "http/ignoring_case.h"],
    "logs": ["logs/common_format.cc", "logs/custom_format.cc", "logs/filter.cc", "logs/format.cc", "logs/json_format.cc", "logs/line_reader.cc", "logs/log_reader.cc",
             "logs/request_line.h", "logs/syslog_message.cc", "logs/timestamp.cc", "logs/tsv_format.cc"],
    "ingest": ["ingest/access_line.cc", "ingest/batch_item.cc", "ingest/batch_reader.cc", "ingest/client_address.cc", "ingest/fields.cc", "ingest/native.cc",
               "ingest/paths.cc", "ingest/protobuf_wire.h", "ingest/rfc3339.cc", "ingest/text.cc"],
    "redis": ["redis/address.cc", "redis/reply.cc", "redis/server_error.cc", "redis/slot_map.cc", "redis/target.cc"],
    "server": ["config.cc"],
}


def run(*words, **more):
    return subprocess.run([str(word) for word in words], check=True, **more)


def lines_run(module):
    """daemon/file -> line -> how often it was run, at most, in any of the objects that have it."""
    found = collections.defaultdict(lambda: collections.defaultdict(int))
    objects = [*(BUILD / "daemon").rglob("*.gcda"), *(BUILD / "tests" / "unit" / module).rglob("*.gcda")]
    for at in range(0, len(objects), 50):
        # Each object's is a line of JSON.
        said = run("gcov", "--json-format", "--stdout", *objects[at:at + 50], cwd=BUILD, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
        for part in said.splitlines():
            of = json.loads(part)
            for file in of["files"]:
                path = (pathlib.Path(of["current_working_directory"]) / file["file"]).resolve()
                if not path.is_relative_to(ROOT / "daemon"):
                    continue
                lines = found[str(path.relative_to(ROOT / "daemon"))]
                for line in file["lines"]:
                    lines[line["line_number"]] = max(lines[line["line_number"]], line["count"])
    return found


def main(arguments):
    options = {word for word in arguments if word.startswith("--")}
    modules = [word for word in arguments if not word.startswith("--")] or list(PARSERS)
    if options - {"--missed", "--no-build"} or set(modules) - set(PARSERS):
        sys.exit(__doc__)
    if "--no-build" not in options:
        run("cmake", "--preset", "coverage", "-DFOOTFALL_TESTS=ON", cwd=ROOT, stdout=subprocess.DEVNULL)
        run("cmake", "--build", "--preset", "coverage", "--target", *(f"{module}_test" for module in modules), cwd=ROOT)
    few = []
    for module in modules:
        for old in BUILD.rglob("*.gcda"):
            old.unlink()
        run(BUILD / "tests" / "unit" / module / f"{module}_test", "--gtest_brief=1", stdout=subprocess.DEVNULL)
        found = lines_run(module)
        for file in PARSERS[module]:
            lines = found[file]
            missed = sorted(number for number, count in lines.items() if count == 0)
            part = 1 - len(missed) / len(lines) if lines else 0
            print(f"{file:28} {len(lines) - len(missed):5} of {len(lines):4} {part:7.1%}" + (f"  {missed}" if missed and "--missed" in options else ""), flush=True)
            if part < LEAST:
                few.append(file)
    if few:
        sys.exit(f"under {LEAST:.0%}: {', '.join(few)}")


if __name__ == "__main__":
    main(sys.argv[1:])
