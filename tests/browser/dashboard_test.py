# SPDX-License-Identifier: Apache-2.0
"""The dashboard, as its readers meet it: a site with a month of visits, a private one, a counter, one that waits for its first hit.

Pictures of what was looked at are kept in FOOTFALL_SCREENSHOTS, which ctest sets to BUILD/screenshots. axe-core, which
tests/run.sh installs into the build directory, judges each view in both languages, light and dark.
"""
import csv
import datetime
import io
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
import zlib

from chromium import Browser, Tab, eventually
from site_pages import BROWSER, FIREFOX, ROOT, SAFARI, Daemon, axe_is_here, main, shut_out
from redis_server import Redis

SITE = "tin.example"  # everybody may read it
PRIVATE = "kin.example"
COUNTER = "dem.example"
SEED = 41448743
PHONE = "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%d.0.0.0 Mobile Safari/537.36"
GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
PATHS = ["/", "/tin/bao-so-3", "/tin/cau-moi", "/the-thao", "/van-hoa/le-hoi", "/lien-he", "/kinh-te/gia-lua", "/du-lich/bien"]
REFERRERS = ["https://www.google.com/", "https://news.example/bai/1", "https://zalo.example/", ""]
HOSTILE = ["/<img src=x onerror=\"window.hurt=1\">", "/</script><script>window.hurt=1</script>", "/=HYPERLINK(\"x\",\"y\")", "/\u202egnp.exe"]
HOSTILE_REFERRER = "https://evil.example/<svg onload=window.hurt=1>"
HOSTILE_EVENTS = ["=cmd|' /C calc'!A0", "+1", "-2+3", "@SUM(A1)", "<b>bold</b>", "say \"hi\", twice"]
# A stream that says what the test tells it: tell(stats).
TOLD = """const ask = window.fetch; window.fetch = (path, options) => !/\\/live/.test(path) ? ask(path, options) : Promise.resolve(new Response(new ReadableStream({
    start(stream) { window.tell = (stats) => stream.enqueue(new TextEncoder().encode('data: ' + JSON.stringify(stats) + '\\n\\n')); }})));"""
# What the stream said, in order: events.
HEARD = """window.events = []; const decode = TextDecoder.prototype.decode; TextDecoder.prototype.decode = function (...given) {
    const text = decode.apply(this, given); for (const [, data] of text.matchAll(/^data: (.*)$/gm)) events.push(JSON.parse(data)); return text; };"""
DESKTOP, PHONE_SIZE, WALL = (1440, 900), (390, 844), (3840, 2160)


def ndjson(items):
    return "".join(json.dumps(item) + "\n" for item in items).encode()


class Dashboard(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon("--threads", "2").start()
        cls.addClassCleanup(cls.daemon.close)
        common = {"timezone": "Asia/Ho_Chi_Minh", "lang": "vi", "grouping": "dot"}
        cls.daemon.add_site(SITE, visibility="full", **common)
        cls.daemon.add_site(PRIVATE, visibility="private", **common)
        cls.daemon.add_site(COUNTER, visibility="counter", **common)
        cls.daemon.admin("POST", f"/v1/admin/sites/{SITE}/seed", {"total": SEED, "reason": "carried over"})
        cls.fill()
        cls.browser = Browser(BROWSER % 156)
        cls.addClassCleanup(cls.browser.close)

    @classmethod
    def fill(cls):
        """Thirty days of the sites' time zone, today the last of them, up to now."""
        seed = 20261130
        print("rng_seed", seed)
        chance = random.Random(seed)
        now = int(time.time())
        midnight = now - (now + 7 * 3600) % 86400
        seconds = lambda days: 86400 if days else now - midnight + 1
        agents = [BROWSER % 150, FIREFOX, SAFARI, PHONE % 150]
        items = []
        for days in range(30):
            for _ in range(40 + 10 * (days % 7)):
                items.append({"site": SITE, "path": chance.choices(PATHS, [9, 7, 5, 4, 3, 2, 2, 1])[0], "time": midnight - days * 86400 + chance.randrange(seconds(days)),
                              "address": f"10.2.{chance.randrange(4)}.{chance.randrange(250)}", "agent": chance.choice(agents), "ref": chance.choice(REFERRERS)})
        items += [{"site": SITE, "path": "/", "time": now - 60, "address": "10.3.0.1", "agent": GOOGLEBOT} for _ in range(7)]
        items += [{"site": SITE, "path": path, "time": now - 5, "address": "10.3.0.2", "agent": FIREFOX, "ref": HOSTILE_REFERRER} for path in HOSTILE for _ in range(90)]
        items += [{"site": SITE, "path": "/", "kind": "event", "name": name, "time": now - 5, "address": "10.3.0.2", "agent": FIREFOX} for name in HOSTILE_EVENTS]
        answer = cls.daemon.request("POST", "/v1/hits", ndjson(items), Content_Type="application/x-ndjson", Authorization=f"Bearer {cls.daemon.token}")
        assert answer.status == 200 and answer.json["rejected_total"] == 0, answer.text
        for visitor in range(12):
            cls.daemon.hit(SITE, PATHS[visitor % 3], visitor)

    def url(self, path=f"sites/{SITE}"):
        if path.startswith("http:"):
            return path  # of another daemon
        return f"http://127.0.0.1:{self.daemon.port}/{path}"

    def tab(self, path=f"sites/{SITE}", size=DESKTOP, dark=False, lang="vi", ready=".figure", before=None, **options):
        """`before`: a script that runs before the page's own."""
        tab = Tab(self.browser, **options)
        self.addCleanup(tab.close)
        self.look(tab, size, dark)
        if before:
            tab.call("Page.addScriptToEvaluateOnNewDocument", source=before)
        tab.call("Page.addScriptToEvaluateOnNewDocument", source=f"localStorage.setItem('footfall-lang', '{lang}')" if lang else "0")
        tab.open(self.url(path))
        self.wait(tab, f"document.querySelector({json.dumps(ready)})", f"{path}: no {ready}")
        return tab

    def look(self, tab, size, dark):
        """As a screen of this size has it, drawn."""
        tab.call("Emulation.setDeviceMetricsOverride", width=size[0], height=size[1], deviceScaleFactor=1, mobile=size[0] < 600)
        tab.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        tab.run("new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(() => drawn(1))))")

    def wait(self, tab, script, message, wait_s=20):
        if not eventually(lambda: tab.run(f"Boolean({script})"), wait_s):
            self.fail(f"{message}\n{tab.run('document.body.innerText')}")

    def loaded(self, tab):
        """The chart and every list are there."""
        self.wait(tab, "document.querySelector('.main-chart svg path') && ![...document.querySelectorAll('.list .empty')].some(e => /Đang tải|Loading/.test(e.textContent))", "not loaded")
        return tab

    def click(self, tab, selector, nth=0):
        self.assertTrue(tab.run(f"(e => e ? (e.click(), true) : false)(document.querySelectorAll({json.dumps(selector)})[{nth}])"), f"no {selector}")

    def choose(self, tab, value, within=".periods"):
        self.click(tab, f"{within} input[value='{value}']")

    def select(self, tab, selector, value):
        self.assertTrue(tab.run(f"(e => (e.value = '{value}', e.dispatchEvent(new Event('change')), e.value))(document.querySelector({json.dumps(selector)}))"))

    def type(self, tab, text):
        tab.run("document.querySelector('#token').focus()")
        tab.call("Input.insertText", text=text)

    def enter_tokens(self, tab):
        """A wrong one, which is told; then the right one."""
        self.type(tab, "guessed")
        self.press(tab, "Enter")
        self.wait(tab, "document.querySelector('[role=alert]:not([hidden])')", "a wrong token is told so")
        tab.run("document.querySelector('#token').value = ''")
        self.type(tab, self.daemon.token)
        self.press(tab, "Enter")

    def press(self, tab, key, **more):
        codes = {"Tab": 9, "Enter": 13, "ArrowLeft": 37, "ArrowRight": 39, "ArrowDown": 40, "Home": 36, "End": 35, " ": 32, **{digit: ord(digit) for digit in "0123456789"}}
        text = "\r" if key == "Enter" else key if key.isdigit() else ""
        for kind in ("keyDown", "keyUp"):
            tab.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=codes[key], text=text, **more)

    def figures(self, tab):
        shown = tab.run("JSON.stringify([...document.querySelectorAll('.figure')].map(e => e.textContent))")
        return json.loads(shown) if shown else [""] * 8  # a document that is being left answers nothing

    def series(self, tab):
        """Queries of what was asked for the chart."""
        return [request["url"].split("?")[1] for request in tab.sent() if "/series?" in request["url"]]

    def ended_well(self, tab):
        """Nothing was thrown, nobody else was spoken to, no cookie went along."""
        for request in tab.sent():
            self.assertTrue(request["url"].startswith((self.url(""), "data:", "blob:")), request["url"])
        self.assertEqual(tab.uncaught, [])
        self.assertEqual([names for names in tab.cookies.values() if names], [])
        self.assertEqual(tab.run("document.cookie"), "")

    def picture(self, tab, name):
        directory = pathlib.Path(os.environ.get("FOOTFALL_SCREENSHOTS") or tempfile.gettempdir())
        if os.environ.get("FOOTFALL_SCREENSHOTS"):
            directory.mkdir(parents=True, exist_ok=True)
            tab.screenshot(directory / (name + ".png"))

    # --- what is served ---

    def test_what_is_served_is_small_kept_and_closed(self):
        page = self.daemon.get(f"/sites/{SITE}", Accept_Encoding="gzip")
        self.assertEqual(page.fields["Cache-Control"], "no-cache")
        self.assertEqual(self.daemon.get(f"/sites/{SITE}", Accept_Encoding="gzip", If_None_Match=page.fields["ETag"]).status, 304)
        policy = page.fields["Content-Security-Policy"]
        self.assertNotIn("unsafe", policy)
        self.assertNotIn("*", policy)
        text = zlib.decompress(page.body, 31).decode()
        self.assertNotRegex(text, r"<script(?![^>]*\bsrc=)|<style|\bon\w+=|style=")
        size = len(page.body)
        names = re.findall(r'"\.\./(assets/[^"]+)"', text)
        self.assertEqual(len(names), 3)
        for name in names:
            part = self.daemon.get("/" + name, Accept_Encoding="gzip")
            self.assertEqual(part.fields["Cache-Control"], "public, max-age=31536000, immutable")
            size += len(part.body)
        print("first load, compressed:", size, "bytes")
        self.assertLess(size, 40_000)
        self.assertEqual(self.daemon.get("/sites/nowhere.example").body, self.daemon.get(f"/sites/{SITE}").body)

    def test_a_word_that_a_language_has_not_is_an_error(self):
        with tempfile.TemporaryDirectory() as directory:
            copy = pathlib.Path(directory) / "dashboard"
            shutil.copytree(ROOT / "client" / "web" / "dashboard", copy)
            join = lambda: subprocess.run([sys.executable, copy / "join.py", pathlib.Path(directory) / "out.js", copy], capture_output=True, text=True)
            self.assertEqual(join().returncode, 0)
            words = copy / "words" / "vi.txt"
            whole = words.read_text()
            for broken, complaint in ((re.sub(r"(?m)^online_now = .*\n", "", whole), "vi.txt: online_now is absent"), (whole + "nobody = asks\n", "nobody"),
                                      (whole.replace("{n} phút", "phút"), "minutes has other {places}"), (whole + "total = hai\n", "each name once")):
                words.write_text(broken)
                self.assertIn(complaint, join().stderr)
                self.assertNotEqual(join().returncode, 0)

    # --- who may read ---

    def test_a_private_site_asks_for_a_token_and_takes_it_typed(self):
        tab = self.tab(f"sites/{PRIVATE}", ready="form.login")
        self.assertEqual(tab.run("document.querySelectorAll('.figure').length"), 0)
        self.picture(tab, "dashboard-login")
        self.enter_tokens(tab)
        self.wait(tab, "document.querySelector('.figure')", "the token opens it")
        self.assertEqual(tab.run("sessionStorage.getItem('footfall-token')"), self.daemon.token)
        self.assertEqual(tab.run("JSON.stringify(Object.keys(localStorage))"), '["footfall-lang"]')
        self.wait(tab, "/không công khai/.test(document.querySelector('.embed-panel').innerText)", "no counter of a private site")
        for request in tab.sent():
            self.assertNotIn(self.daemon.token, request["url"])
        tab.open(self.url(f"sites/{PRIVATE}"))
        self.wait(tab, "document.querySelector('.figure')", "it is kept in the tab")
        tab.run("[...document.querySelectorAll('.bar button')].pop().click()")
        self.wait(tab, "document.querySelector('form.login')", "signed out")
        self.assertIsNone(tab.run("sessionStorage.getItem('footfall-token')"))
        self.ended_well(tab)

    def test_a_token_in_the_fragment_is_taken_and_erased(self):
        tab = self.tab(f"sites/{PRIVATE}#period=week&token={self.daemon.token}")
        self.assertEqual(tab.run("location.hash"), "#period=week")
        self.assertEqual(tab.run("document.querySelector('.periods input:checked') && [...document.querySelectorAll('.periods input:checked')].map(e => e.value).join()"), "hits,week")
        self.assertNotIn(self.daemon.token, tab.run("JSON.stringify(performance.getEntries().map(e => e.name).filter(n => !n.includes('#')))"))
        other = Tab(self.browser, context=tab.context)
        self.addCleanup(other.close)
        other.open(self.url(f"sites/{PRIVATE}"))
        self.wait(other, "document.querySelector('form.login')", "another tab has it not")
        self.ended_well(tab)

    def test_a_counter_shows_what_is_public_and_more_with_a_token(self):
        self.daemon.hit(COUNTER, "/", 1)
        tab = self.tab(f"sites/{COUNTER}")
        self.wait(tab, "document.querySelectorAll('.figure')[2].textContent === '1'", "the total")
        self.assertEqual(tab.run("document.querySelectorAll('.chart, .ranked').length"), 0)
        self.picture(tab, "dashboard-counter")
        self.type(tab, self.daemon.token)
        self.press(tab, "Enter")
        self.wait(tab, "document.querySelector('.main-chart')", "with a token there is more")
        self.ended_well(tab)

    def test_a_counter_says_what_is_wrong_with_a_token(self):
        tab = self.tab(f"sites/{COUNTER}#token=guessed", ready=".more .notice.bad")
        self.wait(tab, "document.querySelector('.more .notice.bad').textContent.includes('không đúng hoặc đã hết hạn')", "a wrong token is told so")
        self.assertIsNone(tab.run("sessionStorage.getItem('footfall-token')"))
        other = "const ask = window.fetch; window.fetch = (path, options) => /pages/.test(path) ? Promise.resolve(new Response('{}', {status: 403})) : ask(path, options)"
        tab = self.tab(f"sites/{COUNTER}#token=of-another-site", ready=".more .notice.bad", before=other)
        self.wait(tab, "document.querySelector('.more .notice.bad').textContent.includes('không có quyền xem trang web này')", "one of another site, too")
        self.assertEqual(tab.run("sessionStorage.getItem('footfall-token')"), "of-another-site")
        self.ended_well(tab)

    def test_a_page_whose_rights_shrink_says_so(self):
        site = self.site_with("hep.example", 2)
        tab = self.loaded(self.tab(f"sites/{site}"))
        self.assertEqual(self.daemon.admin("PUT", f"/v1/admin/sites/{site}", {"visibility": "counter"}).status, 200)
        self.wait(tab, "document.querySelector('.cards.few')", "what is public is left")
        self.assertIn("hiện ít hơn trước", tab.text("main > .notice.bad"))
        self.assertNotIn("undefined", tab.run("document.body.innerText"))
        self.assertEqual(self.daemon.admin("PUT", f"/v1/admin/sites/{site}", {"visibility": "full"}).status, 200)
        self.loaded(tab)
        self.assertIsNone(tab.text("main > .notice.bad"))
        self.ended_well(tab)

    def test_who_may_read_nothing_is_told_so(self):
        tab = self.tab("sites/nowhere.example", ready=".notice.bad")
        self.assertIn("Không có trang web", tab.text(".notice.bad"))

    def test_the_list_of_sites(self):
        tab = self.tab("", ready=".site-card")
        names = lambda: json.loads(tab.run("JSON.stringify([...document.querySelectorAll('.site-card h2')].map(e => e.textContent))"))
        self.assertIn(SITE, names())
        self.assertNotIn(COUNTER, names())
        tab.open(self.url("#token=" + self.daemon.token))
        tab.run("location.reload()")
        self.assertTrue(eventually(lambda: {SITE, COUNTER, PRIVATE} <= set(names())), names())
        self.picture(tab, "dashboard-sites")
        tab.run(f"[...document.querySelectorAll('.site-card')].find(e => e.href.endsWith('{PRIVATE}')).click()")
        self.wait(tab, "document.querySelector('.main-chart')", "the link leads to the site")
        self.ended_well(tab)

    def test_the_list_of_sites_has_a_sign_in_and_keeps_the_focus(self):
        tab = self.tab("", ready=".site-card")
        card = f"[...document.querySelectorAll('.site-card')].find(e => e.href.endsWith('{SITE}'))"
        tab.run(f"{card}.focus()")
        total = tab.run(f"{card}.innerText")
        self.daemon.hit(SITE, "/", 260)
        self.assertTrue(eventually(lambda: tab.run(f"{card}.innerText") != total, 20), "the numbers follow")
        self.assertTrue(tab.run(f"document.activeElement === {card}"), "the focus is lost")
        enter = "[...document.querySelectorAll('.bar button')].find(b => b.textContent === 'Đăng nhập')"
        self.assertFalse(tab.run(f"{enter}.hidden"), "a public site hides the way in")
        tab.run(f"{enter}.click()")
        self.assertEqual(tab.run("document.activeElement.id"), "token")
        self.enter_tokens(tab)
        self.wait(tab, f"[...document.querySelectorAll('.site-card')].some(e => e.href.endsWith('{PRIVATE}'))", "the token's sites")
        self.assertEqual(tab.run("document.querySelectorAll('form.login').length"), 0)
        self.ended_well(tab)

    # --- numbers ---

    def test_numbers_are_those_of_the_daemon_and_follow_each_hit(self):
        tab = self.loaded(self.tab(before=HEARD))
        dotted = lambda number: f"{number:,}".replace(",", ".")
        expected = lambda: (lambda s: [dotted(s["online"]), dotted(s["today"]["hits"]), dotted(s["today"]["visitors"]), dotted(s["total"])])(self.daemon.stats(SITE))
        self.assertTrue(eventually(lambda: self.figures(tab) == expected()), (self.figures(tab), expected()))
        total = self.daemon.stats(SITE)["total"]
        # The first event after a hit has it, and the page shows it before the next: events are a second apart, so it is
        # there within two.
        tab.run("new MutationObserver(() => events.push(document.querySelectorAll('.figure')[3].textContent)).observe(document.querySelectorAll('.figure')[3], {childList: true, characterData: true, subtree: true})")
        before = tab.run("events.length")
        began = time.monotonic()
        hit = self.daemon.get(f"/hit?site={SITE}&path=/tin/moi&format=json", User_Agent=BROWSER % 200).json
        self.assertEqual(hit["total"], total + 1)
        self.assertTrue(eventually(lambda: self.figures(tab)[3] == dotted(total + 1)), self.figures(tab))
        print(f"a hit was shown after {time.monotonic() - began:.2f} s")
        events = json.loads(tab.run("JSON.stringify(events)"))[before:]
        told = [event for event in events if isinstance(event, str) or event["as_of"] >= hit["as_of"]]
        self.assertEqual((told[0]["total"], told[1]), (total + 1, dotted(total + 1)), events)
        self.assertEqual(self.figures(tab), expected())
        self.assertEqual(tab.text(".status"), "Trực tiếp")
        facts = tab.run("document.querySelector('.cards').innerText")
        for word in ("Hôm qua đến giờ này", "Máy tìm kiếm hôm nay", "Đông nhất hôm nay", "Chuyển từ bộ đếm cũ"):
            self.assertIn(word, facts)
        self.ended_well(tab)

    def test_what_a_number_is_of_is_said_where_it_stands(self):
        tab = self.loaded(self.tab())
        facts = lambda kind: tab.run(f"document.querySelector('.{kind} .facts').innerText.replace(/\\s+/g, ' ')")
        self.wait(tab, "/cả ngày/.test(document.querySelector('.today .facts').innerText)", "the weekday's whole day")
        self.assertRegex(facts("visitors"), r"Tháng hiện tại [\d.]+ cộng theo từng ngày")
        self.assertIn("đếm riêng, không tính vào tổng", facts("visitors"))
        self.assertRegex(facts("now"), r"Đông nhất \d+ · .*, \d\d:\d\d")
        self.assertEqual(tab.run("document.querySelectorAll('.facts [title]').length"), 0)
        self.assertNotIn("máy chủ này", tab.run("document.body.innerText.replace(/Trên máy chủ này, từ/, '')"))

    def test_of_several_nodes_it_says_which_numbers_are_this_ones(self):
        if not shutil.which("redis-server"):
            self.skipTest("redis-server is not here")
        redis = Redis()
        self.addCleanup(redis.close)
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        key = pathlib.Path(directory.name) / "cluster-key"
        key.write_text("0123456789abcdef" * 4)
        key.chmod(0o600)
        nodes = [Daemon("--redis", redis.uri, "--cluster-key", str(key), "--node", name, "--threads", "1", "--snapshot-interval", "0").start() for name in ("a", "b")]
        for node in nodes:
            self.addCleanup(node.close)
        nodes[0].add_site("hai.example", visibility="full", lang="en")
        self.assertTrue(eventually(lambda: nodes[1].get("/v1/sites/hai.example/stats").status == 200))
        for visitor in range(6):
            nodes[visitor % 2].hit("hai.example", "/", visitor)
        self.assertTrue(eventually(lambda: nodes[0].stats("hai.example")["online"] == 6))
        tab = self.tab(f"http://127.0.0.1:{nodes[0].port}/sites/hai.example#period=today", lang="en")
        self.loaded(tab)
        self.wait(tab, "document.querySelector('.now svg path')", "the last hour")
        alone = "of this node alone"
        for place in (".now .facts", ".now .behind", ".range", ".sum"):
            self.assertIn(alone, tab.text(place), place)
        self.assertEqual(tab.run(f"[...document.querySelectorAll('.now .hint')].filter(e => e.textContent === '{alone}').length"), 2)
        # The last hour is this node's throughout, whatever all of them have.
        shown = lambda: [row["online"] for row in json.loads(self.exported(tab, ".now", "JSON"))["rows"]]
        self.assertTrue(eventually(lambda: set(shown()[-8:]) == {3}, 30), shown()[-30:])
        self.assertNotIn(6, shown())
        self.assertEqual(self.figures(tab)[0], "6")
        self.click(tab, ".ranked.pages .link")
        self.wait(tab, "document.querySelector('.crumbs')", "the page's view")
        self.wait(tab, "/of the node that was asked/.test(document.querySelector('main').innerText)", "of a page")

    def test_an_older_answer_does_not_overwrite_a_newer_number(self):
        site = self.site_with("tre.example", 3)
        tab = self.loaded(self.tab(f"sites/{site}", before=TOLD))
        self.wait(tab, "window.tell", "the stream is asked for")
        now = self.daemon.stats(site)
        at = lambda later_s: (datetime.datetime.fromisoformat(now["as_of"]) + datetime.timedelta(seconds=later_s)).isoformat(timespec="milliseconds")
        for later_s, total, shown in ((2, 30, "30"), (1, 20, "30"), (2, 31, "31"), (-100, 25, "25")):  # the last: the clock was put back
            tab.run(f"tell({json.dumps({**now, 'as_of': at(later_s), 'total': total})})")
            tab.run("new Promise(done => setTimeout(done, 50))")
            self.assertEqual(self.figures(tab)[3], shown, (later_s, total))

    def test_pause_stops_the_numbers_and_goes_on(self):
        tab = self.loaded(self.tab())
        self.click(tab, ".bar [aria-pressed]")
        self.assertEqual(tab.text(".status"), "Tạm dừng")
        before = self.figures(tab)
        self.daemon.hit(SITE, "/", 201)
        time.sleep(2.5)
        self.assertEqual(self.figures(tab), before)
        self.click(tab, ".bar [aria-pressed]")
        self.assertTrue(eventually(lambda: self.figures(tab) != before))

    def site_with(self, name, online, **settings):
        self.daemon.add_site(name, **{"visibility": "full", "timezone": "Asia/Ho_Chi_Minh", "lang": "vi", "grouping": "dot", **settings})
        for visitor in range(online):
            self.daemon.hit(name, "/", visitor)
        return name

    def seconds_of(self, tab):
        """UTC second -> online, as the last hour would be exported; and as the daemon observed it."""
        from_iso = lambda text: int(datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp())
        shown = {from_iso(row["time"]): row["online"] for row in json.loads(self.exported(tab, ".now", "JSON"))["rows"]}
        site = tab.run("location.pathname").rpartition("/")[2]
        return shown, dict(self.daemon.get(f"/v1/sites/{site}/series?metric=online&step=second").json["points"][:-1])

    def hidden(self, tab):
        """The tab, behind another one; gives what shows it again."""
        over = Tab(self.browser, context=tab.context)
        self.addCleanup(over.close)
        over.call("Page.bringToFront")
        self.wait(tab, "document.hidden", "behind the other")
        return lambda: (over.close(), tab.call("Page.bringToFront"), self.wait(tab, "!document.hidden", "in front again"))

    def test_the_last_hour_is_as_the_daemon_observed_it(self):
        """Also while nobody looked, or the page was paused: no zero that never was."""
        site = self.site_with("giay.example", 5)
        tab = self.loaded(self.tab(f"sites/{site}"))
        self.wait(tab, "document.querySelector('.now svg path')", "the last hour")
        clear = int(time.time()) + 1  # from here on there are five

        def as_observed():
            shown, observed = self.seconds_of(tab)
            since = [second for second in observed if clear <= second <= max(shown)]
            return len(since) > 5 and {second: shown.get(second) for second in since if shown.get(second) != observed[second]} == {} and {observed[second] for second in since} == {5}
        self.assertTrue(eventually(as_observed), self.seconds_of(tab))
        show = self.hidden(tab)
        time.sleep(6)
        show()
        self.assertTrue(eventually(as_observed), self.seconds_of(tab))
        self.click(tab, ".bar [aria-pressed]")
        time.sleep(5)
        self.click(tab, ".bar [aria-pressed]")
        self.assertTrue(eventually(as_observed), self.seconds_of(tab))
        # What cannot be had is not known, and is no zero.
        tab.call("Network.setBlockedURLs", urls=["*step=second*"])
        self.click(tab, ".bar [aria-pressed]")
        time.sleep(6)
        self.click(tab, ".bar [aria-pressed]")
        values = lambda: {online for second, online in self.seconds_of(tab)[0].items() if second >= clear}
        self.assertTrue(eventually(lambda: None in values()), values())
        self.assertEqual(values(), {None, 5})
        self.assertEqual(len(self.seconds_of(tab)[0]), 3600)
        tab.call("Network.setBlockedURLs", urls=[])

    def test_a_page_that_is_opened_while_paused_has_its_numbers(self):
        tab = self.loaded(self.tab())
        self.click(tab, ".bar [aria-pressed]")
        self.click(tab, ".ranked.pages .link")
        self.wait(tab, "document.querySelector('.crumbs')", "the page's view")
        page = self.daemon.stats(SITE, tab.text("h1"))["page"]
        expected = [str(page["online"]), f"{page['total']:,}".replace(",", ".")]
        self.assertTrue(eventually(lambda: self.figures(tab)[:2] == expected), (self.figures(tab), expected))
        self.assertEqual(tab.text(".status"), "Tạm dừng")

    def test_periods_steps_and_comparison(self):
        tab = self.loaded(self.tab(f"sites/{SITE}#compare=none"))
        for period, step in (("hour", "minute"), ("today", "hour"), ("yesterday", "hour"), ("week", "day"), ("month", "day"), ("quarter", "day"), ("year", "month"), ("all", "month")):
            asked = len(self.series(tab))
            self.choose(tab, period)
            self.assertTrue(eventually(lambda: any(f"step={step}" in query and "metric=hits" in query for query in self.series(tab)[asked:])), (period, self.series(tab)[asked:]))
            self.assertIn(f"period={period}" if period != "month" else "compare=none", tab.run("location.hash"))
        self.choose(tab, "week")
        self.select(tab, "[data-control=compare] select", "previous")
        self.wait(tab, "document.querySelector('.main-chart path.before')", "what it is compared with is drawn")
        self.assertIn("so với", tab.text(".sum"))
        for metric in ("visitors", "online", "bots"):
            self.choose(tab, metric)
            self.assertTrue(eventually(lambda: any(f"metric={metric}" in query for query in self.series(tab))), metric)
        self.choose(tab, "hits")
        self.choose(tab, "custom")
        self.wait(tab, "document.querySelectorAll('.periods input[type=date]').length === 2", "dates to fill in")
        self.ended_well(tab)

    def test_behind_every_chart_is_a_table(self):
        tab = self.loaded(self.tab(f"sites/{SITE}#period=week"))
        charts = tab.run("document.querySelectorAll('.chart').length")
        tables = tab.run("document.querySelectorAll('[aria-expanded].quiet:not([hidden])').length && [...document.querySelectorAll('button')].filter(b => b.textContent === 'Bảng').length")
        self.assertEqual(charts, 3)
        self.assertEqual(tables, charts)
        tab.run("[...document.querySelectorAll('button')].filter(b => b.textContent === 'Bảng').forEach(b => b.click())")
        self.wait(tab, "document.querySelectorAll('.main-chart .scroll tbody tr').length === 7", "a row for each day")
        self.assertEqual(tab.run("document.querySelectorAll('.now .scroll tbody tr').length"), 60)
        self.assertEqual(tab.run("document.querySelectorAll('.today .scroll tbody tr').length"), 24)
        sum_of = sum(value for _, value in self.daemon.get(f"/v1/sites/{SITE}/series?metric=hits&step=day&from={int(time.time()) - 6 * 86400}").json["points"])
        shown = tab.run("[...document.querySelectorAll('.main-chart .scroll tbody tr td:nth-child(2)')].reduce((sum, e) => sum + Number(e.textContent.replaceAll('.', '')), 0)")
        self.assertEqual(shown, sum_of)

    def test_a_page_has_its_own_total_online_and_series(self):
        tab = self.loaded(self.tab())
        self.click(tab, ".ranked.pages .link", 0)
        page = tab.run("document.querySelector('h1').textContent")
        self.wait(tab, "document.querySelector('.crumbs') && document.querySelector('.main-chart svg path')", "the page's view")
        stats = self.daemon.get(f"/v1/sites/{SITE}/stats", Authorization=f"Bearer {self.daemon.token}")
        self.assertEqual(stats.status, 200)
        self.daemon.hit(SITE, "/tin/cau-moi", 220)
        tab.open(self.url(f"sites/{SITE}#page=%2Ftin%2Fcau-moi"))
        tab.run("location.reload()")
        expected = lambda: (lambda p: [str(p["online"]), f"{p['total']:,}".replace(",", ".")])(self.daemon.stats(SITE, "/tin/cau-moi")["page"])
        self.assertTrue(eventually(lambda: self.figures(tab)[:2] == expected()), (page, self.figures(tab), expected()))
        self.assertTrue(eventually(lambda: any("path=%2Ftin%2Fcau-moi" in query for query in self.series(tab))))
        self.assertTrue(eventually(lambda: self.figures(tab)[2] == expected()[1]), "all of its views are of these thirty days")
        self.daemon.hit(SITE, "/tin/cau-moi", 221)
        self.assertTrue(eventually(lambda: self.figures(tab)[:2] == expected()), "live")
        self.picture(tab, "dashboard-page")
        self.click(tab, ".crumbs .link")
        self.wait(tab, "document.querySelector('.ranked.pages')", "back to the site")
        tab.run("history.back()")
        self.wait(tab, "document.querySelector('.crumbs')", "the browser's own way back")
        self.ended_well(tab)

    def test_lists_are_those_of_the_daemon(self):
        tab = self.loaded(self.tab())
        rows = lambda kind: json.loads(tab.run(f"JSON.stringify([...document.querySelectorAll('.ranked.{kind} tbody tr')].map(r => [...r.cells].map(c => c.textContent)))"))
        top = lambda kind: self.daemon.get(f"/v1/sites/{SITE}/top/{kind}?period=all&limit=8").json["top"]
        numbers = lambda found: [int(row[-1].replace(".", "")) for row in found]
        for kind in ("pages", "referrers", "browsers", "systems", "devices", "events"):
            self.assertTrue(rows(kind), kind)
            self.assertEqual(len(rows(kind)), len(top(kind)), kind)
        self.assertIn(["Máy tính", rows("devices")[0][1]], rows("devices"))
        self.assertEqual(sum(numbers(rows("devices"))), sum(count for _, count in top("devices")))
        online = sum(int(row[1]) for row in rows("pages"))
        self.assertGreater(online, 0, "who is on each page")
        self.choose(tab, "online", ".ranked.pages")
        self.assertTrue(eventually(lambda: rows("pages") and all(row[1] != "0" for row in rows("pages"))))

    # --- what is hostile ---

    def test_hostile_texts_are_shown_as_texts(self):
        tab = self.loaded(self.tab())
        self.click(tab, ".ranked.pages footer button")
        self.assertTrue(eventually(lambda: all(path in tab.run("document.querySelector('.ranked.pages').textContent") for path in HOSTILE)), tab.text(".ranked.pages"))
        self.assertIn(HOSTILE_REFERRER.removeprefix("https://"), tab.text(".ranked.referrers"))
        for name in HOSTILE_EVENTS:
            self.assertIn(name, tab.text(".ranked.events"))
        tab.run(f"[...document.querySelectorAll('.ranked.pages .link')].find(e => e.textContent.includes('onerror')).click()")
        self.wait(tab, "document.querySelector('h1').textContent.includes('onerror')", "a page of this name")
        tab.open(self.url(f"sites/{SITE}#page=%3Cimg%20src%3Dx%20onerror%3D%22window.hurt%3D1%22%3E&period=%3Cb%3E&metric=constructor"))
        tab.run("location.reload()")
        self.wait(tab, "document.querySelector('.crumbs')", "what the address says is text too")
        self.assertIsNone(tab.run("window.hurt"))
        self.assertEqual(tab.run("document.querySelectorAll('main img[src=x], main b b, main script').length"), 0)
        self.ended_well(tab)

    # --- files ---

    def exported(self, tab, panel, kind):
        """What a button of the panel would have saved."""
        tab.run("window.saved = null; URL.createObjectURL = blob => { blob.arrayBuffer().then(b => window.saved = new TextDecoder('utf-8', {ignoreBOM: true}).decode(b)); return 'blob:' + location.origin + '/none'; }; "
                "HTMLAnchorElement.prototype.click = function() { window.savedAs = this.download; }; 0")
        tab.run(f"[...document.querySelectorAll('{panel} button')].find(b => b.textContent === '{kind}').click()")
        self.wait(tab, "window.saved !== null", f"{panel} {kind}")
        return tab.run("window.saved")

    def test_exports_hold_what_is_shown_and_no_formula(self):
        tab = self.loaded(self.tab(f"sites/{SITE}#period=week"))
        text = self.exported(tab, ".ranked.events", "CSV")
        self.assertTrue(text.startswith("\ufeff"))
        rows = list(csv.reader(io.StringIO(text.lstrip("\ufeff"))))
        self.assertEqual(rows[0], ["Sự kiện", "Số lần"])
        cells = [row[0] for row in rows[1:]]
        for name in HOSTILE_EVENTS:
            self.assertIn("'" + name if name[0] in "=+-@" else name, cells)
        told = json.loads(self.exported(tab, ".ranked.events", "JSON"))
        self.assertEqual({row["label"] for row in told["rows"]}, set(HOSTILE_EVENTS))
        self.assertEqual((told["site"], told["dimension"]), (SITE, "events"))
        chart = json.loads(self.exported(tab, ".main-chart", "JSON"))
        self.assertEqual(len(chart["rows"]), 7)
        self.assertRegex(chart["rows"][0]["time"], r"^\d{4}-\d\d-\d\d$")
        self.assertEqual(len(list(csv.reader(io.StringIO(self.exported(tab, ".main-chart", "CSV"))))), 8)
        self.wait(tab, "document.querySelector('.now svg path')", "the last hour")
        self.assertEqual(len(json.loads(self.exported(tab, ".now", "JSON"))["rows"]), 3600)
        self.assertRegex(tab.run("window.savedAs"), r"^tin\.example-online\.json$")

    def test_hours_are_exported_as_times_that_programs_read(self):
        tab = self.loaded(self.tab(f"sites/{SITE}#period=yesterday"))
        day = (datetime.datetime.fromisoformat(self.daemon.stats(SITE)["as_of"]) - datetime.timedelta(days=1)).date().isoformat()
        times = [f"{day}T{hour:02}:00:00+07:00" for hour in range(24)]
        told = lambda: json.loads(self.exported(tab, ".main-chart", "JSON"))["rows"]
        self.assertTrue(eventually(lambda: len(told()) == 24), told())
        self.assertEqual([row["time"] for row in reversed(told())], times)
        cells = list(csv.reader(io.StringIO(self.exported(tab, ".main-chart", "CSV"))))
        self.assertEqual([row[0] for row in reversed(cells[1:])], times)
        tab.run("[...document.querySelectorAll('.main-chart button')].find(b => b.textContent === 'Bảng').click()")
        self.assertNotIn("+07:00", tab.text(".main-chart .scroll"), "people read other times")

    # --- what an owner does with it ---

    def test_the_embed_helper_shows_each_style_as_it_is(self):
        tab = self.loaded(self.tab())
        for style, sign in (("text", 'data-footfall="total"'), ("plain", "<iframe src="), ("badge", ".svg?style=badge"), ("digits", ".svg?style=digits"), ("png", ".png?")):
            self.choose(tab, style, ".gallery")
            code = tab.text(".snippet code")
            self.assertIn(f'<script async src="{self.url("footfall.js")}" data-site="{SITE}"></script>', code)
            self.assertIn(sign, code)
            if ".svg" in sign or ".png" in sign:
                self.wait(tab, "document.querySelector('.preview img')?.naturalWidth > 20", f"{style} is drawn")
            elif style == "plain":
                self.wait(tab, "document.querySelector('.preview iframe')", "the frame")
                frames = lambda: [r["url"] for r in tab.sent() if f"/widget/{SITE}?" in r["url"]]
                self.assertTrue(eventually(frames))
                answer = self.daemon.get(frames()[0][len(self.url("")) - 1:])
                self.assertEqual(answer.status, 200, answer.text)
            else:
                self.assertIn("Tổng lượt truy cập", tab.text(".preview"))
        for place, sign in (("wordpress", "add_action('wp_footer'"), ("html", "<script async"), ("nukeviet", "<script async")):
            self.choose(tab, place, ".snippet")
            self.assertTrue(tab.text(".snippet code").startswith("<?php" if place == "wordpress" else "<script"))
            self.assertIn(sign, tab.text(".snippet code"))
        for word in ("footer_only.tpl", "mobile_default", f"{self.url('').rstrip('/')} vào script-src, frame-src, img-src và connect-src"):
            self.assertIn(word, tab.text(".snippet .notice"))
        self.assertNotIn("data-beat", tab.text(".snippet code"))
        self.choose(tab, "png", ".gallery")
        self.select(tab, ".options .select:nth-child(2) select", "red")
        self.assertIn("color=red", tab.text(".snippet code"))
        self.assertEqual(self.daemon.get(tab.run("document.querySelector('.preview img').src")[len(self.url("")) - 1:]).status, 200)
        tab.run("document.querySelector('.embed-panel').scrollIntoView()")
        self.wait(tab, "[...document.querySelectorAll('.embed-panel img')].every(i => i.naturalWidth > 20)", "every sample is drawn")
        self.picture(tab, "dashboard-embed")
        self.ended_well(tab)

    def test_the_tag_of_a_site_with_a_short_window_says_how_often_to_beat(self):
        site = self.site_with("ngan.example", 1, window_s=15)
        tab = self.tab(f"sites/{site}")
        self.assertIn(f'data-site="{site}" data-beat="5"></script>', tab.text(".snippet code"))

    def test_what_is_to_be_pasted_has_the_scripts_name_here(self):
        with Daemon("--threads", "1", "--base-path", "/so-lieu", "--script-name", "dem") as daemon:
            root = f"http://127.0.0.1:{daemon.port}/so-lieu"
            daemon.add_site(SITE, visibility="full", lang="vi")
            script = f'<script async src="{root}/dem.js" data-site="{SITE}"></script>'
            waiting = self.tab(f"{root}/sites/{SITE}", ready=".waiting")
            self.assertEqual(waiting.text(".waiting code"), script)
            daemon.get(f"/so-lieu/dem?site={SITE}&path=/", User_Agent=FIREFOX)
            tab = self.tab(f"{root}/sites/{SITE}", ready=".snippet code")
            code = tab.text(".snippet code")
            self.assertIn(script, code)
            pixel = re.search(r'<img src="([^"]*)"', code)[1]
            self.assertEqual(pixel, f"{root}/dem.gif?site={SITE}")
            self.choose(tab, "wordpress", ".snippet")
            self.assertIn(script, tab.text(".snippet code"))
            self.assertNotRegex(code + tab.text(".snippet code"), r"footfall\.js|/hit\b")
            for address, kind in ((f"{root}/dem.js", "text/javascript"), (pixel, "image/gif")):
                answer = daemon.get(address[address.index("/so-lieu"):], User_Agent=FIREFOX, Referer=f"https://{SITE}/tin")
                self.assertEqual((answer.status, answer.fields["Content-Type"].split(";")[0]), (200, kind), address)
            self.assertEqual(daemon.get(f"/so-lieu/v1/sites/{SITE}/stats").json["counted"], 2, "the pixel counts")
            self.assertEqual(waiting.uncaught + tab.uncaught, [])

    def test_what_is_waited_for_is_read_out_when_it_changed(self):
        site = "lang.example"
        self.daemon.add_site(site, visibility="full", hosts=[site], lang="en")
        tab = self.tab(f"sites/{site}", ready=".waiting")
        self.wait(tab, "/Content-Security-Policy/.test(document.querySelector('.waiting > [role=status]').textContent)", "what may hold it back")
        tab.run("window.read = 0; new MutationObserver(() => ++window.read).observe(document.querySelector('.waiting > [role=status]'), {childList: true, subtree: true})")
        asked = lambda: len([request for request in tab.sent() if request["url"].endswith("/refusals")])
        before = asked()
        self.assertTrue(eventually(lambda: asked() >= before + 3))
        self.assertEqual(tab.run("window.read"), 0)
        self.daemon.get(f"/hit?site={site}&path=/", Origin="https://other.example", User_Agent=FIREFOX)
        self.assertTrue(eventually(lambda: tab.run("window.read") > 0))

    def test_the_first_hit_is_waited_for_and_what_is_refused_is_told(self):
        site = "moi.example"
        self.daemon.add_site(site, visibility="full", hosts=[site], timezone="Asia/Ho_Chi_Minh", lang="vi")
        tab = self.tab(f"sites/{site}", ready=".waiting")
        self.assertIn(f'data-site="{site}"', tab.text(".waiting code"))
        self.assertEqual(self.daemon.get(f"/hit?site={site}&path=/", Origin="https://<b>sai.example", User_Agent=FIREFOX).fields["Footfall-Rejected"], "origin")
        self.assertEqual(self.daemon.get(f"/hit?site={site}&path=/", Origin="https://www.moi.example", User_Agent=FIREFOX).fields["Footfall-Rejected"], "origin")
        self.wait(tab, "document.querySelector('.waiting .latest')?.textContent.includes('www.moi.example')", "which host it was")
        self.picture(tab, "dashboard-waiting")
        self.assertEqual(self.daemon.get(f"/hit?site={site}&path=/", Origin=f"https://{site}", User_Agent=FIREFOX).status, 204)
        self.wait(tab, "!document.querySelector('.waiting')", "it goes by itself")
        self.assertTrue(eventually(lambda: self.figures(tab)[0] == "1"))
        self.wait(tab, "document.querySelector('.ranked.refused tbody')?.textContent.includes('đến từ tên miền khác')", "and the refused ones are in their list")
        self.ended_well(tab)

    def test_the_keyboard_does_all(self):
        tab = self.loaded(self.tab(lang="en"))
        self.press(tab, "Tab")
        self.assertEqual(tab.run("document.activeElement.className"), "skip")
        self.press(tab, "Enter")
        self.assertEqual(tab.run("document.activeElement.id"), "main")
        tab.run("document.querySelector('.main-chart .chart').focus()")
        said = lambda: tab.run("document.activeElement.getAttribute('aria-valuetext')")
        last = said()
        self.press(tab, "ArrowLeft")
        self.assertNotEqual(said(), last)
        self.assertRegex(said(), r"^\w+, .*: Views: [\d.]+")
        self.press(tab, "Home")
        self.assertEqual(tab.run("document.activeElement.getAttribute('aria-valuenow')"), "0")
        self.press(tab, "End")
        self.assertEqual(said(), last)
        tab.run("document.querySelector('.periods input[value=month]').focus()")
        self.press(tab, "ArrowLeft")
        self.assertTrue(eventually(lambda: "period=week" in tab.run("location.hash")), "a period is chosen with the arrows")
        self.assertEqual(tab.run("document.activeElement.value"), "week", "and the focus stays where it is")
        tab.run("document.querySelector('.ranked.pages .link').focus()")
        self.press(tab, "Enter")
        self.wait(tab, "document.querySelector('.crumbs')", "a page opens with Enter")
        self.assertEqual(tab.run("document.activeElement.tagName"), "H1")

    def test_the_focus_stays_on_the_control_that_was_changed(self):
        """A week is a period, a step and a comparison."""
        tab = self.loaded(self.tab())
        control = lambda: tab.run("document.activeElement.closest('[data-control]')?.dataset.control")
        for name, keys, value in (("compare", ("ArrowDown",), "week"), ("step", ("ArrowDown", "ArrowDown"), "week"), ("compare", ("ArrowDown",), "year")):
            tab.run(f"document.querySelector('[data-control={name}] select').focus()")
            for key in keys:
                self.press(tab, key)
            self.assertTrue(eventually(lambda: f"{name}={value}" in tab.run("location.hash")), tab.run("location.hash"))
            self.assertEqual((control(), tab.run("document.activeElement.value")), (name, value))

    def test_a_date_can_be_typed(self):
        today = datetime.date.fromisoformat(self.daemon.stats(SITE)["as_of"][:10])
        before = lambda days: today - datetime.timedelta(days=days)
        tab = self.loaded(self.tab(f"sites/{SITE}#period=custom&from={before(9)}&to={before(1)}", lang="en"))

        def write(name, day):
            """The digits of month, day and year into the field, as in a browser that is English."""
            tab.run(f"document.querySelector('.periods input[name={name}]').focus(); window.field = document.activeElement")
            for key in day.strftime("%m%d%Y"):
                self.press(tab, key)
            self.assertTrue(tab.run("document.activeElement === field"), "the field was made anew")
            self.assertEqual(tab.run("field.value"), str(day))
        asked = len(self.series(tab))
        write("from", before(20))
        self.assertIn(f"from={before(9)}", tab.run("location.hash"))
        self.assertEqual([query for query in self.series(tab)[asked:] if "from=0" in query], [], "a date that is not whole is not asked for")
        self.press(tab, "Enter")
        self.assertTrue(eventually(lambda: f"from={before(20)}" in tab.run("location.hash")), tab.run("location.hash"))
        self.assertTrue(tab.run("document.activeElement === field"))
        write("to", before(3))
        tab.run("document.activeElement.blur()")
        self.assertTrue(eventually(lambda: f"from={before(20)}&to={before(3)}" in tab.run("location.hash")), tab.run("location.hash"))
        self.assertTrue(eventually(lambda: any(f"from={before(20)}&to={before(3)}" in query for query in self.series(tab))))
        self.ended_well(tab)

    def test_both_languages_and_both_grounds(self):
        tab = self.loaded(self.tab(lang=None))
        self.assertEqual(tab.run("document.documentElement.lang"), "vi", "the site's own language")
        self.select(tab, ".bar .select select", "en")
        self.wait(tab, "document.documentElement.lang === 'en' && document.querySelector('.figure')", "English")
        self.loaded(tab)
        self.assertIn("Online now", tab.text("main"))
        tab.run("document.querySelectorAll('.sample, .preview, code').forEach(e => e.remove())")  # the counter's language is the site's
        self.assertNotRegex(tab.run("document.body.innerText.replace(/Tiếng Việt/g, '')"), "[ăâđêôơưĐ]")
        ground = lambda: tab.run("getComputedStyle(document.body).backgroundColor")
        light = ground()
        self.select(tab, ".bar .select ~ .select select", "dark")
        self.assertNotEqual(ground(), light)
        tab.open(self.url("sites/" + SITE + "?"))
        self.assertNotEqual(ground(), light, "it is remembered")

    def test_nobody_is_shut_out(self):
        """axe-core finds nothing in any view, language and ground, on a desk and on a phone."""
        axe_is_here(self)
        self.site_with("cho.example", 0)
        views = ((f"sites/{SITE}", ".main-chart svg path"), (f"sites/{SITE}#page=%2Ftin%2Fcau-moi", ".main-chart svg path"), (f"sites/{PRIVATE}", "form.login"), ("", ".site-card"),
                 (f"sites/{COUNTER}", ".more"), ("sites/cho.example", ".waiting > [role=status] *"), ("sites/nowhere.example", ".notice.bad"))
        for lang in ("vi", "en"):
            for path, ready in views:
                tab = self.tab(path, lang=lang, ready=ready)
                if path == f"sites/{SITE}":
                    self.loaded(tab)
                    tab.run("[...document.querySelectorAll('button')].filter(b => /^(Bảng|Table)$/.test(b.textContent)).forEach(b => b.click())")
                if not path:
                    tab.run("[...document.querySelectorAll('.bar button')].find(b => /^(Đăng nhập|Sign in)$/.test(b.textContent)).click()")
                for size, dark in ((DESKTOP, lang == "en"), (PHONE_SIZE, lang == "vi")):  # each ground at each size
                    self.look(tab, size, dark)
                    self.assertEqual(shut_out(tab), [], f"{path} {lang} {size} {'dark' if dark else 'light'}")
                tab.close()

    def test_pictures(self):
        """The whole page on a phone, a desk and a wall; nothing is wider than the screen."""
        for lang in ("vi", "en"):
            tab = self.loaded(self.tab(lang=lang))
            for name, size in (("phone", PHONE_SIZE), ("desk", DESKTOP), ("wall", WALL)):
                for dark in (False, True):
                    self.look(tab, size, dark)
                    self.assertLessEqual(tab.run("document.documentElement.scrollWidth"), size[0], name)
                    if name != "wall" or (lang == "en") == dark:  # one in each ground is enough of these
                        self.picture(tab, f"dashboard-{name}-{lang}-{'dark' if dark else 'light'}")
            tab.close()


if __name__ == "__main__":
    main()
