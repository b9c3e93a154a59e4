// SPDX-License-Identifier: Apache-2.0
// Rules: a pure function of a ping and the site's settings. It refuses with a named reason, or classifies.
// Tested by tests/unit/ingest/rules_test.cc.
#pragma once

#include <cstdint>
#include <string_view>

#include "ingest/ping.h"
#include "sites/settings.h"

namespace footfall::ingest {

// Why a ping was not accepted: `reason` of the ledger's rejected, and the value of Footfall-Rejected.
enum class Rejection : std::uint8_t {
  none, malformed, unknown_site, origin, prefetch, rate, time, disk, overload, denied, media_type, too_large, count_
};
std::string_view name_of(Rejection rejection);

struct Verdict {
  Rejection rejection = Rejection::none;
  bool counts = false;           // adds to the total
  bool touches_presence = false;
  bool adds_visitor = false;
};

// `ingest_token`: the sender holds scope `ingest`; origin is not asked then.
Verdict judge(const Ping& ping, const sites::Settings& settings, bool bot, bool ingest_token);

}  // namespace footfall::ingest
