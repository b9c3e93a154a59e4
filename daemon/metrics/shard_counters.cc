// SPDX-License-Identifier: Apache-2.0
#include "metrics/shard_counters.h"

namespace footfall::metrics {

namespace {

std::uint64_t distance(std::uint64_t a, std::uint64_t b) {
  return a > b ? a - b : b - a;
}

// In the order of KeyOutcome.
constexpr std::array<std::string_view, kKeyOutcomes> kKeyOutcomeNames{
    "claimed", "replayed", "in_progress", "other_body", "passed", "wrong_node", "malformed", "full"};

}  // namespace

std::string_view name_of(KeyOutcome outcome) {
  return kKeyOutcomeNames.at(static_cast<std::size_t>(outcome));
}

bool has_answers(api::Route route, std::size_t code_class) {
  if (code_class == 0) return route != api::Route::none && route != api::Route::method_not_allowed;
  return code_class != 1 || api::is_file(route);
}

std::uint64_t ShardCounters::rejected_total() const {
  std::uint64_t sum = 0;
  for (const base::Counter& counter : rejected) sum += counter.get();
  return sum;
}

void ShardCounters::balance() {
  const std::uint64_t hits = accepted.get();
  ledger_mismatch.set(distance(received.get(), hits + rejected_total()) + distance(hits, applied.get()) +
                      distance(hits, acknowledged.get()));
}

}  // namespace footfall::metrics
