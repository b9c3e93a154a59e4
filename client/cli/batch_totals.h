// SPDX-License-Identifier: Apache-2.0
// BatchTotals: what became of a log that was sent in batches: what import and follow tell at their end.
// Tested by tests/unit/client/batch_totals_test.cc.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/errors.h"
#include "cli/json_text.h"

namespace footfall::cli {

struct BatchTotals {
  std::uint64_t lines = 0, unparseable = 0;
  std::uint64_t skipped = 0;      // counted before
  std::uint64_t other_hosts = 0;  // of hosts that no site was named for
  std::uint64_t sent = 0, accepted = 0, bots = 0, rejected = 0;
  std::map<std::string, std::uint64_t> reasons;  // why -> rejected hits; few

  // The daemon's answer to a batch of so many items.
  base::Result<void> note(std::string_view answer, std::size_t items);
  // The members of an object.
  void write(JsonText& json) const;
  // `page_hits`: which lines are.
  std::string table(std::string_view page_hits) const;
};

}  // namespace footfall::cli
