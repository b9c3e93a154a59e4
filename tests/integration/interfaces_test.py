# SPDX-License-Identifier: Apache-2.0
"""Every public route as a page, a dashboard or a person uses it."""
import gzip
import http.client
import json
import re
import socket
import time
import unittest

from footfall import BROWSER, Daemon

SITE = "example.org"


class Interfaces(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon("--threads", "2").start()
        cls.addClassCleanup(cls.daemon.close)

    def site(self, **settings):
        name = self._testMethodName.replace("_", "-")[:40] + ".example"
        self.daemon.add_site(name, visibility="full", **settings)
        return name

    def test_pings_by_get_pixel_json_form_and_query_count_alike(self):
        site = self.site()
        agent = {"User_Agent": BROWSER % 120}
        self.assertEqual(self.daemon.get(f"/hit?site={site}&path=/a", **agent).status, 204)
        pixel = self.daemon.get(f"/hit.gif?site={site}&path=/a", **agent)
        self.assertEqual((pixel.status, pixel.body[:6], len(pixel.body)), (200, b"GIF89a", 43))
        self.assertEqual(pixel.fields["Cache-Control"], "no-store")
        self.assertEqual(pixel.fields["Cross-Origin-Resource-Policy"], "cross-origin")
        body = json.dumps({"site": site, "path": "/a"}).encode()
        self.assertEqual(self.daemon.request("POST", "/hit", body, Content_Type="text/plain;charset=UTF-8", **agent).status, 204)
        self.assertEqual(self.daemon.request("POST", "/hit", body, Content_Type="application/json", **agent).status, 204)
        self.assertEqual(self.daemon.request("POST", "/hit", f"site={site}&path=%2Fa".encode(), Content_Type="application/x-www-form-urlencoded", **agent).status, 204)
        self.assertEqual(self.daemon.request("POST", f"/hit?site={site}&path=/a", b"", **agent).status, 204)
        chunked = f"POST /hit HTTP/1.1\r\nHost: x\r\nUser-Agent: {BROWSER % 120}\r\nConnection: close\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n"
        self.assertTrue(self.daemon.raw(chunked).startswith(b"HTTP/1.1 204"))
        stats = self.daemon.stats(site, "/a")
        self.assertEqual((stats["counted"], stats["page"]["total"], stats["online"], stats["page"]["online"]), (7, 7, 1, 1))

    def test_a_ping_answers_the_numbers_that_include_it(self):
        site = self.site(hosts=["www.example.org"])
        answer = self.daemon.get(f"/hit?site={site}&path=/p&format=json", User_Agent=BROWSER % 120, Origin="https://www.example.org")
        self.assertEqual((answer.status, answer.fields["Access-Control-Allow-Origin"]), (200, "*"))
        stats = answer.json
        self.assertEqual((stats["total"], stats["online"], stats["page"]["total"]), (1, 1, 1))
        for key in ("site", "window_s", "lang", "grouping", "beat_s", "as_of", "scope"):
            self.assertIn(key, stats)

    def test_bots_events_and_heartbeats_are_told_apart(self):
        site = self.site()
        self.daemon.get(f"/hit?site={site}&path=/", User_Agent="Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)")
        self.daemon.hit(site, "/", 1)
        self.daemon.hit(site, "/", 2, kind="heartbeat")
        self.daemon.hit(site, "/", 3, kind="event", name="signup")
        stats = self.daemon.stats(site)
        self.assertEqual((stats["counted"], stats["online"], stats["today"]["bots"]), (1, 3, 1))

    def test_pipelined_requests_are_answered_in_order_and_a_read_sees_the_hit_before_it(self):
        site = self.site()
        one = f"GET /hit?site={site}&path=/p HTTP/1.1\r\nHost: x\r\nUser-Agent: {BROWSER % 120}\r\n\r\n"
        read = f"GET /v1/sites/{site}/stats HTTP/1.1\r\nHost: x\r\n\r\n"
        last = f"GET /v1/sites/{site}/stats HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        answer = self.daemon.raw((one + read + one * 3 + last).encode())
        # Between two hits of one pass a read may see more than what came before it, never less.
        first, second = (int(part.split(b",")[0]) for part in answer.split(b'"counted":')[1:])
        self.assertGreaterEqual(first, 1)
        self.assertEqual(second, 4)
        self.assertEqual(answer.count(b"HTTP/1.1 204"), 4)

    def test_series_pages_and_their_sums(self):
        site = self.site(timezone="Asia/Ho_Chi_Minh")
        for visitor in range(10):
            self.daemon.hit(site, f"/{visitor % 3}", visitor)
        pages = self.daemon.get(f"/v1/sites/{site}/pages?limit=1").json
        self.assertEqual((pages["counted"], pages["pages"][0]["counted"], pages["rest"]), (10, 4, 6))
        for step in ("minute", "hour", "day", "month", "year"):
            series = self.daemon.get(f"/v1/sites/{site}/series?metric=hits&step={step}").json
            self.assertEqual((series["timezone"], sum(value for _, value in series["points"])), ("Asia/Ho_Chi_Minh", 10), step)
        self.assertEqual(self.daemon.get(f"/v1/sites/{site}/series?metric=visitors&step=day").json["points"][-1][1], 10)
        time.sleep(2.1)
        online = self.daemon.get(f"/v1/sites/{site}/series?metric=online&step=second").json
        self.assertEqual(max(value for _, value in online["points"]), 10)
        self.assertEqual(self.daemon.get(f"/v1/sites/{site}/series?metric=hits&step=second").status, 400)

    def test_live_streams_each_change_once(self):
        site = self.site()
        connection = http.client.HTTPConnection("127.0.0.1", self.daemon.port, timeout=10)
        connection.request("GET", f"/v1/sites/{site}/live")
        stream = connection.getresponse()
        self.assertEqual((stream.status, stream.headers["Content-Type"].split(";")[0]), (200, "text/event-stream"))
        self.assertEqual(stream.headers["X-Accel-Buffering"], "no")

        def next_data():
            while True:
                line = stream.fp.readline().decode()
                self.assertTrue(line, "the stream ended")
                if line.startswith("data:"):
                    return json.loads(line[5:])
        self.assertEqual(next_data()["total"], 0)
        self.daemon.hit(site, "/", 1)
        self.assertEqual(next_data()["total"], 1)
        self.daemon.hit(site, "/", 2)
        seen = next_data()
        self.assertEqual((seen["total"], seen["online"]), (2, 2))
        connection.close()

    def test_private_sites_show_nothing_without_a_token(self):
        site = self.site()
        self.daemon.admin("PUT", f"/v1/admin/sites/{site}", {"visibility": "private"})
        for target in (f"/v1/sites/{site}/stats", f"/widget/{site}.json", f"/widget/{site}.txt", f"/v1/sites/{site}/live"):
            answer = self.daemon.get(target)
            self.assertEqual((answer.status, answer.fields["Vary"]), (401, "Authorization"), target)
        self.assertEqual(self.daemon.stats(site)["total"], 0)
        answer = self.daemon.get(f"/hit?site={site}&path=/&format=json", User_Agent=BROWSER % 120)
        self.assertNotIn("total", answer.json)
        self.assertIn("beat_s", answer.json)

    def test_keys_that_nobody_reads_are_counted(self):
        site = self.site()
        before = self.daemon.metrics()["footfall_ping_unknown_keys_total"]
        self.daemon.hit(site, "/", 1, utm="x", rnd="0.517")
        self.assertEqual(self.daemon.metrics()["footfall_ping_unknown_keys_total"], before + 1)

    def test_the_script_is_served_small_compressed_and_revalidated(self):
        plain = self.daemon.get("/footfall.js")
        self.assertEqual(plain.status, 200)
        self.assertIn("javascript", plain.fields["Content-Type"])
        packed = self.daemon.get("/footfall.js", Accept_Encoding="gzip")
        self.assertEqual(packed.fields["Content-Encoding"], "gzip")
        self.assertLessEqual(len(packed.body), 2500)
        self.assertEqual(self.daemon.get("/footfall.js", If_None_Match=plain.fields["ETag"]).status, 304)
        self.assertEqual(plain.fields["Cache-Control"], "public, max-age=3600")
        themes = self.daemon.get("/themes.js", Accept_Encoding="gzip")
        self.assertEqual((themes.status, themes.fields["Cache-Control"]), (200, "public, max-age=3600"))
        self.assertLessEqual(len(themes.body), 600)

    def test_long_json_is_compressed_for_who_takes_it(self):
        site = self.site()
        secret = "secret." + site
        self.daemon.add_site(secret, visibility="private")
        for name in range(6):
            self.daemon.add_site(f"{name}.{site}", visibility="full")
        for visitor in range(60):
            self.daemon.hit(site, f"/tin-tuc/{visitor * 7919}", visitor)
            self.daemon.hit(secret, f"/tin-tuc/{visitor * 7919}", visitor)
        past, bearer = "from=2024-01-01&to=2024-06-30", {"Authorization": f"Bearer {self.daemon.token}"}
        admin = {"port": self.daemon.admin_port, **bearer}
        # target -> (fields of the request, what the answer depends on)
        long = {f"/v1/sites/{site}/pages?limit=60": ({}, "Accept-Encoding"), f"/v1/sites/{site}/top/pages?limit=60": ({}, "Accept-Encoding"),
                f"/v1/sites/{site}/series?{past}": ({}, "Accept-Encoding"), f"/v1/sites/{site}/series?{past}&path=/tin-tuc/0": ({}, "Accept-Encoding"),
                f"/v1/sites/{secret}/pages?limit=60": (bearer, "Authorization, Accept-Encoding"), "/v1/sites": (bearer, "Authorization, Accept-Encoding"),
                f"/v1/sites/{secret}/top/pages?limit=60": (bearer, "Authorization, Accept-Encoding"),
                "/v1/admin/audit": (admin, "Accept-Encoding"), "/v1/admin/sites": (admin, "Accept-Encoding")}
        numbers = lambda body: re.sub(rb'"as_of":"[^"]*"', b"", body)
        for target, (fields, vary) in long.items():
            plain = self.daemon.get(target, **fields)
            self.assertEqual((plain.status, plain.fields["Content-Encoding"], plain.fields.get_all("Vary")), (200, None, [vary]), target)
            self.assertGreaterEqual(len(plain.body), 1024, target)
            packed = self.daemon.get(target, Accept_Encoding="br, gzip;q=0.5", **fields)
            self.assertEqual((packed.fields["Content-Encoding"], packed.fields.get_all("Vary")), ("gzip", [vary]), target)
            self.assertLess(len(packed.body), len(plain.body) * 0.75, target)
            self.assertEqual(numbers(gzip.decompress(packed.body)), numbers(plain.body), target)
            self.assertIsNone(self.daemon.get(target, Accept_Encoding="gzip;q=0", **fields).fields["Content-Encoding"], target)
            head = self.daemon.request("HEAD", target, Accept_Encoding="gzip", **fields)
            self.assertEqual((head.fields["Content-Encoding"], head.fields.get_all("Vary"), head.body), ("gzip", [vary], b""), target)
            self.assertLess(int(head.fields["Content-Length"]), len(plain.body) * 0.75, target)
        for target in (f"/v1/sites/{site}/stats", f"/v1/sites/{site}/pages?limit=1", f"/widget/{site}"):
            answer = self.daemon.get(target, Accept_Encoding="gzip")
            self.assertEqual((answer.status, answer.fields["Content-Encoding"], answer.fields["Vary"]), (200, None, None), target)
        made = self.daemon.admin("POST", "/v1/admin/tokens", {"id": "compressed", "scopes": ["read"], "reason": "a" * 500}, Accept_Encoding="gzip")
        self.assertEqual((made.status, made.fields["Content-Encoding"]), (201, None), made.text)
        self.assertEqual(len(made.json["secret"]), 43)

    def test_preflights_health_and_head(self):
        preflight = self.daemon.request("OPTIONS", "/hit", Origin="https://a.example", Access_Control_Request_Method="POST")
        self.assertEqual((preflight.status, preflight.fields["Access-Control-Allow-Origin"]), (204, "*"))
        self.assertEqual(self.daemon.get("/livez").status, 200)
        self.assertEqual(self.daemon.get("/readyz").status, 200)
        self.assertIn("disk", self.daemon.admin("GET", "/readyz?verbose").text)
        site = self.site()
        head = self.daemon.request("HEAD", f"/v1/sites/{site}/stats")
        self.assertEqual((head.status, head.body), (200, b""))
        self.assertGreater(int(head.fields["Content-Length"]), 100)

    def test_a_path_in_a_query_is_decoded_as_in_a_ping(self):
        site = self.site()
        self.daemon.hit(site, "/tin/a%20b", 1)
        for path in ("/tin/a%20b", "%2Ftin%2Fa%20b", "/tin/a+b"):
            self.assertEqual(self.daemon.get(f"/v1/sites/{site}/stats?path={path}").json["page"]["total"], 1, path)

    def test_a_request_that_drips_in_byte_by_byte_counts(self):
        site = self.site()
        with socket.create_connection(("127.0.0.1", self.daemon.port), timeout=10) as s:
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for byte in f"GET /hit?site={site}&path=/ HTTP/1.1\r\nHost: x\r\nUser-Agent: {BROWSER % 120}\r\n\r\n".encode():
                s.sendall(bytes([byte]))
            self.assertTrue(s.recv(4096).startswith(b"HTTP/1.1 204"))
        self.assertEqual(self.daemon.stats(site)["counted"], 1)


class Bounds(unittest.TestCase):
    def test_past_online_pairs_max_who_is_there_stays_and_newcomers_are_counted_without_presence(self):
        with Daemon("--threads", "1", "--rate-limit", "0", "--online-pairs-max", "1000") as daemon:
            daemon.add_site(SITE, visibility="full", window_s=15)
            for visitor in range(600):
                daemon.hit(SITE, "/a", visitor)
            time.sleep(1.1)  # the bound is drawn from the last tick
            for visitor in range(600, 700):
                daemon.hit(SITE, "/a", visitor)
            full = int(daemon.metrics()["footfall_presence_full_total"])
            self.assertGreaterEqual(full, 100)  # more where a tick came before the first 600 were through
            here = daemon.stats(SITE)["online"]
            self.assertEqual(here, 700 - full)
            end = time.monotonic() + 17  # longer than the window: whoever is not refreshed would be gone
            while time.monotonic() < end:
                for visitor in range(600):
                    daemon.hit(SITE, "/a", visitor)
            self.assertGreaterEqual(daemon.stats(SITE)["online"], here)
            self.assertEqual(daemon.stats(SITE)["counted"] % 600, 100)


class Stop(unittest.TestCase):
    def test_a_change_made_while_the_daemon_drains_does_not_hold_it(self):
        with Daemon("--threads", "2", "--drain", "2") as daemon:
            daemon.add_site(SITE)
            half = [socket.create_connection(("127.0.0.1", daemon.port)) for _ in range(4)]
            for s in half:
                s.sendall(b"GET /hit?site=" + SITE.encode())
            admin = http.client.HTTPConnection("127.0.0.1", daemon.admin_port, timeout=10)
            fields = {"Authorization": f"Bearer {daemon.token}"}
            admin.request("GET", "/v1/admin/sites", headers=fields)
            admin.getresponse().read()
            daemon.process.terminate()
            time.sleep(0.5)
            try:
                admin.request("POST", f"/v1/admin/sites/{SITE}/seed", json.dumps({"add": 5}), fields)
                admin.getresponse().read()
            except (OSError, http.client.HTTPException):
                pass  # a drained listener may close: then the outcome is unknown, and nothing hangs
            self.assertEqual(daemon.process.wait(20), 0)
            for s in half:
                s.close()


if __name__ == "__main__":
    unittest.main(verbosity=2)
