# SPDX-License-Identifier: Apache-2.0
"""A page over https, and footfall behind a real nginx: from another origin under a path prefix, and through the least configuration that works.

    https://news.example:P --nginx--> the site's own server
    https://stats.example:P/so-lieu/ --nginx--> footfalld
    https://least.example:P/ --nginx, HTTP/1.0 and buffers--> footfalld
"""
import pathlib
import shutil
import subprocess
import sys
import tempfile

from chromium import eventually
from site_pages import SKIPPED, SiteTest, main

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
from footfall import free_port
from nginx_server import NGINX, NginxServer

# What Accept-Encoding an old configuration hands on, and what else there is, is nginx's own default.
SERVERS = """
server {{ listen 127.0.0.1:{port} ssl; server_name news.example; location / {{ proxy_pass {pages}/; }} }}
server {{
  listen 127.0.0.1:{port} ssl; server_name stats.example;
  location /so-lieu/ {{
    proxy_pass http://127.0.0.1:{daemon}/; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header X-Forwarded-For $remote_addr;
  }}
}}
server {{ listen 127.0.0.1:{port} ssl; server_name least.example; location / {{ proxy_pass http://127.0.0.1:{daemon}; }} }}
"""


class BehindNginx(SiteTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        at = pathlib.Path(tempfile.mkdtemp(prefix="footfall-nginx-"))
        cls.addClassCleanup(shutil.rmtree, at)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=example",
                        "-addext", "subjectAltName=DNS:*.example", "-keyout", at / "key.pem", "-out", at / "cert.pem"], check=True, capture_output=True)
        cls.port = free_port()
        nginx = NginxServer(at, f"access_log off; ssl_certificate {at}/cert.pem; ssl_certificate_key {at}/key.pem;\n"
                            + SERVERS.format(port=cls.port, daemon=cls.daemon.port, pages=cls.pages.url))
        cls.addClassCleanup(nginx.close)

    def at(self, host):
        return f"https://{host}.example:{self.port}"

    def tab(self, **options):
        tab = super().tab(**options)
        tab.call("Security.setIgnoreCertificateErrors", ignore=True)  # the test's own certificate
        return tab

    def site(self):
        return super().site(hosts=["news.example"])

    def test_another_origin_with_tls_and_a_path_prefix(self):
        site = self.site()
        counter = f"{self.at('stats')}/so-lieu"
        embeds = (f'<iframe src="{counter}/widget/{site}?lang=vi" title="bộ đếm"></iframe><img id="svg" src="{counter}/widget/{site}.svg">'
                  f'<img id="png" src="{counter}/widget/{site}.png">')
        self.page(site, "/tin", script=f'src="{counter}/footfall.js"', more=embeds + '<i data-footfall="total" data-live></i>')
        tab = self.tab().open(self.at("news") + "/tin")
        self.expect_shown(tab, "total", "41.450.744")
        self.expect_shown(tab, "online", "1")
        self.expect_counted(site, 1)
        self.assertEqual([ping["by"] for ping in self.pings(tab)], ["Fetch"])
        self.assertTrue(all(request["url"].startswith((self.at("news"), counter, "data:")) for request in tab.sent()))
        self.assertEqual(tab.run("['svg', 'png'].map(id => document.getElementById(id)).map(i => i.complete && i.naturalWidth > 50)"), [True, True])
        # The stream goes through, and the frame is footfall's own page.
        self.daemon.hit(site, "/", 1)
        self.expect_shown(tab, "total", "41.450.745", 5)
        self.assertTrue(tab.run("window.isSecureContext"))
        self.assertEqual(tab.uncaught, [])

    def test_the_least_configuration_is_live_too(self):
        """nginx speaks HTTP/1.0 to footfall and buffers what it answers, where nothing else is said."""
        site = self.site()
        self.page(site, "/least", script=f'src="{self.at("least")}/footfall.js"', more='<i data-footfall="total" data-live></i>')
        tab = self.tab().open(self.at("news") + "/least")
        self.expect_shown(tab, "total", "41.450.744")
        self.assertTrue(eventually(lambda: self.metric("footfall_live_subscribers") == 1))
        for visitor in range(3):
            self.daemon.hit(site, "/", visitor + 1)
            self.expect_shown(tab, "total", f"41.450.{745 + visitor}", 5)
        self.assertEqual(self.streams(tab), 1, "one stream brought all of it")
        over = self.tab(context=tab.context)
        over.call("Page.bringToFront")
        self.assertTrue(eventually(lambda: self.metric("footfall_live_subscribers") == 0), "nginx keeps the stream of a hidden page")


if __name__ == "__main__":
    if NGINX is None or shutil.which("openssl") is None:
        print("nginx or openssl is not here: skipped (deploy/install-deps.sh --tests brings them)")
        sys.exit(SKIPPED)
    main()
