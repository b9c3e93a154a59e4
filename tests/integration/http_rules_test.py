# SPDX-License-Identifier: Apache-2.0
"""What RFC 9112 asks of a server, and where footfall is stricter, as a table: bytes as they are sent, the statuses that come back, and whether
the connection ends, and under which reason it is counted. Each row goes whole, and again in two parts, cut at a place of its own; all go to one daemon,
to its public and its admin listener, each with and without TLS, which answers afterwards, and has counted what it answered 204 and nothing else."""
import collections
import concurrent.futures
import contextlib
import pathlib
import random
import re
import socket
import ssl
import tempfile
import time
import unittest

from footfall import Daemon, free_port
from redis_server import until
from tls_test import make_certificate, trusting

SITE = "example.org"
STRICT = "strict.example"  # counts from its own host alone
HOST = "Host: stats.example.org\r\n"
GET = f"GET /livez HTTP/1.1\r\n{HOST}"
PING = f"POST /hit HTTP/1.1\r\n{HOST}Content-Type: application/json\r\n"
BODY = f'{{"site":"{SITE}","path":"/p"}}'
CHUNKS = f"{len(BODY):x}\r\n{BODY}\r\n0\r\n"
CHUNKED = PING + "Transfer-Encoding: chunked\r\n\r\n"
OPEN, CLOSED = False, True
ASKS, ENDS, SILENT = "asks", "ends", "silent"
ELSEWHERE = "Origin: https://elsewhere.example\r\n"
EXPECTING = PING + f"Content-Length: {len(BODY)}\r\nExpect: 100-continue\r\n\r\n"
STRICT_PING = f"POST /hit?site={STRICT}&path=/p HTTP/1.1\r\n{HOST}"
LARGE = "a" * 40_000  # two are more than a ping's body may have


class Rule:
    """what it is about; what is sent, and where that is two parts the second when the first is answered; statuses in order, 204 with why where the ping was
    refused; whether the connection ends then; the reason under which it is counted, if it is refused; whether the sender asks for more behind it, to know
    whether the connection ended, or ends its side, or is silent."""

    def __init__(self, what, text, expected, closes, reason=None, then=ASKS):
        self.what, self.expected, self.closes, self.reason, self.then = what, expected, closes, reason, then
        self.waits = isinstance(text, tuple)
        self.parts = [part.encode("latin-1") for part in (text if self.waits else (text,))]
        self.head_only = self.parts[0].startswith(b"HEAD ")

    def expected_at(self, admin):
        """Statuses: of what is well formed and that the admin listener does not have, 404."""
        if not admin or self.reason or re.search(rb" /(livez|metrics|v1/admin/)", self.parts[0]):
            return self.expected
        return [status if status == 100 else 404 for status in self.expected]


RULES = [Rule(*row) for row in [
    # 2.2 message parsing
    ("2.2 an empty line before the request is skipped", "\r\n" + GET + "\r\n", [200], OPEN),
    ("2.2 a line that ends in LF alone", GET.replace("\r\n", "\n") + "\n", [400], CLOSED, "bare_cr_or_lf"),
    ("2.2 CR alone in a field", GET + "X-A: a\rb\r\n\r\n", [400], CLOSED, "bare_cr_or_lf"),
    ("2.2 CR alone in the request line", GET.replace(" HTTP", "\rx HTTP") + "\r\n", [400], CLOSED, "bare_cr_or_lf"),
    ("2.2 space between request line and the first field", "GET /livez HTTP/1.1\r\n " + HOST + "\r\n", [400], CLOSED, "obs_fold"),
    ("2.2 NUL in a field", GET + "X-A: a\0b\r\n\r\n", [400], CLOSED, "bad_field_value"),
    ("2.2 NUL in a method", GET.replace("GET", "GE\0T") + "\r\n", [400], CLOSED, "bad_method"),
    ("2.2 NUL in a target", GET.replace("/livez", "/li\0vez") + "\r\n", [400], CLOSED, "bad_target"),
    ("2.2 NUL in a field name", GET + "X\0A: a\r\n\r\n", [400], CLOSED, "bad_field_name"),
    ("2.2 NUL in a trailer", CHUNKED + CHUNKS + "X-A: a\0b\r\n\r\n", [400], CLOSED, "bad_field_value"),
    ("2.2 NUL in a trailer's name", CHUNKED + CHUNKS + "X\0A: a\r\n\r\n", [400], CLOSED, "bad_field_name"),
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
    ("3.2.2 an absolute target with a Host that is none", "GET http://other.example/livez HTTP/1.1\r\nHost: a b\r\n\r\n", [400], CLOSED, "bad_host"),
    ("3.2.3 a host and port alone", f"CONNECT other.example:443 HTTP/1.1\r\n{HOST}\r\n", [400], CLOSED, "bad_target"),
    ("3.2.4 an asterisk", f"OPTIONS * HTTP/1.1\r\n{HOST}\r\n", [404], OPEN),
    # 5 fields
    ("5.1 a space before the colon", GET + "X-A : a\r\n\r\n", [400], CLOSED, "bad_field_name"),
    ("5.1 no colon", GET + "X-A\r\n\r\n", [400], CLOSED, "bad_field_name"),
    ("5.1 a name that is no token", GET + "X(A): a\r\n\r\n", [400], CLOSED, "bad_field_name"),
    ("5.1 no name", GET + ": a\r\n\r\n", [400], CLOSED, "bad_field_name"),
    ("5.1 spaces around a value are no part of it", GET.replace("Host: ", "Host:  \t") + "\r\n", [200], OPEN),
    ("5.2 a folded line", GET + "X-A: a\r\n b\r\n\r\n", [400], CLOSED, "obs_fold"),
    ("5 more fields than may be", GET + "X-A: a\r\n" * 101 + "\r\n", [431], CLOSED, "too_many_fields"),
    ("5 as many fields as may be", GET + "X-A: a\r\n" * 99 + "\r\n", [200], OPEN),
    ("5.3 a field that may stand once stands twice", PING + "Content-Type: text/plain\r\n\r\n", [400], CLOSED, "repeated_field"),
    ("5.3 the same with the same value", GET + "Authorization: Bearer a\r\n" * 2 + "\r\n", [400], CLOSED, "repeated_field"),
    ("5.3 a list may stand in two fields", GET + "Connection: keep-alive\r\nConnection: close\r\n\r\n", [200], CLOSED),
    ("5 a head of more than 32 KiB", GET + "X-A: " + "a" * 33_000 + "\r\n\r\n", [431], CLOSED, "head_too_large"),
    # 6 the body's length
    ("6.1 Transfer-Encoding in HTTP/1.0", CHUNKED.replace("HTTP/1.1", "HTTP/1.0") + CHUNKS + "\r\n", [400], CLOSED, "bad_transfer_encoding"),
    ("6.1 both lengths", PING + f"Content-Length: {len(BODY)}\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKS + "\r\n", [400], CLOSED, "length_and_chunked"),
    ("6.1 a coding that is not known", PING + "Transfer-Encoding: gzip, chunked\r\n\r\n" + CHUNKS + "\r\n", [400], CLOSED, "bad_transfer_encoding"),
    ("6.1 chunked twice", PING + "Transfer-Encoding: chunked, chunked\r\n\r\n" + CHUNKS + "\r\n", [400], CLOSED, "bad_transfer_encoding"),
    ("6.1 two fields of it", PING + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKS + "\r\n", [400], CLOSED, "bad_transfer_encoding"),
    ("6.1 a list that begins empty", PING + "Transfer-Encoding: , chunked\r\n\r\n" + CHUNKS + "\r\n", [400], CLOSED, "bad_transfer_encoding"),
    ("7 a coding's name in another case", PING + "Transfer-Encoding: Chunked\r\n\r\n" + CHUNKS + "\r\n", [204], OPEN),
    ("7.1 chunked with a parameter", PING + "Transfer-Encoding: chunked;q=1\r\n\r\n" + CHUNKS + "\r\n", [400], CLOSED, "bad_transfer_encoding"),
    *((f"6.1 HTTP/1.0 gets no Transfer-Encoding: {target}", f"GET {target} HTTP/1.0\r\nAccept-Encoding: gzip\r\nTE: chunked\r\n\r\n", [200], CLOSED)
      for target in ("/footfall.js", "/", f"/v1/sites/{SITE}/stats", f"/v1/sites/{SITE}/pages", f"/widget/{SITE}", f"/widget/{SITE}.png")),
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
    ("6.3 an end inside a body of a length", PING + f"Content-Length: {len(BODY) + 1}\r\n\r\n{BODY}", [], CLOSED, None, ENDS),
    ("6.3 an end before the last chunk", CHUNKED + CHUNKS.replace("0\r\n", ""), [], CLOSED, None, ENDS),
    ("6.3 an end inside the last chunk", CHUNKED + CHUNKS, [], CLOSED, None, ENDS),
    ("8 an end inside the head", GET + "X-A: a\r\n", [], CLOSED, None, ENDS),
    ("8 an end behind a request", GET + "\r\n", [200], CLOSED, None, ENDS),
    # 7.1 chunks
    ("7.1 chunked", CHUNKED + CHUNKS + "\r\n", [204], OPEN),
    ("7.1 two chunks", CHUNKED + f"5\r\n{BODY[:5]}\r\n{len(BODY) - 5:X}\r\n{BODY[5:]}\r\n0\r\n\r\n", [204], OPEN),
    ("7.1.1 an extension is passed over", CHUNKED + CHUNKS.replace("\r\n", ";a=b\r\n", 1) + "\r\n", [204], OPEN),
    ("7.1.1 an extension beyond 256 bytes", CHUNKED + CHUNKS.replace("\r\n", ";" + "a" * 300 + "\r\n", 1) + "\r\n", [400], CLOSED, "bad_chunk"),
    ("7.1.1 NUL in an extension", CHUNKED + CHUNKS.replace("\r\n", ";a\0b\r\n", 1) + "\r\n", [400], CLOSED, "bad_chunk"),
    ("7.1.1 LF alone in an extension", CHUNKED + CHUNKS.replace("\r\n", ";a\nb\r\n", 1) + "\r\n", [400], CLOSED, "bare_cr_or_lf"),
    ("7.1.1 CR alone in an extension", CHUNKED + CHUNKS.replace("\r\n", ";a\rb\r\n", 1) + "\r\n", [400], CLOSED, "bare_cr_or_lf"),
    ("7.1.2 a field that has the ping refused", STRICT_PING + ELSEWHERE + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", ["204 origin"], OPEN),
    ("7.1.2 as a trailer it is none", STRICT_PING + "Transfer-Encoding: chunked\r\n\r\n0\r\n" + ELSEWHERE + "\r\n", [204], OPEN),
    ("7.1.2 trailers frame nothing", CHUNKED + CHUNKS + "Content-Length: 5\r\nTransfer-Encoding: gzip\r\nHost: a b\r\n\r\n", [204], OPEN),
    ("7.1.2 trailers of nearly 32 KiB", CHUNKED + CHUNKS + "X-A: " + "a" * 32_700 + "\r\n\r\n", [204], OPEN),
    ("7.1.2 trailers of more than 32 KiB", CHUNKED + CHUNKS + "X-A: " + "a" * 32_800 + "\r\n\r\n", [431], CLOSED, "head_too_large"),
    ("7.1.2 as many trailers as the head leaves", CHUNKED + CHUNKS + "X-A: a\r\n" * 97 + "\r\n", [204], OPEN),
    ("7.1.2 a trailer more", CHUNKED + CHUNKS + "X-A: a\r\n" * 98 + "\r\n", [431], CLOSED, "too_many_fields"),
    ("7.1.2 a folded trailer", CHUNKED + CHUNKS + "X-A: a\r\n b\r\n\r\n", [400], CLOSED, "obs_fold"),
    ("7.1.3 no CRLF behind the last chunk", CHUNKED + CHUNKS, [400], CLOSED, "bad_field_name"),
    ("7.1 a size that is none", CHUNKED + "xyz\r\n", [400], CLOSED, "bad_chunk"),
    ("7.1 a size with a sign", CHUNKED + "+" + CHUNKS + "\r\n", [400], CLOSED, "bad_chunk"),
    ("7.1 a size with 0x", CHUNKED + "0x" + CHUNKS + "\r\n", [400], CLOSED, "bad_chunk"),
    ("7.1 a size with an underscore", CHUNKED + "1_0\r\n", [400], CLOSED, "bad_chunk"),
    ("7.1 a size of 17 digits", CHUNKED + "0" * 16 + CHUNKS + "\r\n", [400], CLOSED, "bad_chunk"),
    ("7.1 no size", CHUNKED + "\r\n" + CHUNKS + "\r\n", [400], CLOSED, "bad_chunk"),
    ("7.1 an extension of no size", CHUNKED + ";a=b\r\n" + CHUNKS + "\r\n", [400], CLOSED, "bad_chunk"),
    ("7.1 a space behind a size", CHUNKED + CHUNKS.replace("\r\n", " \r\n", 1) + "\r\n", [400], CLOSED, "bad_chunk"),
    ("7.1 a space before a size", CHUNKED + " " + CHUNKS + "\r\n", [400], CLOSED, "bad_chunk"),
    ("7.1 chunks that are too large together", CHUNKED + f"{len(LARGE):x}\r\n{LARGE}\r\n" * 2 + "0\r\n\r\n", [413], CLOSED, "body_too_large"),
    ("7.1 a chunk that is too large is refused before it comes", CHUNKED + "10001\r\n", [413], CLOSED, "body_too_large"),
    ("7.1 a byte a chunk", CHUNKED + "1\r\na\r\n" * 8192 + "0\r\n\r\n", [400], CLOSED, "bad_chunk"),
    ("7.1 sizes beyond 64 bits together", CHUNKED + "2\r\n{}\r\nffffffffffffffff\r\n", [413], CLOSED, "body_too_large"),
    ("7.1 no CRLF behind a chunk", CHUNKED + f"{len(BODY):x}\r\n{BODY}XX0\r\n\r\n", [400], CLOSED, "bad_chunk"),
    ("7.1 LF alone behind a size", CHUNKED + CHUNKS.replace("\r\n", "\n", 1) + "\r\n", [400], CLOSED, "bare_cr_or_lf"),
    ("7.1 LF alone behind a chunk", CHUNKED + CHUNKS.replace("}\r\n", "}\n") + "\r\n", [400], CLOSED, "bare_cr_or_lf"),
    ("7.1 LF alone behind the last chunk", CHUNKED + CHUNKS + "\n", [400], CLOSED, "bare_cr_or_lf"),
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
    ("RFC 9110 10.1.1 who waits is told of a refusal alone", PING + "Content-Length: 70000\r\nExpect: 100-continue\r\n\r\n", [413], CLOSED, "body_too_large"),
    *((f"RFC 9110 9.3.2 HEAD gets no body: {target}", f"HEAD {target} HTTP/1.1\r\n{HOST}\r\n", [status], OPEN) for target, status in
      (("/livez", 200), ("/footfall.js", 200), ("/", 200), ("/robots.txt", 200), (f"/v1/sites/{SITE}/stats", 200), (f"/v1/sites/{SITE}/pages", 200),
       (f"/widget/{SITE}", 200), (f"/widget/{SITE}.svg", 200), (f"/widget/{SITE}.png", 200), (f"/widget/{SITE}.json", 200), ("/widget/none.example.png", 404),
       ("/nothing", 404), ("/hit", 405), ("/hit.gif", 405), ("/v1/hits", 405), (f"/v1/sites/{SITE}/live", 405))),
    ("RFC 9110 9.3.2 HEAD gets no body in HTTP/1.0", "HEAD /footfall.js HTTP/1.0\r\n\r\n", [200], CLOSED),
    ("RFC 9110 9.3.2 nor where it is malformed", "HEAD /livez HTTP/1.1\r\n\r\n", [400], CLOSED, "missing_host"),
    ("RFC 9110 9.3.2 nor where its own body is too large", f"HEAD /livez HTTP/1.1\r\n{HOST}Content-Length: 70000\r\n\r\n", [413], CLOSED, "body_too_large"),
]]
OF_ADMIN = [Rule(*row) for row in [
    ("RFC 9110 9.3.2 HEAD of the metrics", f"HEAD /metrics HTTP/1.1\r\n{HOST}\r\n", [200], OPEN),
    ("RFC 9110 9.3.2 HEAD without a token", f"HEAD /v1/admin/sites HTTP/1.1\r\n{HOST}\r\n", [401], OPEN),
    ("6.1 HTTP/1.0 gets no Transfer-Encoding", "GET /metrics HTTP/1.0\r\nAccept-Encoding: gzip\r\nTE: chunked\r\n\r\n", [200], CLOSED),
]]
LATE = [Rule(*row, [408], CLOSED, "late", SILENT) for row in [
    ("9.5 a target that is not whole in time", "GET /li"),
    ("9.5 a head that is not whole in time", GET + "X-A: a"),
    ("9.5 a body that is not whole in time", PING + f"Content-Length: {len(BODY)}\r\n\r\n{BODY[:-1]}"),
    ("9.5 a chunk that is not whole in time", CHUNKED + CHUNKS[:10]),
    ("9.5 trailers that are not whole in time", CHUNKED + CHUNKS),
    ("RFC 9110 9.3.2 HEAD that is not whole in time gets no body", GET.replace("GET", "HEAD")),
]]
NO_ROOM = Rule("RFC 9110 15.6.4 a body that finds no room", PING + f"X-A: {'a' * 32_000}\r\nContent-Length: 65536\r\n\r\n" + "a" * 65_000,
               [503], CLOSED, "no_room", SILENT)
TOO_MANY = Rule("9.5 a connection more than may be is told so unasked", "", [503], CLOSED, "too_many_connections", SILENT)
HEAD = re.compile(rb"HTTP/1\.[01] ([0-9]{3}) [^\r\n]*\r\n((?:[A-Za-z-]+: [^\r\n]*\r\n)*)\r\n")


class Listener:
    def __init__(self, port, admin=False, trusted=None):
        self.port, self.admin, self.trusted = port, admin, trusted

    def __str__(self):
        return ("admin" if self.admin else "public") + (", TLS" if self.trusted else "")

    def connect(self):
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self.trusted.wrap_socket(connection, server_hostname="localhost") if self.trusted else connection


def fields_of(head):
    return {name.lower(): value for name, value in (line.split(": ", 1) for line in head[2].decode().splitlines())}


def counts(daemon):
    """(reason -> requests refused for it, accepted pings)"""
    metrics = daemon.metrics()
    refused = {name.split('"')[1]: int(value) for name, value in metrics.items() if name.startswith("footfall_http_parse_errors_total{")}
    return collections.Counter(refused), int(metrics["footfall_hits_accepted_total"])


class HttpRules(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory(prefix="footfall-http-rules-")
        cls.addClassCleanup(directory.cleanup)
        certificate, key = make_certificate(pathlib.Path(directory.name))
        port, admin_port = free_port(), free_port()
        cls.daemon = Daemon("--threads", "1", "--rate-limit", "0", "--listen", f"tls:127.0.0.1:{port}", "--admin", f"tls:127.0.0.1:{admin_port}",
                            "--tls-certificate", str(certificate), "--tls-key", str(key)).start()
        cls.addClassCleanup(cls.daemon.close)
        cls.daemon.add_site(SITE, visibility="full")
        cls.daemon.add_site(STRICT, hosts=[f"www.{STRICT}"])
        trusted = trusting(certificate)
        cls.public = [Listener(cls.daemon.port), Listener(port, trusted=trusted)]
        cls.admin = [Listener(cls.daemon.admin_port, True), Listener(admin_port, True, trusted)]

    def ask(self, listener, rule, cut=None):
        """The statuses that come, as many as are expected at most, and whether the other side ended the connection then."""
        parts = rule.parts if cut is None else [rule.parts[0][:cut], rule.parts[0][cut:]]
        with listener.connect() as connection:
            statuses, came = [], b""
            with contextlib.suppress(BrokenPipeError, ConnectionResetError, ssl.SSLEOFError):
                for number, part in enumerate(parts):
                    if rule.waits and number > 0:
                        while (answer := self.first(came)) is None:
                            came += connection.recv(65536)
                        statuses, came = [answer[0]], came[answer[1]:]
                    connection.sendall(part)
                    time.sleep(0.002 if cut else 0)
                if rule.then == ENDS:
                    socket.socket.shutdown(connection, socket.SHUT_WR)  # an SSLSocket's own would take the TLS away
                elif rule.then == ASKS:
                    connection.sendall(GET.encode() + b"\r\n")
            most, ended = len(rule.expected), False
            while len(statuses) <= most and not ended:
                try:
                    chunk = connection.recv(65536)
                except ConnectionResetError:
                    chunk = b""
                came, ended = came + chunk, not chunk
                while answer := self.first(came, rule.head_only and not statuses):
                    statuses.append(answer[0])
                    came = came[answer[1]:]
            self.assertEqual(came, b"", "something else than answers")
        return statuses[:most] if ended else statuses[:-1], ended

    def first(self, came, head_only=False):
        """Status, with why a ping was refused, and length of the answer that these bytes begin with, if it is whole."""
        self.assertEqual(came[:7], b"HTTP/1."[:len(came)], "something else than answers")
        head = HEAD.match(came)
        if head is None:
            return None
        fields = fields_of(head)
        self.assertNotIn("transfer-encoding", fields)
        if head[1] in (b"100", b"204"):
            self.assertNotIn("content-length", fields)
        size = int(fields.get("content-length", 0))
        if head_only:
            self.assertGreater(size, 0, "GET has no body either")
        end = head.end() + (0 if head_only else size)
        if len(came) < end:
            return None
        refused = fields.get("footfall-rejected") if head[1] == b"204" else None
        return f"204 {refused}" if refused else int(head[1]), end

    def follow(self, rules, listener):
        refused, accepted = counts(self.daemon)
        for rule in rules:
            cuts = (None,) if rule.waits else (None, random.Random(rule.what).randrange(1, len(rule.parts[0])))
            for cut in cuts:
                with self.subTest(rule.what, listener=str(listener), cut=cut):
                    statuses, ended = self.ask(listener, rule, cut)
                    self.assertEqual((statuses, ended), (rule.expected_at(listener.admin), rule.closes))
                    accepted += statuses.count(204)
                    refused[rule.reason] += rule.reason is not None
        self.assertEqual(self.daemon.get("/livez").status, 200)
        counted, hits = counts(self.daemon)
        if not listener.admin:
            self.assertEqual(+counted, +refused, "each under its reason")
        self.assertEqual(hits, accepted, "what was answered, and nothing else")

    def test_every_rule(self):
        for listener in self.public:
            self.follow(RULES, listener)

    def test_every_rule_at_the_admin_listener(self):
        for listener in self.admin:
            self.follow(RULES + OF_ADMIN, listener)

    def test_each_reason_has_a_row(self):
        self.assertEqual({rule.reason for rule in [*RULES, *LATE, NO_ROOM, TOO_MANY]} - {None}, set(counts(self.daemon)[0]))

    def test_what_is_late(self):
        refused, accepted = counts(self.daemon)
        asked = [(listener, rule) for listener in self.public + self.admin for rule in LATE]
        with concurrent.futures.ThreadPoolExecutor(len(asked)) as pool:
            answers = [pool.submit(self.ask, *each) for each in asked]
        for (listener, rule), answer in zip(asked, answers):
            with self.subTest(rule.what, listener=str(listener)):
                self.assertEqual(answer.result(), (rule.expected, rule.closes))
        refused["late"] += len(LATE) * len(self.public)
        counted, hits = counts(self.daemon)
        self.assertEqual((+counted, hits), (+refused, accepted))

    def test_what_finds_no_room(self):
        with Daemon("--threads", "1", "--body-memory-max", "1") as daemon, contextlib.ExitStack() as held:
            fit = int(daemon.metrics()["footfall_http_body_bytes_max"]) // len(NO_ROOM.parts[0])
            listener = Listener(daemon.port)
            for _ in range(fit):
                held.enter_context(listener.connect()).sendall(NO_ROOM.parts[0])
            until(lambda: daemon.metrics()["footfall_http_body_bytes"] == fit * len(NO_ROOM.parts[0]), "not all that fits is held")
            self.assertEqual(+counts(daemon)[0], {})
            self.assertEqual(self.ask(listener, NO_ROOM), (NO_ROOM.expected, NO_ROOM.closes))
            self.assertEqual(+counts(daemon)[0], {NO_ROOM.reason: 1})
            self.assertEqual(daemon.get("/livez").status, 200)

    def test_what_is_a_connection_too_many(self):
        most = 16
        with Daemon("--threads", "1", "--connections-max", str(most)) as daemon, contextlib.ExitStack() as held:
            listener = Listener(daemon.port)
            for _ in range(most):
                connection = held.enter_context(listener.connect())
                connection.sendall(GET.encode() + b"\r\n")
                self.assertEqual(connection.recv(12), b"HTTP/1.1 200")
            self.assertEqual(self.ask(listener, TOO_MANY), (TOO_MANY.expected, TOO_MANY.closes))
            self.assertEqual(+counts(daemon)[0], {TOO_MANY.reason: 1})

    def test_a_stream_goes_on_until_the_connection_ends(self):
        for listener in self.public:
            for version in ("1.0", "1.1"):
                with self.subTest(listener=str(listener), version=version), listener.connect() as connection:
                    connection.sendall(f"GET /v1/sites/{SITE}/live HTTP/{version}\r\n{HOST}TE: chunked\r\n\r\n".encode())
                    came = b""
                    while not came.endswith(b"}\n\n"):
                        came += (chunk := connection.recv(65536))
                        self.assertTrue(chunk, came)
                    head = HEAD.match(came)
                    fields = fields_of(head)
                    self.assertEqual((head[1], fields["connection"]), (b"200", "close"))
                    self.assertEqual({"transfer-encoding", "content-length"} & fields.keys(), set())
                    self.assertRegex(came[head.end():], rb"\Aretry: [0-9]+\ndata: \{[^\n]*\}\n\n\Z")


if __name__ == "__main__":
    unittest.main(verbosity=2)
