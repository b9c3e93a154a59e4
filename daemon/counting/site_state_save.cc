// SPDX-License-Identifier: Apache-2.0
// SiteState as bytes, canonical: equal content gives equal bytes, whatever the order in which it came.
//
// The bytes are SITE in store/FORMAT.md. What only the live state has is left out: reservations, seconds of online,
// what waits to be journaled. A hit's id that no stream defined has an empty text. Tested by
// tests/unit/counting/site_state_test.cc: round trips, every truncation, bit flips.
#include <string>

#include "base/hash.h"
#include "counting/site_state.h"
#include "counting/site_state_body.h"

namespace footfall::counting {

namespace {

constexpr std::uint8_t kVersion = 4;
constexpr std::uint8_t kVersionWithMarks = 5;
constexpr std::uint64_t kFloorMax = std::uint64_t{1} << 42U;

void save_epoch(base::ByteWriter& out, const Epoch& epoch) {
  out.varint(epoch.number);
  out.u64(epoch.reset_id);
}

Epoch load_epoch(base::ByteReader& in) {
  const std::uint64_t number = in.varint();
  if (number > UINT32_MAX) in.fail();
  Epoch epoch;
  epoch.number = static_cast<std::uint32_t>(number);
  epoch.reset_id = in.u64();
  return epoch;
}

// The next id of an ascending list, from its delta. Fails where it does not ascend, or is no id.
std::uint32_t next_id(base::ByteReader& in, std::uint64_t delta, bool first, std::uint32_t& last) {
  if ((delta == 0 && !first) || delta >= kIdsMax - last) in.fail();
  if (in.ok()) last += static_cast<std::uint32_t>(delta);
  return last;
}

}  // namespace

void SiteState::save(base::ByteWriter& out, std::int64_t now_s) const {
  const std::unique_ptr<Body> none = body_ == nullptr ? std::make_unique<Body>(limits_) : nullptr;
  const Body& body = none != nullptr ? *none : *body_;
  const std::int64_t as_of_s = std::max(now_s, body.latest_s);
  out.u8(body.marks().empty() ? kVersion : kVersionWithMarks);
  out.svarint(window_s_);
  out.svarint(as_of_s);
  const std::int64_t gone_s = as_of_s < INT64_MIN + window_s_ ? as_of_s : std::max(floor_s_, as_of_s - window_s_);
  out.varint(static_cast<std::uint64_t>(gone_s - as_of_s) + static_cast<std::uint64_t>(window_s_));
  out.varint(body.hits);
  save_epoch(out, epoch_);
  out.varint(included_.size());
  for (const Epoch& epoch : included_) save_epoch(out, epoch);

  std::string list;
  base::ByteWriter list_out(list);
  std::uint64_t entries = 0;
  std::uint32_t last = 0;
  for (std::uint32_t id = 0; id < std::max(body.pages_hit.end(), body.pages_defined.end()); ++id) {
    const bool hit = body.pages_hit.has(id);
    if (!hit && !body.pages_defined.has(id)) continue;
    list_out.varint(std::uint64_t{id - last} << 1U | (hit ? 1U : 0U));
    list_out.string(body.paths.text(id));
    last = id;
    ++entries;
  }
  out.varint(entries);
  out.raw(list);

  list.clear();
  entries = 0;
  last = 0;
  for (std::uint32_t id = 0; id < body.labels_known.end(); ++id) {
    if (!body.labels_known.has(id)) continue;
    list_out.varint(id - last);
    list_out.string(body.labels.text(id));
    last = id;
    ++entries;
  }
  out.varint(entries);
  out.raw(list);

  const auto back_s = static_cast<std::int32_t>(std::max<std::int64_t>(as_of_s - gone_s, 0));
  body.presence.save(out, as_of_s, back_s);
  body.page_presence.save(out, as_of_s, back_s);

  std::string nothing;
  base::ByteWriter nothing_out(nothing);
  EpochCounts(limits_.visitors_exact_max).save(nothing_out);
  list.clear();
  entries = 0;
  std::string one;
  for (const auto& [epoch, counts] : body.epochs) {
    one.clear();
    base::ByteWriter one_out(one);
    counts->save(one_out);
    if (one == nothing) continue;
    save_epoch(list_out, epoch);
    list_out.string(one);
    ++entries;
  }
  out.varint(entries);
  out.raw(list);
  if (body.remote == nullptr) {
    RemoteCounts().save(out);
  } else {
    body.remote->save(out);
  }
  if (!body.marks().empty()) body.marks().save(out);
}

bool SiteState::load(base::ByteReader& in) {
  SiteState read(limits_, window_s_);
  Body& body = read.body();
  const std::uint8_t version = in.u8();
  if (version != kVersion && version != kVersionWithMarks) return false;
  const std::int64_t window_s = in.svarint();
  if (window_s < 1 || window_s > UINT16_MAX) return false;
  read.window_s_ = read.kept_s_ = static_cast<std::int32_t>(window_s);
  body.latest_s = in.svarint();
  const std::uint64_t floor = in.varint();
  body.hits = in.varint();
  if (floor > kFloorMax || body.latest_s > static_cast<std::int64_t>(kFloorMax)) return false;
  if (body.latest_s >= -static_cast<std::int64_t>(kFloorMax))
    read.floor_s_ = body.latest_s - window_s + static_cast<std::int64_t>(floor);
  read.epoch_ = load_epoch(in);
  read.included_.clear();
  for (std::uint64_t n = in.varint(); n > 0 && in.ok(); --n) {
    const Epoch epoch = load_epoch(in);
    if (!read.included_.empty() && epoch <= *read.included_.rbegin()) return false;
    read.included_.insert(epoch);
  }

  std::uint32_t last = 0;
  std::uint64_t entries = in.varint();
  for (std::uint64_t i = 0; i < entries && in.ok(); ++i) {
    const std::uint64_t delta_and_hit = in.varint();
    const std::uint32_t id = next_id(in, delta_and_hit >> 1U, i == 0, last);
    const std::string_view path = in.string();
    if (!in.ok()) return false;
    ((delta_and_hit & 1U) != 0 ? body.pages_hit : body.pages_defined).set(id);
    if (!path.empty() && !body.paths.define(id, path, base::table_hash(path))) return false;
  }
  last = 0;
  entries = in.varint();
  for (std::uint64_t i = 0; i < entries && in.ok(); ++i) {
    const std::uint32_t id = next_id(in, in.varint(), i == 0, last);
    const std::string_view text = in.string();
    if (!in.ok()) return false;
    body.labels_known.set(id);
    if (!text.empty() && !body.labels.define(id, text, base::table_hash(text))) return false;
  }

  if (!body.presence.load(in, read.window_s_)) return false;
  const std::uint32_t pages_end = std::max(body.pages_hit.end(), body.pages_defined.end());
  if (!body.page_presence.load(in, pages_end, read.window_s_)) return false;

  entries = in.varint();
  for (std::uint64_t i = 0; i < entries && in.ok(); ++i) {
    const Epoch epoch = load_epoch(in);
    base::ByteReader one(in.string());
    if (!in.ok() || (!body.epochs.empty() && epoch <= body.epochs.rbegin()->first)) return false;
    if (!body.counts(epoch).load(one, pages_end) || !one.at_end()) return false;
  }
  auto remote = std::make_unique<RemoteCounts>();
  if (!remote->load(in)) return false;
  if (!remote->empty()) body.remote = std::move(remote);
  if (version == kVersionWithMarks && !body.marks_to_change().load(in, pages_end)) return false;
  epoch_ = read.epoch_;
  window_s_ = read.window_s_;
  kept_s_ = read.kept_s_;
  floor_s_ = read.floor_s_;
  included_ = std::move(read.included_);
  body_ = std::move(read.body_);
  return true;
}

}  // namespace footfall::counting
