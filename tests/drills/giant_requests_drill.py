# SPDX-License-Identifier: Apache-2.0
"""Request lines, heads and bodies of any size, some without an end: each is answered by its status as soon as it is too large, and its connection
ends; none leaves anything behind in memory, however many come. http_rules_test.py and bad_input_test.py have the statuses one by one.

FOOTFALL_ROUNDS requests, 20,000 by default."""
import collections
import contextlib
import itertools
import multiprocessing
import random
import socket
import time

from drill import SEED, SITE, add_site, daemon, resident_bytes, rounds
from redis_server import until

HOST = b"Host: x\r\n"
CLIENTS = 2  # processes
FLAT = 4 << 20  # bytes: what may come and go between two looks; 1/10,000 of what is sent in the long form
PING = b"POST /hit HTTP/1.1\r\n" + HOST + b"Content-Type: text/plain\r\n"


def kinds(token):
    """name -> what is sent, its status, and the reason it is counted under. No request has an end that would be reached."""
    batch = b"POST /v1/hits HTTP/1.1\r\n" + HOST + b"Content-Type: application/x-ndjson\r\nAuthorization: Bearer " + token.encode() + b"\r\n"
    return {
        "a long target": (b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414, "target_too_long"),
        "a target without an end": (b"GET /hit?site=" + b"a" * 200_000, 414, "target_too_long"),
        "a method without an end": (b"G" * 50_000, 400, "bad_method"),
        "a long field": (b"GET / HTTP/1.1\r\n" + HOST + b"A: " + b"a" * 40_000 + b"\r\n\r\n", 431, "head_too_large"),
        "a field without an end": (b"GET / HTTP/1.1\r\n" + HOST + b"A: " + b"a" * 200_000, 431, "head_too_large"),
        "many fields": (b"GET / HTTP/1.1\r\n" + HOST + b"A: b\r\n" * 101 + b"\r\n", 431, "too_many_fields"),
        "fields without an end": (b"GET / HTTP/1.1\r\n" + HOST + b"A: b\r\n" * 30_000, 431, "too_many_fields"),
        "a body": (PING + b"Content-Length: 70000\r\n\r\n" + b"a" * 70_000, 413, "body_too_large"),
        "a body beyond 64 bits": (PING + b"Content-Length: 99999999999999999999\r\n\r\n", 413, "body_too_large"),
        "a body in chunks": (PING + b"Transfer-Encoding: chunked\r\n\r\n" + (b"1000\r\n" + b"a" * 4096 + b"\r\n") * 17, 413, "body_too_large"),
        "a body in chunks of a byte": (PING + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * 16_000, 400, "bad_chunk"),
        "a batch": (batch + b"Content-Length: 17000000\r\n\r\n", 413, "body_too_large"),
        "a batch in a chunk": (batch + b"Transfer-Encoding: chunked\r\n\r\n1100000\r\n", 413, "body_too_large"),
    }


def endless_batch(token):
    """In chunks, of lines with nothing in them, so that its size alone is wrong."""
    head = b"POST /v1/hits HTTP/1.1\r\n" + HOST + b"Content-Type: application/x-ndjson\r\nAuthorization: Bearer " + token.encode() + b"\r\n"
    return head + b"Transfer-Encoding: chunked\r\n\r\n" + (b"10000\r\n" + b"\n" * 65_536 + b"\r\n") * 257


class Client:
    """What went wrong is in `wrong`: (kind, what came)."""

    def __init__(self, port, source):
        self.port, self.source, self.wrong = port, source, collections.Counter()

    def ask(self, name, request, status):
        with socket.create_connection(("127.0.0.1", self.port), timeout=30, source_address=(self.source, 0)) as connection:
            answer, ended = b"", False
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # cut while it still sends: it has its answer
                connection.sendall(request)
            try:
                while more := connection.recv(65536):
                    answer += more
                ended = True
            except ConnectionResetError:  # more came than it takes to be polite
                ended = True
            except TimeoutError:
                pass
            head = answer.split(b"\r\n\r\n", 1)[0]
            if not (ended and head.startswith(b"HTTP/1.1 %d " % status) and b"\r\nConnection: close" in head):
                self.wrong[name, ended, answer[:60]] += 1


def ask_many(pipe, port, source, table, seed, count):
    rng, client, asked = random.Random(seed), Client(port, source), collections.Counter()
    names = list(table)
    for _ in range(count):
        name = rng.choice(names)
        client.ask(name, *table[name][:2])
        asked[name] += 1
    pipe.send((asked, client.wrong))


def in_many_processes(node, table, seed, count):
    """(name -> how often it was asked, what was wrong)"""
    context = multiprocessing.get_context("fork")
    asked, wrong, running = collections.Counter(), collections.Counter(), []
    for n in range(CLIENTS):
        pipe, theirs = context.Pipe()
        process = context.Process(target=ask_many, args=(theirs, node.port, f"127.0.0.{2 + n}", table, seed * CLIENTS + n, count // CLIENTS), daemon=True)
        process.start()
        theirs.close()
        running.append((process, pipe))
    for process, pipe in running:
        their_asked, their_wrong = pipe.recv()
        asked += their_asked
        wrong += their_wrong
        process.join()
    return asked, wrong


def errors(node):
    prefix = 'footfall_http_parse_errors_total{reason="'
    return collections.Counter({name[len(prefix):-2]: int(value) for name, value in node.metrics().items() if name.startswith(prefix)})


def giants(seed, count):
    node = daemon("--threads", "1", "--durability", "kernel")
    try:
        node.start()
        add_site(node)
        table = kinds(node.token)
        before, expected, residents = errors(node), collections.Counter(), []
        part = max(CLIENTS, count // 10)
        for n in itertools.count():
            asked, wrong = in_many_processes(node, table, seed + n, part)
            assert not wrong, wrong.most_common(5)
            for name, times in asked.items():
                expected[table[name][2]] += times
            until(lambda: node.metrics()["footfall_http_connections"] == 0, "connections stay", 60)
            residents.append(resident_bytes(node))
            if sum(expected.values()) >= count:
                break
        client = Client(node.port, "127.0.0.1")
        client.ask("a batch without an end", endless_batch(node.token), 413)
        assert not client.wrong, client.wrong
        expected["body_too_large"] += 1
        assert errors(node) - before == expected, (errors(node) - before, expected)
        metrics = node.metrics()
        assert metrics["footfall_http_body_bytes"] == 0
        assert metrics["footfall_ledger_mismatch"] == 0
        assert metrics["footfall_hits_accepted_total"] == 0
        assert node.hit(SITE).status == 204
    finally:
        node.close()
    grown = max(residents[2:]) - max(residents[:2])
    assert grown <= FLAT, f"resident after each tenth: {[r >> 10 for r in residents]} KiB"
    return f"{sum(expected.values())} requests refused, MiB resident after each tenth: {' '.join(f'{r / 1048576:.1f}' for r in residents)}"


if __name__ == "__main__":
    began = time.monotonic()
    print(giants(SEED, rounds(20_000)), f"({time.monotonic() - began:.0f} s)", flush=True)
