// SPDX-License-Identifier: Apache-2.0
// SharedChange: a change as nodes tell it to each other: its site by name, for ids are each node's own.
// proto/redis-keys.md has its grammar.
//
// An id may have been given to two nodes that did not know of each other's yet, and a seed that makes the total 1000 is
// another difference at each. So seeds, resets and restored snapshots are told under their id and a digest of what they
// do; of two of a kind under one id every node keeps the same in force (registry.h). All else is told under its id.
//
// Ownership  owns all of it. Threading: none. Errors: decode_shared_change(): corrupt, newer_format.
// Tested by tests/unit/sites/shared_change_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/errors.h"
#include "sites/changes.h"

namespace footfall::sites {

struct SharedChange {
  std::string node;            // incarnation of the one where it was made, in hex
  std::string site;            // empty: of no site alone (a token)
  std::uint64_t revision = 0;  // of the site's settings that it made; 0: it is not about them
  Change change;               // ids of sites and pages, and its origin, mean nothing

  std::string field() const;  // under which it is told
};

// Under which a change to the site of this name is told: its id, and of those that another node may have made otherwise
// '@', which no id holds, and 16 hex digits: a digest that is the same on all nodes, whatever their ids of sites and
// pages are, and for as long as it is remembered. Who made it, when and why, and what there was before, are not in it.
std::string field_of(std::string_view id, const Action& action, std::string_view site);
std::string_view id_of(std::string_view field);

std::string encode(const SharedChange& shared);
base::Result<SharedChange> decode_shared_change(std::string_view bytes);

}  // namespace footfall::sites
