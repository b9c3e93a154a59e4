// SPDX-License-Identifier: Apache-2.0
// themes.js: the numbers in the elements that themes have for busuanzi and Vercount, so that a theme's own counter is
// replaced by the address of its script alone:
//
//   <script async src="https://stats.example.vn/themes.js" data-site="example.vn"></script>
//
//   busuanzi_value_site_pv, vercount_value_site_pv   total
//   ..._page_pv                                      the page's total         these two where the site's visibility is full
//   ..._site_uv                                      the year's visitors
//
// It brings footfall.js (or what data-script names), unless that is there, and fills whenever that has numbers. What stands around a number
// (busuanzi_container_site_pv ...) is shown when there is one.
(function () {
  "use strict";
  var script = document.currentScript;
  var names = { site_pv: "total", page_pv: "page", site_uv: "year.visitors" };

  function each(id, what) {
    document.querySelectorAll('[id="' + id + '"]').forEach(what); // themes repeat ids
  }

  function fill() {
    Object.keys(names).forEach(function (name) {
      var number = window.footfall.text(names[name]);
      if (!number) return;
      ["busuanzi_value_", "vercount_value_", "busuanzi_"].forEach(function (prefix) {
        each(prefix + name, function (element) {
          if (!element.hasAttribute("aria-live")) element.setAttribute("aria-live", "off");
          if (element.textContent !== number) element.textContent = number;
        });
      });
      ["busuanzi_container_", "vercount_container_"].forEach(function (prefix) {
        each(prefix + name, function (element) {
          if (getComputedStyle(element).display === "none") element.style.display = "inline";
        });
      });
    });
  }

  function bring() {
    var counting = document.createElement("script");
    counting.nonce = script.nonce;
    Object.assign(counting.dataset, script.dataset);
    counting.src = new URL(script.getAttribute("data-script") || "footfall.js", script.src).href;
    document.head.appendChild(counting);
  }

  addEventListener("footfall", fill);
  if (window.footfall && window.footfall.text) fill();
  else if (script) bring();
})();
