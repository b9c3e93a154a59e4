# SPDX-License-Identifier: Apache-2.0
"""deploy/guides/privacy.md, of what is kept: whatever a daemon writes (its directory, a backup, its log, what it tells Redis) is searched for what it must
not keep, and for what it does."""
import pathlib
import shutil
import socket
import sys
import tempfile
import unittest

from footfall import BROWSER, SKIPPED, Daemon
from redis_server import Redis, footfall, until

SITE = "example.org"
V4, V6 = "203.0.113.77", "2001:db8:4711:815:1:2:3:77"
KEPT = {"a path": "/kept-path", "a referrer": "https://kept.example/kept-place", "a campaign": "kept-campaign", "an event": "kept-event"}
NOT_KEPT = {"an agent": "SecretAgent/47.11", "a query": "secret-query", "a query of the referrer": "secret-reference", "a title": "secret-title",
            "a cookie": "secret-cookie", "a language": "x-secret-language", "an address": V4, "an address of IPv6": V6}


class Kept(unittest.TestCase):
    def written(self):
        """(where, bytes) of each file that the daemon or Redis wrote."""
        for directory in (self.daemon.directory, self.at, pathlib.Path(self.redis.directory)):
            for file in directory.rglob("*"):
                if file.is_file():
                    yield str(file), file.read_bytes()
        yield "the log", self.daemon.log_text().encode()

    def test_no_address_agent_query_or_cookie_is_in_what_is_written(self):
        self.redis = Redis()
        self.addCleanup(self.redis.close)
        self.at = pathlib.Path(tempfile.mkdtemp(prefix="footfall-privacy-"))
        self.addCleanup(shutil.rmtree, self.at)
        cluster_key = self.at / "cluster-key"
        cluster_key.touch(mode=0o600)
        cluster_key.write_text("0f" * 32)
        self.daemon = Daemon("--threads", "1", "--log-level", "debug", "--redis", self.redis.uri, "--node", "a", "--cluster-key", str(cluster_key))
        self.addCleanup(self.daemon.close)
        self.daemon.start()
        self.daemon.add_site(SITE, hosts=[SITE])
        fields = {"User_Agent": f"{BROWSER % 140} {NOT_KEPT['an agent']}", "Cookie": f"a={NOT_KEPT['a cookie']}", "Accept_Language": NOT_KEPT["a language"]}
        keys = (f"site={SITE}&path={KEPT['a path']}%3F{NOT_KEPT['a query']}%3D1%26utm_campaign%3D{KEPT['a campaign']}&title={NOT_KEPT['a title']}"
                f"&ref={KEPT['a referrer']}%3F{NOT_KEPT['a query of the referrer']}")
        for address in (V4, V6):
            for more in ("", f"&kind=event&name={KEPT['an event']}", "&kind=heartbeat", "&format=json", "&kind=nonsense"):
                self.daemon.get(f"/hit?{keys}{more}", X_Forwarded_For=address, **fields)
        self.daemon.get(f"/hit?{keys}", X_Forwarded_For=V4, Origin="https://other.example", **fields)  # refused
        self.assertEqual(self.daemon.stats(SITE)["today"]["visitors"], 2)
        until(lambda: self.redis.run("EXISTS", f"footfall:{{{SITE}}}:slots") == "1", "Redis was told nothing")
        until(lambda: self.daemon.metrics().get("footfall_redis_up") == 1, "Redis is not used")
        footfall(self.daemon, "snapshot", "now")
        footfall(self.daemon, "backup", str(self.at / "backup"))
        secret = self.daemon.token
        until(lambda: self.daemon.metrics()["footfall_checkpoints_total"] >= 1, "no checkpoint")  # the backup's, or its own
        self.daemon.stop()

        files = dict(self.written())
        self.assertGreater(len(files), 8)
        found = {what for what, text in KEPT.items() if any(text.encode() in data for data in files.values())}
        self.assertEqual(found, set(KEPT), "what is kept is not found: nor would be what must not be")
        unwanted = {what: text.encode() for what, text in NOT_KEPT.items()}
        unwanted["an address as bytes"] = socket.inet_aton(V4)
        unwanted["an address of IPv6 as bytes"] = socket.inet_pton(socket.AF_INET6, V6)[:8]
        unwanted["a token's secret"] = secret.encode()
        wrong = [f"{what} is in {where}" for where, data in files.items() for what, text in unwanted.items() if text in data]
        self.assertEqual(wrong, [f"a token's secret is in {self.daemon.directory}/admin-token"])
        for where in self.daemon.directory.rglob("*"):
            self.assertEqual(where.stat().st_mode & 0o077, 0, f"{where}: others may read it")


if __name__ == "__main__":
    if not shutil.which("redis-server"):
        print("redis-server is not installed: skipped")
        sys.exit(SKIPPED)
    unittest.main(verbosity=2)
