# SPDX-License-Identifier: Apache-2.0
"""The page script, the demo page and the widget in a real browser, on pages of another origin than the daemon's.

The pages are served at one loopback port, the daemon answers at another; the numbers are asked of the daemon, what was
sent is asked of the browser. FOOTFALL_SCREENSHOTS=DIR keeps pictures of what was looked at.
"""
import http.server
import json
import os
import pathlib
import sys
import threading
import time
import unittest
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
import chromium
from chromium import Tab, eventually
from footfall import BROWSER, ROOT, SKIPPED, Daemon

SEED = 41450743
AUTHORS = "đang đếm"  # what the page's author wrote where a number comes
NUMBERS = ("total", "online", "today", "month", "year", "visitors", "peak", "page")


class Pages(http.server.ThreadingHTTPServer):
    """A web server of a site's own: path -> HTML."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.asked.append(self.path)
            page = self.server.pages.get(urllib.parse.unquote(self.path.split("?")[0]))
            body = (page or "").encode()
            self.send_response(200 if page else 404)
            self.send_header("Content-Type", "text/javascript" if self.path.endswith(".js") else "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    def __init__(self):
        super().__init__(("127.0.0.1", 0), self.Handler)
        self.pages = {}
        self.asked = []  # paths, in the order asked for
        self.thread = threading.Thread(target=self.serve_forever, args=(0.05,))
        self.thread.start()

    def close(self):
        self.shutdown()
        self.thread.join()
        self.server_close()

    def put(self, path, html):
        self.pages[path] = html
        return f"http://127.0.0.1:{self.server_port}{path}"


class PageScript(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon("--threads", "2").start()
        cls.addClassCleanup(cls.daemon.close)
        cls.pages = Pages()
        cls.addClassCleanup(cls.pages.close)
        cls.browser = chromium.Browser(BROWSER % 156)
        cls.addClassCleanup(cls.browser.close)

    def site(self, **settings):
        """A site of the test's own that holds the seed page's number."""
        name = self._testMethodName[5:].replace("_", "-")[:40].strip("-") + ".example"
        self.daemon.add_site(name, **{"hosts": ["127.0.0.1"], "timezone": "Asia/Ho_Chi_Minh", "lang": "vi", "grouping": "dot", **settings})
        seeded = self.daemon.admin("POST", f"/v1/admin/sites/{name}/seed", {"total": SEED, "reason": "carried over"})
        self.assertEqual(seeded.status, 200, seeded.text)
        return name

    def url(self, daemon=None):
        return f"http://127.0.0.1:{(daemon or self.daemon).port}"

    def page(self, site, path, script=None, more=""):
        """A page of the site with an element for each number; gives its address."""
        script = script or f'src="{self.url()}/footfall.js"'
        elements = "".join(f'<b data-footfall="{name}">{AUTHORS}</b>' for name in NUMBERS)
        return self.pages.put(path, f'<!doctype html><meta charset="utf-8"><title>{path}</title>'
                                    f'<script async {script} data-site="{site}"></script><body>{elements}{more}')

    def tab(self, **options):
        tab = Tab(self.browser, **options)
        self.addCleanup(tab.close)
        return tab

    def shown(self, tab):
        return {name: tab.text(f'[data-footfall="{name}"]') for name in NUMBERS}

    def expect_shown(self, tab, name, text):
        eventually(lambda: tab.text(f'[data-footfall="{name}"]') == text)
        self.assertEqual(tab.text(f'[data-footfall="{name}"]'), text, name)

    def expect_counted(self, site, counted):
        """So many, and a moment later no more."""
        eventually(lambda: self.daemon.stats(site)["counted"] >= counted)
        time.sleep(0.3)
        self.assertEqual(self.daemon.stats(site)["counted"], counted)

    def pings(self, tab):
        return [json.loads(request["body"]) for request in tab.sent() if request["url"].endswith("/hit") and request["method"] == "POST"]

    def picture(self, tab, name):
        if directory := os.environ.get("FOOTFALL_SCREENSHOTS"):
            tab.screenshot(pathlib.Path(directory) / (name + ".png"))

    def test_a_load_counts_once_and_fills_every_number_in_the_sites_grouping(self):
        site = self.site(visibility="full")
        tab = self.tab().open(self.page(site, "/tin/một"))
        self.expect_shown(tab, "total", "41.450.744")
        self.assertEqual(self.shown(tab), {"total": "41.450.744", "online": "1", "today": "1", "month": "1", "year": "1",
                                           "visitors": "1", "peak": "1", "page": "1"})
        self.expect_counted(site, 1)
        self.assertEqual([(ping["kind"], ping["title"]) for ping in self.pings(tab)], [("pageview", "/tin/một")])
        self.assertEqual(self.daemon.stats(site, "/tin/m%E1%BB%99t")["page"]["total"], 1)
        tab.open(self.page(site, "/tin/một"))
        self.expect_shown(tab, "total", "41.450.745")
        self.expect_shown(tab, "page", "2")
        self.expect_counted(site, 2)

    def test_groupings_and_numbers_beyond_double_are_shown_exactly(self):
        site = self.site(grouping="none")
        tab = self.tab()
        for grouping, text in (("none", "41450744"), ("comma", "41,450,745"), ("space", "41\u00a0450\u00a0746")):
            changed = self.daemon.admin("PUT", f"/v1/admin/sites/{site}", {"grouping": grouping})
            self.assertEqual(changed.status, 200, changed.text)
            tab.open(self.page(site, "/"))
            self.expect_shown(tab, "total", text)
        seeded = self.daemon.admin("POST", f"/v1/admin/sites/{site}/seed", {"total": 2**53 + 2})
        self.assertEqual(seeded.status, 200, seeded.text)
        tab.open(self.page(site, "/"))
        self.expect_shown(tab, "total", "9 007 199 254 740 995".replace(" ", "\u00a0"))

    def test_the_demo_page_shows_both_numbers_at_its_foot(self):
        site = self.site()
        html = (ROOT / "client" / "web" / "demo.html").read_text()
        tab = self.tab().open(self.pages.put("/demo", html.replace("@SITE@", site).replace("@URL@", self.url())))
        self.expect_shown(tab, "total", "41.450.744")
        foot = [line for line in tab.run("document.querySelector('footer').innerText").splitlines() if line]
        self.assertEqual(foot, ["THỐNG KÊ TRUY CẬP", "Tổng số lượt truy cập: 41.450.744", "Số người đang truy cập: 1"])
        links = tab.run("Promise.all([...document.links].map(a => fetch(a.href, {mode: 'no-cors', credentials: 'omit'}).then(() => a.href)))")
        self.assertEqual(len(links), 4)
        for link in links:
            self.assertEqual(self.daemon.get(link[len(self.url()):]).status, 200, link)
        self.picture(tab, "demo")

    def test_no_preflight_and_no_cookie(self):
        site = self.site()
        tab = self.tab().open(self.pages.put("/none", "<p>"))
        tab.run("document.cookie = 'own=1; path=/'")  # ports share a jar: the browser would send it to the daemon too
        tab.open(self.page(site, "/cookies"))
        self.expect_shown(tab, "total", "41.450.744")
        tab.run("footfall.event('signup')")
        eventually(lambda: len(self.pings(tab)) == 2)
        hits = [request for request in tab.sent() if request["url"] == self.url() + "/hit"]
        self.assertEqual([(hit["method"], json.loads(hit["body"])["kind"]) for hit in hits], [("POST", "pageview"), ("POST", "event")])
        self.assertEqual([request["url"] for request in tab.sent() if request["method"] == "OPTIONS" or request["type"] == "Preflight"], [])
        for hit in hits:
            self.assertTrue(eventually(lambda: tab.sent() and hit["id"] in tab.fields), "the fields that went out were not seen")
            fields = tab.fields[hit["id"]]
            self.assertTrue(fields["content-type"].startswith("text/plain"), fields)
            self.assertNotIn("cookie", fields)
            self.assertEqual(tab.cookies[hit["id"]], [])
        jar = self.browser.call("Storage.getCookies", browserContextId=tab.context)["cookies"]
        self.assertEqual([cookie["name"] for cookie in jar], ["own"], "the daemon set one")
        self.assertEqual(tab.run("localStorage.length + sessionStorage.length"), 0)
        # The same looking glass does see a cookie and a preflight where there are some.
        tab.run(f"fetch('{self.url()}/livez', {{credentials: 'include', mode: 'no-cors'}}).catch(() => 0)")
        self.assertTrue(eventually(lambda: tab.sent() and any("cookie" in fields for fields in tab.fields.values())))
        tab.run(f"fetch('{self.url()}/hit', {{method: 'POST', body: '{{}}', headers: {{'Content-Type': 'application/json'}}}}).catch(() => 0)")
        self.assertTrue(eventually(lambda: [r for r in tab.sent() if r["method"] == "OPTIONS"]))

    def test_the_authors_text_stays_where_no_number_is_told(self):
        refused = self.site(hosts=["elsewhere.example"])
        tab = self.tab().open(self.page(refused, "/refused"))
        self.assertTrue(eventually(lambda: self.pings(tab)))
        self.expect_counted(refused, 0)
        self.assertEqual(set(self.shown(tab).values()), {AUTHORS})
        changed = self.daemon.admin("PUT", f"/v1/admin/sites/{refused}", {"hosts": ["127.0.0.1"], "visibility": "private"})
        self.assertEqual(changed.status, 200, changed.text)
        tab.open(self.page(refused, "/private"))
        self.expect_counted(refused, 1)
        self.assertEqual(set(self.shown(tab).values()), {AUTHORS})
        changed = self.daemon.admin("PUT", f"/v1/admin/sites/{refused}", {"visibility": "counter"})
        self.assertEqual(changed.status, 200, changed.text)
        tab.open(self.page(refused, "/counter"))
        self.expect_shown(tab, "total", "41.450.745")

    def test_the_authors_text_stays_while_the_daemon_is_away(self):
        with Daemon("--threads", "1") as daemon:
            daemon.add_site("away.example", hosts=["127.0.0.1"])
            from_daemon = self.page("away.example", "/away", f'src="{self.url(daemon)}/footfall.js"')
            # The script is there, only its pings fail: as when it comes from the browser's cache.
            self.pages.put("/own.js", (ROOT / "client" / "web" / "footfall.js").read_text())
            own = self.page("away.example", "/own", f'src="/own.js" data-hit="{self.url(daemon)}/hit"')
            tab = self.tab().open(from_daemon)
            self.expect_shown(tab, "total", "1")
            tab.open(own)
            self.expect_shown(tab, "total", "2")
            daemon.stop()
            for address in (from_daemon, own):
                sent = len(tab.sent())
                tab.open(address)
                self.assertTrue(eventually(lambda: [r for r in tab.sent()[sent:] if r["url"].startswith(self.url(daemon))]))
                time.sleep(0.5)
                self.assertEqual(set(self.shown(tab).values()), {AUTHORS})
            daemon.start()
            tab.open(own)
            self.expect_shown(tab, "total", "3")

    def test_a_page_that_swaps_its_content_counts_each_new_path_once(self):
        site = self.site(visibility="full")
        tab = self.tab().open(self.page(site, "/spa"))
        self.expect_shown(tab, "total", "41.450.744")
        tab.run("history.replaceState({}, '', location.href)")
        tab.run("history.pushState({}, '', '/spa?page=2#foot')")  # the same path: the same page
        self.expect_counted(site, 1)
        tab.run("history.pushState({}, '', '/spa/two'); document.title = 'Hai'")
        self.expect_shown(tab, "total", "41.450.745")
        self.expect_shown(tab, "page", "1")
        self.expect_counted(site, 2)
        tab.run("history.replaceState({}, '', '/spa/two')")
        self.expect_counted(site, 2)
        tab.run("history.pushState({}, '', '/spa/three'); history.replaceState({}, '', '/spa/four')")
        self.expect_counted(site, 3)
        tab.run("history.go(-1)")
        self.expect_counted(site, 4)
        self.assertEqual([(ping["kind"], ping["path"], ping["title"]) for ping in self.pings(tab)],
                         [("pageview", "/spa", "/spa"), ("pageview", "/spa/two", "Hai"), ("pageview", "/spa/four", "Hai"),
                          ("pageview", "/spa/two", "Hai")])

    def test_a_replaced_address_is_the_same_page_also_when_the_tab_comes_back(self):
        site = self.site()
        tab = self.tab().open(self.page(site, "/scroll"))
        self.expect_shown(tab, "total", "41.450.744")
        front = self.tab(context=tab.context)
        front.call("Page.bringToFront")
        self.assertTrue(eventually(lambda: tab.run("document.visibilityState") == "hidden"))
        tab.run("history.replaceState({}, '', '/scroll/further')")
        tab.call("Page.bringToFront")
        self.expect_counted(site, 1)
        front.call("Page.bringToFront")
        self.assertTrue(eventually(lambda: tab.run("document.visibilityState") == "hidden"))
        tab.run("history.pushState({}, '', '/scroll/next')")
        self.expect_counted(site, 1)
        tab.call("Page.bringToFront")
        self.expect_counted(site, 2)
        self.assertEqual([ping["path"] for ping in self.pings(tab) if ping["kind"] == "pageview"], ["/scroll", "/scroll/next"])

    def test_the_script_twice_counts_once_and_an_element_may_be_called_footfall(self):
        site = self.site()
        tab = self.tab().open(self.page(site, "/named", more='<div id="footfall"></div>'
                                        f'<script src="{self.url()}/footfall.js" data-site="{site}"></script>'))
        self.expect_shown(tab, "total", "41.450.744")
        self.expect_counted(site, 1)
        # The element is there before the script runs.
        tab.open(self.pages.put("/named/first", '<!doctype html><div id="footfall"></div><b data-footfall="total"></b>'
                                                f'<script src="{self.url()}/footfall.js" data-site="{site}"></script>'))
        self.expect_shown(tab, "total", "41.450.745")

    def test_back_from_the_browsers_cache_counts_again(self):
        site = self.site()
        tab = self.tab().open(self.page(site, "/first"))
        self.expect_shown(tab, "total", "41.450.744")
        tab.run("window.kept = true")
        tab.open(self.page(site, "/second"))
        self.expect_shown(tab, "total", "41.450.745")
        tab.run("history.back()")
        self.assertTrue(eventually(lambda: tab.run("location.pathname === '/first' && window.kept === true")), "the page was loaded anew")
        self.expect_shown(tab, "total", "41.450.746")
        self.expect_counted(site, 3)

    def test_a_tab_in_the_background_counts_once_it_is_looked_at(self):
        site = self.site()
        front = self.tab().open(self.page(site, "/front"))
        self.expect_counted(site, 1)
        behind = self.tab(context=front.context, background=True).open(self.page(site, "/behind"))
        self.assertEqual(behind.run("document.visibilityState"), "hidden")
        self.expect_counted(site, 1)
        self.assertEqual(behind.text("[data-footfall=total]"), AUTHORS)
        behind.call("Page.bringToFront")
        self.expect_shown(behind, "total", "41.450.745")
        front.call("Page.bringToFront")
        behind.call("Page.bringToFront")
        self.expect_counted(site, 2)

    def test_a_prerendered_page_counts_once_it_is_shown(self):
        site = self.site()
        following = self.page(site, "/following", more="<script>if (document.prerendering) { fetch('/said/prerendering');"
                              "document.addEventListener('prerenderingchange', () => fetch('/said/shown')); }</script>")
        rules = json.dumps({"prerender": [{"urls": [following], "eagerness": "immediate"}]})
        leaving = f"setInterval(async () => {{ if ((await fetch('/go')).ok) location.href = {json.dumps(following)}; }}, 200)"
        before = self.page(site, "/before", more=f'<script type="speculationrules">{rules}</script><script>{leaving}</script>')
        # A browser that is looked into prerenders nothing: this tab is left alone, and says itself where it is.
        target = self.browser.call("Target.createTarget", url=before)["targetId"]
        self.addCleanup(self.browser.call, "Target.closeTarget", targetId=target)
        self.expect_counted(site, 1)
        if not eventually(lambda: "/said/prerendering" in self.pages.asked, 5):
            self.skipTest("this browser prerenders nothing here")
        time.sleep(0.7)
        self.expect_counted(site, 1)
        self.pages.put("/go", "go")
        self.assertTrue(eventually(lambda: "/said/shown" in self.pages.asked), "the page was loaded anew")
        self.expect_counted(site, 2)

    def test_an_open_tab_stays_online_by_its_beat_and_counts_no_more(self):
        site = self.site(window_s=15)
        tab = self.tab().open(self.page(site, "/read"))
        self.expect_shown(tab, "online", "1")
        # Another reader, who leaves at once: told apart by the agent.
        self.daemon.get(f"/hit?site={site}&path=/read", User_Agent=BROWSER % 99)
        self.assertEqual(self.daemon.stats(site)["online"], 2)
        time.sleep(20)
        stats = self.daemon.stats(site)
        self.assertEqual((stats["online"], stats["counted"]), (1, 2))
        self.expect_shown(tab, "online", "1")
        self.expect_shown(tab, "total", "41.450.745")  # the other one came with a beat
        kinds = [ping["kind"] for ping in self.pings(tab)]
        self.assertEqual(kinds[0], "pageview")
        self.assertEqual(set(kinds[1:]), {"heartbeat"})

    def test_two_browsers_are_two_visitors_and_two_tabs_of_one_are_one(self):
        site = self.site()
        first = self.tab().open(self.page(site, "/a"))
        self.expect_shown(first, "online", "1")
        again = self.tab(context=first.context).open(self.page(site, "/b"))
        self.expect_shown(again, "online", "1")
        other = self.tab(agent="Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0").open(self.page(site, "/a"))
        self.expect_shown(other, "online", "2")
        self.expect_shown(other, "total", "41.450.746")
        stats = self.daemon.stats(site)
        self.assertEqual((stats["online"], stats["counted"]), (2, 3))

    def test_the_widget_renders_both_lines_in_a_frame_of_another_origin(self):
        site = self.site()
        self.daemon.hit(site, "/", 1)
        tab = self.tab().open(self.pages.put("/framed", f'<!doctype html><meta charset="utf-8"><iframe src="{self.url()}/widget/{site}?lang=vi" '
                                                        'width="400" height="120"></iframe>'
                                                        f'<img id="picture" src="{self.url()}/widget/{site}.svg?lang=vi">'))
        tree = tab.call("Page.getFrameTree")["frameTree"]
        self.assertEqual([frame["frame"].get("unreachableUrl") for frame in tree.get("childFrames", [])], [None])
        inside = tab.call("Page.createIsolatedWorld", frameId=tree["childFrames"][0]["frame"]["id"])["executionContextId"]
        text = tab.call("Runtime.evaluate", contextId=inside, expression="document.body.innerText", returnByValue=True)["result"]["value"]
        self.assertEqual([" ".join(line.split()) for line in text.splitlines() if line.strip()],
                         ["THỐNG KÊ TRUY CẬP", "Tổng số lượt truy cập: 41.450.744", "Số người đang truy cập: 1"])
        self.assertTrue(tab.run("document.querySelector('#picture').naturalWidth > 0"))
        self.assertEqual(self.daemon.stats(site)["counted"], 1, "a widget is looked at, it counts nothing")
        self.picture(tab, "widget")


if __name__ == "__main__":
    if not chromium.program():
        print("chromium is not here: skipped (deploy/install-deps.sh --tests brings it)")
        sys.exit(SKIPPED)
    unittest.main(verbosity=2)
