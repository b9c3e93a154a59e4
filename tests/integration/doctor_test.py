# SPDX-License-Identifier: Apache-2.0
"""footfall doctor before a real daemon behind a real nginx: a right set-up gives no complaint, each fault is found, and nothing is counted."""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

from footfall import BUILD, SKIPPED, Daemon, free_port
from nginx_server import NGINX, NginxServer
from own_network import enter_own_network, ip
from tls_test import make_certificate

SITE = "example.org"
OUTSIDE = "192.0.2.1"  # for documentation: nobody's
PAGE = """<!doctype html><html><head><title>A page</title>
<script async src="{stats}/footfall.js" data-site="{site}"></script>
<noscript><img src="{stats}/hit.gif?site={site}" alt="" width="1" height="1" referrerpolicy="no-referrer-when-downgrade"></noscript></head>
<body>Total: <b data-footfall="total">1</b>, online: <b data-footfall="online" data-live>1</b></body></html>"""
UNNAMED = "proxy_set_header Host $host;"  # in a location: takes the place of all that stands above it
LIVE = "location ~ /live$ { proxy_pass http://@daemon; proxy_buffering off; }"


class Web:
    """An nginx with two servers: one has the page, the other hands on to the daemon."""

    def __init__(self, at, certificate, daemon, page=PAGE, page_conf="", server="", location="", more=LIVE, tls=True, stats_certificate=None, site=SITE, backend=None):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="web-", dir=at))
        self.page_port, self.stats_port = free_port(), free_port()
        scheme = "https" if tls else "http"
        self.url, self.stats = f"{scheme}://localhost:{self.page_port}/", f"{scheme}://localhost:{self.stats_port}"
        self.daemon = backend or f"127.0.0.1:{daemon.port}"
        www = self.directory / "www"
        www.mkdir()
        (www / "index.html").write_text(page.format(stats=self.stats, site=site))
        for directory in (self.directory, www):
            directory.chmod(0o755)

        def listen(port, of):
            secure = f"ssl; ssl_certificate {of[0]}; ssl_certificate_key {of[1]}" if tls else ""
            return f"listen 127.0.0.1:{port} {secure};"

        text = (f"access_log off; types {{ text/html html; }} proxy_cache_path {self.directory}/cache keys_zone=pings:1m;\n"
                f"server {{ {listen(self.page_port, certificate)} root {www}; {page_conf} }}\n"
                f"server {{ {listen(self.stats_port, stats_certificate or certificate)} proxy_http_version 1.1; proxy_set_header Connection \"\"; proxy_set_header Host $host;\n"
                f"proxy_set_header X-Forwarded-For $remote_addr; {server}\nlocation / {{ proxy_pass http://@daemon; {location} }}\n{more} }}")
        self.server = NginxServer(self.directory, text.replace("@daemon", self.daemon).replace("@stats", self.stats))

    def close(self):
        self.server.close()


class Doctor(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory(prefix="footfall-doctor-")
        cls.addClassCleanup(directory.cleanup)
        cls.at = pathlib.Path(directory.name)
        cls.at.chmod(0o755)
        cls.certificate = make_certificate(cls.at, days=90)
        cls.daemon = Daemon("--threads", "1", "--script-name", "dem")
        cls.addClassCleanup(cls.daemon.close)
        cls.daemon.start()
        cls.daemon.add_site(SITE, hosts=["localhost"])

    def tearDown(self):
        stats = self.daemon.stats(SITE)
        self.assertEqual((stats["counted"], stats["online"], stats["today"]["hits"]), (0, 0, 0), "it counted")

    def examine(self, web, *options, authorities=True, url=None):
        trust = ["--ca-file", str(self.certificate[0])] if authorities else []
        ended = subprocess.run([str(BUILD / "footfall"), "doctor", url or web.url, "--json", *trust, *options], capture_output=True, text=True, timeout=120)
        self.assertEqual(ended.stderr, "")
        found = json.loads(ended.stdout)
        self.assertEqual(ended.returncode, 0 if found["ok"] else 1)
        self.assertEqual(found["ok"], all(check["state"] != "wrong" for check in found["checks"]))
        return found

    def authorities(self, more):
        both = self.at / "both.pem"
        both.write_bytes(self.certificate[0].read_bytes() + more[0].read_bytes())
        return str(both)

    def web(self, **options):
        web = Web(self.at, self.certificate, self.daemon, **options)
        self.addCleanup(web.close)
        return web

    def expect_well(self, *options, checks=(), **web):
        found = self.examine(self.web(**web), *options)
        self.assertEqual([check for check in found["checks"] if check["state"] not in ("ok", "skipped")], [])
        self.assertTrue(found["ok"])
        self.assertLessEqual(set(checks), {check["check"] for check in found["checks"] if check["state"] == "ok"})
        return found

    def expect(self, check, state, says, todo="", options=(), authorities=True, alone=True, **web):
        """The set-up has this fault; `alone`: and no other."""
        found = self.examine(self.web(**web), *options, authorities=authorities)
        complaints = [(c["check"], c["state"]) for c in found["checks"] if c["state"] in ("warning", "wrong")]
        mine = [c for c in found["checks"] if (c["check"], c["state"]) == (check, state)]
        self.assertTrue(mine, found)
        self.assertRegex(" ".join(c["found"] for c in mine), says)
        self.assertIn(todo, " ".join(c["todo"] for c in mine))
        self.assertTrue(all(c["todo"] for c in mine))
        if alone:
            self.assertEqual(set(complaints), {(check, state)}, found)
        return found

    # ---- What is right

    def test_a_right_set_up_gives_no_complaint(self):
        token = self.daemon.directory / "admin-token"
        found = self.expect_well("--token-file", str(token), checks=("page", "script", "script-cache", "policy", "ping", "cors", "cache", "numbers", "live", "proxy", "certificate"))
        self.assertEqual(found["site"], SITE)
        self.assertRegex(found["endpoint"], r"^https://localhost:\d+/hit$")

    def test_under_a_name_of_its_own_at_the_pages_own_address(self):
        page = '<script async src="/so-lieu/dem.js?v=3" data-site="{site}"></script><b data-footfall="today">'
        found = self.expect_well(page=page, page_conf="location /so-lieu/ { proxy_pass http://@daemon/; proxy_set_header X-Forwarded-For $remote_addr; }", checks=("ping", "cors", "live"))
        self.assertTrue(found["endpoint"].endswith("/so-lieu/dem"), found)
        # By what is in it alone; then the site is the page's host, which is none.
        nameless = page.replace(' data-site="{site}"', "")
        self.expect("ping", "wrong", "no site localhost", "footfall site add localhost", page=nameless, page_conf="location /so-lieu/ { proxy_pass http://@daemon/; }")

    def test_by_plain_http_and_after_a_redirect(self):
        web = self.web(tls=False, page_conf="location = /old { return 302 /; }")
        for path in ("", "old"):
            found = self.examine(web, url=web.url + path)
            self.assertEqual([check for check in found["checks"] if check["state"] not in ("ok", "skipped")], [])

    def test_pages_with_a_widget_a_theme_a_pixel_alone(self):
        for page in ('<iframe src="{stats}/widget/{site}"></iframe><img src="{stats}/widget/{site}.svg?style=badge">', '<script src="{stats}/themes.js" data-site="{site}"></script>',
                     '<img src="{stats}/hit.gif?site={site}&amp;path=/x">'):
            self.expect_well(page=page)

    def test_a_strict_policy_that_allows_it(self):
        page = PAGE.replace("<script ", '<script nonce="r4nd0m" ')
        self.expect_well(page=page, page_conf="add_header Content-Security-Policy \"default-src 'none'; script-src 'nonce-r4nd0m' 'strict-dynamic'; connect-src @stats; img-src @stats\";",
                         checks=("policy",))

    def test_text_for_people(self):
        web = self.web(site="nobody.example")
        ended = subprocess.run([str(BUILD / "footfall"), "doctor", web.url, "--ca-file", str(self.certificate[0])], capture_output=True, text=True, timeout=120)
        self.assertEqual(ended.returncode, 1)
        self.assertRegex(ended.stdout, r"(?m)^ok +page +https://localhost:\d+/, \d+ bytes$")
        self.assertRegex(ended.stdout, r"(?m)^wrong +ping +footfalld has no site nobody\.example\n +-> footfall site add nobody\.example --host localhost")
        self.assertRegex(ended.stdout, r"(?m)^1 wrong, 0 warnings$")

    # ---- What is wrong

    def test_the_page(self):
        web = self.web()
        self.assertIn("answers 404", self.examine(web, url=web.url + "absent")["checks"][0]["found"])
        self.assertIn("cannot reach", self.examine(web, url="http://127.0.0.1:1/")["checks"][0]["found"])
        self.expect("counter", "wrong", "neither footfall's script", "<script async", page="<p>A page</p>")
        for url in ("ftp://example.org/", "http://", "not a page"):
            ended = subprocess.run([str(BUILD / "footfall"), "doctor", url], capture_output=True, text=True, timeout=60)
            self.assertEqual(ended.returncode, 2, url)

    def test_certificates(self):
        self.expect("page", "wrong", "certificate is refused: self-signed certificate", authorities=False)
        other = make_certificate(self.at, "other", days=90)
        self.expect("script", "wrong", "certificate is refused", "exchange the certificate", stats_certificate=other, alone=False)
        soon = make_certificate(self.at, "soon", days=5)
        found = self.examine(self.web(stats_certificate=soon), "--ca-file", self.authorities(soon), authorities=False)
        self.assertEqual([(c["check"], c["state"]) for c in found["checks"] if c["state"] not in ("ok", "skipped")], [("certificate", "warning")])
        self.assertRegex(json.dumps(found), "in [45] days")  # a second makes the difference

    def test_the_script(self):
        def script(conf):
            return LIVE + "location = /footfall.js { %s }" % conf

        self.expect("script", "wrong", "answers 404", more=script("return 404;"))
        self.expect("script", "wrong", "answers 502", backend="127.0.0.1:1", alone=False)
        self.expect("script", "wrong", 'is "text/html"', more=script("default_type text/html; return 200 '<p>';"))
        self.expect("script", "wrong", "not footfall's", more=script("default_type text/javascript; return 200 'x()';"))
        self.expect("script", "wrong", "is a module", page=PAGE.replace("<script", '<script type="module"'))
        self.expect("script", "wrong", "do not run", "data-cfasync", page=PAGE.replace("<script", '<script type="text/x-later"'))
        self.expect("script", "warning", "comes uncompressed", location='proxy_set_header Accept-Encoding "";')
        self.expect("script", "warning", "pings go to the first", more=LIVE + "location = /footfall.js { return 301 /dem.js; }")
        self.expect("script-cache", "warning", "for 30 days", more=script("proxy_pass http://@daemon; expires 30d;"))
        self.expect("script-cache", "warning", "anew for each page", more=script("proxy_pass http://@daemon; expires -1;"))

    def test_mixed_content(self):
        page = PAGE.replace("{stats}", "http://stats.invalid")
        self.expect("script", "wrong", "by http: browsers block it", "https://stats.invalid", page=page, alone=False)
        self.expect("pixel", "warning", "by http", page=PAGE.replace("{stats}/hit.gif", "http://stats.invalid/hit.gif"))

    def test_the_pages_policy(self):
        def policy(text):
            return f'add_header Content-Security-Policy "{text}";'

        self.expect("policy", "wrong", "forbids the script: script-src 'self'", "to its script-src", page_conf=policy("script-src 'self'"))
        self.expect("policy", "warning", "forbids connections", "to its connect-src", page_conf=policy("connect-src 'self'"))
        self.expect("policy", "warning", "picture for those without scripts", page_conf=policy("img-src 'self'"))
        self.expect("policy", "wrong", "nothing is counted", page_conf=policy("default-src 'self'; script-src @stats"), alone=False)
        self.expect("policy", "wrong", "frame-src 'none'", "to its frame-src", page='<iframe src="{stats}/widget/{site}"></iframe>', page_conf=policy("frame-src 'none'"))
        self.expect("policy", "wrong", "forbids the script", page="<meta http-equiv=Content-Security-Policy content=\"script-src 'self'\">" + PAGE)
        self.expect("script", "wrong", "isolates itself", page_conf="add_header Cross-Origin-Embedder-Policy require-corp;", location="proxy_hide_header Cross-Origin-Resource-Policy;")

    def test_the_site_and_its_hosts(self):
        self.expect("ping", "wrong", "no site nobody.example", "footfall site add nobody.example", site="nobody.example")
        self.daemon.add_site("others.example", hosts=["shop.example"])
        self.expect("ping", "wrong", "localhost is none of the hosts of others.example", "footfall site set others.example --host localhost", site="others.example")
        self.daemon.add_site("open.example")
        self.expect("hosts", "warning", "pages of anybody", "footfall site set open.example --host localhost", site="open.example")

    def test_pings_that_do_not_arrive(self):
        def hit(conf):
            return LIVE + "location = /hit { %s }" % conf

        self.expect("ping", "wrong", "answers 403", "let POST through", more=hit("proxy_pass http://@daemon; limit_except GET { deny all; }"))
        self.expect("ping", "wrong", "leads to", "name the last address", more=hit("return 308 https://elsewhere.invalid/hit;"))
        self.expect("ping", "wrong", "answers 404", more=hit("return 404;"))
        self.expect("ping", "wrong", "took the ping for a real one", location='proxy_set_header Sec-Purpose ""; proxy_set_header Purpose ""; proxy_set_header X-Moz "";')
        self.expect("pixel", "wrong", "answers 404", more=LIVE + "location ~ [.]gif$ { return 404; }")

    def test_fields_of_other_origins(self):
        self.expect("cors", "wrong", "is missing", location="proxy_hide_header Access-Control-Allow-Origin;")
        self.expect("cors", "wrong", "is there twice", "proxy_hide_header", location='add_header Access-Control-Allow-Origin "*" always;')
        self.expect("cors", "wrong", "is https://elsewhere.example", location='proxy_hide_header Access-Control-Allow-Origin; add_header Access-Control-Allow-Origin "https://elsewhere.example" always;')

    def test_caches(self):
        cache = "proxy_cache pings; proxy_cache_valid any 1m; proxy_ignore_headers Cache-Control Vary;"
        self.expect("cache", "wrong", "one answer: a cache", "no proxy_cache", more=LIVE + "location ~ [.]gif$ { proxy_pass http://@daemon; %s }" % cache)
        self.expect("cache", "wrong", "may keep answers to pings", "no-store", more=LIVE + "location /hit { proxy_pass http://@daemon; expires 1h; }")
        self.expect("cache", "wrong", r"came from a cache \(X-Cache: hit", more=LIVE + "location ~ [.]gif$ { proxy_pass http://@daemon; add_header X-Cache 'Hit from cloud'; }")

    def test_a_stream_that_is_held_back(self):
        held = "location ~ /live$ { proxy_pass http://@daemon; proxy_buffering on; proxy_ignore_headers X-Accel-Buffering; }"
        self.expect("live", "wrong", "came in 8 s", "proxy_buffering off", more=held)
        self.expect("live", "warning", "asks for no live numbers", more=held, page=PAGE.replace(" data-live", ""))
        self.expect("live", "wrong", "answers 404, and no stream", more="location ~ /live$ { return 404; }")

    def test_numbers_that_nobody_is_told(self):
        self.expect("numbers", "warning", "visitors, page, totl", "--visibility full",
                    page=PAGE + '<b data-footfall="visitors"></b><b data-footfall="page"></b><b data-footfall="totl"></b><b data-footfall="peak"></b>')
        self.daemon.add_site("private.example", hosts=["localhost"], visibility="private")
        found = self.expect("numbers", "warning", "site is private", "--visibility counter", site="private.example", alone=False)
        self.assertIn(("live", "skipped"), [(c["check"], c["state"]) for c in found["checks"]])

    def test_pictures(self):
        outside = re.sub("</?noscript>", "", PAGE)
        self.expect("pixel", "wrong", "counts twice", "into <noscript>", page=outside)
        self.expect("pixel", "warning", "counts for other.example", page=PAGE.replace("hit.gif?site={site}", "hit.gif?site=other.example"))
        frame = PAGE + '<iframe src="{stats}/widget/{site}"></iframe>'
        self.expect("widget", "wrong", "X-Frame-Options: deny", page=frame, location="add_header X-Frame-Options DENY;")
        self.expect("widget", "wrong", "answers 404", page=PAGE + '<img src="{stats}/widget/nobody.example.svg">')

    # ---- What a token tells

    def test_a_token_is_sent_nowhere_in_the_clear(self):
        found = self.expect_well("--token-file", str(self.daemon.directory / "admin-token"), tls=False)  # loopback
        self.assertIn("ok", [c["state"] for c in found["checks"] if c["check"] == "proxy"])
        without = self.expect_well()
        self.assertEqual([c["state"] for c in without["checks"] if c["check"] == "proxy"], ["skipped"])
        wrong = self.at / "wrong-token"
        wrong.write_text("nobodys\n")
        found = self.expect_well("--token-file", str(wrong))
        self.assertIn("answers 401", json.dumps([c for c in found["checks"] if c["check"] == "proxy"]))

    def test_a_proxy_that_does_not_say_whose_requests_it_passes(self):
        token = ("--token-file", str(self.daemon.directory / "admin-token"))
        for conf in (UNNAMED, 'proxy_set_header X-Forwarded-For "";', "proxy_set_header X-Forwarded-For unknown;"):
            self.expect("proxy", "wrong", "sends no X-Forwarded-For: all visitors are one", "proxy_set_header X-Forwarded-For $remote_addr;", options=token, location=conf)

    def test_without_a_proxy_there_is_no_complaint(self):
        page = PAGE.replace("{stats}", f"http://127.0.0.1:{self.daemon.port}")
        found = self.expect_well("--token-file", str(self.daemon.directory / "admin-token"), page=page, tls=False)
        self.assertEqual([c["state"] for c in found["checks"] if c["check"] == "proxy"], ["skipped"], "on one machine there may be one")

    @unittest.skipUnless("FOOTFALL_OWN_NETWORK" in os.environ, "a network of its own needs root")
    def test_a_proxy_that_is_not_believed(self):
        token, backend = ("--token-file", str(self.daemon.directory / "admin-token")), f"{OUTSIDE}:{self.daemon.port}"
        self.daemon.stop()
        self.daemon.start("--listen", backend)
        self.expect("proxy", "wrong", "is not believed", "--trusted-proxy", options=token, backend=backend)
        self.expect("proxy", "wrong", "sends no X-Forwarded-For, and would not be believed", "$remote_addr; where", options=token, backend=backend, location=UNNAMED)
        self.daemon.stop()
        port = free_port()
        certificate = make_certificate(self.at, "outside", days=90, address=OUTSIDE)
        self.daemon.start("--listen", f"tls:{OUTSIDE}:{port}", "--tls-certificate", certificate[0], "--tls-key", certificate[1])
        page = PAGE.replace("{stats}", f"https://{OUTSIDE}:{port}")
        found = self.examine(self.web(page=page), *token, "--ca-file", self.authorities(certificate), authorities=False)
        self.assertEqual([(c["check"], c["found"]) for c in found["checks"] if c["state"] not in ("ok", "skipped")], [])
        self.assertIn("no proxy shows itself", " ".join(c["found"] for c in found["checks"] if c["check"] == "proxy"))
        self.daemon.stop()
        self.daemon.start("--listen", backend, "--trusted-proxy", OUTSIDE)
        self.expect_well(*token, backend=backend, checks=("proxy",))
        self.expect("proxy", "wrong", "sends no X-Forwarded-For: all visitors are one", "$remote_addr; where", options=token, backend=backend, location=UNNAMED)


if __name__ == "__main__":
    if NGINX is None:
        print("SKIPPED: there is no nginx here (Debian: nginx-light)")
        sys.exit(SKIPPED)
    if os.geteuid() == 0:
        enter_own_network()
        ip("address", "add", OUTSIDE + "/32", "dev", "lo")
    unittest.main(verbosity=2)
