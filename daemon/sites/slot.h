// SPDX-License-Identifier: Apache-2.0
// Slots as bytes, for what other nodes read and for the journal, and taking a site's own. What a slot is:
// counting/slot.h. The grammar is in proto/redis-keys.md.
//
// Units      local day numbers.
// Ownership  values; a past is shared and never changes.
// Errors     corrupt; newer_format; conflict: the past is not the one that the slot names, so that both have to be read
//            again.
// Tested by tests/unit/sites/slot_test.cc.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/errors.h"
#include "counting/slot.h"
#include "sites/site.h"

namespace footfall::sites {

// What the node itself counted of the site, in each epoch in which it counted anything, as it is applied: with the
// past. One hold of the site's lock.
std::vector<std::pair<counting::Epoch, counting::Slot>> take_slots(Site& site);

std::string encode_slot(const counting::Slot& slot);  // without its past
std::string encode_past(const counting::Slot& slot);  // empty: there is none. REQUIRES: the slot has its past

// Without its past, which it names by past_version.
base::Result<counting::Slot> decode_slot(std::string_view slot);
// Whole; `past` is empty where there is none.
base::Result<counting::Slot> decode_slot(std::string_view slot, std::string_view past);

}  // namespace footfall::sites
