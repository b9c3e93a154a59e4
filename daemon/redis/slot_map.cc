// SPDX-License-Identifier: Apache-2.0
#include "redis/slot_map.h"

#include <algorithm>

namespace footfall::redis {
namespace {

base::Error malformed() {
  return {base::Errc::malformed, "what Redis answered to CLUSTER SLOTS"};
}

bool is_slot(const Reply& reply) {
  return reply.is(Reply::Type::integer) && reply.integer >= 0 && reply.integer < std::int64_t{kSlots};
}

}  // namespace

base::Result<SlotMap> SlotMap::of_cluster(const Reply& slots, const Address& asked) {
  if (!slots.is(Reply::Type::array)) return malformed();
  SlotMap out;
  for (const Reply& range : slots.elements) {
    if (range.elements.size() < 3 || !is_slot(range.elements[0]) || !is_slot(range.elements[1])) return malformed();
    const Reply& node = range.elements[2];
    if (node.elements.size() < 2 || !node.elements[1].is(Reply::Type::integer)) return malformed();
    const std::int64_t port = node.elements[1].integer;
    if (port < 1 || port > 65535) return malformed();
    Address master{node.elements[0].text, static_cast<std::uint16_t>(port)};
    if (master.host.empty() || master.host == "?") master.host = asked.host;
    const std::uint16_t number = out.number_of(master);
    for (std::int64_t slot = range.elements[0].integer; slot <= range.elements[1].integer; ++slot) {
      out.owner_[static_cast<std::size_t>(slot)] = number;
    }
  }
  return out;
}

SlotMap SlotMap::of_one(const Address& master) {
  SlotMap out;
  out.owner_.fill(out.number_of(master));
  return out;
}

const Address* SlotMap::master_of(std::uint16_t slot) const {
  const std::uint16_t number = owner_.at(slot);
  return number == 0 ? nullptr : &nodes_[number - 1U];
}

void SlotMap::assign(std::uint16_t slot, const Address& master) {
  owner_.at(slot) = number_of(master);
}

std::vector<Address> SlotMap::masters() const {
  std::vector<bool> has_one(nodes_.size() + 1);
  for (const std::uint16_t number : owner_) has_one[number] = true;
  std::vector<Address> out;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (has_one[i + 1]) out.push_back(nodes_[i]);
  }
  return out;
}

bool SlotMap::has(const Address& master) const {
  const auto at = std::find(nodes_.begin(), nodes_.end(), master);
  if (at == nodes_.end()) return false;
  const auto number = static_cast<std::uint16_t>(at - nodes_.begin() + 1);
  return std::find(owner_.begin(), owner_.end(), number) != owner_.end();
}

std::vector<unsigned> SlotMap::numbers_of_tag(std::string_view tag) const {
  constexpr unsigned kTried = 4096;
  std::vector<bool> has_one(nodes_.size() + 1);
  has_one[0] = true;
  std::vector<unsigned> out;
  std::size_t left = masters().size();
  for (unsigned number = 0; number < kTried && left > 0; ++number) {
    const std::uint16_t master = owner_[slot_of(std::string(tag) + std::to_string(number))];
    if (has_one[master]) continue;
    has_one[master] = true;
    out.push_back(number);
    --left;
  }
  return out;
}

bool SlotMap::complete() const {
  return std::find(owner_.begin(), owner_.end(), 0) == owner_.end();
}

std::uint16_t SlotMap::number_of(const Address& master) {
  auto at = std::find(nodes_.begin(), nodes_.end(), master);
  if (at == nodes_.end()) at = nodes_.insert(nodes_.end(), master);
  return static_cast<std::uint16_t>(at - nodes_.begin() + 1);
}

}  // namespace footfall::redis
