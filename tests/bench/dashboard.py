# SPDX-License-Identifier: Apache-2.0
"""How long the dashboard takes until it can be used, on a slow phone: dashboard.py BUILD [--rounds N]

Chromium as DevTools slows it down: Slow 4G (562.5 ms to and fro, 1.44 Mbit/s down, 675 kbit/s up), the CPU four times slower, an
empty cache, a site with thirty days of visits. Tells the milliseconds from the begin of the navigation until the numbers
are there, until the chart is drawn, and until every list is; the bytes and requests of it; the goal is 3,000 until the chart.
"""
import argparse
import json
import os
import pathlib
import random
import statistics
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path += [str(ROOT / "tests" / "browser"), str(ROOT / "tests" / "integration")]
SITE = "bench.example"
SLOW_4G = {"offline": False, "latency": 562.5, "downloadThroughput": 1.44e6 / 8, "uploadThroughput": 675e3 / 8}
MARKS = {"numbers": "document.querySelector('.figure') && document.querySelector('.figure').textContent !== '–'", "chart": "document.querySelector('.main-chart svg path')",
         "lists": "document.querySelector('.lists') && document.querySelectorAll('.list .empty').length === document.querySelectorAll('.ranked.nothing').length"}
WATCH = "window.marks = {}; const marks = %s; (function look() { for (const [name, there] of Object.entries(marks)) if (!(name in window.marks) && there()) window.marks[name] = Math.round(performance.now()); requestAnimationFrame(look); })();"


def fill(daemon):
    now, chance = int(time.time()), random.Random(1)
    items = [{"site": SITE, "path": f"/p/{chance.randrange(300)}", "time": now - chance.randrange(30 * 86400), "address": f"10.0.{i % 250}.{i % 199}", "agent": f"Mozilla/5.0 (X11; Linux x86_64; rv:{i % 9 + 120}.0) Gecko/20100101 Firefox/{i % 9 + 120}.0",
              "ref": f"https://r{chance.randrange(90)}.example/"} for i in range(15000)]
    body = "".join(json.dumps(item) + "\n" for item in items).encode()
    answer = daemon.request("POST", "/v1/hits", body, Content_Type="application/x-ndjson", Authorization=f"Bearer {daemon.token}")
    assert answer.status == 200, answer.text


def measure(browser, url):
    from chromium import Tab, eventually
    tab = Tab(browser)
    tab.call("Emulation.setDeviceMetricsOverride", width=390, height=844, deviceScaleFactor=2, mobile=True)
    tab.call("Network.emulateNetworkConditions", **SLOW_4G)
    tab.call("Emulation.setCPUThrottlingRate", rate=4)
    tab.call("Page.addScriptToEvaluateOnNewDocument", source=WATCH % ("{" + ",".join(f"{name}: () => {there}" for name, there in MARKS.items()) + "}"))
    tab.open(url)
    assert eventually(lambda: len(json.loads(tab.run("JSON.stringify(window.marks)") or "{}")) == len(MARKS), 60), tab.run("JSON.stringify(window.marks)")
    marks = json.loads(tab.run("JSON.stringify(window.marks)"))
    marks["bytes"] = tab.run("performance.getEntriesByType('resource').concat(performance.getEntriesByType('navigation')).reduce((sum, e) => sum + e.transferSize, 0)")
    marks["requests"] = len(tab.sent())
    tab.close()
    return marks


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    os.environ["FOOTFALL_BUILD"] = str(pathlib.Path(options.build).resolve())
    from chromium import Browser
    from footfall import BROWSER, Daemon
    with Daemon("--threads", "1") as daemon:
        daemon.add_site(SITE, visibility="full", timezone="Asia/Ho_Chi_Minh", lang="vi")
        fill(daemon)
        browser = Browser(BROWSER % 156)
        try:
            rounds = [measure(browser, f"http://127.0.0.1:{daemon.port}/sites/{SITE}") for _ in range(options.rounds)]
        finally:
            browser.close()
    for name in (*MARKS, "bytes", "requests"):
        values = [marks[name] for marks in rounds]
        print(f"{name:10} {statistics.median(values):8.0f}  ({min(values)}-{max(values)}){'' if name in ('bytes', 'requests') else ' ms'}")
    met = statistics.median(marks["chart"] for marks in rounds) <= 3000
    print("usable in 3 s:", "met" if met else "missed")


if __name__ == "__main__":
    main()
