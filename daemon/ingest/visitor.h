// SPDX-License-Identifier: Apache-2.0
// Visitor: who sent a hit, as a keyed hash of (site, client prefix, agent) under the salt of the hit's local day.
//
// A site's day turns at its own midnight, and with it the key. A visitor who was there before and is there after has
// two ids; for one window after midnight hits carry both, so that presence can move them instead of counting them
// twice:
//
//          day d-1             midnight        + window_s              day d
//     -------------------------|---------------|----------------------------
//      visitor under K(d-1)    |  under K(d), moved_from under K(d-1)
//                                              |  under K(d) alone
//
// The same holds for one window after another node's salts were adopted (ingest/shared_salts.h).
//
// VisitorKeys keeps the answer for "now" until something changes: offset, midnight, or the end of the window. So a hit
// costs two comparisons and one SipHash-2-4 over about 35 bytes (two in the window after midnight); no allocation.
// Tested by tests/unit/ingest/visitor_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/siphash.h"
#include "counting/hit.h"
#include "ingest/salts.h"
#include "lookup/time_zones.h"

namespace footfall::ingest {

// The visitor of an address (16 bytes, IPv4-mapped or IPv6, of which the first 8 count) and agent on a site. Never 0.
// The same after a restart and on every node that has the key. `user_agent` may be any text that tells visitors apart:
// of agents it is lookup::AgentCache's digest.
counting::VisitorId visitor_id(base::SipKey key, std::string_view site, const std::uint8_t address[16],
                               std::string_view user_agent);

// The visitors of one site under one key: visitor_id(), of which what concerns the site is worked out once.
class SiteVisitors {
 public:
  SiteVisitors(const base::SipKey& key, std::string_view site);
  SiteVisitors(const SiteVisitors&) = default;
  SiteVisitors& operator=(const SiteVisitors&) = default;
  ~SiteVisitors();  // overwrites what follows from the key
  counting::VisitorId visitor(const std::uint8_t address[16], std::string_view user_agent) const;

 private:
  base::SipPrefix24 site_part_;
  base::SipKey key_;
};

// What holds for one site between two changes. Valid until the next call of the VisitorKeys that gave it.
class DayKeys {
 public:
  counting::Day day = 0;          // the local day
  std::int32_t utc_offset_s = 0;  // local = UTC + offset

  bool has_key() const { return begun_.has_value(); }
  // 0 where the key of the day is gone, or has not been made.
  counting::VisitorId visitor(const std::uint8_t address[16], std::string_view user_agent) const {
    return begun_ ? begun_->visitor(address, user_agent) : counting::VisitorId{};
  }
  // The same visitor under the key of the day before, for a hit at at_s in the first window of its day; or under the
  // key before other salts were adopted; else 0.
  counting::VisitorId moved_from(std::int64_t at_s, const std::uint8_t address[16], std::string_view user_agent) const {
    if (!previous_ || at_s >= previous_until_s_) return {};
    return previous_->visitor(address, user_agent);
  }

 private:
  friend class VisitorKeys;
  std::optional<SiteVisitors> begun_;     // under the key of the day
  std::optional<SiteVisitors> previous_;  // under the one before
  std::int64_t previous_until_s_ = INT64_MIN;
};

// One per site and shard; made anew when the site's settings or the salts change. Not thread-safe.
class VisitorKeys {
 public:
  VisitorKeys() = default;
  // `salts` may be null: then nobody has an id.
  VisitorKeys(std::string site, std::shared_ptr<const lookup::TimeZone> zone, std::shared_ptr<const SaltKeys> salts,
              std::int32_t window_s)
      : site_(std::move(site)), zone_(std::move(zone)), salts_(std::move(salts)), window_s_(window_s) {}

  // REQUIRES: not default-constructed.
  const DayKeys& at(std::int64_t at_s) {
    if (at_s < from_s_ || at_s >= until_s_) look_up(at_s);
    return keys_;
  }
  // Null where the salt of that day is gone: the hit counts, but adds no visitor. For late items.
  const DayKeys* find(std::int64_t at_s) {
    const DayKeys& keys = at(at_s);
    return keys.has_key() ? &keys : nullptr;
  }

 private:
  void look_up(std::int64_t at_s);

  std::string site_;
  std::shared_ptr<const lookup::TimeZone> zone_;
  std::shared_ptr<const SaltKeys> salts_;
  std::int32_t window_s_ = 0;
  DayKeys keys_;
  std::int64_t from_s_ = 0, until_s_ = 0;  // keys_ holds for [from_s_, until_s_): one local day under one offset
};

}  // namespace footfall::ingest
