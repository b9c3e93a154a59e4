# SPDX-License-Identifier: Apache-2.0
"""The counter without a script: every form of it over HTTP, its fields, who may read it, and that it is never behind."""
import base64
import hashlib
import json
import re
import struct
import unittest
import zlib

from footfall import BROWSER, Daemon, at_once

FORMS = {"": "text/html; charset=utf-8", ".svg": "image/svg+xml; charset=utf-8", ".png": "image/png",
         ".txt": "text/plain; charset=utf-8", ".json": "application/json"}


def png_pixels(data):
    """Width, height, and rows of palette indices; each chunk's CRC is checked."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n", data[:8]
    at, packed, width, height = 8, b"", 0, 0
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + size]
        assert zlib.crc32(kind + body) == struct.unpack(">I", data[at + 8 + size:at + 12 + size])[0], kind
        if kind == b"IHDR":
            width, height = struct.unpack(">II", body[:8])
        if kind == b"IDAT":
            packed += body
        at += 12 + size
    raw, step = zlib.decompress(packed), 1 + (width + 3) // 4
    return width, height, [[raw[y * step + 1 + x // 4] >> (6 - x % 4 * 2) & 3 for x in range(width)] for y in range(height)]


class Widgets(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon("--threads", "2", "--rate-limit", "0").start()
        cls.addClassCleanup(cls.daemon.close)

    def site(self, total=None, **settings):
        name = self._testMethodName[5:].replace("_", "-")[:40].strip("-") + f"-{len(self.daemon.admin('GET', '/v1/admin/sites').json['sites'])}.example"
        self.daemon.add_site(name, **{"lang": "vi", "grouping": "dot", "timezone": "Asia/Ho_Chi_Minh", **settings})
        if total is not None:
            self.assertEqual(self.daemon.admin("POST", f"/v1/admin/sites/{name}/seed", {"total": total}).status, 200)
        return name

    def widget(self, site, extension, query="", method="GET", **fields):
        return self.daemon.request(method, f"/widget/{site}{extension}" + (f"?{query}" if query else ""), **fields)

    def text(self, site, query=""):
        return self.widget(site, ".txt", query).text

    def test_each_form_may_be_embedded_anywhere_and_is_kept_five_seconds(self):
        site = self.site(41450791)
        for extension, kind in FORMS.items():
            answer = self.widget(site, extension)
            self.assertEqual((answer.status, answer.fields["Content-Type"]), (200, kind), extension)
            self.assertEqual(answer.fields["Cache-Control"], "public, max-age=5")
            self.assertEqual(answer.fields["Cross-Origin-Resource-Policy"], "cross-origin")
            self.assertEqual(answer.fields["Access-Control-Allow-Origin"], "*")
            self.assertEqual(answer.fields["X-Content-Type-Options"], "nosniff")
            self.assertEqual(answer.fields["X-Robots-Tag"], "noindex")
            self.assertIn("default-src 'none'", answer.fields["Content-Security-Policy"])
            self.assertIsNone(answer.fields["X-Frame-Options"])
            self.assertIsNone(answer.fields["Set-Cookie"])
            self.assertEqual(answer.fields["Cross-Origin-Embedder-Policy"], None if extension else "require-corp")

    def test_the_page_runs_its_own_script_and_no_other(self):
        answer = self.widget(self.site(7), "")
        scripts = re.findall(r"<script>(.*?)</script>", answer.text, re.DOTALL)
        self.assertEqual(len(scripts), 1)
        allowed = "'sha256-" + base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode() + "'"
        self.assertIn(f"; script-src {allowed};", answer.fields["Content-Security-Policy"])

    def test_head_is_get_without_a_body(self):
        site = self.site(7)
        targets = [f"/widget/{site}{extension}" for extension in FORMS]
        targets += [f"/widget/{site}.png?lang=fr", "/widget/nowhere.example.svg", "/robots.txt", "/favicon.ico", "/footfall.js", "/livez", "/readyz"]
        for target in targets:
            get, head = self.daemon.get(target), self.daemon.request("HEAD", target)
            self.assertEqual((head.status, head.body), (get.status, b""), target)
            self.assertEqual({k: v for k, v in head.fields.items() if k != "Date"}, {k: v for k, v in get.fields.items() if k != "Date"}, target)
            self.assertEqual(int(head.fields["Content-Length"]), len(get.body))

    def test_labels_languages_and_groupings(self):
        site = self.site(41450791)
        self.assertEqual(self.text(site), "Tổng số lượt truy cập: 41.450.791\nSố người đang truy cập: 0\n")
        self.assertEqual(self.text(site, "labels=short"), "Tổng lượt truy cập: 41.450.791\nĐang truy cập: 0\n")
        self.assertEqual(self.text(site, "lang=en&grouping=comma&show=total"), "Total visits: 41,450,791\n")
        self.assertEqual(self.text(site, "labels=none&show=total"), "41.450.791\n")

    def test_the_picture_of_digits_is_that_of_its_number(self):
        site, other = self.site(1234), self.site(1235)
        width, height, pixels = png_pixels(self.widget(site, ".png").body)
        self.assertEqual((width, height), (88, 31))
        self.assertNotEqual(self.widget(site, ".png").body, self.widget(other, ".png").body)
        self.daemon.hit(site, "/", 1)
        self.daemon.hit(other, "/", 1, kind="heartbeat")  # both have one online now
        self.assertEqual(self.widget(site, ".png").body, self.widget(other, ".png").body)
        wide, high, large = png_pixels(self.widget(site, ".png", "scale=4&theme=light&color=teal").body)
        self.assertEqual((wide, high), (352, 124))
        self.assertEqual([row[::4] for row in large[::4]], png_pixels(self.widget(site, ".png").body)[2])

    def test_a_counter_is_never_behind_what_was_acknowledged(self):
        site = self.site()
        behind = []

        def visit(visitor):
            for n in range(1, 101):
                self.daemon.hit(site, "/", visitor)
                counted[visitor] = n
                least = sum(counted)
                shown = int(self.text(site, "labels=none&grouping=none&show=total"))
                if shown < least:
                    behind.append((least, shown))
        counted = [0] * 4
        at_once(4, visit)
        self.assertEqual(behind, [])
        self.assertEqual(self.text(site, "labels=none&grouping=none"), "400\n4\n")
        self.assertEqual(self.widget(site, ".json").json["total"], 400)

    def test_what_is_wrong_is_said_in_each_form(self):
        site = self.site()
        for extension in FORMS:
            answer = self.widget(site, extension, "color=%3Cscript%3E")
            self.assertEqual(answer.status, 400, extension)
            self.assertEqual(answer.fields["Cache-Control"], "no-store")
            says = "color: give black, blue, green, grey, orange, purple, red or teal"
            if extension in (".svg", ".png"):
                self.assertEqual(answer.fields["Content-Type"], FORMS[extension])
                self.assertEqual(answer.fields["Footfall-Problem"], "malformed; " + says)
            else:
                self.assertEqual((answer.json["type"], answer.json["detail"]), ("/problems/malformed", says))
            self.assertNotIn(b"<script", answer.body)
        self.assertEqual(png_pixels(self.widget("nowhere.example", ".png").body)[:2], (88, 31))

    def test_hostile_labels_are_text(self):
        site = self.site()
        label = "%22%3E%3C/title%3E%3Cscript%3Ealert(1)%3C/script%3E%0d%0aX-Evil:%201"
        for extension in ("", ".svg"):
            answer = self.widget(site, extension, f"style=badge&label={label}")
            self.assertEqual(answer.status, 200)
            self.assertNotIn("<script>alert", answer.text)
            self.assertIn("&lt;script&gt;", answer.text)
            self.assertIsNone(answer.fields["X-Evil"])
        self.assertEqual(json.loads(self.widget(site, ".json", f"label={label}").body)["label"], '"></title><script>alert(1)</script>  X-Evil: 1')
        self.assertEqual(self.text(site, f"label={label}").count("\n"), 2)

    def test_a_private_site_shows_nothing_and_a_counter_only_one_what_it_may(self):
        private, counter, full = (self.site(5, visibility=visibility) for visibility in ("private", "counter", "full"))
        token = {"Authorization": f"Bearer {self.daemon.token}"}
        for extension, kind in FORMS.items():
            refused = self.widget(private, extension)
            self.assertEqual((refused.status, refused.fields["WWW-Authenticate"], refused.fields["Vary"]), (401, "Bearer", "Authorization"))
            self.assertEqual(refused.fields["Content-Type"], kind if extension in (".svg", ".png") else "application/problem+json")
            self.assertEqual(refused.fields["Cache-Control"], "no-store")
            opened = self.widget(private, extension, **token)
            self.assertEqual((opened.status, opened.fields["Cache-Control"]), (200, "private, no-store"))
            self.assertEqual(self.widget(private, extension).status, 401, "what a token opened is not kept for others")
        everything = "labels=none&show=total,online,today,yesterday,month,year,visitors,bots,peak"
        self.assertEqual(len(self.text(counter, everything).splitlines()), 5)
        self.assertEqual(len(self.widget(counter, ".txt", everything, **token).text.splitlines()), 9)
        self.assertEqual(len(self.text(counter, everything).splitlines()), 5)
        self.assertEqual(len(self.text(full, everything).splitlines()), 9)
        self.assertEqual(self.widget(counter, ".txt", "show=visitors").status, 401)
        changed = self.daemon.admin("PUT", f"/v1/admin/sites/{full}", {"visibility": "private"})
        self.assertEqual(changed.status, 200, changed.text)
        self.assertEqual(self.widget(full, ".txt", everything).status, 401, "a change is in force at once")

    def test_shields_and_numbers_in_json(self):
        site = self.site(2**60)
        badge = self.widget(site, ".json", "style=badge&lang=en&color=green").json
        self.assertEqual(badge, {"schemaVersion": 1, "label": "Total visits", "message": "1.152.921.504.606.846.976", "color": "green"})
        numbers = self.widget(site, ".json").json
        self.assertEqual((numbers["total"], numbers["total_text"], numbers["online"]), (2**60, str(2**60), 0))

    def test_a_counter_counts_nothing(self):
        site = self.site(visibility="full")
        for extension in FORMS:
            self.widget(site, extension, User_Agent=BROWSER % 120)
        stats = self.daemon.stats(site)
        self.assertEqual((stats["counted"], stats["online"]), (0, 0))

    def test_crawlers_are_told_where_not_to_go_and_browsers_get_an_icon(self):
        robots = self.daemon.get("/robots.txt")
        self.assertEqual((robots.status, robots.text), (200, "User-agent: *\nDisallow: /hit\nDisallow: /v1/\n"))
        icon = self.daemon.get("/favicon.ico")
        self.assertEqual((icon.status, icon.fields["Content-Type"], icon.body[:4]), (200, "image/x-icon", b"\0\0\1\0"))
        self.assertEqual(icon.fields["Cache-Control"], "public, max-age=86400")
        for target in ("/footfall.js", "/livez", "/no/such/thing", "/v1/sites/nowhere.example/stats"):
            self.assertEqual(self.daemon.get(target).fields["X-Robots-Tag"], "noindex", target)
        self.assertIsNone(self.daemon.get("/hit?site=x").fields.get("Set-Cookie"))


class BasePath(unittest.TestCase):
    def test_the_prefix_is_in_robots_txt_which_stays_at_the_root(self):
        with Daemon("--threads", "1", "--base-path", "/count") as daemon:
            daemon.add_site("example.org")
            self.assertEqual(daemon.get("/robots.txt").text, "User-agent: *\nDisallow: /count/hit\nDisallow: /count/v1/\n")
            self.assertEqual(daemon.get("/favicon.ico").status, 200)
            self.assertEqual(daemon.get("/count/widget/example.org.png").fields["Content-Type"], "image/png")
            self.assertEqual(daemon.get("/count/robots.txt").status, 404)


if __name__ == "__main__":
    unittest.main(verbosity=2)
