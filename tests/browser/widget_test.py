# SPDX-License-Identifier: Apache-2.0
"""Every counter without a script, as a browser shows it on light and on dark pages of another origin.

FOOTFALL_SCREENSHOTS=DIR keeps what was looked at, a page of all of them in each ground.
"""
import json
import urllib.parse

from chromium import eventually
from site_pages import WCAG, Daemon, SiteTest, axe_is_here, main, shut_out

SITE = "example.vn"
ALL = "show=total,online,today,yesterday,month,year,visitors,bots,peak"
PICTURES = [".svg", ".svg?lang=en", ".svg?labels=short&color=red", ".svg?labels=none&grouping=space", f".svg?{ALL}", ".svg?theme=auto", ".svg?theme=light",
            ".svg?theme=dark", ".svg?theme=auto&color=blue&scale=2",
            ".svg?style=badge", ".svg?style=badge&lang=en&show=online&color=green", ".svg?style=badge&labels=short&show=total,online,today&color=teal",
            ".svg?style=badge&theme=dark&color=purple&scale=2", ".svg?style=badge&labels=none&color=orange", ".svg?style=badge&color=black",
            ".svg?style=badge&color=grey", ".svg?style=badge&color=red", f".svg?style=badge&label={urllib.parse.quote('Lượt xem <b>&</b>')}",
            ".svg?style=digits", ".svg?style=digits&color=green", ".svg?style=digits&theme=light", ".svg?style=digits&theme=light&color=red&grouping=comma",
            ".svg?style=digits&show=total,online&labels=short", ".svg?style=digits&show=online,total&grouping=space", ".svg?style=digits&pad=0&scale=2",
            ".png", ".png?color=green", ".png?theme=light", ".png?theme=light&color=red&grouping=dot", ".png?scale=2", ".png?scale=3&color=orange",
            ".png?show=total", ".png?show=today,month,total,online&pad=0", ".png?pad=12", ".png?pad=20", ".svg?lang=fr", ".png?lang=fr"]
FRAMES = ["", "?lang=en", "?theme=auto", "?theme=light", "?theme=dark", "?theme=dark&color=orange", f"?labels=short&{ALL}", "?style=badge&show=total,online",
          "?style=badge&theme=dark&color=teal", "?style=digits", "?style=digits&show=total,online&labels=short&theme=light",
          "?style=digits&theme=auto&color=green&grouping=dot"]


class Widgets(SiteTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.daemon.add_site(SITE, lang="vi", grouping="dot", timezone="Asia/Ho_Chi_Minh", visibility="full")
        cls.daemon.admin("POST", f"/v1/admin/sites/{SITE}/seed", {"total": 41450743})
        for visitor in range(48):
            cls.daemon.hit(SITE, "/", visitor)

    def address(self, extension):
        return f"http://127.0.0.1:{self.daemon.port}/widget/{SITE}{extension}"

    def tab(self, dark=False):
        tab = super().tab()
        tab.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        return tab

    def test_every_picture_is_drawn(self):
        rows = "".join(f'<p><code>{extension.replace("&", "&amp;")[:70]}</code><br><img alt="" src="{self.address(extension).replace("&", "&amp;")}"></p>' for extension in PICTURES)
        for ground, page in (("light", "#fff"), ("dark", "#121212")):
            tab = self.tab(dark=ground == "dark")
            text = "#000" if ground == "light" else "#fff"
            tab.open(self.pages.put(f"/pictures/{ground}", f'<!doctype html><meta charset="utf-8"><style>body{{background:{page};color:{text};'
                                    f'columns:3;margin:8px}}p{{margin:0 0 6px;break-inside:avoid}}code{{font-size:9px}}img{{vertical-align:top}}</style>{rows}'))
            sizes = json.loads(tab.run("JSON.stringify([...document.images].map(i => [i.complete, i.naturalWidth, i.naturalHeight]))"))
            for extension, (complete, width, height) in zip(PICTURES, sizes):
                self.assertTrue(complete and (width > 20 and height > 15), f"{extension}: {width} by {height}")
            self.assertEqual(sizes[PICTURES.index(".png")][1:], [88, 31])
            self.picture(tab, f"widget-pictures-{ground}")

    def test_the_digits_of_the_png_are_those_that_the_browser_draws(self):
        """The browser's own decoder gives the colours of the palette, and its ink is in the places of the digits."""
        tab = self.tab().open(self.pages.put("/png", f'<!doctype html><img crossorigin="anonymous" src="{self.address(".png?theme=light&color=blue")}">'))
        colours = json.loads(tab.run("""(() => { const image = document.images[0], canvas = document.createElement("canvas");
            canvas.width = image.naturalWidth; canvas.height = image.naturalHeight; const context = canvas.getContext("2d"); context.drawImage(image, 0, 0);
            const data = context.getImageData(0, 0, canvas.width, canvas.height).data, count = {};
            for (let i = 0; i < data.length; i += 4) { const c = "#" + [0, 1, 2].map(k => data[i + k].toString(16).padStart(2, "0")).join(""); count[c] = (count[c] || 0) + 1; }
            return JSON.stringify(count); })()"""))
        self.assertEqual(set(colours), {"#f6f8fa", "#c4ccd4", "#0b6bcb", "#1a7f37"})
        self.assertEqual(sum(colours.values()), 88 * 31)
        self.assertEqual(colours["#1a7f37"], 16)  # the point

    def frame_text(self, tab, frame):
        """Empty while the frame loads itself anew."""
        try:
            world = tab.call("Page.createIsolatedWorld", frameId=frame["frame"]["id"])["executionContextId"]
            return tab.call("Runtime.evaluate", contextId=world, expression="document.body.innerText.replace(/\\s+/g, ' ').trim()", returnByValue=True)["result"]["value"]
        except (AssertionError, KeyError):
            return ""

    def test_every_page_shows_in_a_frame_and_says_the_numbers(self):
        rows = "".join(f'<p><code>{query.replace("&", "&amp;")[:60]}</code><br><iframe title="counter" src="{self.address(query).replace("&", "&amp;")}" '
                       f'width="310" height="{240 if ALL in query else 80}"></iframe></p>' for query in FRAMES)
        for ground, page, scheme in (("light", "#fff", "normal"), ("dark", "#121212", "normal"), ("dark-declared", "#121212", "dark")):
            tab = self.tab(dark=ground != "light")
            text = "#000" if ground == "light" else "#fff"
            tab.open(self.pages.put(f"/frames/{ground}", f'<!doctype html><meta charset="utf-8"><style>:root{{color-scheme:{scheme}}}body{{background:{page};'
                                    f'color:{text};columns:3;margin:8px}}p{{margin:0 0 6px;break-inside:avoid}}code{{font-size:9px}}iframe{{border:0}}</style>{rows}'))
            frames = tab.call("Page.getFrameTree")["frameTree"]["childFrames"]
            self.assertEqual(len(frames), len(FRAMES))
            said = [self.frame_text(tab, frame) for frame in frames]
            self.assertEqual(said[0], "THỐNG KÊ TRUY CẬP Tổng số lượt truy cập: 41.450.791 Số người đang truy cập: 48")
            self.assertEqual(said[1], "VISITORS Total visits: 41.450.791 Online now: 48")
            for query, text in zip(FRAMES, said):
                self.assertTrue("41.450.791" in text or "41450791" in text, f"{query}: {text}")
            self.picture(tab, f"widget-frames-{ground}")

    def test_nobody_is_shut_out(self):
        """axe-core finds nothing in any form of the page."""
        axe_is_here(self)
        for query in FRAMES:
            for dark in (False, True) if "theme=auto" in query else (False,):  # others look the same in each
                tab = self.tab(dark).open(self.address(query))
                tab.run("document.documentElement.style.background = 'Canvas'; 0")  # the ground that there is: axe knows no color-scheme
                self.assertEqual(shut_out(tab, WCAG), [], f"{query} {'dark' if dark else 'light'}")
                tab.close()

    def test_a_page_that_is_isolated_may_hold_all_of_them(self):
        """Cross-Origin-Embedder-Policy: require-corp, under which what does not say that it may be embedded is not loaded."""
        body = ('<!doctype html><iframe src="{0}"></iframe><img src="{1}"><img src="{2}">'
                .format(*(self.address(extension) for extension in ("", ".svg", ".png"))))
        isolated = self.pages.put("/isolated", body, Cross_Origin_Embedder_Policy="require-corp", Cross_Origin_Opener_Policy="same-origin")
        tab = self.tab().open(isolated)
        self.assertTrue(tab.run("self.crossOriginIsolated"))
        self.assertEqual(json.loads(tab.run("JSON.stringify([...document.images].map(i => i.naturalWidth > 0))")), [True, True])
        frame = tab.call("Page.getFrameTree")["frameTree"]["childFrames"][0]
        self.assertIsNone(frame["frame"].get("unreachableUrl"))
        self.assertIn("41.450.791", self.frame_text(tab, frame))

    def test_a_page_in_a_frame_follows_by_itself(self):
        with Daemon("--threads", "1", "--rate-limit", "0") as daemon:
            daemon.add_site(SITE)
            tab = self.tab().open(self.pages.put("/follows", f'<!doctype html><iframe src="http://127.0.0.1:{daemon.port}/widget/{SITE}?lang=en"></iframe>'))

            def says():
                return self.frame_text(tab, tab.call("Page.getFrameTree")["frameTree"]["childFrames"][0])
            self.assertIn("Total visits: 0", says())
            alone = self.tab().open(f"http://127.0.0.1:{daemon.port}/widget/{SITE}?lang=en&style=digits")
            alone.run("window.kept = 1")
            unscripted = self.tab()
            unscripted.call("Emulation.setScriptExecutionDisabled", value=True)
            unscripted.call("Page.navigate", url=f"http://127.0.0.1:{daemon.port}/widget/{SITE}?lang=en")
            daemon.hit(SITE, "/", 1)
            self.assertTrue(eventually(lambda: "Total visits: 1 Online now: 1" in says(), 45), says())
            self.assertTrue(eventually(lambda: alone.text("dd .s") == "00000001", 45), alone.run("document.body.innerText"))
            self.assertEqual(alone.run("window.kept"), 1, "it was loaded anew")
            self.assertEqual(alone.uncaught, [])
            frame = unscripted.call("Page.getFrameTree")["frameTree"]
            self.assertTrue(eventually(lambda: "Total visits: 1" in self.frame_text(unscripted, frame), 45), "without scripts it loads itself")


if __name__ == "__main__":
    main()
