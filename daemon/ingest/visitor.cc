// SPDX-License-Identifier: Apache-2.0
#include "ingest/visitor.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

#include "ingest/client_address.h"

namespace footfall::ingest {
namespace {

constexpr std::size_t kSiteMax = 255;
constexpr std::size_t kPrefixMax = 8;
constexpr std::size_t kHashedMax = 1024;  // of all; an agent that goes beyond is hashed by itself

std::string site_part(std::string_view site) {
  site = site.substr(0, kSiteMax);
  return std::string(1, static_cast<char>(site.size())).append(site);
}

}  // namespace

// What is hashed: length of the site's name, the name, length of the prefix, the prefix, the agent. An agent that does
// not fit 1,024 bytes with these stands there as its own hash, behind a length with the high bit set.
SiteVisitors::SiteVisitors(const base::SipKey& key, std::string_view site)
    : site_part_(key, site_part(site)), key_(key) {}

SiteVisitors::~SiteVisitors() {
  OPENSSL_cleanse(&site_part_, sizeof site_part_);
  OPENSSL_cleanse(&key_, sizeof key_);
}

counting::VisitorId SiteVisitors::visitor(const std::uint8_t address[16], std::string_view user_agent) const {
  constexpr std::size_t kDigest = 16;  // the usual size of an agent: that of its digest
  std::array<char, 1 + kPrefixMax + kHashedMax> buffer;
  const std::string_view prefix = client_prefix(address);
  buffer[0] = static_cast<char>(prefix.size());
  char* out = buffer.data() + 1;
  if (prefix.size() == 4) {
    std::memcpy(out, prefix.data(), 4);
  } else {
    std::memcpy(out, prefix.data(), kPrefixMax);
  }
  out += prefix.size();
  if (user_agent.size() == kDigest) [[likely]] {
    std::memcpy(out, user_agent.data(), kDigest);
    out += kDigest;
  } else if (site_part_.size() + 1 + prefix.size() + user_agent.size() <= kHashedMax) {
    if (!user_agent.empty()) std::memcpy(out, user_agent.data(), user_agent.size());
    out += user_agent.size();
  } else {
    buffer[0] = static_cast<char>(prefix.size() | 0x80U);
    const std::uint64_t agent_hash = base::siphash24(key_, user_agent);
    std::memcpy(out, &agent_hash, sizeof agent_hash);
    out += sizeof agent_hash;
  }
  const std::uint64_t id = site_part_.hash({buffer.data(), static_cast<std::size_t>(out - buffer.data())});
  return counting::VisitorId{id == 0 ? 1 : id};
}

counting::VisitorId visitor_id(base::SipKey key, std::string_view site, const std::uint8_t address[16],
                               std::string_view user_agent) {
  return SiteVisitors(key, site).visitor(address, user_agent);
}

void VisitorKeys::look_up(std::int64_t at_s) {
  const lookup::TimeZone::Span& span = zone_->span_at(at_s);
  const counting::Day day = counting::local_day(at_s, span.offset_s);
  const std::int64_t midnight_s = std::int64_t{day} * 86'400 - span.offset_s;
  from_s_ = std::max(span.from_s, midnight_s);
  until_s_ = std::min(span.until_s, midnight_s + 86'400);

  keys_.day = day;
  keys_.utc_offset_s = span.offset_s;
  const auto under = [this](const base::SipKey* key) {
    return key == nullptr ? std::nullopt : std::optional<SiteVisitors>(SiteVisitors(*key, site_));
  };
  keys_.begun_ = under(salts_ == nullptr ? nullptr : salts_->find(day));
  // The day before is the one whose last second was before this one's first: a zone may skip a day.
  const std::int64_t begin_s = zone_->day_begin(day);
  keys_.previous_until_s_ = begin_s + window_s_;
  const counting::Day day_before = counting::local_day(begin_s - 1, zone_->offset_at(begin_s - 1));
  keys_.previous_ = under(salts_ == nullptr ? nullptr : salts_->find(day_before));

  // Another chain was adopted within the window: visitors move from their ids of today under the one before.
  const std::int64_t moved_until_s = salts_ == nullptr ? INT64_MIN : salts_->replaced_at_s + window_s_;
  if (at_s >= moved_until_s || salts_->find_replaced(day) == nullptr) return;
  keys_.previous_ = under(salts_->find_replaced(day));
  keys_.previous_until_s_ = moved_until_s;
  until_s_ = std::min(until_s_, moved_until_s);
}

}  // namespace footfall::ingest
