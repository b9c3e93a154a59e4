// SPDX-License-Identifier: Apache-2.0
// footfall.js: counts one pageview per load, says each beat that the page is still looked at, and shows the numbers.
//
//   <script async src="https://stats.example.vn/footfall.js" data-site="example.vn"></script>
//   <b data-footfall="total">41.450.791</b>   also online, today, month, peak; year, visitors (of today) and page where
//                                             the site's visibility is full: a counter, the default, tells them nobody
//
// No cookie, no preflight, nothing stored. What an element says stays as it is until a number is there.
(function () {
  "use strict";
  var script = document.currentScript;
  // Loaded twice counts once. An element with id="footfall" is also window.footfall.
  if (!script || (window.footfall && window.footfall.event)) return;

  var site = script.getAttribute("data-site") || location.hostname;
  var hit = new URL(script.getAttribute("data-hit") || "hit", script.src).href;
  var marks = { dot: ".", comma: ",", space: "\u00a0" };
  var beat = 30; // seconds; the site's own comes with the first answer
  var wait = 1; // grows while the server cannot be reached
  var sent = 0; // when something was sent last
  var behind = false; // the reader moved while nobody looked
  var timer, path, stats;

  function visible() {
    return !document.prerendering && document.visibilityState !== "hidden";
  }

  function number(name) {
    if (name === "total" || name === "online") return stats[name + "_text"] || stats[name];
    var from = { today: "today", month: "month", year: "year", visitors: "today", peak: "peak", page: "page" }[name];
    var what = { visitors: "visitors", peak: "online", page: "total" }[name] || "hits";
    var part = from && stats[from];
    return part ? part[what + "_text"] || part[what] : undefined;
  }

  function show() {
    if (!stats) return;
    document.querySelectorAll("[data-footfall]").forEach(function (element) {
      var value = number(element.getAttribute("data-footfall"));
      if (value === undefined || value === null) return;
      var text = String(value).replace(/\B(?=(\d{3})+$)/g, marks[stats.grouping] || "");
      if (element.textContent !== text) element.textContent = text;
    });
  }

  function schedule(seconds) {
    clearTimeout(timer);
    // A tenth of chance, so that the readers of one page do not beat as one.
    if (visible()) timer = setTimeout(tick, seconds * 1000 * (0.95 + Math.random() / 10));
  }

  function send(kind, more) {
    var ping = { site: site, path: path || location.pathname, kind: kind, format: "json" };
    for (var key in more) ping[key] = more[key];
    sent = Date.now();
    // A string goes as text/plain, which needs no preflight.
    fetch(hit, { method: "POST", body: JSON.stringify(ping), keepalive: true, credentials: "omit", cache: "no-store" })
      .then(function (answer) {
        if (!answer.ok) throw answer.status;
        wait = 1;
        return answer.status === 204 ? null : answer.json();
      })
      .then(function (object) {
        if (!object) return;
        stats = object;
        if (object.beat_s > 0) beat = object.beat_s;
        show();
      })
      .catch(function () {
        wait = Math.min(wait * 2, 16);
      })
      .then(function () {
        schedule(beat * wait);
      });
  }

  function tick() {
    if (!visible() || path === undefined) return;
    var left = beat * wait - (Date.now() - sent) / 1000;
    if (left > 1) schedule(left);
    else send("heartbeat");
  }

  // Counts where the reader is, once they see it, and if it is not what was counted last.
  function count(referrer) {
    behind = !visible();
    if (behind || path === location.pathname) return;
    path = location.pathname;
    send("pageview", { ref: referrer, title: document.title });
  }

  function arrive() {
    if (path === undefined) count(document.referrer);
    else if (behind) count("");
    tick();
  }

  // Pages that swap their content: a new path is a new pageview. Deferred, so that a push that is replaced at once
  // counts where it ends, under its new title.
  function moved() {
    setTimeout(function () {
      if (path !== undefined) count("");
    });
  }

  var push = history.pushState;
  history.pushState = function () {
    push.apply(this, arguments);
    moved();
  };
  addEventListener("popstate", moved);
  addEventListener("pageshow", function (event) {
    if (!event.persisted || path === undefined) return;
    path = ""; // back from the cache: looked at again
    count("");
  });
  document.addEventListener("prerenderingchange", arrive);
  document.addEventListener("visibilitychange", function () {
    if (visible()) arrive();
    else clearTimeout(timer);
  });
  document.addEventListener("DOMContentLoaded", show);

  window.footfall = {
    event: function (name) {
      send("event", { name: name });
    },
  };
  arrive();
})();
