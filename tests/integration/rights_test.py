# SPDX-License-Identifier: Apache-2.0
"""Who may do what: every route and method of proto/openapi.yaml, with every kind of token, for a site of every visibility. What is expected is computed from that file
alone: x-footfall-scope, x-footfall-public, x-footfall-bound; and its examples are what is asked. Each status that comes is described there, and each route does
for somebody what it is for."""
import http.client
import itertools
import json
import re
import shutil
import sys
import tempfile
import time
import unittest

from footfall import BROWSER, ROOT, SKIPPED, Daemon
from redis_server import Redis, until

try:
    import yaml
except ImportError:
    print("SKIPPED: python3-yaml is not installed", flush=True)
    sys.exit(SKIPPED)

VISIBILITIES = ("counter", "full", "private")
METHODS = ("get", "head", "post", "put", "delete", "options", "patch")
OTHER = "other.example"


def site_of(visibility):
    return f"{visibility}.example"


BOUND = site_of("private")  # whose tokens of one scope there are besides: there all else but pings needs a token


class Token:
    def __init__(self, name, secret=None, scopes=(), site=None):
        self.name, self.secret, self.scopes, self.site = name, secret, set(scopes), site

    @property
    def known(self):
        return bool(self.scopes)


class Route:
    """One operation of the description."""

    def __init__(self, described, path, method):
        item = described["paths"][path]
        self.path, self.method = path, method
        self.operation = item.get("get" if method == "head" else method)
        if method == "head" and self.operation and not self.operation.get("x-footfall-head", True):
            self.operation = None
        self.admin = path.startswith("/v1/admin/")
        self.admin_listener = "8081" in str(item.get("servers", ""))
        resolve = lambda entry: described["components"]["parameters"][entry["$ref"].rsplit("/", 1)[1]] if "$ref" in entry else entry
        self.parameters = [resolve(entry) for entry in item.get("parameters", []) + (self.operation or {}).get("parameters", [])]

    def target(self, site, values):
        def value(parameter):
            return site if parameter["name"] == "site" else values.get(parameter["name"], parameter.get("example"))
        target = self.path
        for parameter in self.parameters:
            if parameter["in"] == "path":
                target = target.replace("{" + parameter["name"] + "}", str(value(parameter)))
        query = [(p["name"], value(p)) for p in self.parameters if p["in"] == "query" and value(p) is not None and not (p["name"] == "site" and self.path == "/v1/hits")]
        return target + ("?" + "&".join(f"{name}={str(given).lower() if given is True else given}" for name, given in query) if query else "")

    def body(self, site, values):
        """(type, bytes), of the example; its site is the one that is asked for, and of `values` what this route is given there."""
        content = (self.operation or {}).get("requestBody", {}).get("content", {})
        for kind in ("application/json", "application/x-ndjson"):
            if "example" in content.get(kind, {}):
                given = {name: site if name == "site" else value for name, value in content[kind]["example"].items()}
                return kind, json.dumps({**given, **values.get((self.path, self.method), {})})
        return None, None

    def describes(self, status):
        return str(status) in self.operation["responses"]

    def without_operation(self, token):
        """The status of a method that is not described."""
        if self.admin and not token.known:
            return 401
        return 204 if self.method == "options" and not self.admin_listener else 405  # a preflight

    def expected(self, token, site, visibility):
        """The status where it is refused; None where it is not."""
        scopes = self.operation["x-footfall-scope"]
        if not scopes:
            return None
        public = self.operation.get("x-footfall-public")
        bound = self.operation.get("x-footfall-bound", "site")
        if public and bound == "rows":  # a list of what the caller may read: everybody may ask for it
            return None if token.known or token.secret is None else 401
        if public and public[visibility] != "nothing":
            return None
        if not token.known:
            return 401
        if not token.scopes & set(scopes):
            return 403
        in_place = token.site is None or bound == "rows" or (bound == "site" and token.site == site)
        return None if in_place else 403


class Rights(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.described = yaml.safe_load((ROOT / "proto" / "openapi.yaml").read_text())
        cls.redis = Redis()  # for snapshots
        cls.addClassCleanup(cls.redis.close)
        cls.daemon = Daemon("--threads", "1", "--rate-limit", "0", "--redis", cls.redis.uri).start()
        cls.addClassCleanup(cls.daemon.close)
        until(lambda: "redis: up" in cls.daemon.admin("GET", "/readyz?verbose").text, "Redis is not found")
        cls.scopes = cls.described["components"]["schemas"]["Scope"]["enum"]
        for visibility in VISIBILITIES:
            cls.daemon.add_site(site_of(visibility), visibility=visibility)
            for page in "abde":
                assert cls.daemon.hit(site_of(visibility), f"/{page}").status == 204
        cls.daemon.add_site(OTHER)
        taken = cls.daemon.admin("POST", "/v1/admin/snapshots", {})
        assert taken.status == 200, taken.text
        cls.addresses = itertools.count(2)
        cls.tokens = [Token("none"), Token("wrong", "x" * 43), Token("expired", cls.secret("expired", cls.scopes, expires_in_s=1))]
        cls.tokens += [Token(scope, cls.secret(scope, [scope]), [scope]) for scope in cls.scopes]
        cls.tokens += [Token(f"{scope} of {BOUND}", cls.secret(f"{scope}-of-{BOUND}", [scope], site=BOUND), [scope], BOUND) for scope in cls.scopes]
        cls.tokens += [Token(f"all of {site}", cls.secret(f"of-{site}", cls.scopes, site=site), cls.scopes, site) for site in (*map(site_of, VISIBILITIES), OTHER)]
        cls.kept = {port: http.client.HTTPConnection("127.0.0.1", port, timeout=20) for port in (cls.daemon.port, cls.daemon.admin_port)}
        for connection in cls.kept.values():
            cls.addClassCleanup(connection.close)
        cls.asset = re.search(r'"assets/([^"]+)"', cls.daemon.get("/").text)[1]
        cls.backups = tempfile.mkdtemp(prefix="footfall-backups-")
        cls.addClassCleanup(shutil.rmtree, cls.backups)
        time.sleep(1.1)

    @classmethod
    def secret(cls, name, scopes, **more):
        answer = cls.daemon.admin("POST", "/v1/admin/tokens", {"id": name, "scopes": scopes, **more})
        assert answer.status == 201, answer.text
        return answer.json["secret"]

    def ask(self, route, method, target, secret, kind=None, body=None):
        """(status, body); without a token that is known from an address of its own each, for wrong ones are limited by address."""
        number = next(self.addresses)
        address = f"127.{1 + (number >> 16)}.{number >> 8 & 255}.{number & 255}"
        fields = {"User-Agent": BROWSER % 120, "X-Forwarded-For": f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"}
        if secret:
            fields["Authorization"] = f"Bearer {secret}"
        if kind:
            fields["Content-Type"] = kind
        port = self.daemon.admin_port if route.admin_listener else self.daemon.port
        known = any(token.known and token.secret == secret for token in self.tokens)
        connection = self.kept[port] if known else http.client.HTTPConnection("127.0.0.1", port, timeout=20, source_address=(address, 0))
        try:
            connection.request(method.upper(), target, body, fields)
            answer = connection.getresponse()
            if stream := answer.headers.get("Content-Type", "").startswith("text/event-stream"):
                connection.close()
            return answer.status, b"" if stream else answer.read()
        finally:
            if not known:
                connection.close()

    def routes(self):
        for path in self.described["paths"]:
            for method in METHODS:
                yield Route(self.described, path, method)

    def values(self, site):
        """Of parameters that have no example: names of what is there. And of bodies what has to be new each time."""
        number = next(self.addresses)
        return {"name": self.asset, "path": "/",
                ("/v1/admin/backup", "post"): {"path": f"{self.backups}/{number}"}, ("/v1/admin/tokens", "post"): {"id": f"token-{number}"}}

    def test_every_route_method_and_token(self):
        asked, wrong, done = 0, [], set()
        for visibility in VISIBILITIES:
            site = site_of(visibility)
            self.daemon.admin("POST", "/v1/admin/tokens", {"id": "a-token", "scopes": ["tokens"], "site": site})
            self.assertEqual(self.daemon.admin("POST", "/v1/admin/imports", {"site": site, "source": "log"}).status, 201)
            for route in self.routes():
                if route.operation is not None and not isinstance(route.operation["x-footfall-scope"], list):
                    continue  # an undo: below
                for token in self.tokens:
                    if route.operation is None and token.name == "expired":
                        continue  # as a wrong one; and of all wrong ones 600 at once are answered so
                    values = self.values(site)
                    kind, body = route.body(site, values)
                    status, said = self.ask(route, route.method, route.target(site, values), token.secret, kind, body)
                    asked += 1
                    if route.operation is None:
                        good = status == route.without_operation(token)
                    elif (refused := route.expected(token, site, visibility)) is not None:
                        good = status == refused
                    else:
                        good = status < 500 and status not in (401, 403, 405, 429)
                    if route.operation is not None:
                        good = good and route.describes(status)
                        if status < 300:
                            done.add((route.path, route.method))
                    if not good:
                        wrong.append(f"{route.method} {route.target(site, values)} with {token.name}: {status} {said[:100]}")
            self.assertEqual(self.daemon.admin("DELETE", "/v1/admin/tokens/a-token").status, 200)
        self.assertEqual(wrong, [], f"{len(wrong)} of {asked}")
        self.assertGreater(asked, 20_000)
        able = {(route.path, route.method) for route in self.routes() if route.operation is not None and isinstance(route.operation["x-footfall-scope"], list)}
        self.assertEqual(able - done, set(), "these did nothing for anybody")

    def test_an_undo_needs_the_scope_of_the_change_and_its_site(self):
        site = site_of("full")
        scopes = Route(self.described, "/v1/admin/changes/{id}/undo", "post").operation["x-footfall-scope"]
        admin = f"/v1/admin/sites/{site}"
        made = {
            "seeded": ("POST", admin + "/seed", {"add": 5}),
            "seeded, a page to nothing": ("POST", admin + "/reset", {"page": "/p"}),
            "reset": ("POST", admin + "/reset", {}),
            "site changed": ("PUT", admin, {"lang": "vi"}),
            "site added": ("POST", "/v1/admin/sites", {"name": "added.example"}),
            "site removed": ("DELETE", "/v1/admin/sites/added.example", None),
            "token added": ("POST", "/v1/admin/tokens", {"id": "of-all", "scopes": self.scopes}),
            "token removed": ("DELETE", "/v1/admin/tokens/of-all", None),
            "pages merged": ("POST", admin + "/pages/merge", {"from": ["/a"], "into": "/b"}),
            "page renamed": ("POST", admin + "/pages/rename", {"from": "/d", "to": "/f"}),
            "page removed": ("POST", admin + "/pages/remove", {"page": "/e"}),
            "restored": ("POST", admin + "/restore", {"snapshot": "latest"}),
        }
        # That the description has every kind that the daemon has is openapi_test.cc's to see.
        self.assertEqual(set(made), set(scopes), "a kind of change is not tried")
        for number, (kind, (method, target, body)) in enumerate(made.items()):
            answer = self.daemon.admin(method, target, body, Idempotency_Key=f"undo-{number}")
            self.assertIn(answer.status, (200, 201), answer.text)
            self.assertIn(answer.json["action"], kind)
            route = Route(self.described, "/v1/admin/changes/{id}/undo", "post")
            for token in self.tokens:
                may = token.known and token.scopes & set(scopes[kind]) and token.site in (None, answer.json["site"])
                if "token" in kind:  # one that may everything: nobody here gives or takes that
                    may = False
                status, said = self.ask(route, "post", f"/v1/admin/changes/undo-{number}/undo", token.secret, "application/json", '{"dry_run":true}')
                wanted = 401 if not token.known else 200 if may else 403
                self.assertEqual(status, wanted, f"{kind} with {token.name}: {said}")

    def test_a_token_that_is_removed_or_expired_is_none_at_once(self):
        secret = self.secret("short-lived", ["read"])
        ask = lambda: self.daemon.get(f"/v1/sites/{site_of('private')}/stats", Authorization=f"Bearer {secret}", X_Forwarded_For="10.200.0.1").status
        self.assertEqual(ask(), 200)
        self.daemon.admin("DELETE", "/v1/admin/tokens/short-lived", Idempotency_Key="short-lived")
        self.assertEqual(ask(), 401)
        self.daemon.admin("POST", "/v1/admin/changes/short-lived/undo")
        self.assertEqual(ask(), 200)

    def test_who_guesses_shuts_out_himself_alone(self):
        site = site_of("private")
        secret = self.secret("right", ["read"])

        def read(address, token):
            return self.daemon.get(f"/v1/sites/{site}/stats", Authorization=f"Bearer {token}", X_Forwarded_For=address)
        for _ in range(20):
            self.assertEqual(read("203.0.113.9", "guessed").status, 401)
        limited = read("203.0.113.9", "guessed")
        self.assertEqual((limited.status, limited.fields["Retry-After"], limited.json["type"]), (429, "60", "/problems/too-many-attempts"))
        self.assertEqual(read("203.0.113.9", secret).status, 429, "none of its tokens is looked at")
        self.assertEqual(self.daemon.get(f"/v1/sites/{site_of('full')}/stats", X_Forwarded_For="203.0.113.9").status, 200, "without a token it may read")
        self.assertEqual(self.daemon.hit(site).status, 204)
        self.assertEqual(read("203.0.113.10", secret).status, 200)
        batch = self.daemon.request("POST", "/v1/hits", b"", Content_Type="application/x-ndjson", Authorization=f"Bearer {secret}", X_Forwarded_For="203.0.113.9")
        self.assertEqual(batch.status, 429)
        before = self.daemon.metrics()
        self.assertGreaterEqual(before["footfall_public_failed_attempts_total"], 21)
        self.assertGreaterEqual(before["footfall_limited_attempts_total"], 3)
        # On the machine itself wrong ones are told to wait, right ones are taken.
        statuses = [self.daemon.admin("GET", "/v1/admin/sites", token=False, Authorization="Bearer guessed").status for _ in range(30)]
        self.assertEqual((statuses[0], statuses[-1]), (401, 429))
        self.assertEqual(self.daemon.admin("GET", "/v1/admin/sites").status, 200)
        self.assertEqual(self.daemon.metrics()["footfall_admin_failed_attempts_total"] - before["footfall_admin_failed_attempts_total"], 30)


if __name__ == "__main__":
    unittest.main(verbosity=2)
