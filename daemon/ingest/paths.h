// SPDX-License-Identifier: Apache-2.0
// Paths and addresses of pages, in one spelling each. Shared by all dialects.
//
// A normalised path, so that one page is counted as one:
//   - query and fragment are dropped, a missing '/' at the begin is added
//   - %XX is decoded where that gives UTF-8 without control characters. What stays encoded (in upper case): control
//   characters,
//     bytes that are no UTF-8, and / ? # %, which would mean something else decoded. The same bytes sent raw are
//     encoded, a '%' without two digits too, so the result is UTF-8 text without control characters
//   - empty and "." segments go, ".." takes the one before along; then "index.html", "index.htm", "index.php" at the
//   end go,
//     and a '/' at the end, but for "/" itself
// Letter case stays. Normalising twice changes nothing more. Nothing is cut: over 1,024 bytes is refused.
//
// Cost: about 1 ns a byte when there is nothing to do. Tested by tests/unit/ingest/paths_test.cc, against a slow second
// program; fuzzed by tests/fuzz/native_fuzz.cc.
#pragma once

#include <cstddef>
#include <string_view>

#include "ingest/arena.h"

namespace footfall::ingest {

inline constexpr std::size_t kPathMax = 1024;
inline constexpr std::size_t kReferrerMax = 1024;

// False, and `out` empty, when the result would be longer than kPathMax. In the arena.
bool normalise_path(std::string_view raw, Arena& arena, std::string_view& out);

// An address with http or https.
struct Url {
  bool secure = false;
  std::string_view host;  // lower case, of `raw` or in the arena; no user, port or dot at the end; "[...]" for IPv6
  std::string_view port;  // digits of `raw`; empty: none, or the scheme's own
  std::string_view rest;  // of `raw`: path, query and fragment, as sent
};
// False if it is no http address, or host and port are not well-formed.
bool parse_url(std::string_view raw, Arena& arena, Url& out);

// Origin and normalised path: "https://news.example/a". Where the path is too long the origin alone. Empty when `raw`
// is no http address: then it is no referrer that could be shown. In the arena; `host` is that of the referrer, as
// of parse_url().
std::string_view normalise_referrer(std::string_view raw, Arena& arena, std::string_view& host);

// What stands between '?' and '#', not decoded; empty if nothing does.
std::string_view query_of(std::string_view path_or_url);

}  // namespace footfall::ingest
