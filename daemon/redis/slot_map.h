// SPDX-License-Identifier: Apache-2.0
// SlotMap: which master has each of the 16,384 slots. Of a cluster as CLUSTER SLOTS says, then corrected by each
// MOVED; of a single server all slots are its own.
//
// Units: slots 0 to kSlots - 1. 32 KiB. Ownership: owns its addresses. Threading: none. Errors: `malformed`.
// Tested by tests/unit/redis/slot_map_test.cc.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/errors.h"
#include "redis/address.h"
#include "redis/key_slot.h"
#include "redis/reply.h"

namespace footfall::redis {

class SlotMap {
 public:
  // `slots` is the answer to CLUSTER SLOTS; a node that names no host is at that of `asked`.
  static base::Result<SlotMap> of_cluster(const Reply& slots, const Address& asked);
  static SlotMap of_one(const Address& master);

  // nullptr where nobody has it.
  const Address* master_of(std::uint16_t slot) const;
  void assign(std::uint16_t slot, const Address& master);

  // Those that have a slot, each once, in the order in which they were heard of.
  std::vector<Address> masters() const;
  bool has(const Address& master) const;
  // The least numbers N by which each master has a slot of its own of tags `tag`N: {index.0}, {index.7}, ... A master
  // of less than a thousandth of the slots may have none: that many are not tried.
  std::vector<unsigned> numbers_of_tag(std::string_view tag) const;
  bool complete() const;

 private:
  std::uint16_t number_of(const Address& master);

  std::vector<Address> nodes_;
  std::array<std::uint16_t, kSlots> owner_{};  // slot -> 1 + index into nodes_; 0: nobody
};

}  // namespace footfall::redis
