# SPDX-License-Identifier: Apache-2.0
"""A forwarding field from a peer that is not trusted: counted, and told in the log. Such a peer is not on loopback, so the
test has a network of its own, where loopback bears one more address (root alone may make one)."""
import socket
import time
import unittest

from footfall import BROWSER, Daemon
from own_network import enter_own_network, ip

SITE = "example.org"
OUTSIDE = "192.0.2.1"  # for documentation: nobody's


class UntrustedProxy(unittest.TestCase):
    def test_it_is_counted_and_told_once(self):
        with Daemon("--threads", "2") as daemon:
            daemon.stop()
            daemon.start("--listen", f"{OUTSIDE}:{daemon.port}")
            daemon.add_site(SITE, visibility="full")
            for forwarded in range(5):
                with socket.create_connection((OUTSIDE, daemon.port), timeout=10, source_address=(OUTSIDE, 0)) as s:
                    s.sendall(f"GET /hit?site={SITE}&path=/ HTTP/1.1\r\nHost: stats.example\r\nUser-Agent: {BROWSER % 120}\r\n"
                              f"X-Forwarded-For: 198.51.100.{forwarded}\r\nConnection: close\r\n\r\n".encode())
                    self.assertIn(b"204", s.recv(4096))
            self.assertEqual(daemon.metrics()["footfall_untrusted_forwards_total"], 5)
            self.assertEqual(daemon.stats(SITE)["online"], 1, "they count as the peer's")
            deadline = time.monotonic() + 10
            while "--trusted-proxy" not in daemon.log_text() and time.monotonic() < deadline:
                time.sleep(0.05)
            log = daemon.log_text()
            self.assertEqual(log.count("--trusted-proxy"), 1, log)
            self.assertNotIn("198.51.100.", log)
            self.assertNotIn(f"from {OUTSIDE}", log)


if __name__ == "__main__":
    enter_own_network()
    ip("address", "add", OUTSIDE + "/32", "dev", "lo")
    unittest.main(verbosity=2)
