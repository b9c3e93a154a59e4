# SPDX-License-Identifier: Apache-2.0
"""A site's own web server, and the test case that has one beside a daemon and a browser.

    browser --> Pages (one loopback port: the site) --> what test put there
            --> footfalld (another port: another origin)
            --> Pages /first-party/... --> footfalld, as a proxy of the site's own would
"""
import http.client
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
LIVE = '<i data-footfall="total" data-live></i>'
WINDOW_S = 15  # the shortest that there is; beats are 5 s apart
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
SAFARI = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15"


AXE = pathlib.Path(os.environ.get("FOOTFALL_AXE", ROOT / "build" / "node_modules" / "axe-core" / "axe.min.js"))
WCAG = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")


def axe_is_here(test):
    if not AXE.exists():
        test.skipTest("axe-core is not here: tests/run.sh installs it where there is npm")


def shut_out(tab, tags=(*WCAG, "best-practice")):
    """What axe-core finds on the page, as it looks now: [[rule, [element and why]]]."""
    if not tab.run("Boolean(window.axe)"):
        tab.run(AXE.read_text() + ";0")
    return json.loads(tab.run(f"axe.run(document, {{runOnly: {json.dumps(tags)}}})"
                              ".then(r => JSON.stringify(r.violations.map(v => [v.id, v.nodes.map(n => n.html.slice(0, 200) + ' ' + n.failureSummary)])))"))


def grouped(number):
    return f"{number:,}".replace(",", ".")


class Pages(http.server.ThreadingHTTPServer):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            self.server.asked.append(self.path)
            path = urllib.parse.unquote(self.path.split("?")[0])
            if path.startswith("/first-party/"):
                return self.forward()
            page, fields = self.server.pages.get(path, ("", {}))
            self.answer(200 if page else 404, {"Content-Type": "text/javascript" if path.endswith(".js") else "text/html; charset=utf-8", **fields}, page.encode())

        do_POST = do_GET

        def forward(self):
            """To the daemon, under the names that the site gave its paths."""
            path = self.path[len("/first-party"):]
            for own, its in self.server.renamed.items():
                path = path.replace(own, its, 1) if path.startswith(own) else path
            if any(path.startswith(refused) for refused in self.server.refused):
                return self.answer(503, {}, b"")
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            fields = {name: value for name, value in self.headers.items() if name not in ("Connection", "Host", "Accept-Encoding", "Content-Length")}
            connection = http.client.HTTPConnection("127.0.0.1", self.server.upstream, timeout=20)
            connection.request(self.command, path, body, {**fields, "X-Forwarded-For": "198.51.100.7"})
            answer = connection.getresponse()
            self.answer(answer.status, {name: answer.headers[name] for name in ("Content-Type", "Cache-Control") if answer.headers[name]}, answer.read())
            connection.close()

        def answer(self, status, fields, body):
            self.send_response(status)
            for name, value in fields.items():
                self.send_header(name, value)
            if status != 204:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    daemon_threads = True  # browsers keep connections open

    def __init__(self, upstream):
        super().__init__(("127.0.0.1", 0), self.Handler)
        self.upstream = upstream
        self.pages = {}  # path -> (text, fields)
        self.asked = []  # paths, in the order asked for
        self.renamed = {}  # under /first-party: the site's name -> the daemon's
        self.refused = []  # under /first-party: begins of paths that are answered 503
        self.thread = threading.Thread(target=self.serve_forever, args=(0.05,))
        self.thread.start()

    def close(self):
        self.shutdown()
        self.thread.join()
        self.server_close()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    def put(self, path, html, **fields):
        """fields: with _ for -. Gives the address."""
        self.pages[path] = html, {name.replace("_", "-"): value for name, value in fields.items()}
        return self.url + path


class SiteTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon("--threads", "2").start()
        cls.addClassCleanup(cls.daemon.close)
        cls.pages = Pages(cls.daemon.port)
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

    def change(self, site, **settings):
        changed = self.daemon.admin("PUT", f"/v1/admin/sites/{site}", settings)
        self.assertEqual(changed.status, 200, changed.text)

    def url(self, daemon=None):
        return f"http://127.0.0.1:{(daemon or self.daemon).port}"

    def page(self, site, path, script=None, more="", fields=None, head=""):
        """A page of the site with an element for each number; gives its address. `script`: the attributes of its tag."""
        script = script or f'src="{self.url()}/footfall.js"'
        elements = "".join(f'<b data-footfall="{name}">{AUTHORS}</b>' for name in NUMBERS)
        return self.pages.put(path, f'<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>{path}</title>{head}'
                                    f'<script async {script} data-site="{site}"></script><body>{elements}{more}', **(fields or {}))

    def live_page(self, site, path, **options):
        return self.page(site, path, more=LIVE, **options)

    def tab(self, **options):
        tab = Tab(self.browser, **options)
        self.addCleanup(tab.close)
        return tab

    def shown(self, tab):
        return {name: tab.text(f'[data-footfall="{name}"]') for name in NUMBERS}

    def expect_shown(self, tab, name, text, wait_s=15):
        eventually(lambda: tab.text(f'[data-footfall="{name}"]') == text, wait_s)
        self.assertEqual(tab.text(f'[data-footfall="{name}"]'), text, name)

    def expect_counted(self, site, counted):
        """So many, and a moment later no more."""
        eventually(lambda: self.daemon.stats(site)["counted"] >= counted)
        time.sleep(0.3)
        self.assertEqual(self.daemon.stats(site)["counted"], counted)

    def pings(self, tab, kind=None):
        """What the tab said so far, in order: [{key: value, "by": how it went}]."""
        pings = []
        for request in tab.sent():
            path, _, query = request["url"].partition("?")
            if path.endswith(("/hit", "/hit.gif")) and request["method"] != "OPTIONS":
                ping = dict(urllib.parse.parse_qsl(query))
                if kind in (None, ping["kind"]):
                    pings.append({**ping, "by": request["type"]})
        return pings

    def streams(self, tab):
        """How many event streams the tab asked for so far."""
        return len([request for request in tab.sent() if request["type"] == "EventSource"])

    def metric(self, name):
        return self.daemon.metrics()[name]

    def picture(self, tab, name):
        if directory := os.environ.get("FOOTFALL_SCREENSHOTS"):
            tab.screenshot(pathlib.Path(directory) / (name + ".png"))


def main():
    if not chromium.program():
        print("chromium is not here: skipped (deploy/install-deps.sh --tests brings it)")
        sys.exit(SKIPPED)
    unittest.main(module="__main__", verbosity=2)
