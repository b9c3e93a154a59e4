// SPDX-License-Identifier: Apache-2.0
#include "store/own_slot.h"

#include "base/hash.h"

namespace footfall::store {
namespace {

base::Incarnation drawn() {
  base::Incarnation id{};
  base::random_bytes(id.data(), id.size());
  return id;
}

}  // namespace

OwnSlot slot_of_start(const DataDirectory& directory, bool ticket_taken) {
  if (ticket_taken) return {directory.slot(), std::nullopt, directory.ticket()};
  if (directory.fresh()) return {directory.incarnation(), std::nullopt, std::nullopt};  // nobody else has it
  return {drawn(), directory.slot(), std::nullopt};
}

base::Result<void> begin_slot(DataDirectory& directory, NodesStream& nodes, const std::vector<sites::Site*>& sites,
                              std::uint64_t control_sequence, const OwnSlot& slot) {
  if (slot.before) {
    if (auto inherited = nodes.inherit(sites, *slot.before, control_sequence); !inherited) return inherited;
  }
  if (auto written = directory.set_slot(slot.id, std::nullopt); !written) return written;
  nodes.set_own(slot.id);
  return {};
}

base::Result<base::Incarnation> leave_ticket(DataDirectory& directory) {
  const base::Incarnation ticket = drawn();
  if (auto written = directory.set_slot(directory.slot(), ticket); !written) return written.error();
  return ticket;
}

}  // namespace footfall::store
