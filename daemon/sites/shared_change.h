// SPDX-License-Identifier: Apache-2.0
// SharedChange: a change as nodes tell it to each other: its site by name, for ids are each node's own.
// proto/redis-keys.md has its grammar.
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
};

std::string encode(const SharedChange& shared);
base::Result<SharedChange> decode_shared_change(std::string_view bytes);

}  // namespace footfall::sites
