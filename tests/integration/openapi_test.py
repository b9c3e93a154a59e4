# SPDX-License-Identifier: Apache-2.0
"""proto/openapi.yaml is held to the daemon: what a route answers, status and type, is described there."""
import re
import sys
import unittest

from footfall import BROWSER, ROOT, SKIPPED, Daemon

try:
    import yaml
except ImportError:
    print("SKIPPED: python3-yaml is not installed", flush=True)
    sys.exit(SKIPPED)

SITE = "example.org"
AGENT = {"User_Agent": BROWSER % 120}


class OpenApi(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.described = yaml.safe_load((ROOT / "proto" / "openapi.yaml").read_text())
        cls.daemon = Daemon("--threads", "1", "--rate-limit", "1", "--rate-burst", "2").start()
        cls.addClassCleanup(cls.daemon.close)
        cls.daemon.add_site(SITE, visibility="full")
        cls.daemon.add_site("private.example", visibility="private")

    def types(self, route, method, status):
        responses = self.described["paths"][route][method]["responses"]
        self.assertIn(str(status), responses, f"{method} {route} answers {status}, which is not described")
        answer = responses[str(status)]
        if "$ref" in answer:
            answer = self.described["components"]["responses"][answer["$ref"].rsplit("/", 1)[1]]
        return set(answer.get("content", {}))

    def ask(self, route, target, wanted, method="get", body=None, **fields):
        answer = self.daemon.request(method.upper(), target, body, **fields)
        self.assertEqual(answer.status, wanted, answer.text if b"\0" not in answer.body else answer.body)
        types = self.types(route, method, wanted)
        sent = answer.fields.get("Content-Type", "").split(";")[0]
        self.assertTrue(sent in types if types else not sent, f"{method} {target} answers {sent}, described are {types}")

    def raw(self, route, target, wanted, more=b"", method="get"):
        answer = self.daemon.raw(f"{method.upper()} {target} HTTP/1.1\r\nHost: x\r\n".encode() + more + b"\r\n")
        self.assertEqual(answer.split()[1], str(wanted).encode(), answer)
        sent = answer.split(b"Content-Type: ")[1].split(b"\r\n")[0].split(b";")[0].decode()
        self.assertIn(sent, self.types(route, method, wanted))

    def test_pings_and_the_pixel(self):
        many = b"A: b\r\n" * 101
        for route in ("/hit", "/hit.gif"):
            self.ask(route, f"{route}?site={SITE}&path=/", 200 if route == "/hit.gif" else 204, **AGENT)
            self.ask(route, f"{route}?path=/", 400, **AGENT)
            self.ask(route, f"{route}?site=nowhere.example&path=/", 404, **AGENT)
            self.ask(route, f"{route}?site={SITE}&path=/{'a' * 1100}", 414, **AGENT)
            for _ in range(3):
                limited = self.daemon.get(f"{route}?site={SITE}&path=/", X_Forwarded_For=f"192.0.2.{len(route)}", **AGENT)
            self.assertEqual(limited.status, 429)
            self.assertIn(limited.fields["Content-Type"], self.types(route, "get", 429))
            self.raw(route, f"{route}?site={SITE}", 431, many)
            self.raw(route, f"{route}?site={SITE}&path=/{'a' * 9000}", 414)
            self.raw(route, f"{route}?site={SITE}", 413, b"Content-Length: 70000\r\n")
        self.ask("/hit", f"/hit?site={SITE}&format=json", 200, **AGENT)
        self.ask("/hit", "/hit", 415, "post", b"<x/>", Content_Type="application/xml", **AGENT)
        self.ask("/hit", "/hit", 415, "post", b"\x1f\x8b", Content_Type="application/json", Content_Encoding="gzip", **AGENT)

    def test_batches(self):
        token = {"Authorization": f"Bearer {self.daemon.token}"}
        item = b'{"site":"example.org","path":"/"}\n'
        self.ask("/v1/hits", "/v1/hits", 200, "post", item, Content_Type="application/x-ndjson", **token)
        self.ask("/v1/hits", "/v1/hits?source=a", 400, "post", item, Content_Type="application/x-ndjson", **token)
        self.ask("/v1/hits", "/v1/hits", 401, "post", item, Content_Type="application/x-ndjson")
        self.ask("/v1/hits", "/v1/hits?source=a&position=1", 409, "post", item, Content_Type="application/x-ndjson", **token)
        self.ask("/v1/hits", "/v1/hits", 415, "post", item, Content_Type="text/csv", **token)
        self.raw("/v1/hits", "/v1/hits", 413, f"Authorization: Bearer {self.daemon.token}\r\nContent-Length: 17000000\r\n".encode(), "post")

    def test_reads(self):
        for what in ("stats", "pages", "series", "refusals", "top/pages"):
            route = "/v1/sites/{site}/" + what.replace("top/pages", "top/{dimension}")
            self.ask(route, f"/v1/sites/{SITE}/{what}", 200)
            self.ask(route, f"/v1/sites/nowhere.example/{what}", 404)
            self.ask(route, f"/v1/sites/private.example/{what}", 401)
        self.ask("/v1/sites/{site}/stats", f"/v1/sites/{SITE}/stats?path=/{'a' * 1100}", 400)
        self.ask("/v1/sites/{site}/pages", f"/v1/sites/{SITE}/pages?limit=0", 400)
        self.ask("/v1/sites/{site}/series", f"/v1/sites/{SITE}/series?step=decade", 400)
        self.ask("/v1/sites/{site}/top/{dimension}", f"/v1/sites/{SITE}/top/pages?period=decade", 400)
        self.ask("/v1/sites/{site}/top/{dimension}", f"/v1/sites/{SITE}/top/colours", 404)
        self.ask("/v1/sites", "/v1/sites", 200)
        self.ask("/v1/sites", "/v1/sites?limit=0", 400)
        self.ask("/v1/sites", "/v1/sites", 401, Authorization="Bearer nobodys")
        self.ask("/v1/sites/{site}/live", "/v1/sites/nowhere.example/live", 404)
        self.ask("/v1/sites/{site}/live", f"/v1/sites/{SITE}/live?fields=nothing", 400)

    def test_widgets(self):
        for extension in ("", ".svg", ".png", ".txt", ".json"):
            route = "/widget/{site}" + extension
            self.ask(route, f"/widget/{SITE}{extension}", 200)
            self.ask(route, f"/widget/nowhere.example{extension}", 404)
            self.ask(route, f"/widget/private.example{extension}", 401)
            for wrong in ("lang=fr", "show=hits", "style=3d", "labels=both", "grouping=x", "pad=21", "theme=x", "color=x", "scale=5", "x=1", "v=1&v=2"):
                self.ask(route, f"/widget/{SITE}{extension}?{wrong}", 400)

    def test_what_a_site_and_a_token_have(self):
        schemas = self.described["components"]["schemas"]
        site = self.daemon.admin("GET", f"/v1/admin/sites/{SITE}").json
        self.assertEqual(set(site), set(schemas["Site"]["properties"]))
        for token in self.daemon.admin("GET", "/v1/admin/tokens").json["tokens"]:
            self.assertEqual(set(token), set(schemas["Token"]["properties"]))

    def test_health_and_the_script(self):
        for route in ("/livez", "/readyz", "/footfall.js", "/themes.js", "/robots.txt", "/favicon.ico"):
            self.ask(route, route, 200)

    def test_the_dashboard(self):
        self.ask("/", "/", 200)
        self.ask("/sites/{site}", f"/sites/{SITE}", 200)
        for name in re.findall(r'"assets/([^"]+)"', self.daemon.get("/").text):
            self.ask("/assets/{name}", f"/assets/{name}", 200)
        self.ask("/assets/{name}", "/assets/dashboard.0000000000000000.js", 404)


if __name__ == "__main__":
    unittest.main(verbosity=2)
