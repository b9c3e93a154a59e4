# SPDX-License-Identifier: Apache-2.0
"""Live numbers on a page: one stream while it is looked at, closer beats where there is none, and room for other pages."""
from chromium import eventually
from site_pages import WINDOW_S, SiteTest, main


class Live(SiteTest):
    def test_live_numbers_come_by_one_stream_while_the_page_is_looked_at(self):
        site = self.site()
        tab = self.tab().open(self.live_page(site, "/live"))
        self.expect_shown(tab, "total", "41.450.744")
        self.assertTrue(eventually(lambda: self.streams(tab) == 1))
        for visitor in range(3):
            self.daemon.hit(site, "/", visitor)
            self.expect_shown(tab, "total", f"41.450.{745 + visitor}", 5)
        self.assertEqual(self.shown(tab)["online"], "4")
        self.assertEqual(self.metric("footfall_live_subscribers"), 1)
        over = self.tab(context=tab.context)
        over.call("Page.bringToFront")
        self.assertTrue(eventually(lambda: self.metric("footfall_live_subscribers") == 0), "a hidden page keeps its stream")
        self.daemon.hit(site, "/", 9)
        tab.call("Page.bringToFront")
        self.expect_shown(tab, "total", "41.450.748", 5)
        self.daemon.hit(site, "/", 10)
        self.expect_shown(tab, "total", "41.450.749", 5)
        self.assertEqual(self.streams(tab), 2)
        # The numbers of the page are of the path that is looked at.
        self.change(site, visibility="full")
        tab.run("history.pushState({}, '', '/live/two')")
        self.expect_shown(tab, "page", "1", 5)
        self.assertTrue(eventually(lambda: self.streams(tab) == 3))
        self.daemon.hit(site, "/live/two", 11)
        self.expect_shown(tab, "page", "2", 5)
        self.assertEqual(self.metric("footfall_live_subscribers"), 1)

    def test_a_page_without_https_is_counted_and_live_too(self):
        site = self.site(hosts=["news.example"])
        address = self.live_page(site, "/plain").replace("127.0.0.1", "news.example")
        tab = self.tab().open(address)
        self.expect_shown(tab, "total", "41.450.744")
        self.assertFalse(tab.run("window.isSecureContext"))
        self.assertTrue(eventually(lambda: self.metric("footfall_live_subscribers") == 1))
        self.daemon.hit(site, "/", 1)
        self.expect_shown(tab, "total", "41.450.745", 5)

    def test_a_stream_that_is_refused_is_replaced_by_closer_beats(self):
        site = self.site(window_s=WINDOW_S)
        self.pages.refused = ["/v1/sites/"]
        clock = "<script>window.ahead_ms = 0; const now = performance.now.bind(performance); performance.now = () => now() + ahead_ms</script>"
        tab = self.tab().open(self.live_page(site, "/refused", script='src="/first-party/footfall.js"', head=clock))
        self.expect_shown(tab, "total", "41.450.744")
        self.assertTrue(eventually(lambda: self.streams(tab) == 1))
        self.daemon.hit(site, "/", 1)
        self.expect_shown(tab, "total", "41.450.745", 7)
        self.assertEqual(self.streams(tab), 1, "it is tried again after 30 s to a minute, not at each beat")
        tab.run("window.ahead_ms = 60000")
        self.assertTrue(eventually(lambda: self.streams(tab) == 2, 7))
        self.assertEqual(tab.uncaught, [])

    def test_a_page_that_is_hidden_for_a_moment_has_its_stream_again(self):
        site = self.site()
        still = "<script>const now = performance.now.bind(performance); performance.now = () => window.still || now()</script>"
        tab = self.tab().open(self.live_page(site, "/moment", head=still))
        self.assertTrue(eventually(lambda: self.streams(tab) == 1))
        self.assertTrue(eventually(lambda: self.metric("footfall_live_subscribers") == 1))
        tab.run("footfall.event('now'), window.still = performance.now()")  # the last ping is less than a second old
        over = self.tab(context=tab.context)
        over.call("Page.bringToFront")
        self.assertTrue(eventually(lambda: tab.run("document.hidden")))
        tab.call("Page.bringToFront")
        self.assertTrue(eventually(lambda: self.streams(tab) == 2, 5), "it waits for the next beat")
        self.assertEqual(self.pings(tab, "heartbeat"), [])

    def test_six_tabs_at_once(self):
        site = self.site()
        first = self.tab().open(self.live_page(site, "/0"))
        tabs = [first] + [self.tab(context=first.context, own_window=True).open(self.live_page(site, f"/{n}")) for n in range(1, 6)]
        self.assertEqual([tab.run("document.visibilityState") for tab in tabs], ["visible"] * 6)
        for tab in tabs:
            self.expect_shown(tab, "online", "1")
        self.expect_counted(site, 6)
        # A browser has six connections to a host, and each stream keeps one: a seventh page still counts at once.
        seventh = self.tab(context=first.context, own_window=True).open(self.live_page(site, "/6"))
        self.expect_shown(seventh, "total", "41.450.750", 5)
        self.expect_counted(site, 7)
        self.assertTrue(eventually(lambda: self.metric("footfall_live_subscribers") == 4))
        self.daemon.hit(site, "/", 1)
        self.assertTrue(eventually(lambda: [tab.text("[data-footfall=total]") for tab in tabs].count("41.450.751") >= 4, 5))
        for tab in tabs + [seventh]:  # those without a stream come to know it by their beats
            self.expect_shown(tab, "total", "41.450.751", 12)
            self.assertEqual(tab.text("[data-footfall=online]"), "2")
        tabs[0].close()  # its place is taken by another when that tries again
        self.assertTrue(eventually(lambda: self.metric("footfall_live_subscribers") == 3))


if __name__ == "__main__":
    main()
