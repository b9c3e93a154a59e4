// SPDX-License-Identifier: Apache-2.0
#include "redis/snapshot_turns.h"

#include <charconv>
#include <string_view>

namespace footfall::redis {
namespace {

// Of "NODE TOTAL". None: "NODE", or what no node of this version wrote.
std::optional<std::uint64_t> total_in(std::string_view value) {
  const std::size_t space = value.find(' ');
  if (space == std::string_view::npos) return std::nullopt;
  std::uint64_t total = 0;
  const auto [end, wrong] = std::from_chars(value.data() + space + 1, value.data() + value.size(), total);
  if (wrong != std::errc() || end != value.data() + value.size()) return std::nullopt;
  return total;
}

}  // namespace

void SnapshotTurns::begin(const std::string& site, Then<Turn> then) {
  calls_.call({"GET", key(site)}, [this, site, then = std::move(then)](const base::Result<Reply>& found) {
    if (!found) return then(found.error());
    if (found->is(Reply::Type::text)) return then(Turn{found->text == node_, total_in(found->text)});
    calls_.call({"SET", key(site), node_, "NX", "PX", std::to_string(kTaking_ms)},
                [then](const base::Result<Reply>& set) {
                  if (!set) return then(set.error());
                  then(Turn{!set->is(Reply::Type::nil), std::nullopt});
                });
  });
}

void SnapshotTurns::end(const std::string& site, std::uint64_t total, std::int64_t for_ms, Then<void> then) {
  calls_.call({"SET", key(site), node_ + " " + std::to_string(total), "PX", std::to_string(for_ms)},
              [then = std::move(then)](const base::Result<Reply>& set) { set ? then({}) : then(set.error()); });
}

}  // namespace footfall::redis
