// SPDX-License-Identifier: Apache-2.0
// Ping: a message as a client sent it, not judged yet. Every dialect turns its requests into this.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "counting/hit.h"

namespace footfall::ingest {

enum class AnswerFormat : std::uint8_t { no_content, gif, json };

// Views point into the request or into the Arena; valid until the pass ends only where noted.
struct Ping {
  std::string_view site;
  std::string_view path;       // decoded and normalised, in the arena; empty: none was sent
  std::string_view referrer;   // cut to origin and path, in the arena; empty: none, or the site's own
  std::string_view campaign;   // utm_campaign of the page's query, in the arena
  std::string_view event;      // name of an event, in the arena
  std::string_view origin_host;  // lower case host of Origin, else of Referer; in the arena
  bool origin_absent = true;   // neither Origin nor Referer was sent
  bool origin_null = false;    // "Origin: null"
  bool prefetch = false;       // Sec-Purpose, Purpose or X-Moz say prefetch or prerender
  counting::Kind kind = counting::Kind::pageview;
  AnswerFormat format = AnswerFormat::no_content;
};

}  // namespace footfall::ingest
