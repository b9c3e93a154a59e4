// SPDX-License-Identifier: Apache-2.0
#include "sites/slot.h"

#include <cassert>
#include <string>

#include "base/bytes.h"
#include "base/mutex.h"
#include "sites/value_frame.h"

namespace footfall::sites {
namespace {

using base::Errc;
using base::Error;
using counting::Slot;
using counting::SlotPast;

constexpr std::string_view kSlotMagic = "ffslot\r\n";
constexpr std::string_view kPastMagic = "ffpast\r\n";
constexpr std::uint64_t kVersion = 1;

Error corrupt(std::string what) {
  return {Errc::corrupt, "a slot " + std::move(what)};
}

base::Result<std::shared_ptr<const SlotPast>> decode_past(std::string_view bytes) {
  auto in = read_frame(bytes, kPastMagic, kVersion, "a slot's past");
  if (!in) return in.error();
  auto past = std::make_shared<SlotPast>();
  past->days = counting::load_days(*in);
  past->version = counting::version_of(past->days);
  if (!in->at_end() || past->days.empty()) return corrupt("has a past that breaks its grammar");
  return std::shared_ptr<const SlotPast>(std::move(past));
}

}  // namespace

std::vector<std::pair<counting::Epoch, Slot>> take_slots(Site& site) {
  const base::MutexLock lock(site.mutex());
  return site.state().own_slots();
}

std::string encode_slot(const Slot& slot) {
  std::string bytes;
  open_frame(bytes, kSlotMagic, kVersion);
  base::ByteWriter out(bytes);
  out.varint(slot.counted);
  out.varint(slot.bots);
  out.varint(slot.past_version);
  counting::save_days(out, slot.recent);
  close_frame(bytes);
  return bytes;
}

std::string encode_past(const Slot& slot) {
  std::string bytes;
  if (slot.past_version == 0) return bytes;
  assert(slot.past != nullptr);
  open_frame(bytes, kPastMagic, kVersion);
  base::ByteWriter out(bytes);
  counting::save_days(out, slot.past->days);
  close_frame(bytes);
  return bytes;
}

base::Result<Slot> decode_slot(std::string_view bytes) {
  auto in = read_frame(bytes, kSlotMagic, kVersion, "a slot");
  if (!in) return in.error();
  Slot slot;
  slot.counted = in->varint();
  slot.bots = in->varint();
  slot.past_version = in->varint();
  slot.recent = counting::load_days(*in);
  if (!in->at_end()) return corrupt("breaks its grammar");
  return slot;
}

base::Result<Slot> decode_slot(std::string_view bytes, std::string_view past_bytes) {
  auto slot = decode_slot(bytes);
  if (!slot) return slot;
  if (!past_bytes.empty()) {
    auto past = decode_past(past_bytes);
    if (!past) return past.error();
    slot->past = std::move(*past);
  }
  if ((slot->past == nullptr ? 0 : slot->past->version) != slot->past_version)
    return Error{Errc::conflict, "the slot and its past are of different moments; read both again"};
  return slot;
}

}  // namespace footfall::sites
