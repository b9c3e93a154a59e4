// SPDX-License-Identifier: Apache-2.0
// Rules: a pure function of a ping and the site's settings. It refuses with a named reason, or classifies.
//
//                              total   online   day's visitors
//     pageview                   x       x            x
//     event                              x            x
//     heartbeat                          x                      (a tab left open over midnight is no visitor of the new
//     day) of a bot: nothing but its own count, unless the site says count_bots
//
// Tested by tests/unit/ingest/rules_test.cc.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/address.h"
#include "ingest/ping.h"
#include "sites/settings.h"

namespace footfall::ingest {

// Why a ping was not accepted: `reason` of the ledger's rejected, and the value of Footfall-Rejected.
enum class Rejection : std::uint8_t {
  none,
  malformed,
  unknown_site,
  origin,
  prefetch,
  rate,
  time,
  disk,
  overload,
  denied,
  media_type,
  too_large,
  duplicate,
  timeout,
  excluded,
  count_
};
std::string_view name_of(Rejection rejection);

struct Verdict {
  Rejection rejection = Rejection::none;
  bool counts = false;  // adds to the total
  bool touches_presence = false;
  bool adds_visitor = false;
};

// `ingest_token`: the sender holds scope `ingest`; origin is not asked then.
// Origin: `null` is refused. A host (of Origin, else Referer, else the url that was sent) must be one of the site's, if
// it has any. No header at all is accepted, unless the site sets strict_origin.
// `from`: the client's address; null: it is not known. What the owner excludes is refused, whoever sends it.
Verdict judge(const Ping& ping, const sites::Settings& settings, bool bot, bool ingest_token,
              const base::Address* from);

// Is `host` (lower case) one of the site's? False when the site names none.
bool is_host_of(std::string_view host, const sites::Settings& settings);
// Does a referrer, as normalise_referrer() writes it, lie on one of the site's own hosts? Such a one says nothing, and
// is dropped.
bool own_host(std::string_view referrer, const sites::Settings& settings);

}  // namespace footfall::ingest
