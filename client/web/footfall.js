// SPDX-License-Identifier: Apache-2.0
// footfall.js: counts one pageview for each view, says each beat that the page is still looked at, and shows the numbers.
//
//   <script async src="https://stats.example.vn/footfall.js" data-site="example.vn"></script>
//   <b data-footfall="total">41.450.791</b>
//
// One function decides: look(). Whatever happens to the page calls it, and it compares where the reader is with what was
// counted last.
//
//   shown, moved, back from the cache, the beat's timer --> look() --> hidden: the stream is closed, nothing is sent
//                                                                  --> another path: pageview
//                                                                  --> the same: heartbeat, unless the address alone moved
//   send() --> fetch, or beacon --> the numbers --> show(), next beat, stream
//              the page's policy forbids these: image, and no numbers
//
// No cookie, no preflight, nothing stored. What an element says stays as it is until a number is there. Options and what a
// page's policy has to allow are in README.md beside this file. Tested by tests/browser/.
(function () {
  "use strict";
  var script = document.currentScript;
  // Loaded twice counts once. An element with id="footfall" is also window.footfall.
  if (!script || (window.footfall && window.footfall.event)) return;

  var site = script.getAttribute("data-site") || location.hostname;
  // Called NAME.js it pings NAME beside it; footfall.js pings hit.
  var name = /([^/]+)\.js([?#]|$)/.exec(script.src);
  name = name && name[1] !== "footfall" ? name[1] : "hit";
  var hit = new URL(script.getAttribute("data-hit") || name, script.src || location.href).href;
  // what an element asks for -> where it stands in the stats object
  var places = {
    today: "today.hits",
    month: "month.hits",
    year: "year.hits",
    visitors: "today.visitors",
    peak: "peak.online",
    page: "page.total",
  };
  var marks = { dot: ".", comma: ",", space: "\u00a0" };
  var beat = 30; // seconds; the site's own comes with the first answer
  var pollMax = 10; // seconds between two beats where live numbers are wanted and there is no stream
  var streamsMax = 4; // of a browser's pages: it opens six connections to a host, and a stream keeps one
  var asked = {}; // address of a ping -> 1, until it is answered
  var sentAt = 0; // ms, as performance.now() says it
  var retryAt = 0; // the same: a stream was refused, not before
  var referrer = document.referrer;
  var images, blocked; // pings go as images; not even so
  var wanted, opening; // live numbers are; a stream is being opened
  var path, timer, stats, stream;

  function nothing() {}

  function visible() {
    return !document.prerendering && document.visibilityState !== "hidden";
  }

  // The page's path, in the spelling that the daemon gives it. With data-hash "#/a" and "#!/a" are part of it.
  function where() {
    var route = script.hasAttribute("data-hash") && /^#!?(\/[^?#]*)/.exec(location.hash);
    var rest = /\/(index\.(html?|php))?$/;
    return location.pathname.replace(rest, "") + (route ? route[1].replace(rest, "") : "") || "/";
  }

  // A number as the site writes it; undefined where it is not told.
  function text(name) {
    var value = (places[name] || name).split(".").reduce(function (object, key) {
      return object && (object[key + "_text"] || object[key]);
    }, stats);
    if (/^\d+$/.test(value)) return String(value).replace(/\B(?=(\d{3})+$)/g, marks[stats.grouping] || "");
  }

  function show() {
    if (!stats) return;
    document.querySelectorAll("[data-footfall]").forEach(function (element) {
      var number = text(element.getAttribute("data-footfall"));
      if (!number || element.textContent === number) return;
      // Read out at each change, it would never end: only where the author says so.
      if (!element.hasAttribute("aria-live")) element.setAttribute("aria-live", "off");
      element.lang = stats.lang;
      element.textContent = number;
    });
    dispatchEvent(new Event("footfall"));
  }

  // Answers may overtake each other. A clock that was put back by a minute or more is believed.
  function take(object) {
    var late = stats && Date.parse(stats.as_of) - Date.parse(object.as_of);
    if (late > 0 && late < 6e4) return;
    stats = object;
    beat = object.beat_s || beat;
    show();
  }

  // --- live ---

  function hush() {
    if (stream) {
      stream.close();
      stream.free();
    }
    stream = 0;
  }

  function refused() {
    hush();
    retryAt = performance.now() + 3e4 * (1 + Math.random());
    plan();
  }

  // Only where the numbers may be read, and with the page's path only where its own are shown.
  function listen() {
    wanted = document.querySelector("[data-footfall][data-live],script[data-live]") && stats.total !== undefined;
    if (!wanted) return;
    var own = document.querySelector('[data-footfall^="page"]') ? "?path=" + encodeURIComponent(path) : "";
    var url = new URL("v1/sites/" + site + "/live" + own, hit).href;
    if (opening || (stream && stream.url === url) || !window.EventSource || performance.now() < retryAt) return;
    hush();
    function open(free) {
      opening = 0;
      if (!visible()) return free();
      stream = new EventSource(url);
      stream.free = free;
      stream.onmessage = function (event) {
        take(JSON.parse(event.data));
      };
      stream.onerror = function () {
        // Else the browser tries again, when the server said; meanwhile beats are closer.
        if (this === stream && stream.readyState > 1) refused();
      };
    }
    function claim(place) {
      return navigator.locks.request("footfall" + place, { ifAvailable: true }, function (lock) {
        if (lock) return new Promise(open);
        if (place < streamsMax) return claim(place + 1);
        opening = 0;
        refused();
      });
    }
    opening = 1;
    if (navigator.locks) claim(1).catch(nothing);
    else open(nothing);
  }

  // --- pings ---

  function plan() {
    var wait = wanted && !(stream && stream.readyState === 1) ? Math.min(beat, pollMax) : beat;
    clearTimeout(timer);
    // A tenth of chance, so that the readers of one page do not beat as one.
    timer = setTimeout(look, wait * (950 + Math.random() * 100), 1);
  }

  function draw(url) {
    if (!blocked) new Image().src = hit + ".gif" + url.slice(hit.length) + "&rnd=" + Math.random();
  }

  function send(kind, more) {
    var ping = Object.assign({ site: site, path: path || where(), kind: kind, format: "json" }, more);
    var url = hit + "?" + new URLSearchParams(ping);
    sentAt = performance.now();
    plan();
    if (images) return draw(url);
    asked[url] = 1;
    // Nothing in the body and no field of its own: no preflight. An event is often the last thing on a page: where fetch
    // does not outlive the page a beacon does.
    if (!window.fetch || (kind === "event" && !("keepalive" in Request.prototype))) {
      if (!navigator.sendBeacon || !navigator.sendBeacon(url)) draw(url);
      return;
    }
    fetch(url, { method: "POST", keepalive: true, credentials: "omit" })
      .then(function (answer) {
        delete asked[url];
        if (answer.status === 200) return answer.json();
      })
      .then(function (object) {
        if (!object) return;
        take(object);
        plan();
        listen();
      })
      .catch(nothing); // the next beat tells
  }

  // `again`: the reader is there; without it the address may have changed, and that is all.
  function look(again) {
    var here = where();
    if (!visible()) return hush();
    if (blocked) return;
    if (here !== path) {
      path = here;
      var campaign = /[?&](utm_campaign=[^&]*)/.exec(location.search);
      send("pageview", { path: path + (campaign ? "?" + campaign[1] : ""), ref: referrer.split(/[?#]/)[0] });
      referrer = "";
    } else if (again && performance.now() - sentAt > 999) send("heartbeat");
  }

  // --- what happens ---

  // Later, so that a push that is replaced at once counts where it ends.
  function moved() {
    setTimeout(look);
  }
  ["pushState", "replaceState"].forEach(function (name) {
    var native = history[name];
    history[name] = function () {
      native.apply(this, arguments);
      moved();
    };
  });
  addEventListener("popstate", moved);
  addEventListener("hashchange", moved);
  addEventListener("pageshow", function (event) {
    if (!event.persisted) return;
    path = 0; // back from the cache: looked at again
    look(1);
  });
  addEventListener("pagehide", hush);
  document.addEventListener("prerenderingchange", look);
  document.addEventListener("visibilitychange", look);
  document.addEventListener("DOMContentLoaded", show);
  // Told by this event alone, never by a request that failed: that one may have been counted. Some browsers name the
  // blocked address, some its origin.
  document.addEventListener("securitypolicyviolation", function (event) {
    if (event.disposition === "report") return;
    if (!event.blockedURI.indexOf(hit + ".gif")) blocked = 1;
    if (event.effectiveDirective !== "connect-src") return;
    for (var url in asked) {
      if (url.indexOf(event.blockedURI)) continue;
      delete asked[url];
      images = 1;
      draw(url);
    }
  });

  window.footfall = {
    event: function (name) {
      send("event", { name: name });
    },
    text: text,
  };
  look();
})();
