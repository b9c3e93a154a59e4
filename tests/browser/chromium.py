# SPDX-License-Identifier: Apache-2.0
"""A headless Chromium of the test's own, spoken to in the DevTools protocol over a pipe: JSON texts, each ended by a zero byte.

    test -- fd 3 of the browser --> { id, method, params, sessionId } \\0
         <- fd 4 of the browser --  { id, result | error } or { method, params, sessionId }: an event \\0

One profile directory, which goes with the browser; each Tab has a cookie jar and a cache of its own unless it is given
another's context. Nothing is sent but to the addresses that the pages name; hosts under .example are this machine.
"""
import base64
import contextlib
import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--disable-default-apps", "--disable-extensions", "--disable-breakpad",
         "--disable-dev-shm-usage", "--no-proxy-server", "--host-resolver-rules=MAP *.example 127.0.0.1", "--mute-audio", "--hide-scrollbars", "--window-size=1000,800"]


def program():
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def eventually(what, wait_s=15):
    """Asks until the answer is true, and gives the last one."""
    deadline = time.monotonic() + wait_s
    while not (answer := what()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return answer


class Browser:
    def __init__(self, agent):
        self.profile = tempfile.mkdtemp(prefix="footfall-chromium-")
        self.sequence = 0
        self.unread = b""
        self.events = {}  # session id -> [(method, params)] not taken yet
        theirs_in, self.to = os.pipe()
        self.out, theirs_out = os.pipe()
        # The shell renumbers: both pipes could be 3 and 4 here already, the other way round.
        ends = [fcntl.fcntl(fd, fcntl.F_DUPFD, 10) for fd in (theirs_in, theirs_out)]
        self.process = subprocess.Popen(
            ["bash", "-c", f'exec "$@" 3<&{ends[0]} 4>&{ends[1]} {ends[0]}<&- {ends[1]}>&-', "chromium", program(), *FLAGS,
             "--remote-debugging-pipe", f"--user-data-dir={self.profile}", f"--user-agent={agent}", "about:blank"],
            pass_fds=ends, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**os.environ, "HOME": self.profile}, start_new_session=True)
        for fd in (theirs_in, theirs_out, *ends):
            os.close(fd)

    def close(self):
        with contextlib.suppress(OSError, AssertionError):
            self.call("Browser.close")
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(5)
        with contextlib.suppress(OSError):  # what is left of its session, which is its own
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self.to)
        os.close(self.out)
        shutil.rmtree(self.profile, ignore_errors=True)

    def call(self, method, session=None, wait_s=30, **params):
        self.sequence += 1
        message = {"id": self.sequence, "method": method, "params": params, **({"sessionId": session} if session else {})}
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.to, data):]
        deadline = time.monotonic() + wait_s
        while time.monotonic() < deadline:
            for answer in self.read(deadline - time.monotonic()):
                if answer.get("id") == message["id"]:
                    if "error" in answer:
                        raise AssertionError(f"{method}: {answer['error']['message']}")
                    return answer["result"]
        raise AssertionError(f"{method}: the browser did not answer in {wait_s} s")

    def read(self, wait_s):
        """What comes next, once something does; events are put away under their session."""
        if not select.select([self.out], [], [], max(wait_s, 0))[0]:
            return []
        chunk = os.read(self.out, 1 << 20)
        if not chunk:
            raise AssertionError("the browser ended")
        *whole, self.unread = (self.unread + chunk).split(b"\0")
        messages = [json.loads(text) for text in whole]
        for message in messages:
            if "method" in message:
                self.events.setdefault(message.get("sessionId"), []).append((message["method"], message["params"]))
        return [message for message in messages if "id" in message]


class Tab:
    """A tab with its own jar, or beside another of the same `context`. What it sends is recorded from the first byte."""

    def __init__(self, browser, agent=None, context=None, background=False, own_window=False):
        self.browser = browser
        self.context = context or browser.call("Target.createBrowserContext")["browserContextId"]
        window = {"newWindow": True} if own_window else {}
        self.target = browser.call("Target.createTarget", url="about:blank", browserContextId=self.context, background=background, **window)["targetId"]
        self.session = browser.call("Target.attachToTarget", targetId=self.target, flatten=True)["sessionId"]
        self.requests = []  # [{"id", "url", "method", "type", "body"}] in the order sent
        self.fields = {}  # request id -> names and values as they went out
        self.cookies = {}  # request id -> [name] of cookies that went along
        self.uncaught = []  # what scripts of the page threw
        for method in ("Page.enable", "Network.enable", "Runtime.enable"):
            self.call(method)
        if agent:
            self.call("Network.setUserAgentOverride", userAgent=agent)

    def call(self, method, **params):
        return self.browser.call(method, session=self.session, **params)

    def close(self):
        if self.target:
            self.browser.call("Target.closeTarget", targetId=self.target)
        self.target = None

    def open(self, url):
        failed = self.call("Page.navigate", url=url).get("errorText")
        if failed:
            raise AssertionError(f"{url}: {failed}")
        if not eventually(lambda: self.run("location.href !== 'about:blank' && document.readyState === 'complete'")):
            raise AssertionError(f"{url} was not loaded")
        return self

    def run(self, script):
        """The value of a JavaScript expression; promises are waited for. None while a page is being left."""
        try:
            answer = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        except AssertionError as error:
            if "context" in str(error) or "navigated" in str(error):
                return None
            raise
        if "exceptionDetails" in answer:
            raise AssertionError(f"{script}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def text(self, selector):
        return self.run(f"document.querySelector({json.dumps(selector)})?.textContent")

    def sent(self):
        """All requests so far."""
        self.run("0")  # whatever was under way has been reported when this is answered
        for method, params in self.browser.events.pop(self.session, []):
            if method == "Network.requestWillBeSent":
                request = params["request"]
                self.requests.append({"id": params["requestId"], "url": request["url"], "method": request["method"],
                                      "type": params.get("type"), "body": request.get("postData")})
            elif method == "Network.requestWillBeSentExtraInfo":
                self.fields[params["requestId"]] = {name.lower(): value for name, value in params["headers"].items()}
                self.cookies[params["requestId"]] = [a["cookie"]["name"] for a in params["associatedCookies"] if not a["blockedReasons"]]
            elif method == "Runtime.exceptionThrown":
                self.uncaught.append(params["exceptionDetails"])
        return self.requests

    def screenshot(self, path):
        with open(path, "wb") as file:
            file.write(base64.b64decode(self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)["data"]))
