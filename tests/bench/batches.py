#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Batches of 1,000 with a million visitors live, four connections, one core: items a second of the server's CPU time, checkpoints among it, of which
one is due for each 32 MiB of journal. Beside it stands the same of a daemon that makes none.

P6   application/x-protobuf
P7   application/x-ndjson
"""
import json
import re
import socket
import time

from figures import main, os
from hit_message import field
from perf import profile
from side_by_side import cpu_ns, whole as length_of

SITE = "bench.example"
ITEMS, VISITORS, CONNECTIONS = 1000, 1_000_000, 4
RETRY_S = 300  # how long a batch that is refused is sent again
AGENT = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%d.0.0.0 Safari/537.36"


def path_of(visitor):
    return f"/tin-tuc/bai-{visitor % 997}"


def protobuf(first, count=ITEMS):
    return field(1, SITE.encode()) + b"".join(
        field(2, field(2, path_of(n).encode()) + field(8, bytes([10, n >> 16, n >> 8 & 255, n & 255])) + field(9, (AGENT % (100 + n % 20)).encode()))
        for n in range(first, first + count))


def ndjson(first):
    return "".join(json.dumps({"site": SITE, "path": path_of(n), "address": f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}", "agent": AGENT % (100 + n % 20)},
                              separators=(",", ":")) + "\n" for n in range(first, first + ITEMS)).encode()


def request(node, body, content_type="application/x-protobuf"):
    return (f"POST /v1/hits HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {node.token}\r\nContent-Type: {content_type}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n").encode() + body


def requests(node, content_type, body_of):
    return (request(node, body_of(first), content_type) for first in range(0, VISITORS, ITEMS))


def answer_of(connection):
    answer = b""
    while b"\r\n\r\n" not in answer or len(answer) < length_of(answer):
        more = connection.recv(65536)
        assert more, answer
        answer += more
    return answer


def retry_after(answer):
    """Seconds after which a client should try again; None where it was not refused for too much to do."""
    return int(re.search(rb"\r\nRetry-After: (\d+)\r\n", answer).group(1)) if answer.startswith(b"HTTP/1.1 503") else None


def send_all(port, whole):
    """Each connection sends its next batch when the one before is answered. Where the daemon has too much to do, as after a disk that stood still or while
    others have its core, the batch is sent again over a new connection as late as Retry-After says, while no other is sent: until it is taken, or for RETRY_S.
    What such a refusal costs the daemon is in its CPU."""
    connections = [socket.create_connection(("127.0.0.1", port)) for _ in range(CONNECTIONS)]
    accepted = 0
    for at in range(0, len(whole), CONNECTIONS):
        turn = whole[at:at + CONNECTIONS]
        for connection, request in zip(connections, turn):
            connection.sendall(request)
        answers = [answer_of(connection) for connection, _ in zip(connections, turn)]
        for n, request in enumerate(turn):
            end = time.monotonic() + RETRY_S
            while (wait_s := retry_after(answers[n])) is not None and time.monotonic() < end:
                connections[n].close()
                time.sleep(wait_s)
                connections[n] = socket.create_connection(("127.0.0.1", port))
                connections[n].sendall(request)
                answers[n] = answer_of(connections[n])
            assert answers[n].startswith(b"HTTP/1.1 200"), answers[n]
            accepted += json.loads(answers[n][answers[n].index(b"\r\n\r\n"):])["accepted"]
    for connection in connections:
        connection.close()
    return accepted


def batches(bench):
    for goal, content_type, body_of, aim, stretch in (("P6", "application/x-protobuf", protobuf, 4, 8), ("P7", "application/x-ndjson", ndjson, 2, 4)):
        rates, length = measured(bench, goal, content_type, body_of)
        bench.row(goal, f"{content_type}, {length / ITEMS:.0f} bytes an item: items/s of CPU", aim, stretch, rates, "M/s", at_least=True)
        rates, _ = measured(bench, goal, content_type, body_of, "--checkpoint-interval", "86400", "--checkpoint-journal", str(1 << 40))
        bench.note(goal, "the same without checkpoints", rates, "M/s")


def measured(bench, goal, content_type, body_of, *options):
    """The rate of each round, in millions a second of CPU, and the length of a request."""
    node = bench.server(f"{goal}-without" if options else goal, *options)
    try:
        os.sched_setaffinity(0, {1})
        node.add_site(SITE, visibility="full")
        whole = list(requests(node, content_type, body_of))
        send_all(node.port, whole)  # all visitors are there
        rates = []
        for _ in range(bench.rounds):
            before = cpu_ns([node.process.pid])
            accepted = send_all(node.port, whole)
            rates.append(accepted / (cpu_ns([node.process.pid]) - before) * 1e3)
        stats = node.stats(SITE)
        assert stats["counted"] == VISITORS * (bench.rounds + 1), stats
        assert stats["online"] == VISITORS, stats
        profile(bench, goal, f"{content_type}{', without checkpoints' if options else ''}", node.process.pid, lambda: send_all(node.port, whole))
        return rates, len(whole[0])
    finally:
        node.close()


GOALS = {"P6": batches, "P7": batches}
if __name__ == "__main__":
    main(__doc__, GOALS)
