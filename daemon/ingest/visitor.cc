// SPDX-License-Identifier: Apache-2.0
#include "ingest/visitor.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "ingest/client_address.h"

namespace footfall::ingest {
namespace {

constexpr std::size_t kBufferSize = 1024;

}  // namespace

// What is hashed: length of the site's name, the name, length of the prefix, the prefix, the agent. An agent that does
// not fit the buffer stands there as its own hash, behind a length with the high bit set.
counting::VisitorId visitor_id(base::SipKey key, std::string_view site, const std::uint8_t address[16],
                               std::string_view user_agent) {
  std::array<char, kBufferSize> buffer;
  char* out = buffer.data();
  site = site.substr(0, 255);
  const std::string_view prefix = client_prefix(address);
  *out++ = static_cast<char>(site.size());
  std::memcpy(out, site.data(), site.size());
  out += site.size();
  char* const prefix_size = out++;
  std::memcpy(out, prefix.data(), prefix.size());
  out += prefix.size();
  const auto left = static_cast<std::size_t>(buffer.data() + buffer.size() - out);
  if (user_agent.size() <= left) {
    *prefix_size = static_cast<char>(prefix.size());
    if (!user_agent.empty()) std::memcpy(out, user_agent.data(), user_agent.size());
    out += user_agent.size();
  } else {
    *prefix_size = static_cast<char>(prefix.size() | 0x80U);
    const std::uint64_t agent_hash = base::siphash24(key, user_agent);
    std::memcpy(out, &agent_hash, sizeof agent_hash);
    out += sizeof agent_hash;
  }
  const std::uint64_t id = base::siphash24(key, {buffer.data(), static_cast<std::size_t>(out - buffer.data())});
  return counting::VisitorId{id == 0 ? 1 : id};
}

void VisitorKeys::look_up(std::int64_t at_s) {
  const lookup::TimeZone::Span& span = zone_->span_at(at_s);
  const counting::Day day = counting::local_day(at_s, span.offset_s);
  const std::int64_t midnight_s = std::int64_t{day} * 86'400 - span.offset_s;
  from_s_ = std::max(span.from_s, midnight_s);
  until_s_ = std::min(span.until_s, midnight_s + 86'400);

  keys_.day = day;
  keys_.utc_offset_s = span.offset_s;
  keys_.site_ = site_;
  keys_.key_ = salts_ == nullptr ? nullptr : salts_->find(day);
  // The day before is the one whose last second was before this one's first: a zone may skip a day.
  const std::int64_t begin_s = zone_->day_begin(day);
  keys_.previous_until_s_ = begin_s + window_s_;
  const counting::Day day_before = counting::local_day(begin_s - 1, zone_->offset_at(begin_s - 1));
  keys_.previous_key_ = salts_ == nullptr ? nullptr : salts_->find(day_before);

  // Another chain was adopted within the window: visitors move from their ids of today under the one before.
  const std::int64_t moved_until_s = salts_ == nullptr ? INT64_MIN : salts_->replaced_at_s + window_s_;
  if (at_s >= moved_until_s || salts_->find_replaced(day) == nullptr) return;
  keys_.previous_key_ = salts_->find_replaced(day);
  keys_.previous_until_s_ = moved_until_s;
  until_s_ = std::min(until_s_, moved_until_s);
}

}  // namespace footfall::ingest
