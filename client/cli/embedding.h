// SPDX-License-Identifier: Apache-2.0
// Embedding: where a page has the counter, and where that sends its pings, derived as client/web/footfall.js and
// client/web/themes.js do.
//
//   <script src=.../footfall.js data-site=S>  -->  .../hit, .../hit.gif, .../v1/sites/S/live
//   <script src=.../NAME.js data-site=S>      -->  .../NAME, ...
//   <script src=.../themes.js data-site=S>    -->  brings .../footfall.js
//   <img src=.../hit.gif?site=S>              -->  .../hit
//   <iframe or img src=.../widget/S...>       -->  .../hit
//
// Tested by tests/unit/client/embedding_test.cc.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/html.h"
#include "cli/web_url.h"

namespace footfall::cli {

struct Embedding {
  struct Script {
    WebUrl url;
    Element element;
    std::optional<WebUrl> brings;  // of themes.js: the counter's own script
  };
  struct Picture {  // or frame
    WebUrl url;
    std::string site;
    bool frame = false;
    bool in_noscript = false;
  };

  WebUrl base;                        // what references are relative to
  std::vector<Script> scripts;        // the counter's
  std::vector<Script> other_scripts;  // of others, as far as their address tells
  std::vector<Picture> pixels, widgets;
  std::vector<std::string> numbers;   // what data-footfall asks for, each once
  std::vector<std::string> policies;  // of <meta http-equiv=Content-Security-Policy>
  bool live = false;                  // data-live

  // Takes one of the others for the counter's.
  void adopt(std::size_t other);
  // Absent: there is nothing that pings or shows.
  std::optional<WebUrl> hit() const;
  std::string site(const WebUrl& page) const;
};

Embedding embedding_of(const WebUrl& page, std::string_view html);

}  // namespace footfall::cli
