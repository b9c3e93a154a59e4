# SPDX-License-Identifier: Apache-2.0
"""Who is online, and the live numbers, in real browsers: an open visible tab stays, a closed or a hidden one goes."""
import time

from chromium import eventually
from site_pages import FIREFOX, LIVE, SAFARI, SiteTest, main

WINDOW_S = 15  # the shortest that there is; beats are 5 s apart


class Presence(SiteTest):
    def live_page(self, site, path, **options):
        return self.page(site, path, more=LIVE, **options)

    def test_who_is_online_by_open_closed_and_hidden_tabs(self):
        site = self.site(window_s=WINDOW_S)
        stays = self.tab().open(self.page(site, "/a"))
        beside = self.tab(context=stays.context, own_window=True).open(self.page(site, "/b"))  # two tabs of one browser are one visitor
        self.expect_shown(beside, "online", "1")
        closes = self.tab(agent=FIREFOX).open(self.page(site, "/a"))
        self.expect_shown(closes, "online", "2")
        hides = self.tab(agent=SAFARI).open(self.page(site, "/a"))
        self.expect_shown(hides, "online", "3")
        self.expect_shown(hides, "total", "41.450.747")
        self.assertEqual((self.daemon.stats(site)["online"], self.daemon.stats(site)["counted"]), (3, 4))
        beside.close()
        closes.close()
        over = self.tab(context=hides.context)
        over.call("Page.bringToFront")
        self.assertTrue(eventually(lambda: hides.run("document.visibilityState") == "hidden"))
        since = time.monotonic()
        self.assertTrue(eventually(lambda: self.daemon.stats(site)["online"] == 1, WINDOW_S + 2))
        self.expect_shown(stays, "online", "1")
        # The hidden one said nothing, and says that it is there at once when it is shown.
        sent = len(self.pings(hides))
        self.assertEqual([ping["kind"] for ping in self.pings(hides)][:1], ["pageview"])
        hides.call("Page.bringToFront")
        self.assertTrue(eventually(lambda: self.daemon.stats(site)["online"] == 2, 2))
        self.assertEqual([ping["kind"] for ping in self.pings(hides)[sent:]], ["heartbeat"])
        over.call("Page.bringToFront")
        time.sleep(max(0, since + 2 * WINDOW_S + 1 - time.monotonic()))
        stats = self.daemon.stats(site)
        self.assertGreaterEqual(stats["online"], 1, "two windows later the open tab is still there")
        self.assertEqual(stats["counted"], 4)
        kinds = [ping["kind"] for ping in self.pings(stays)]
        self.assertEqual((kinds[0], set(kinds[1:])), ("pageview", {"heartbeat"}))
        self.assertIn(len(kinds), range(6, 10), "a beat each 5 s")

    def test_live_numbers_come_by_one_stream_while_the_page_is_looked_at(self):
        site = self.site()
        tab = self.tab().open(self.live_page(site, "/live"))
        self.expect_shown(tab, "total", "41.450.744")
        self.assertTrue(eventually(lambda: self.streams(tab) == 1))
        for visitor in range(3):
            self.daemon.hit(site, "/", visitor)
            self.expect_shown(tab, "total", f"41.450.{745 + visitor}", 2)
        self.assertEqual(self.shown(tab)["online"], "4")
        self.assertEqual(self.metric("footfall_live_subscribers"), 1)
        over = self.tab(context=tab.context)
        over.call("Page.bringToFront")
        self.assertTrue(eventually(lambda: self.metric("footfall_live_subscribers") == 0), "a hidden page keeps its stream")
        self.daemon.hit(site, "/", 9)
        tab.call("Page.bringToFront")
        self.expect_shown(tab, "total", "41.450.748", 2)
        self.daemon.hit(site, "/", 10)
        self.expect_shown(tab, "total", "41.450.749", 2)
        self.assertEqual(self.streams(tab), 2)
        tab.run("history.pushState({}, '', '/live/two')")  # goes on with the same: no number of a page is shown
        self.expect_shown(tab, "total", "41.450.750", 2)

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

    def test_a_page_without_https_is_counted_and_live_too(self):
        site = self.site(hosts=["news.example"])
        address = self.live_page(site, "/plain").replace("127.0.0.1", "news.example")
        tab = self.tab().open(address)
        self.expect_shown(tab, "total", "41.450.744")
        self.assertFalse(tab.run("window.isSecureContext"))
        self.assertTrue(eventually(lambda: self.metric("footfall_live_subscribers") == 1))
        self.daemon.hit(site, "/", 1)
        self.expect_shown(tab, "total", "41.450.745", 2)

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
        self.expect_shown(seventh, "total", "41.450.750", 3)
        self.expect_counted(site, 7)
        self.assertTrue(eventually(lambda: self.metric("footfall_live_subscribers") == 4))
        self.daemon.hit(site, "/", 1)
        self.assertTrue(eventually(lambda: [tab.text("[data-footfall=total]") for tab in tabs].count("41.450.751") >= 4, 3))
        for tab in tabs + [seventh]:  # those without a stream come to know it by their beats
            self.expect_shown(tab, "total", "41.450.751", 12)
            self.assertEqual(tab.text("[data-footfall=online]"), "2")
        tabs[0].close()  # its place is taken by another when that tries again
        self.assertTrue(eventually(lambda: self.metric("footfall_live_subscribers") == 3))


if __name__ == "__main__":
    main()
