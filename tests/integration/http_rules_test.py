# SPDX-License-Identifier: Apache-2.0
"""What RFC 9112 asks of a server, and where footfall is stricter, as a table: bytes as they are sent, the statuses that come back, and whether
the connection ends, and under which reason it is counted. Each row goes whole, and again in two parts, cut at a place of its own; all go to one daemon,
which answers afterwards, and has counted what it answered 204 and nothing else."""
import collections
import contextlib
import random
import re
import socket
import time
import unittest

from footfall import Daemon

SITE = "example.org"
STRICT = "strict.example"  # counts from its own host alone
HOST = "Host: stats.example.org\r\n"
GET = f"GET /livez HTTP/1.1\r\n{HOST}"
PING = f"POST /hit HTTP/1.1\r\n{HOST}Content-Type: application/json\r\n"
BODY = f'{{"site":"{SITE}","path":"/p"}}'
CHUNKS = f"{len(BODY):x}\r\n{BODY}\r\n0\r\n"
CHUNKED = PING + "Transfer-Encoding: chunked\r\n\r\n"
OPEN, CLOSED = False, True
ELSEWHERE = "Origin: https://elsewhere.example\r\n"
EXPECTING = PING + f"Content-Length: {len(BODY)}\r\nExpect: 100-continue\r\n\r\n"
STRICT_PING = f"POST /hit?site={STRICT}&path=/p HTTP/1.1\r\n{HOST}"


class Rule:
    """what it is about; what is sent, and where that is two parts the second when the first is answered; statuses in order, 204 with why where the ping was
    refused; whether the connection ends then; the reason under which it is counted, if it is refused; whether the sender ends behind it."""

    def __init__(self, what, text, expected, closes, reason=None, ends=False):
        self.what, self.expected, self.closes, self.reason, self.ends = what, expected, closes, reason, ends
        self.waits = isinstance(text, tuple)
        self.parts = [part.encode("latin-1") for part in (text if self.waits else (text,))]


RULES = [Rule(*row) for row in [
    # 2.2 message parsing
    ("2.2 an empty line before the request is skipped", "\r\n" + GET + "\r\n", [200], OPEN),
    ("2.2 a line that ends in LF alone", GET.replace("\r\n", "\n") + "\n", [400], CLOSED, "bare_cr_or_lf"),
    ("2.2 CR alone in a field", GET + "X-A: a\rb\r\n\r\n", [400], CLOSED, "bare_cr_or_lf"),
    ("2.2 CR alone in the request line", GET.replace(" HTTP", "\rx HTTP") + "\r\n", [400], CLOSED, "bare_cr_or_lf"),
    ("2.2 space between request line and the first field", "GET /livez HTTP/1.1\r\n " + HOST + "\r\n", [400], CLOSED, "obs_fold"),
    ("2.2 NUL in a field", GET + "X-A: a\0b\r\n\r\n", [400], CLOSED, "bad_field_value"),
    # 2.3, 3 the request line
    ("2.3 another major version", GET.replace("HTTP/1.1", "HTTP/2.0") + "\r\n", [505], CLOSED, "unsupported_version"),
    ("2.3 HTTP/0.9", "GET /livez\r\n", [400], CLOSED, "bad_target"),
    ("2.3 a later minor version", GET.replace("HTTP/1.1", "HTTP/1.2") + "\r\n", [505], CLOSED, "unsupported_version"),
    ("2.3 lower case", GET.replace("HTTP/1.1", "http/1.1") + "\r\n", [400], CLOSED, "bad_version"),
    ("3 two spaces", GET.replace("GET ", "GET  ") + "\r\n", [400], CLOSED, "bad_target"),
    ("3 a tab for a space", GET.replace("GET ", "GET\t") + "\r\n", [400], CLOSED, "bad_method"),
    ("3 a space in the target", GET.replace("/livez", "/li vez") + "\r\n", [400], CLOSED, "bad_version"),
    ("3 a target of more than a head may have", GET.replace("/livez", "/livez?" + "a" * 40_000) + "\r\n", [414], CLOSED, "target_too_long"),
    ("3.1 a method that is no token", GET.replace("GET", "G(T") + "\r\n", [400], CLOSED, "bad_method"),
    ("3.1 a method that nobody knows", GET.replace("GET", "BREW") + "\r\n", [405], OPEN),
    ("3.2 no Host", "GET /livez HTTP/1.1\r\n\r\n", [400], CLOSED, "missing_host"),
    ("3.2 two Hosts", GET + HOST + "\r\n", [400], CLOSED, "repeated_host"),
    ("3.2 a Host that is none", "GET /livez HTTP/1.1\r\nHost: a b\r\n\r\n", [400], CLOSED, "bad_host"),
    ("3.2 HTTP/1.0 needs none", "GET /livez HTTP/1.0\r\n\r\n", [200], CLOSED),
    ("3.2 an empty Host", "GET /livez HTTP/1.1\r\nHost: \r\n\r\n", [400], CLOSED, "bad_host"),
    # That its host stands, not the field's, request_parser_test.cc says: no answer tells.
    ("3.2.2 an absolute target is as its path", f"GET http://other.example/hit?site={SITE}&path=/p HTTP/1.1\r\n{HOST}\r\n", [204], OPEN),
    ("3.2.2 an absolute target with a host that is none", f"GET http://a@b/livez HTTP/1.1\r\n{HOST}\r\n", [400], CLOSED, "bad_target"),
    ("3.2.2 an absolute target makes up for no Host", "GET http://other.example/livez HTTP/1.1\r\n\r\n", [400], CLOSED, "missing_host"),
    ("3.2.4 an asterisk", f"OPTIONS * HTTP/1.1\r\n{HOST}\r\n", [404], OPEN),
    # 5 fields
    ("5.1 a space before the colon", GET + "X-A : a\r\n\r\n", [400], CLOSED, "bad_field_name"),
    ("5.1 no colon", GET + "X-A\r\n\r\n", [400], CLOSED, "bad_field_name"),
    ("5.1 a name that is no token", GET + "X(A): a\r\n\r\n", [400], CLOSED, "bad_field_name"),
    ("5.1 no name", GET + ": a\r\n\r\n", [400], CLOSED, "bad_field_name"),
    ("5.1 spaces around a value are no part of it", GET.replace("Host: ", "Host:  \t") + "\r\n", [200], OPEN),
    ("5.2 a folded line", GET + "X-A: a\r\n b\r\n\r\n", [400], CLOSED, "obs_fold"),
    ("5 more fields than may be", GET + "X-A: a\r\n" * 101 + "\r\n", [431], CLOSED, "too_many_fields"),
    ("5 a head of more than 32 KiB", GET + "X-A: " + "a" * 33_000 + "\r\n\r\n", [431], CLOSED, "head_too_large"),
    # 6 the body's length
    ("6.1 Transfer-Encoding in HTTP/1.0", CHUNKED.replace("HTTP/1.1", "HTTP/1.0") + CHUNKS + "\r\n", [400], CLOSED, "bad_transfer_encoding"),
    ("6.1 both lengths", PING + f"Content-Length: {len(BODY)}\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKS + "\r\n", [400], CLOSED, "length_and_chunked"),
    ("6.1 a coding that is not known", PING + "Transfer-Encoding: gzip, chunked\r\n\r\n" + CHUNKS + "\r\n", [400], CLOSED, "bad_transfer_encoding"),
    ("6.1 chunked twice", PING + "Transfer-Encoding: chunked, chunked\r\n\r\n" + CHUNKS + "\r\n", [400], CLOSED, "bad_transfer_encoding"),
    ("6.1 two fields of it", PING + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKS + "\r\n", [400], CLOSED, "bad_transfer_encoding"),
    ("6.3 a coding that does not end in chunked", PING + "Transfer-Encoding: chunked, identity\r\n\r\n" + CHUNKS + "\r\n", [400], CLOSED, "bad_transfer_encoding"),
    ("6.3 xchunked", PING + "Transfer-Encoding: xchunked\r\n\r\n" + CHUNKS + "\r\n", [400], CLOSED, "bad_transfer_encoding"),
    ("6.2 Content-Length", PING + f"Content-Length: {len(BODY)}\r\n\r\n{BODY}", [204], OPEN),
    ("6.3 a length with a sign", PING + f"Content-Length: +{len(BODY)}\r\n\r\n{BODY}", [400], CLOSED, "bad_content_length"),
    ("6.3 a negative length", PING + "Content-Length: -1\r\n\r\n", [400], CLOSED, "bad_content_length"),
    ("6.3 a hexadecimal length", PING + f"Content-Length: 0x{len(BODY):x}\r\n\r\n{BODY}", [400], CLOSED, "bad_content_length"),
    ("6.3 a list of lengths that are the same", PING + f"Content-Length: {len(BODY)}, {len(BODY)}\r\n\r\n{BODY}", [400], CLOSED, "bad_content_length"),
    ("6.3 two lengths", PING + f"Content-Length: {len(BODY)}\r\nContent-Length: {len(BODY) + 1}\r\n\r\n{BODY}", [400], CLOSED, "bad_content_length"),
    ("6.3 an empty length", PING + "Content-Length: \r\n\r\n", [400], CLOSED, "bad_content_length"),
    ("6.3 a length beyond 64 bits", PING + "Content-Length: 99999999999999999999999\r\n\r\n", [413], CLOSED, "body_too_large"),
    ("6.3 a body that is too large is refused before it comes", PING + "Content-Length: 70000\r\n\r\n", [413], CLOSED, "body_too_large"),
    ("6.3 no length: no body", f"POST /hit?site={SITE}&path=/p HTTP/1.1\r\n{HOST}\r\n", [204], OPEN),
    ("6.3 an end inside a body of a length", PING + f"Content-Length: {len(BODY) + 1}\r\n\r\n{BODY}", [], CLOSED, None, True),
    ("6.3 an end before the last chunk", CHUNKED + CHUNKS.replace("0\r\n", ""), [], CLOSED, None, True),
    ("6.3 an end inside the last chunk", CHUNKED + CHUNKS, [], CLOSED, None, True),
    ("8 an end inside the head", GET + "X-A: a\r\n", [], CLOSED, None, True),
    ("8 an end behind a request", GET + "\r\n", [200], CLOSED, None, True),
    # 7.1 chunks
    ("7.1 chunked", CHUNKED + CHUNKS + "\r\n", [204], OPEN),
    ("7.1 two chunks", CHUNKED + f"5\r\n{BODY[:5]}\r\n{len(BODY) - 5:X}\r\n{BODY[5:]}\r\n0\r\n\r\n", [204], OPEN),
    ("7.1.1 an extension is passed over", CHUNKED + CHUNKS.replace("\r\n", ";a=b\r\n", 1) + "\r\n", [204], OPEN),
    ("7.1.1 an extension beyond 256 bytes", CHUNKED + CHUNKS.replace("\r\n", ";" + "a" * 300 + "\r\n", 1) + "\r\n", [400], CLOSED, "bad_chunk"),
    ("7.1.2 a field that has the ping refused", STRICT_PING + ELSEWHERE + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", ["204 origin"], OPEN),
    ("7.1.2 as a trailer it is none", STRICT_PING + "Transfer-Encoding: chunked\r\n\r\n0\r\n" + ELSEWHERE + "\r\n", [204], OPEN),
    ("7.1.2 trailers frame nothing", CHUNKED + CHUNKS + "Content-Length: 5\r\nTransfer-Encoding: gzip\r\nHost: a b\r\n\r\n", [204], OPEN),
    ("7.1.3 no CRLF behind the last chunk", CHUNKED + CHUNKS, [400], CLOSED, "bad_field_name"),
    ("7.1 a size that is none", CHUNKED + "xyz\r\n", [400], CLOSED, "bad_chunk"),
    ("7.1 a size with a sign", CHUNKED + "+" + CHUNKS + "\r\n", [400], CLOSED, "bad_chunk"),
    ("7.1 a size with 0x", CHUNKED + "0x" + CHUNKS + "\r\n", [400], CLOSED, "bad_chunk"),
    ("7.1 a size with an underscore", CHUNKED + "1_0\r\n", [400], CLOSED, "bad_chunk"),
    ("7.1 a size of 17 digits", CHUNKED + "0" * 16 + CHUNKS + "\r\n", [400], CLOSED, "bad_chunk"),
    ("7.1 no CRLF behind a chunk", CHUNKED + f"{len(BODY):x}\r\n{BODY}XX0\r\n\r\n", [400], CLOSED, "bad_chunk"),
    ("7.1 LF alone behind a size", CHUNKED + CHUNKS.replace("\r\n", "\n", 1) + "\r\n", [400], CLOSED, "bare_cr_or_lf"),
    # 9 connections
    ("9.3 a body that a GET need not have is read", f"GET /livez HTTP/1.1\r\n{HOST}Content-Length: 5\r\n\r\nhello" + GET + "\r\n", [200, 200], OPEN),
    ("9.3.2 answers come in the order of the requests", GET + "\r\n" + GET.replace("livez", "nothing") + "\r\n" + GET + "\r\n", [200, 404, 200], OPEN),
    ("9.6 nothing is taken up behind a close", GET + "Connection: close\r\n\r\n" + GET + "\r\n", [200], CLOSED),
    ("9.6 nor behind what is malformed", "GET /livez HTTP/1.1\r\n\r\n" + GET + "\r\n", [400], CLOSED, "missing_host"),
    ("9.3 HTTP/1.0 is answered once, whatever it asks", f"GET /livez HTTP/1.0\r\n{HOST}Connection: keep-alive\r\n\r\n", [200], CLOSED),
    ("9.7 an upgrade is passed over", GET + "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n", [200], OPEN),
    ("HTTP/2's preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [400], CLOSED, "bad_target"),
    ("RFC 9110 10.1.1 an expectation that nobody knows", GET + "Expect: the-moon\r\n\r\n", [417], CLOSED, "bad_expect"),
    ("RFC 9110 10.1.1 who waits is told to go on", (EXPECTING, BODY), [100, 204], OPEN),
    ("RFC 9110 10.1.1 who does not wait is told nothing", EXPECTING + BODY, [204], OPEN),
    ("RFC 9110 10.1.1 HTTP/1.0 knows no such answer", EXPECTING.replace("HTTP/1.1", "HTTP/1.0") + BODY, [204], CLOSED),
]]
HEAD = re.compile(rb"HTTP/1\.[01] ([0-9]{3}) [^\r\n]*\r\n((?:[A-Za-z-]+: [^\r\n]*\r\n)*)\r\n")


class HttpRules(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon("--threads", "1", "--rate-limit", "0").start()
        cls.addClassCleanup(cls.daemon.close)
        cls.daemon.add_site(SITE)
        cls.daemon.add_site(STRICT, hosts=[f"www.{STRICT}"])

    def ask(self, rule, cut=None):
        """The statuses that come, as many as are expected at most, and whether the other side ended the connection then: one request more is sent, to know."""
        parts = rule.parts if cut is None else [rule.parts[0][:cut], rule.parts[0][cut:]]
        with socket.create_connection(("127.0.0.1", self.daemon.port), timeout=10) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            statuses, came = [], b""
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                for number, part in enumerate(parts):
                    if rule.waits and number > 0:
                        while (answer := self.first(came)) is None:
                            came += connection.recv(65536)
                        statuses, came = [answer[0]], came[answer[1]:]
                    connection.sendall(part)
                    time.sleep(0.002 if cut else 0)
                if rule.ends:
                    connection.shutdown(socket.SHUT_WR)
                else:
                    connection.sendall(GET.encode() + b"\r\n")
            most, ended = len(rule.expected), False
            while len(statuses) <= most and not ended:
                try:
                    chunk = connection.recv(65536)
                except ConnectionResetError:
                    chunk = b""
                came, ended = came + chunk, not chunk
                while answer := self.first(came):
                    statuses.append(answer[0])
                    came = came[answer[1]:]
            self.assertEqual(came, b"", "something else than answers")
        return statuses[:most] if ended else statuses[:-1], ended

    def first(self, came):
        """Status, with why a ping was refused, and length of the answer that these bytes begin with, if it is whole."""
        head = HEAD.match(came)
        if head is None:
            return None
        fields = {name.lower(): value for name, value in (line.split(": ", 1) for line in head[2].decode().splitlines())}
        self.assertNotIn("transfer-encoding", fields)
        if head[1] in (b"100", b"204"):
            self.assertNotIn("content-length", fields)
        end = head.end() + int(fields.get("content-length", 0))
        if len(came) < end:
            return None
        refused = fields.get("footfall-rejected") if head[1] == b"204" else None
        return f"204 {refused}" if refused else int(head[1]), end

    def counts(self):
        """(reason -> requests refused for it, accepted pings)"""
        metrics = self.daemon.metrics()
        refused = {name.split('"')[1]: int(value) for name, value in metrics.items() if name.startswith("footfall_http_parse_errors_total{")}
        return collections.Counter(refused), int(metrics["footfall_hits_accepted_total"])

    def test_every_rule(self):
        refused, accepted = self.counts()
        self.assertEqual(sum(refused.values()), 0)
        for rule in RULES:
            cuts = (None,) if rule.waits else (None, random.Random(rule.what).randrange(1, len(rule.parts[0])))
            for cut in cuts:
                with self.subTest(rule.what, cut=cut):
                    statuses, ended = self.ask(rule, cut)
                    self.assertEqual((statuses, ended), (rule.expected, rule.closes))
                    accepted += statuses.count(204)
                    refused[rule.reason] += rule.reason is not None
        self.assertEqual(self.daemon.get("/livez").status, 200)
        counted, hits = self.counts()
        self.assertEqual(+counted, +refused, "each under its reason")
        self.assertEqual(hits, accepted, "what was answered, and nothing else")


if __name__ == "__main__":
    unittest.main(verbosity=2)
