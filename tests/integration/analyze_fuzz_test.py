#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Nasty access logs, counted by `footfall analyze` and by an independent program: every number must agree.

usage: analyze_fuzz_test.py [ROUNDS]

The oracle is reference.py of the sample logs: `reference.py clf|nasa_tsv FILE` prints what it found. The seed is taken from
FOOTFALL_SEED, else drawn; it is printed. Exit 77: no oracle here, the test is skipped. Standard library only.
"""
import gzip
import json
import os
import random
import subprocess
import sys
import tempfile

from footfall import BUILD, SAMPLES

MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
SPACES = ["\x1c", "\x1d", "\x1e", "\x1f", "\x85", "\xa0", "\t", "\x0b", "\x0c", "\r", " "]


def pick(rng, weighted):
    """One of [(weight, value or function)]."""
    value = rng.choices([v for _, v in weighted], [w for w, _ in weighted])[0]
    return value() if callable(value) else value


class Log:
    """Lines as servers write them, as they break them, and as somebody would break a reader with them."""

    def __init__(self, rng):
        self.rng = rng
        self.clients = ["192.0.2.%d" % i for i in range(rng.randint(1, 200))] + ["2001:db8::%x" % i for i in range(5)]
        self.clients += ["caf\xe9.example", "host\xad", "-", "\xff\xfe", "h\x00st"]
        self.agents = ["-", "", "Mozilla/5.0 (X11)", "a \\\"b\\\" c", "\\\\", "\xe2\x9c\x93 utf-8", "\xff latin-1", "tab\there",
                       "x" * rng.choice([10, 7000]), "\x1b[31m", "ends\\\\"]
        self.paths = ["/", "/a", "/a?b=c", "/a?b?c", "?", "/caf\xe9", "/\xc3\xa9", "/%20", "/a b", "/\\\"q\\\"", "/" + "x" * 3000,
                      "http://example.org/", "*", "/\x01", "/</script>", ""]
        self.paths += ["/page/%d" % i for i in range(rng.randint(0, 40))]
        self.referrers = ["-", "", "https://example.org/", "https://example.org/?q=\\\"x\\\"", "r\xe9f", "android-app://x"]
        # From decades of log to a burst of seconds.
        self.time = rng.randint(0, 2_000_000_000)
        self.step = rng.choice([0, 0, 1, 5, 200, 90_000])
        self.late = rng.choice([0, 12, 1_131, 100_000])
        self.offsets = rng.choice([["+0000"], ["+0000", "-0400", "-0500"], ["+0545", "-0330", "+9999", "+1400"]])

    def stamp(self):
        import time as clock
        rng = self.rng
        self.time += rng.randint(0, self.step) if rng.random() < 0.7 else 0
        offset = rng.choice(self.offsets)
        seconds = int(offset[1:3]) * 3600 + int(offset[3:]) * 60
        local = max(0, self.time - rng.randint(0, self.late)) + (seconds if offset[0] == "+" else -seconds)
        t = clock.gmtime(max(0, local))
        good = "%02d/%s/%04d:%02d:%02d:%02d %s" % (t.tm_mday, MONTHS[t.tm_mon - 1], t.tm_year, t.tm_hour, t.tm_min, t.tm_sec, offset)
        return pick(rng, [
            (200, good), (1, good[:18] + "60" + good[20:]), (1, good[:18] + "61" + good[20:]), (1, "31/Feb/2015:00:00:00 +0000"),
            (1, "29/Feb/2016:23:59:59 -0000"), (1, good.upper()), (1, good.replace("/", "-")), (1, good[:-1]), (1, "00" + good[2:]),
            (1, good[:12] + "24" + good[14:]), (1, good[:3] + "Xyz" + good[6:]), (1, good[:20] + " " + good[20:]),
        ])

    def request(self):
        rng = self.rng
        path = rng.choice(self.paths)
        return pick(rng, [
            (120, "GET %s HTTP/1.1" % path), (10, "GET %s HTTP/2.0" % path), (6, "HEAD %s HTTP/1.0" % path),
            (4, "POST %s HTTP/1.1" % path), (3, "GET %s" % path), (2, "get %s HTTP/1.1" % path), (2, "-"), (2, ""),
            (2, "GET  %s  HTTP/1.1" % path), (2, "GET %s http/1.1" % path), (1, "\\x16\\x03\\x01"), (2, 'GET %s"b" HTTP/1.0' % path),
            (1, 'GET "%s" 200 1 HTTP/1.0' % path), (1, " "), (1, " %s HTTP/1.1" % path), (1, "GET %s HTTP/1.1 " % path),
            (1, "GET \\"), (1, "GET %s HTTP/1.1\\" % path), (1, '" 200 5 "'), (1, '" 200 5 "r" "u"'),
        ])

    def line(self):
        rng = self.rng
        client = rng.choice(self.clients)
        user = pick(rng, [(60, "-"), (3, "ann"), (2, "a b"), (1, ""), (1, "[x]"), (1, "a [b"), (1, '"'), (1, "[%s] " % self.stamp()),
                          (1, 'x [%s] "GET' % self.stamp())])
        ident = pick(rng, [(60, "-"), (1, "id"), (1, "\xa1"), (1, "a\xa0b"), (1, "")])
        status = pick(rng, [(60, "200"), (20, "304"), (5, "206"), (6, "404"), (2, "301"), (1, "199"), (1, "300"), (1, "2000"), (1, "-"),
                            (1, "20"), (1, "\xb2\xb2\xb2")])
        size = pick(rng, [(60, str(rng.randint(0, 10**6))), (10, "-"), (1, ""), (1, "-1"), (1, "12a"), (1, "9" * 40)])
        front = '%s %s %s [%s] "%s" %s %s' % (client, ident, user, self.stamp(), self.request(), status, size)
        tail = pick(rng, [
            (90, lambda: ' "%s" "%s"' % (rng.choice(self.referrers), rng.choice(self.agents))), (12, ""),
            (6, lambda: ' "%s" "%s" 0.003 "x" y' % (rng.choice(self.referrers), rng.choice(self.agents))),
            (2, lambda: ' "%s"' % rng.choice(self.referrers)), (2, lambda: ' "a"b" "c"d"'), (2, lambda: rng.choice(SPACES) * 3),
            (1, lambda: ' "%s" "%s' % (rng.choice(self.referrers), rng.choice(self.agents))), (1, ' "" ""'), (1, " trailing"),
            (1, lambda: ' "-" "u"' + rng.choice(SPACES)), (1, lambda: "%s\"-\" \"u\"" % rng.choice(SPACES)),
        ])
        return pick(rng, [(300, front + tail), (1, ""), (1, "junk"), (1, " " + front), (1, front[:rng.randint(0, len(front))]),
                          (1, lambda: self.mutated(front + tail)), (6, lambda: self.mutated(front + tail)), (1, "\x00" * 5),
                          (1, (front + tail) * 2)])

    def mutated(self, line):
        rng = self.rng
        out = list(line)
        for _ in range(rng.randint(1, 4)):
            if not out:
                break
            at = rng.randrange(len(out))
            kind = rng.randrange(3)
            if kind == 0:
                out[at] = rng.choice(['"', "\\", "[", "]", " ", "-", "0", rng.choice(SPACES), chr(rng.randrange(256))])
            elif kind == 1:
                del out[at]
            else:
                out.insert(at, rng.choice(['"', "\\", " ", "\\\"", '" "']))
        return "".join(out).replace("\n", "")

    def text(self, lines):
        rng = self.rng
        out = "".join(self.line() + rng.choice(["\n"] * 20 + ["\r\n", "\r\r\n", " \n"]) for _ in range(lines))
        return out[:-1] if out and rng.random() < 0.2 else out


def tsv(rng, lines):
    columns = ["host", "logname", "time", "method", "url", "response", "bytes"]
    if rng.random() < 0.5:
        rng.shuffle(columns)
    out = ["\t".join(columns)]
    t = rng.randint(0, 2_000_000_000)
    for _ in range(lines):
        t += rng.choice([0, 0, 1, 7, 400, -30])
        row = {
            "host": rng.choice(["a.example", "b.example", "", "caf\xe9", "192.0.2.1"]) + str(rng.randint(0, 40)),
            "logname": "-",
            "time": pick(rng, [(60, str(t)), (1, " %d " % t), (1, "+%d" % t), (1, "noon"), (1, ""), (1, "%d.5" % t), (1, "\xa0%d\x85" % t),
                               (1, "1_0"), (1, "1__0"), (1, "_1")]),
            "method": rng.choice(["GET"] * 9 + ["HEAD", "get", ""]),
            "url": rng.choice(["/", "/a", "/a?b", "?", "", "/\xe9"]),
            "response": pick(rng, [(20, "200"), (5, "304"), (3, "404"), (1, " 200"), (1, "2_00"), (1, "ok"), (1, ""), (1, "-200"), (1, "0200")]),
            "bytes": "5",
        }
        cells = [row[c] for c in columns]
        if rng.random() < 0.02:
            cells = cells[:rng.randint(0, len(cells))]
        if rng.random() < 0.1:
            cells += ["", "more"]
        out.append("\t".join(cells))
    return "\n".join(out) + "\n"


def shown(text):
    """The oracle shows bytes as latin-1; footfall keeps what is UTF-8."""
    raw = text.encode("latin-1")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return text


def compare(facts, found, samples):
    """What differs, as sentences."""
    online = facts["online_page_hits"]
    expected = {
        "lines": facts["lines"],
        "unparseable_lines": facts["unparseable_lines"],
        "page_hits": facts["page_hits"],
        "distinct_clients": facts["distinct_client"]["page_hits"],
        "distinct_visitors": facts["distinct_visitor"]["page_hits"],
        "page_hits_per_day_utc": facts["page_hits_per_day_utc"],
        "unique_visitors_per_day_utc": facts["unique_visitors_per_day_utc"],
        "top_paths": [[shown(k), v] for k, v in facts["top_paths_query_stripped"]],
        "top_referrers": [[shown(k), v] for k, v in facts["top_referrers_raw"]],
    }
    wrong = ["%s: %r, expected %r" % (key, found[key], value) for key, value in expected.items() if found[key] != value]
    got = found["online"]
    want = (online["max"], online["max_first_at"]) if online else (0, None)
    if (got["max"], got["max_first_at"]) != want:
        wrong.append("online max %r at %r, expected %r" % (got["max"], got["max_first_at"], want))
    if [(s["t"], s["online"]) for s in got["samples"]] != samples:
        wrong.append("samples: %r, expected %r" % (got["samples"], samples))
    busiest = found["busiest_second"] and found["busiest_second"]["page_hits"]
    if busiest != (facts["busiest_second"] and facts["busiest_second"]["page_hits"]):
        wrong.append("busiest second: %r, expected %r" % (busiest, facts["busiest_second"]))
    return wrong


def main():
    footfall, oracle = str(BUILD / "footfall"), str(SAMPLES / "reference.py")
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 24
    if not os.path.exists(oracle):
        print("no oracle at " + oracle + ": set FOOTFALL_SAMPLES to the directory of the sample logs")
        return 77
    seed = int(os.environ.get("FOOTFALL_SEED", random.SystemRandom().randrange(2**32)))
    print("FOOTFALL_SEED=%d" % seed)
    rng = random.Random(seed)
    hits = 0
    for round_ in range(rounds):
        columns = round_ % 6 == 5
        lines = rng.choice([1, 10, 300, 3000])
        raw = (tsv(rng, lines) if columns else Log(rng).text(lines)).encode("latin-1")
        packed = rng.random() < 0.5
        with tempfile.NamedTemporaryFile(suffix=".log.gz" if packed else ".log", delete=False) as file:
            cut = rng.randrange(len(raw) + 1)
            file.write(gzip.compress(raw[:cut]) + gzip.compress(raw[cut:]) if packed else raw)
        run = subprocess.run([sys.executable, oracle, "nasa_tsv" if columns else "clf", file.name], capture_output=True)
        if run.returncode != 0:
            # It gives up where not one line can be read: nothing to compare with.
            assert b"ats[0]" in run.stderr or b"IndexError" in run.stderr, run.stderr.decode()
            os.unlink(file.name)
            continue
        facts = json.loads(run.stdout)
        online = facts["online_page_hits"] or {}
        samples = [(s["t"], s["online"]) for key in sorted(online) if key.startswith("samples") for s in online[key]]
        command = [footfall, "analyze", file.name, "--json", "--top", "10"]
        command += ["--format", "nasa-tsv"] if columns else []
        command += ["--at=%d" % t for t, _ in samples]
        run = subprocess.run(command, capture_output=True)
        wrong = compare(facts, json.loads(run.stdout), samples) if run.returncode == 0 else [run.stderr.decode()]
        if wrong:
            print("round %d, kept as %s:\n  %s" % (round_, file.name, "\n  ".join(wrong)))
            return 1
        hits += facts["page_hits"]
        os.unlink(file.name)
    print("%d rounds, %d page hits: all agree" % (rounds, hits))
    return 0


if __name__ == "__main__":
    sys.exit(main())
