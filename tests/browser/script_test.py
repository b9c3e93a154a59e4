# SPDX-License-Identifier: Apache-2.0
"""The page scripts, the demo page and the widget in a real browser, on pages of another origin than the daemon's.

The pages are served at one loopback port, the daemon answers at another; the numbers are asked of the daemon, what was
sent is asked of the browser. FOOTFALL_SCREENSHOTS=DIR keeps pictures of what was looked at. What keeps somebody online is
in presence_test.py, live numbers in live_test.py, what a page's policy forbids in policy_test.py.
"""
import json
import time

from chromium import eventually
from site_pages import AUTHORS, BROWSER, LIVE, ROOT, Daemon, SiteTest, axe_is_here, main, shut_out


class PageScript(SiteTest):
    def test_a_load_counts_once_and_fills_every_number_in_the_sites_grouping(self):
        site = self.site(visibility="full")
        tab = self.tab().open(self.page(site, "/tin/một"))
        self.expect_shown(tab, "total", "41.450.744")
        self.assertEqual(self.shown(tab), {"total": "41.450.744", "online": "1", "today": "1", "month": "1", "year": "1",
                                           "visitors": "1", "peak": "1", "page": "1"})
        self.expect_counted(site, 1)
        self.assertEqual([(ping["kind"], ping["path"]) for ping in self.pings(tab)], [("pageview", "/tin/m%E1%BB%99t")])
        self.assertEqual(self.daemon.stats(site, "/tin/m%E1%BB%99t")["page"]["total"], 1)
        tab.open(self.page(site, "/tin/một"))
        self.expect_shown(tab, "total", "41.450.745")
        self.expect_shown(tab, "page", "2")
        self.expect_counted(site, 2)

    def test_groupings_and_numbers_beyond_double_are_shown_exactly(self):
        site = self.site(grouping="none")
        tab = self.tab()
        for grouping, text in (("none", "41450744"), ("comma", "41,450,745"), ("space", "41\u00a0450\u00a0746")):
            self.change(site, grouping=grouping)
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
        foot = [line for line in tab.run("document.querySelector('#thong-ke').innerText").splitlines() if line]
        self.assertEqual(foot, ["THỐNG KÊ TRUY CẬP", "Tổng số lượt truy cập: 41.450.744", "Số người đang truy cập: 1"])
        links = tab.run("Promise.all([...document.links].map(a => fetch(a.href, {mode: 'no-cors', credentials: 'omit'}).then(() => a.href)))")
        there = [link for link in links if link.startswith(self.url())]
        self.assertEqual(len(there), 5)
        self.assertIn(f"{self.url()}/sites/{site}", there)
        for link in there:
            self.assertEqual(self.daemon.get(link[len(self.url()):]).status, 200, link)
        self.assertEqual([link for link in links if link not in there and not tab.run(f"!!document.getElementById({link.partition('#')[2]!r})")], [])
        # Each way to embed it is there, and a phone shows it without scrolling to the side.
        self.assertEqual(tab.run("[...document.images].map(i => i.complete && i.naturalWidth > 50)"), [True] * 4)
        self.assertTrue(eventually(lambda: len([r for r in tab.sent() if r["type"] == "Document" and "/widget/" in r["url"]]) == 1))
        self.daemon.hit(site, "/", 1)
        self.expect_shown(tab, "total", "41.450.745", 5)
        self.picture(tab, "demo")
        tab.call("Emulation.setDeviceMetricsOverride", width=360, height=740, deviceScaleFactor=2, mobile=True)
        self.assertLessEqual(tab.run("document.documentElement.scrollWidth"), 360)
        self.picture(tab, "demo-phone")

    def test_the_demo_page_shuts_nobody_out(self):
        axe_is_here(self)
        site = self.site()
        html = (ROOT / "client" / "web" / "demo.html").read_text()
        tab = self.tab().open(self.pages.put("/demo/axe", html.replace("@SITE@", site).replace("@URL@", self.url())))
        self.expect_shown(tab, "total", "41.450.744")
        for width, theme in ((1200, "light"), (1200, "dark"), (360, "light")):
            tab.call("Emulation.setDeviceMetricsOverride", width=width, height=740, deviceScaleFactor=1, mobile=width < 600)
            tab.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": theme}])
            self.assertEqual(shut_out(tab), [], f"{width} {theme}")

    def test_an_older_answer_does_not_overwrite_a_newer_number(self):
        site = self.site()
        holds = "<script>const ask = fetch; window.held = []; window.fetch = (...asked) => ask(...asked).then(answer => window.hold ? new Promise(go => held.push(() => go(answer))) : answer)</script>"
        tab = self.tab().open(self.page(site, "/late", head=holds))
        self.expect_shown(tab, "total", "41.450.744")
        tab.run("window.hold = true; footfall.event('early')")
        self.assertTrue(eventually(lambda: tab.run("held.length") == 1))
        self.daemon.hit(site, "/", 1)
        tab.run("window.hold = false; footfall.event('later')")
        self.expect_shown(tab, "total", "41.450.745")
        tab.run("held[0](), new Promise(done => setTimeout(done, 200))")
        self.assertEqual((self.shown(tab)["total"], self.shown(tab)["online"]), ("41.450.745", "2"))

    def test_no_preflight_and_no_cookie(self):
        site = self.site()
        tab = self.tab().open(self.pages.put("/none", "<p>"))
        tab.run("document.cookie = 'own=1; path=/'")  # ports share a jar: the browser would send it to the daemon too
        tab.open(self.page(site, "/cookies"))
        self.expect_shown(tab, "total", "41.450.744")
        tab.run("footfall.event('signup')")
        eventually(lambda: len(self.pings(tab)) == 2)
        hits = [request for request in tab.sent() if request["url"].startswith(self.url() + "/hit?")]
        self.assertEqual([hit["method"] for hit in hits], ["POST", "POST"])
        self.assertEqual([ping["kind"] for ping in self.pings(tab)], ["pageview", "event"])
        self.assertEqual([request["url"] for request in tab.sent() if request["method"] == "OPTIONS" or request["type"] == "Preflight"], [])
        for hit in hits:
            self.assertTrue(eventually(lambda: tab.sent() and hit["id"] in tab.fields), "the fields that went out were not seen")
            fields = tab.fields[hit["id"]]
            self.assertNotIn("content-type", fields)
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
        self.change(refused, hosts=["127.0.0.1"], visibility="private")
        tab.open(self.page(refused, "/private"))
        self.expect_counted(refused, 1)
        self.assertEqual(set(self.shown(tab).values()), {AUTHORS})
        self.change(refused, visibility="counter")
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
        tab.run("history.pushState({}, '', '/spa/index.html?page=2#foot')")  # the same path, as the daemon spells it: the same page
        self.expect_counted(site, 1)
        tab.run("history.pushState({}, '', '/spa/two')")
        self.expect_shown(tab, "total", "41.450.745")
        self.expect_shown(tab, "page", "1")
        self.expect_counted(site, 2)
        tab.run("history.replaceState({}, '', '/spa/two')")
        self.expect_counted(site, 2)
        tab.run("history.pushState({}, '', '/spa/three'); history.replaceState({}, '', '/spa/four')")
        self.expect_counted(site, 3)
        tab.run("history.go(-1)")
        self.expect_counted(site, 4)
        tab.run("history.replaceState({}, '', '/spa/five')")
        self.expect_counted(site, 5)
        self.assertEqual([(ping["kind"], ping["path"]) for ping in self.pings(tab)],
                         [("pageview", path) for path in ("/spa", "/spa/two", "/spa/four", "/spa/two", "/spa/five")])

    def test_with_data_hash_a_route_behind_the_hash_is_a_path(self):
        site = self.site(visibility="full")
        tab = self.tab().open(self.page(site, "/app/", script=f'src="{self.url()}/footfall.js" data-hash'))
        self.expect_shown(tab, "total", "41.450.744")
        tab.run("location.hash = '#/'")  # as routers do when they start
        tab.run("location.hash = '#chapter'")
        self.expect_counted(site, 1)
        tab.run("location.hash = '#/tin/mot?page=1'")
        self.expect_counted(site, 2)
        tab.run("location.hash = '#/tin/mot?page=2'")
        self.expect_counted(site, 2)
        tab.run("history.pushState({}, '', '#!/tin/hai/')")
        self.expect_counted(site, 3)
        tab.run("history.back()")
        self.expect_counted(site, 4)
        self.assertEqual([ping["path"] for ping in self.pings(tab)], ["/app", "/app/tin/mot", "/app/tin/hai", "/app/tin/mot"])
        # Without it what stands behind the hash is a place on the page.
        tab.open(self.page(site, "/plain"))
        tab.run("location.hash = '#/tin'")
        self.expect_counted(site, 5)

    def test_where_a_hidden_page_went_counts_when_it_is_shown(self):
        site = self.site()
        tab = self.tab().open(self.page(site, "/scroll"))
        self.expect_shown(tab, "total", "41.450.744")
        front = self.tab(context=tab.context)
        front.call("Page.bringToFront")
        self.assertTrue(eventually(lambda: tab.run("document.visibilityState") == "hidden"))
        tab.run("history.replaceState({}, '', '/scroll/further'); history.pushState({}, '', '/scroll/next')")
        self.expect_counted(site, 1)
        tab.call("Page.bringToFront")
        self.expect_counted(site, 2)
        self.assertEqual([ping["path"] for ping in self.pings(tab, "pageview")], ["/scroll", "/scroll/next"])

    def test_the_campaign_goes_along_and_no_other_query(self):
        site = self.site()
        before = self.page(site, "/from", more="<a id=to>x</a>", script='src="data:,"', fields={"Referrer_Policy": "unsafe-url"})
        to = self.page(site, "/to") + "?email=an@example.vn&utm_campaign=t%E1%BA%BFt+2027&x=1#foot"
        tab = self.tab().open(before + "?secret=1")
        tab.run(f"document.querySelector('#to').href = {json.dumps(to)}; document.querySelector('#to').click()")
        self.expect_shown(tab, "total", "41.450.744")
        ping, = self.pings(tab)
        self.assertEqual((ping["path"], ping["ref"]), ("/to?utm_campaign=t%E1%BA%BFt+2027", before))
        self.assertEqual(self.daemon.pages(site)["pages"][0]["path"], "/to")

    def test_renamed_and_behind_the_sites_own_address_it_finds_its_way(self):
        site = self.site()
        tab = self.tab().open(self.page(site, "/own", script='src="/first-party/footfall.js"'))
        self.expect_shown(tab, "total", "41.450.744")
        self.assertEqual({request["url"].split("/")[2] for request in tab.sent() if not request["url"].startswith("data:")}, {self.pages.url[7:]})
        self.pages.renamed = {"/dem.js": "/footfall.js", "/dem": "/hit"}  # by the site's proxy
        tab.open(self.page(site, "/own/too", script='src="/first-party/dem.js?v=2"'))
        self.expect_shown(tab, "total", "41.450.745")
        self.assertIn("/first-party/dem?", self.pages.asked[-1])
        tab.open(self.page(site, "/own/three", script='src="/first-party/dem.js" data-hit="hit"'))
        self.expect_shown(tab, "total", "41.450.746")
        with Daemon("--threads", "1", "--base-path", "/so-lieu", "--script-name", "dem") as daemon:  # by the daemon
            daemon.add_site(site, hosts=["127.0.0.1"])
            tab.open(self.page(site, "/dem", script=f'src="{self.url(daemon)}/so-lieu/dem.js"'))
            self.expect_shown(tab, "total", "1")
            self.assertTrue(tab.sent()[-1]["url"].startswith(self.url(daemon) + "/so-lieu/dem?"))

    def test_numbers_that_have_no_name_of_their_own_and_programs_that_want_them(self):
        site = self.site(visibility="full")
        tab = self.tab().open(self.page(site, "/more", more="".join(
            f'<i data-footfall="{name}">{AUTHORS}</i>' for name in ("yesterday.hits", "page.online", "peak_today.online", "site", "as_of", "nothing.at.all"))
            + "<script>addEventListener('footfall', () => window.told = footfall.text('total'))</script>"))
        self.expect_shown(tab, "total", "41.450.744")
        self.assertEqual([tab.text(f'i[data-footfall="{name}"]') for name in ("yesterday.hits", "page.online", "peak_today.online")], ["0", "1", "1"])
        self.assertEqual([tab.text(f'i[data-footfall="{name}"]') for name in ("site", "as_of", "nothing.at.all")], [AUTHORS] * 3)
        self.assertEqual(tab.run("window.told"), "41.450.744")
        self.assertEqual(tab.uncaught, [])

    def test_a_screen_reader_is_told_no_numbers_unless_the_author_asks_for_it(self):
        site = self.site()
        tab = self.tab().open(self.page(site, "/heard", more='<output data-footfall="total" id="off"></output>'
                                        '<b data-footfall="total" id="on" aria-live="polite"></b><b id="none"></b>'))
        self.expect_shown(tab, "total", "41.450.744")
        self.assertEqual(tab.run("['off', 'on', 'none'].map(id => document.getElementById(id).getAttribute('aria-live'))"), ["off", "polite", None])
        self.assertEqual(tab.run("document.querySelector('#on').lang"), "vi")

    def test_themes_of_other_counters_are_filled(self):
        site = self.site(visibility="full")
        ids = [f"{maker}_value_{name}" for maker in ("busuanzi", "vercount") for name in ("site_pv", "page_pv", "site_uv")]
        theme = "".join(f'<span id="{id.replace("value", "container")}" style="display:none">(<span id="{id}">{AUTHORS}</span>)</span>' for id in ids)
        tab = self.tab().open(self.pages.put("/theme", f'<!doctype html><script async src="{self.url()}/themes.js" data-site="{site}"></script>{theme}'
                                                       '<span id="busuanzi_site_pv"></span>'))
        self.assertTrue(eventually(lambda: tab.text("#vercount_value_site_pv") == "41.450.744"))
        self.assertEqual([tab.text("#" + id) for id in ids], ["41.450.744", "1", "1"] * 2)
        self.assertEqual(tab.text("#busuanzi_site_pv"), "41.450.744")
        self.assertEqual(tab.run("[...document.querySelectorAll('[id*=container]')].map(e => e.style.display)"), ["inline"] * 6)
        self.expect_counted(site, 1)
        # Beside the page script, in either order; and a counter that tells no more than the total.
        self.change(site, visibility="counter")
        for first, second in (("footfall", "themes"), ("themes", "footfall")):
            scripts = "".join(f'<script src="{self.url()}/{name}.js" data-site="{site}"></script>' for name in (first, second))
            counted = self.daemon.stats(site)["counted"]
            tab.open(self.pages.put(f"/theme/{first}", f"<!doctype html>{scripts}{theme}"))
            self.assertTrue(eventually(lambda: tab.text("#busuanzi_value_site_pv") == f"41.450.{744 + counted}"), first)
            self.assertEqual(tab.text("#busuanzi_value_page_pv"), AUTHORS)
            self.assertEqual(tab.run("document.querySelector('#busuanzi_container_page_pv').style.display"), "none")
            self.expect_counted(site, counted + 1)
        self.assertEqual(tab.uncaught, [])

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
        tab = self.tab().open(self.page(site, "/first", more=LIVE))
        self.expect_shown(tab, "total", "41.450.744")
        self.assertTrue(eventually(lambda: self.streams(tab) == 1), "an open stream keeps a page out of the cache")
        tab.run("window.kept = true")
        tab.open(self.page(site, "/second"))
        self.expect_shown(tab, "total", "41.450.745")
        tab.run("history.back()")
        self.assertTrue(eventually(lambda: tab.run("location.pathname === '/first' && window.kept === true")), "the page was loaded anew")
        self.expect_shown(tab, "total", "41.450.746")
        self.expect_counted(site, 3)
        self.daemon.hit(site, "/", 3)
        self.expect_shown(tab, "total", "41.450.747", 5)

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
    main()
