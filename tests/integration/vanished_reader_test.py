# SPDX-License-Identifier: Apache-2.0
"""A reader of a live stream whose network is cut, without a word: its stream ends, that of a reader whose cable is whole goes on."""
import subprocess
import sys
import threading
import time
import unittest

from footfall import Daemon
from own_network import Host, enter_own_network
from redis_server import until

SITE = "example.org"
# The kernel waits 30 s for somebody to acknowledge what was sent; left to itself it would wait for a quarter of an hour.
PATIENCE_S = 180
# Prints the total of each event.
READ = """import http.client, json, sys
connection = http.client.HTTPConnection(sys.argv[1], int(sys.argv[2]))
connection.request("GET", sys.argv[3])
for line in connection.getresponse():
    if line.startswith(b"data: "):
        print(json.loads(line[6:])["total"], flush=True)
"""


class Reader:
    """Of the site's live stream, on the other host, by the cable of this name."""

    def __init__(self, host, name, port):
        self.total = None  # as it was told last
        self.process = subprocess.Popen([*host.enter, sys.executable, "-c", READ, host.near(name), str(port), f"/v1/sites/{SITE}/live"], stdout=subprocess.PIPE, text=True)
        self.listener = threading.Thread(target=self.listen)
        self.listener.start()

    def listen(self):
        for line in self.process.stdout:
            self.total = int(line)

    def reads(self):
        return self.process.poll() is None

    def close(self):
        self.process.kill()
        self.process.wait()
        self.listener.join()
        self.process.stdout.close()


class VanishedReader(unittest.TestCase):
    def test_its_stream_ends_and_no_other(self):
        host = Host(("cut", "whole"))
        self.addCleanup(host.close)
        daemon = Daemon("--threads", "1")
        self.addCleanup(daemon.close)
        for name in host.names:
            daemon.options += ["--listen", f"{host.near(name)}:{daemon.port}"]
        daemon.start()
        daemon.add_site(SITE, visibility="full")
        streams = lambda: daemon.metrics()["footfall_live_subscribers"]
        hits = 0

        def hit():
            nonlocal hits
            self.assertEqual(daemon.hit(SITE).status, 204)
            hits += 1

        cut, whole = (Reader(host, name, daemon.port) for name in host.names)
        self.addCleanup(cut.close)
        self.addCleanup(whole.close)
        until(lambda: streams() == 2 and cut.total == whole.total == 0, lambda: f"{streams()} streams, {cut.total} and {whole.total} told")
        hit()
        until(lambda: cut.total == whole.total == hits, lambda: f"{cut.total} and {whole.total} told of {hits}")

        told = hits
        host.cut("cut")

        def ended():
            hit()  # so there is something to tell both
            time.sleep(0.5)
            return streams() == 1
        until(ended, lambda: f"{streams()} streams", PATIENCE_S)
        self.assertEqual((cut.total, cut.reads()), (told, True), "it knows of nothing")
        hit()
        until(lambda: whole.total == hits, lambda: f"{whole.total} told of {hits}")
        self.assertTrue(whole.reads())
        self.assertEqual(streams(), 1)
        whole.process.kill()  # whose system says so
        until(lambda: streams() == 0, lambda: f"{streams()} streams")


if __name__ == "__main__":
    enter_own_network()
    unittest.main(verbosity=2)
