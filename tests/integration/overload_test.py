# SPDX-License-Identifier: Apache-2.0
"""More costly reads than a shard can answer: some are refused at once with when to come again, no ping is refused, and none waits for all of them.
And batches that come while connections wait too long for their turn: they are refused at their heads, and count when they come again; so are those that are
sent without waiting for answers and stand in their sockets."""
import re
import select
import signal
import socket
import subprocess
import time
import unittest

from footfall import BROWSER, BUILD, Daemon
from hit_message import field

SITE = "example.org"
PAGES, READERS = 20_000, 300
WAITING_MAX = 64  # kCostlyReadsMax of daemon/shard.cc


class Overload(unittest.TestCase):
    def setUp(self):
        self.daemon = Daemon("--threads", "1")
        self.addCleanup(self.daemon.close)
        self.daemon.start()
        self.daemon.add_site(SITE, visibility="full")
        for first in range(0, PAGES, 1000):
            body = field(1, SITE.encode()) + b"".join(field(2, field(2, b"/p%d" % n) + field(10, b"%d" % n)) for n in range(first, first + 1000))
            answer = self.daemon.request("POST", "/v1/hits", body, Authorization=f"Bearer {self.daemon.token}", Content_Type="application/x-protobuf")
            self.assertEqual(answer.json["accepted"], 1000)

    def readers(self, count):
        """As many connections, each of which asks for all pages."""
        request = f"GET /v1/sites/{SITE}/pages?limit=10000 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
        connections = [socket.create_connection(("127.0.0.1", self.daemon.port)) for _ in range(count)]
        for connection in connections:
            connection.sendall(request)
        return connections

    def answers(self, connections):
        """Whole answers in the order in which they were complete."""
        received, done, end = {c: b"" for c in connections}, [], time.monotonic() + 240
        while received:
            self.assertLess(time.monotonic(), end, f"{len(received)} readers got no answer")
            for connection in select.select(list(received), [], [], 1)[0]:
                got = connection.recv(1 << 20)
                received[connection] += got
                if not got:
                    done.append(received.pop(connection))
                    connection.close()
        return done

    def test_costly_reads_are_shed_and_pings_are_not(self):
        connections = self.readers(READERS)
        with socket.create_connection(("127.0.0.1", self.daemon.port)) as pinger:
            for n in range(10):
                pinger.sendall(f"GET /hit?site={SITE}&path=/p{n} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                self.assertRegex(pinger.recv(4096), rb"^HTTP/1.1 204")
        # A ping waits for one read at most, a reader for all before it: when ten are answered one after another, readers still wait.
        self.assertLess(sum(1 for connection in connections if select.select([connection], [], [], 0)[0]), READERS)
        answers = self.answers(connections)
        shed = [answer for answer in answers if answer.startswith(b"HTTP/1.1 503")]
        whole = [answer for answer in answers if answer.startswith(b"HTTP/1.1 200")]
        self.assertEqual(len(shed) + len(whole), READERS, {answer[:40] for answer in answers})
        self.assertGreaterEqual(len(whole), WAITING_MAX)
        self.assertGreater(len(shed), 0)
        for answer in shed:
            self.assertRegex(answer, rb"\r\nRetry-After: 1\r\n")
            self.assertIn(b"/problems/unavailable", answer)
        self.assertEqual({len(re.findall(rb'"path"', answer)) for answer in whole}, {10_000})
        metrics = self.daemon.metrics()
        self.assertEqual(metrics['footfall_shed_total{kind="read"}'], len(shed))
        self.assertEqual(metrics["footfall_hits_accepted_total"], PAGES + 10)
        self.assertEqual(metrics["footfall_ledger_mismatch"], 0)

    def test_who_comes_again_is_answered(self):
        self.answers(self.readers(READERS))
        for n in range(READERS):  # each is counted, so none may be told that it was shed
            self.assertEqual(self.daemon.hit(SITE, f"/p{n}", format="json").status, 200)
        self.assertEqual([answer[:12] for answer in self.answers(self.readers(10))], [b"HTTP/1.1 200"] * 10)

    def test_readers_who_leave_hold_nothing_up(self):
        for connection in self.readers(READERS):
            connection.close()
        end = time.monotonic() + 120
        while not self.answers(self.readers(1))[0].startswith(b"HTTP/1.1 200"):  # those that wait are rendered for nobody
            self.assertLess(time.monotonic(), end, "still shed")
            time.sleep(0.1)

    def test_a_stop_answers_who_waits(self):
        connections = self.readers(40)
        time.sleep(0.2)  # until they are accepted
        self.daemon.process.terminate()
        answers = self.answers(connections)
        self.assertEqual({answer[:12] for answer in answers}, {b"HTTP/1.1 200"})
        self.assertEqual(self.daemon.process.wait(60), 0)


class BatchUnderOverload(unittest.TestCase):
    """A pass that takes over a quarter of a second is made by stopping the process in the middle of it; with this load it is always in one."""

    def setUp(self):
        self.daemon = Daemon("--threads", "1", "--rate-limit", "0", "--durability", "memory")
        self.addCleanup(self.daemon.close)
        self.daemon.start()
        self.daemon.add_site(SITE, visibility="full")
        body = field(1, SITE.encode()) + b"".join(field(2, field(2, b"/batch") + field(10, b"%d" % n)) for n in range(10))
        self.batch = (f"POST /v1/hits HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.daemon.token}\r\nContent-Type: application/x-protobuf\r\n"
                      f"Connection: close\r\nContent-Length: {len(body)}\r\n\r\n").encode() + body

    def answer_after_a_stop(self):
        with socket.create_connection(("127.0.0.1", self.daemon.port), timeout=60) as connection:
            self.daemon.process.send_signal(signal.SIGSTOP)
            try:
                connection.sendall(self.batch)
                time.sleep(0.35)
            finally:
                self.daemon.process.send_signal(signal.SIGCONT)
            answer = b""
            while more := connection.recv(65536):
                answer += more
            return answer

    def test_it_is_told_when_to_come_again_and_counts_then(self):
        load = subprocess.Popen([str(BUILD / "footfall"), "bench", "--site", SITE, "--url", f"http://127.0.0.1:{self.daemon.port}", "--seconds", "120", "--pipeline", "16"],
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            answers, end = [], time.monotonic() + 90
            while not (answers and answers[-1].startswith(b"HTTP/1.1 503")):
                self.assertLess(time.monotonic(), end, f"no batch was refused: {answers[-1:]}")
                answers.append(self.answer_after_a_stop())
        finally:
            load.kill()
            load.wait()
        self.assertRegex(answers[-1], rb"\r\nRetry-After: 1\r\n")
        self.assertRegex(answers[-1], rb"\r\nContent-Type: application/problem\+json")
        self.assertIn(b"/problems/unavailable", answers[-1])
        self.assertEqual(self.daemon.metrics()['footfall_shed_total{kind="batch"}'], 1)
        again = self.daemon.raw(self.batch)
        self.assertRegex(again, rb"^HTTP/1.1 200")
        self.assertIn(b'"accepted":10', again)
        for answer in answers[:-1]:  # those before a stop hit a pass
            self.assertIn(b'"accepted":10', answer)
        self.assertEqual(self.daemon.stats(SITE, "/batch")["page"]["total"], 10 * len(answers), "the refused one counted nothing")
        self.assertEqual(self.daemon.metrics()["footfall_ledger_mismatch"], 0)


class BatchesSentAhead(unittest.TestCase):
    """Senders who do not wait for answers, and send more than can be counted: what stands in their sockets is refused at its head, the connections go on, and
    nothing that was acknowledged is missing."""
    CONNECTIONS, ITEMS, PINGS, REFUSED = 16, 1000, 50, 100

    def setUp(self):
        self.daemon = Daemon("--threads", "1", "--rate-limit", "0", "--durability", "memory")
        self.addCleanup(self.daemon.close)
        self.daemon.start()
        self.daemon.add_site(SITE, visibility="full")
        body = field(1, SITE.encode()) + b"".join(field(2, field(2, b"/b") + field(10, b"%d" % n)) for n in range(self.ITEMS))
        self.batch = (f"POST /v1/hits HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.daemon.token}\r\nContent-Type: application/x-protobuf\r\n"
                      f"Content-Length: {len(body)}\r\n\r\n").encode() + body

    def answers_of(self, received):
        """Heads and bodies of the whole answers in what was received, which they are taken from."""
        out = []
        while (end := received.find(b"\r\n\r\n")) >= 0:
            head = bytes(received[:end + 4])
            size = int(re.search(rb"\r\nContent-Length: (\d+)", head)[1])
            if len(received) < end + 4 + size:
                break
            out.append((head, bytes(received[end + 4:end + 4 + size])))
            del received[:end + 4 + size]
        return out

    def test_they_are_refused_and_all_that_was_acknowledged_counts(self):
        connections = [socket.create_connection(("127.0.0.1", self.daemon.port), timeout=60) for _ in range(self.CONNECTIONS)]
        for connection in connections:
            self.addCleanup(connection.close)
            connection.setblocking(False)
        pinger = socket.create_connection(("127.0.0.1", self.daemon.port), timeout=60)
        self.addCleanup(pinger.close)
        sent = {c: 0 for c in connections}  # bytes
        received = {c: bytearray() for c in connections}
        answered = {c: [] for c in connections}
        pings, waits_for_pong, refused = 0, False, 0
        end = time.monotonic() + 120

        def receive(connection):
            try:
                got = connection.recv(1 << 20)
            except BlockingIOError:
                return
            self.assertTrue(got, "a connection was closed")
            received[connection] += got
            answered[connection] += self.answers_of(received[connection])

        while refused < self.REFUSED or pings < self.PINGS:
            self.assertLess(time.monotonic(), end, f"{refused} batches were refused, {pings} pings answered")
            if not waits_for_pong:
                pinger.sendall(f"GET /hit?site={SITE}&path=/ping HTTP/1.1\r\nHost: x\r\nUser-Agent: {BROWSER % 100}\r\n\r\n".encode())
                waits_for_pong = True
            readable, writable, _ = select.select([*connections, pinger], connections, [], 1)
            for connection in writable:
                try:
                    sent[connection] += connection.send(self.batch[sent[connection] % len(self.batch):])
                except BlockingIOError:
                    pass
            for connection in readable:
                if connection is pinger:
                    self.assertRegex(pinger.recv(4096), rb"^HTTP/1.1 204")
                    pings, waits_for_pong = pings + 1, False
                else:
                    receive(connection)
            refused = sum(1 for of in answered.values() for head, _ in of if head.startswith(b"HTTP/1.1 503"))
        if waits_for_pong:
            self.assertRegex(pinger.recv(4096), rb"^HTTP/1.1 204")
            pings += 1
        for connection in connections:  # what is begun is sent to its end, and answered
            while (at := sent[connection] % len(self.batch)) or len(answered[connection]) < sent[connection] // len(self.batch):
                self.assertLess(time.monotonic(), end + 60, "a batch got no answer")
                readable, writable, _ = select.select([connection], [connection] if at else [], [], 1)
                if writable:
                    sent[connection] += connection.send(self.batch[at:])
                if readable:
                    receive(connection)
        counted = refused = 0
        for head, body in (answer for of in answered.values() for answer in of):
            if head.startswith(b"HTTP/1.1 200"):
                self.assertIn(b'"accepted":%d' % self.ITEMS, body)
                counted += 1
            else:
                self.assertRegex(head, rb"^HTTP/1.1 503 ")
                self.assertRegex(head, rb"\r\nRetry-After: 1\r\n")
                self.assertIn(b"/problems/unavailable", body)
                refused += 1
        for connection in connections:  # they go on; one batch may meet a moment in which all wait
            connection.setblocking(True)
            answer = b""
            while not answer.startswith(b"HTTP/1.1 200"):
                self.assertLess(time.monotonic(), end + 120, answer)
                refused += answer.startswith(b"HTTP/1.1 503")
                connection.sendall(self.batch)
                count = len(answered[connection])
                while len(answered[connection]) == count:
                    receive(connection)
                answer = answered[connection][-1][0]
            counted += 1
        self.assertEqual(self.daemon.stats(SITE, "/b")["page"]["total"], self.ITEMS * counted)
        self.assertEqual(self.daemon.stats(SITE, "/ping")["page"]["total"], pings)
        metrics = self.daemon.metrics()
        self.assertEqual(metrics['footfall_shed_total{kind="batch"}'], refused)
        self.assertEqual(metrics["footfall_hits_accepted_total"], self.ITEMS * counted + pings)
        self.assertEqual(metrics["footfall_hits_acknowledged_total"], self.ITEMS * counted + pings)
        self.assertEqual(metrics["footfall_ledger_mismatch"], 0)


class Descriptors(unittest.TestCase):
    """More connections than the process has descriptors: the admin's find one, and so does who comes when they have gone."""

    def test_a_flood_leaves_room_for_the_admin(self):
        daemon = Daemon("--threads", "1")
        self.addCleanup(daemon.close)
        daemon.prefix = ["prlimit", "--nofile=400:400"]
        daemon.start()
        daemon.add_site(SITE)
        self.assertIn("a limit of 400 descriptors leaves room for 160 connections a shard", daemon.log_text())
        held = []
        for _ in range(600):
            held.append(socket.create_connection(("127.0.0.1", daemon.port), timeout=30))
        deadline = time.monotonic() + 30
        while True:
            metrics = daemon.metrics()
            refused = metrics['footfall_http_connections_refused_total{reason="limit"}']
            if refused >= 600 - 160 or time.monotonic() > deadline:
                break
            time.sleep(0.05)
        self.assertEqual(refused, 600 - 160)
        self.assertEqual(metrics['footfall_http_connections_refused_total{reason="descriptors"}'], 0)
        self.assertLess(metrics["process_open_fds"], 400)
        for connection in held:
            connection.close()
        while daemon.metrics()["footfall_http_connections"] > 0 and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertEqual(daemon.hit(SITE).status, 204)


if __name__ == "__main__":
    unittest.main()
