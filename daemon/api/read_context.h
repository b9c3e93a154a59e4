// SPDX-License-Identifier: Apache-2.0
// ReadContext: what every reading route needs: the site, its settings, the caller's rights and the time.
//
//   visibility   without a token                              with a token of scope read
//   counter      total, online, peak; hits of today and month  everything
//   full         everything                                    everything
//   private      nothing                                       everything
// Tested by tests/unit/api/read_context_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "api/content_encoding.h"
#include "api/problems.h"
#include "api/router.h"
#include "lookup/time_zones.h"
#include "sites/registry.h"

namespace footfall::api {

struct ReadContext {
  sites::Site* site = nullptr;
  std::shared_ptr<const sites::Settings> settings;
  std::shared_ptr<const lookup::TimeZone> zone;
  bool may_read_all = false;        // visibility full, or a token of scope read
  bool may_read_counter = true;     // visibility counter or full, or such a token
  bool token_known = false;         // a token of this node was sent, whatever it allows
  std::int64_t rights_until_s = 0;  // when the token that gave rights expires; 0: never
  std::int64_t now_ms = 0;
};

// Who may read: token is the bearer's secret, empty when none was sent. Digests are compared in constant time.
ReadContext read_context(const sites::Entry& entry, std::shared_ptr<const lookup::TimeZone> zone,
                         const sites::Directory& directory, std::string_view token, std::int64_t now_ms);

// Why `route` may not be answered in this context: unauthorized without a token, forbidden with one that does not do.
// Stats, live and widgets need the counter; pages, series, top and refusals need all.
std::optional<Problem> refusal(const ReadContext& context, Route route);
std::string_view refusal_detail(Problem problem);

// What shared caches may keep: 5 s of what everybody may read, nothing of what a token opened.
std::string_view cache_control(const ReadContext& context);
// A complete line, or empty: `Vary: Authorization` wherever a token may change the answer.
std::string_view vary_field(const ReadContext& context);
// Blind where texts that visitors chose stand in what a token alone opens.
Packing packing_of(const ReadContext& context, Route route);

}  // namespace footfall::api
