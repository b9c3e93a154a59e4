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
  std::string_view site;  // as sent: it is looked up at once
  std::string_view path;  // decoded and normalised, in the arena; empty: none was sent
  std::string_view
      referrer;  // cut to origin and path, in the arena; empty: none. Rules tell whether it is the site's own
  std::string_view campaign;  // utm_campaign of the page's query, in the arena
  std::string_view event;     // name of an event, in the arena
  std::string_view
      origin_host;  // lower case host of Origin, else of Referer, else of `url`; of the request, or in the arena
  bool origin_absent = true;  // neither Origin nor Referer was sent
  bool origin_null = false;   // "Origin: null"
  bool prefetch = false;      // Sec-Purpose, Purpose or X-Moz say prefetch or prerender
  bool origin_only = false;   // the page was to be taken from a Referer that named a host alone; path is empty then
  counting::Kind kind = counting::Kind::pageview;
  AnswerFormat format = AnswerFormat::no_content;
  std::uint32_t unknown_keys = 0;  // passed over; for a metric
};

}  // namespace footfall::ingest
