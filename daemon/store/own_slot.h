// SPDX-License-Identifier: Apache-2.0
// OwnSlot: the id under which other nodes are told what this one counts, and when a directory gets another.
//
// A slot is absolute, and written by one process: two that wrote the same would take each other's counts away. A copy
// of a directory has the slot's id too, and so has one that was put back to an earlier state; neither can tell by what
// it holds. So an id is for one run, and a start takes a new one, before it counts anything:
//
//     what was counted, and not inherited before   -> journal: inherited, of the id before (NodesStream::inherit) the
//     new id                                   -> META
//
//     the original     I: S + what it counts                      it goes on
//     the copy         I: S, read only      J: what it counts     S: the state that it started from
//
// Both know the slot I of the original as it grows, and add it up with J: nothing is lost, nothing is there twice,
// whenever the copy was made, whoever reaches Redis, and however many there are. Nothing has to be noticed.
//
// Since each id is a slot in every node for ever, a clean stop hands its id on: it draws a ticket, writes it into META
// and into Redis. The start that takes it out of Redis, which only one can, is the one that goes on under the id;
// any other with the same META (a copy, or who stood back while somebody took it) takes a new id, and so does a
// start without Redis, or after a crash.
//
// A crash in between: inherited without the new id in META is a start that has not begun; the next one finds nothing
// left to inherit there, and takes an id of its own. A ticket that was taken, and META still has it, is not found
// again.
//
// Cost       one write of META each start, and one each stop; what was counted since the last id, once more, in the
//            journal.
// Threading  one thread. Errors: as DataDirectory's and NodesStream's; begin_slot() may be called again.
// Tested by tests/unit/store/own_slot_test.cc, with crashes by crash_states_test.cc, many nodes with copies by
// tests/unit/redis/replicator_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/errors.h"
#include "base/incarnation.h"
#include "sites/site.h"
#include "store/data_directory.h"
#include "store/nodes_stream.h"

namespace footfall::store {

struct OwnSlot {
  base::Incarnation id{};
  std::optional<base::Incarnation> before;  // the id until this start, if that was another
  std::optional<base::Incarnation> ticket;  // that this start took
};

// Of a start. `ticket_taken`: the one in META was in Redis, and is not any more.
OwnSlot slot_of_start(const DataDirectory& directory, bool ticket_taken);

// Nothing may be counted before it succeeded. `control_sequence`: of the last change. REQUIRES: what was recovered is
// on the device (the streams' writers are open); else a power cut could leave more that was inherited than was counted.
base::Result<void> begin_slot(DataDirectory& directory, NodesStream& nodes, const std::vector<sites::Site*>& sites,
                              std::uint64_t control_sequence, const OwnSlot& slot);

// At the end of a clean stop, when nothing will be counted any more: answers the ticket, which is in META.
base::Result<base::Incarnation> leave_ticket(DataDirectory& directory);

}  // namespace footfall::store
