# SPDX-License-Identifier: Apache-2.0
"""Who is online, in real browsers: an open visible tab stays, a closed or a hidden one goes, a crowd comes and goes."""
import time

from chromium import eventually
from site_pages import FIREFOX, SAFARI, SEED, WINDOW_S, SiteTest, grouped, main


class Presence(SiteTest):
    def test_who_is_online_by_open_closed_and_hidden_tabs(self):
        site = self.site(window_s=WINDOW_S)
        opened = time.monotonic()
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
        self.assertTrue(eventually(lambda: self.daemon.stats(site)["online"] == 2, 4))
        self.assertEqual([ping["kind"] for ping in self.pings(hides)[sent:]], ["heartbeat"])
        over.call("Page.bringToFront")
        time.sleep(max(0, since + 2 * WINDOW_S + 1 - time.monotonic()))
        stats = self.daemon.stats(site)
        self.assertGreaterEqual(stats["online"], 1, "two windows later the open tab is still there")
        self.assertEqual(stats["counted"], 4)
        kinds = [ping["kind"] for ping in self.pings(stays)]
        self.assertEqual((kinds[0], set(kinds[1:])), ("pageview", {"heartbeat"}))
        beats = (time.monotonic() - opened) / 5
        self.assertTrue(beats * 0.8 - 2 < len(kinds) - 1 < beats * 1.06 + 1, f"{len(kinds) - 1} beats where {beats} were due")

    def test_a_thousand_visitors_come_and_go(self):
        site = self.site(window_s=WINDOW_S)
        tab = self.tab().open(self.live_page(site, "/crowd"))
        self.assertTrue(eventually(lambda: self.streams(tab) == 1))

        def shown():
            return tab.text("[data-footfall=total]"), tab.text("[data-footfall=online]")

        for wave in range(4):
            requests = "".join(f"GET /hit?site={site}&path=/{n % 9} HTTP/1.1\r\nHost: x\r\nUser-Agent: {SAFARI}\r\nX-Forwarded-For: 10.{wave}.0.{n}\r\n"
                               + ("Connection: close\r\n" if n == 249 else "") + "\r\n" for n in range(250))
            self.assertEqual(self.daemon.raw(requests.encode()).count(b"HTTP/1.1 204"), 250)
            # Numbers of one moment, and right when nothing comes any more.
            came = 250 * (wave + 1)
            expected = grouped(SEED + 1 + came), grouped(1 + came)
            eventually(lambda: shown() == expected, 5)
            self.assertEqual([shown() for _ in range(5)], [expected] * 5)
        self.assertTrue(eventually(lambda: shown() == (grouped(SEED + 1001), "1"), WINDOW_S + 4), shown())
        self.assertEqual((self.daemon.stats(site)["online"], self.daemon.stats(site)["counted"]), (1, 1001))


if __name__ == "__main__":
    main()
