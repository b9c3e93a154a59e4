// SPDX-License-Identifier: Apache-2.0
#include "store/ledger.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "base/log.h"
#include "counting/saturating.h"

namespace footfall::store {
namespace {

void compare(std::uint64_t a, std::uint64_t b, const std::string& where, std::string_view what_a,
             std::string_view what_b, Ledger& ledger) {
  if (a == b) return;
  std::string sentence = where + ": ";
  sentence.append(what_a).append(" ").append(std::to_string(a)).append(", ");
  sentence.append(what_b).append(" ").append(std::to_string(b));
  ledger.mismatches.push_back({std::move(sentence), std::max(a, b) - std::min(a, b)});
}

void compare_stream(const RecoveredState& state, journal::StreamId stream, const ClosedStream& closed, Ledger& ledger) {
  if (!closed.applied) return;
  const std::string where = "stream " + journal::directory_name(stream);
  const auto position = state.positions.find(stream);
  compare(position == state.positions.end() ? 0 : position->second.sequence, closed.applied->sequence, where,
          "a replay ends with block", "its shard closed it with block", ledger);
  const auto hits = state.stream_hits.find(stream);
  compare(hits == state.stream_hits.end() ? 0 : hits->second, closed.applied->hits, where, "a replay finds hits",
          "its shard has applied", ledger);
}

// Of another day's numbers nothing is needed, nor who is online.
bool is_saturated(sites::Site& site) REQUIRES(site.mutex()) {
  const counting::Summary numbers = site.state().summary(0, counting::calendar_of(0));
  return numbers.total == UINT64_MAX || numbers.counted == UINT64_MAX;
}

}  // namespace

std::uint64_t Ledger::by() const {
  std::uint64_t sum = 0;
  for (const LedgerMismatch& mismatch : mismatches) counting::add_saturating(sum, mismatch.by);
  return sum;
}

Ledger check_ledger(const RecoveredState& state, const ClosedStreams& closed) {
  Ledger ledger;
  ledger.mismatches = state.mismatches;
  for (const auto& [stream, as_closed] : closed) compare_stream(state, stream, as_closed, ledger);
  ledger.stream_hits = state.earlier_hits;
  for (const auto& [stream, hits] : state.stream_hits) counting::add_saturating(ledger.stream_hits, hits);
  for (sites::Site* site : state.registry->all_sites()) {
    counting::Books books;
    bool saturated = false;
    {
      base::MutexLock lock(site->mutex());
      books = site->state().books();
      saturated = is_saturated(*site);
    }
    if (const sites::Settings* const settings = state.registry->settings(site->id()); saturated && settings != nullptr)
      ledger.saturated.insert(settings->name);
    counting::add_saturating(ledger.site_hits, books.hits);
    const std::string where = "site " + state.registry->last_settings(site->id())->name;
    compare(books.counted, books.in_days, where, "counted", "in its days", ledger);
    compare(books.bots, books.bots_in_days, where, "bots", "in its days", ledger);
  }
  compare(ledger.stream_hits, ledger.site_hits, "everything", "hits in all streams", "in all sites", ledger);
  return ledger;
}

void tell(const Ledger& ledger, const std::set<std::string>& before) {
  for (const LedgerMismatch& mismatch : ledger.mismatches)
    base::log::error("ledger_mismatch", "the ledger does not balance: " + mismatch.sentence);
  for (const std::string& name : ledger.saturated) {
    if (before.contains(name)) continue;
    base::log::warning("count_saturated",
                       "site " + name +
                           ": its numbers stand at 18446744073709551615, the largest that they can be, "
                           "and do not rise any more; undo the seed that brought it there");
  }
}

}  // namespace footfall::store
