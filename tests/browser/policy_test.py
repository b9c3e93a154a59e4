# SPDX-License-Identifier: Apache-2.0
"""The page script under what a page forbids: Content-Security-Policy in each variant, no script, other isolation.

Whatever is forbidden, a view counts once or not at all, nothing is thrown, and the author's text stays where no number
can be read. client/web/README.md says which directives are needed.
"""
import time

from chromium import eventually
from site_pages import AUTHORS, LIVE, WINDOW_S, SiteTest, main

NONCE = "Zm9vdGZhbGw"
# Records what the page's policy stopped: [directive, address]. Allowed by the nonce.
WATCH = (f'<script nonce="{NONCE}">window.stopped = []; document.addEventListener("securitypolicyviolation", event =>'
         'stopped.push([event.disposition, event.effectiveDirective, event.blockedURI.split("?")[0]]))</script>')


class Policy(SiteTest):
    def open(self, site, path, policy, **options):
        """A tab with a page under a policy in which URL stands for the daemon."""
        options["fields"] = {"Content_Security_Policy": self.fill(policy), **options.get("fields", {})}
        return self.tab().open(self.page(site, path, head=WATCH + options.pop("head", ""), **options))

    def fill(self, policy):
        return policy.replace("URL", self.url()).replace("NONCE", f"'nonce-{NONCE}'")

    def stopped(self, tab):
        return tab.run("window.stopped")

    def hide_and_show(self, tab):
        over = self.tab(context=tab.context)
        over.call("Page.bringToFront")
        self.assertTrue(eventually(lambda: tab.run("document.visibilityState") == "hidden"))
        time.sleep(1)  # it had said that it is there
        tab.call("Page.bringToFront")

    def test_what_the_readme_says_is_enough(self):
        site = self.site()
        tab = self.open(site, "/enough", "default-src 'none'; script-src NONCE URL; connect-src URL", more=LIVE)
        self.expect_shown(tab, "total", "41.450.744")
        self.assertTrue(eventually(lambda: self.metric("footfall_live_subscribers") == 1))
        self.expect_counted(site, 1)
        self.assertEqual([line for line in self.stopped(tab) if "data" not in line[2]], [])
        self.assertEqual(tab.uncaught, [])

    def test_from_the_sites_own_address_self_is_enough(self):
        site = self.site()
        tab = self.open(site, "/self", "default-src 'self'; script-src 'self' NONCE", script='src="/first-party/footfall.js"')
        self.expect_shown(tab, "total", "41.450.744")
        self.expect_counted(site, 1)

    def test_a_nonce_and_trusted_types_are_enough(self):
        site = self.site(visibility="full")
        policy = "default-src 'none'; script-src NONCE 'strict-dynamic'; connect-src URL"
        tab = self.open(site, "/nonce", policy + "; require-trusted-types-for 'script'", script=f'src="{self.url()}/footfall.js" nonce="{NONCE}"')
        self.expect_shown(tab, "total", "41.450.744")
        tab = self.open(site, "/nonce/themes", policy, script=f'src="{self.url()}/themes.js" nonce="{NONCE}"', more='<i id="busuanzi_value_page_pv"></i>')
        self.assertTrue(eventually(lambda: tab.text("#busuanzi_value_page_pv") == "1"))
        self.expect_counted(site, 2)

    def test_where_connections_are_forbidden_images_count_once(self):
        site = self.site()
        images = "default-src 'none'; script-src NONCE URL; img-src URL"
        tab = self.open(site, "/images", images)
        self.expect_counted(site, 1)
        tab.run("footfall.event('signup'); history.pushState({}, '', '/images/two')")
        self.expect_counted(site, 2)
        self.hide_and_show(tab)
        self.assertTrue(eventually(lambda: self.pings(tab, "heartbeat")))
        self.hide_and_show(tab)
        self.assertTrue(eventually(lambda: len(self.pings(tab, "heartbeat")) == 2), "a picture was taken from the cache")
        self.assertEqual([(ping["kind"], ping["path"]) for ping in self.pings(tab) if ping["by"] == "Image"],
                         [("pageview", "/images"), ("event", "/images"), ("pageview", "/images/two"), ("heartbeat", "/images/two"),
                          ("heartbeat", "/images/two")])
        self.assertEqual([line for line in self.stopped(tab) if "data" not in line[2]], [["enforce", "connect-src", self.url() + "/hit"]])
        self.assertEqual(set(self.shown(tab).values()), {AUTHORS})
        self.assertEqual(tab.uncaught, [])
        self.assertEqual(self.metric("footfall_ping_unknown_keys_total"), 0)

    def test_two_policies_that_forbid_the_same_count_once(self):
        site = self.site()
        tab = self.open(site, "/both", "connect-src 'self'", head='<meta http-equiv="Content-Security-Policy" content="connect-src \'none\'">')
        self.expect_counted(site, 1)
        self.assertEqual(len(self.stopped(tab)), 2)
        # Two at once, before the first answer of the browser.
        tab = self.open(site, "/at/once", "connect-src 'self'", more=f'<script src="{self.url()}/footfall.js" data-site="{site}"></script>'
                        "<script>footfall.event('a'); footfall.event('b')</script>")
        self.expect_counted(site, 2)
        self.assertEqual([ping.get("name") for ping in self.pings(tab) if ping["by"] == "Image"], [None, "a", "b"])

    def test_a_policy_that_only_reports_changes_nothing(self):
        site = self.site()
        tab = self.open(site, "/reports", "default-src *; script-src NONCE URL",
                        fields={"Content_Security_Policy_Report_Only": "default-src 'none'; script-src 'unsafe-inline' *"})
        self.expect_shown(tab, "total", "41.450.744")
        self.expect_counted(site, 1)
        self.assertIn(["report", "connect-src", self.url() + "/hit"], self.stopped(tab))
        self.assertEqual([ping["by"] for ping in self.pings(tab)], ["Fetch"])

    def test_where_all_is_forbidden_the_page_is_unharmed(self):
        site = self.site()
        tab = self.open(site, "/nothing", "default-src 'none'; script-src NONCE URL", more=LIVE)
        self.assertTrue(eventually(lambda: len(self.stopped(tab)) >= 2))
        self.hide_and_show(tab)
        time.sleep(0.3)
        self.assertEqual([line[1:] for line in self.stopped(tab) if "data" not in line[2]],
                         [["connect-src", self.url() + "/hit"], ["img-src", self.url() + "/hit.gif"]], "it goes on trying")
        tab.run("footfall.event('more')")
        self.expect_counted(site, 0)
        self.assertEqual(set(self.shown(tab).values()), {AUTHORS})
        self.assertEqual(tab.uncaught, [])

    def test_a_script_that_is_blocked_or_broken_off_leaves_the_page_as_it_is(self):
        site = self.site()
        tab = self.open(site, "/blocked", "script-src NONCE")  # by the policy
        self.assertEqual([line[1:] for line in self.stopped(tab)], [["script-src-elem", self.url() + "/footfall.js"]])
        self.assertEqual(set(self.shown(tab).values()), {AUTHORS})
        tab = self.tab()  # by a blocker
        tab.call("Network.setBlockedURLs", urls=["*footfall.js*"])
        tab.open(self.page(site, "/blocker"))
        self.assertEqual(set(self.shown(tab).values()), {AUTHORS})
        tab.call("Network.setBlockedURLs", urls=["*/hit*"])
        tab.open(self.page(site, "/blocker/of/pings"))
        self.assertTrue(eventually(lambda: self.pings(tab)))
        self.expect_counted(site, 0)
        self.assertEqual(set(self.shown(tab).values()), {AUTHORS})
        self.assertEqual([ping["by"] for ping in self.pings(tab)], ["Fetch"], "a request that failed is not told again")
        self.assertEqual(tab.uncaught, [])

    def test_without_fetch_beacons_count_and_outlive_the_page(self):
        site = self.site()
        tab = self.tab().open(self.page(site, "/old", head="<script>window.fetch = undefined</script>"))
        self.expect_counted(site, 1)
        self.assertEqual([(ping["kind"], ping["by"]) for ping in self.pings(tab)], [("pageview", "Ping")])
        self.assertEqual([request["url"] for request in tab.sent() if request["method"] == "OPTIONS"], [])
        # A browser whose fetch does not outlive the page tells events by beacon.
        tab.open(self.page(site, "/older", head="<script>delete Request.prototype.keepalive</script>"))
        self.expect_counted(site, 2)
        events = self.events()
        tab.run("footfall.event('left'); location.href = '/elsewhere'")
        self.assertTrue(eventually(lambda: self.events() == events + 1))
        # And where a policy forbids beacons.
        tab = self.open(site, "/old/strict", "connect-src 'none'", head="<script>window.fetch = undefined</script>")
        self.expect_counted(site, 3)
        self.assertEqual(tab.uncaught, [])

    def events(self):
        return self.metric('footfall_hits_kind_total{kind="event"}')

    def test_images_beat_as_often_as_the_tag_says(self):
        site = self.site(window_s=WINDOW_S)
        tab = self.open(site, "/beat", "connect-src 'none'", script=f'src="{self.url()}/footfall.js" data-beat="5"')
        self.assertTrue(eventually(lambda: len(self.pings(tab, "heartbeat")) >= 2, 20), self.pings(tab))
        self.assertEqual({ping["by"] for ping in self.pings(tab, "heartbeat")}, {"Image"})
        self.assertEqual(self.daemon.stats(site)["online"], 1)

    def test_the_pixel_counts_whom_no_script_counts(self):
        site = self.site(visibility="full")
        pixel = (f'<noscript><img src="{self.url()}/hit.gif?site={site}" alt="" width="1" height="1" '
                 'referrerpolicy="no-referrer-when-downgrade"></noscript>')
        address = self.page(site, "/tin/noscript", more=pixel)
        tab = self.tab().open(address)
        self.expect_counted(site, 1)  # by the script alone
        tab = self.tab()
        tab.call("Emulation.setScriptExecutionDisabled", value=True)
        tab.call("Page.navigate", url=address)
        self.expect_counted(site, 2)
        self.assertEqual(self.daemon.pages(site)["pages"], [{"path": "/tin/noscript", "total": 2, "counted": 2, "seed": 0, "online": 1}])

    def test_a_page_that_isolates_itself_may_have_it(self):
        site = self.site()
        isolated = {"Cross_Origin_Embedder_Policy": "require-corp", "Cross_Origin_Opener_Policy": "same-origin"}
        tab = self.open(site, "/isolated", "connect-src 'none'", fields=isolated, more=f'<img id="pixel" src="{self.url()}/hit.gif?site={site}&amp;path=/pixel">')
        self.assertTrue(tab.run("window.crossOriginIsolated"))
        self.expect_counted(site, 2)
        self.assertEqual(tab.run("document.querySelector('#pixel').naturalWidth"), 1)
        tab = self.tab().open(self.page(site, "/isolated/too", fields=isolated))
        self.expect_shown(tab, "total", "41.450.746")


if __name__ == "__main__":
    main()
