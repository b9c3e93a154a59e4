// SPDX-License-Identifier: Apache-2.0
// Verify: see verify.h.
#include "store/verify.h"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <set>
#include <system_error>
#include <utility>

#include "base/hash.h"
#include "counting/buckets.h"
#include "lookup/time_zones.h"
#include "sites/salts_file.h"
#include "store/checkpoint.h"
#include "store/content_hash.h"
#include "store/history.h"
#include "store/ledger.h"

namespace footfall::store {
namespace {

// A checkpoint closes days that are over: closes them in `older` too.
void close_as_in(const sites::Registry& newer, const sites::Registry& older) {
  constexpr counting::Day kAll = std::numeric_limits<counting::Day>::max();
  for (sites::Site* site : older.all_sites()) {
    sites::Site* const same = newer.find(site->id());
    if (same == nullptr) continue;
    std::set<std::pair<counting::Epoch, counting::Day>> open;
    {
      base::MutexLock lock(same->mutex());
      for (const auto& day : same->state().open_days(kAll)) open.insert(day);
    }
    base::MutexLock lock(site->mutex());
    for (const auto& [epoch, day] : site->state().open_days(kAll)) {
      if (!open.contains({epoch, day})) site->state().close_day(epoch, day);
    }
  }
}

// Replays the older checkpoint to where the newer one is: they must be the same.
void compare_generations(const DataDirectory& directory, const counting::Limits& limits, std::uint64_t older,
                         std::uint64_t newer, VerifyReport& report) {
  const auto loaded = load_checkpoint(directory, newer, limits);
  if (!loaded) return;  // said already
  ReplayBounds bounds;
  bounds.checkpoint_max = older;
  bounds.through_sequence.emplace();
  for (const auto& [stream, position] : loaded->positions) (*bounds.through_sequence)[stream] = position.sequence;
  const auto replayed = recover(directory, limits, nullptr, nullptr, bounds);
  const std::string pair =
      "checkpoint " + std::to_string(older) + " and the segments up to checkpoint " + std::to_string(newer);
  if (!replayed) {
    report.problems.push_back(pair + " cannot be replayed: " + replayed.error().detail);
    return;
  }
  close_as_in(*loaded->registry, *replayed->registry);
  if (content_hash(*loaded->registry, loaded->newest_s) != content_hash(*replayed->registry, loaded->newest_s)) {
    report.problems.push_back(pair + " do not give what checkpoint " + std::to_string(newer) +
                              " holds; keep a copy of the directory and report this");
  }
}

// The positions of the older of the two newest readable checkpoints: what lies before them may have been recycled. A
// crash may have left a third one, whose segments are gone.
Positions read_checkpoints(const DataDirectory& directory, const counting::Limits& limits, VerifyReport& report) {
  auto numbers = list_checkpoints(directory);
  if (!numbers) {
    report.problems.push_back(numbers.error().detail);
    return {};
  }
  std::vector<Positions> positions;  // of report.checkpoints
  for (const std::uint64_t number : *numbers) {
    auto loaded = load_checkpoint(directory, number, limits);
    if (!loaded) {
      report.problems.push_back(loaded.error().detail +
                                "; a start goes on from the other checkpoint, and the next one replaces this file");
      continue;
    }
    for (const LedgerMismatch& mismatch : check_ledger(*loaded).mismatches)
      report.problems.push_back("checkpoint " + std::to_string(number) + ": " + mismatch.sentence);
    positions.push_back(loaded->positions);
    report.checkpoints.push_back(number);
    if (report.checkpoints.size() <= 2) continue;
    report.warnings.push_back("checkpoint " + std::to_string(report.checkpoints.front()) +
                              " is of before a crash; the next checkpoint removes it");
    report.checkpoints.erase(report.checkpoints.begin());
    positions.erase(positions.begin());
  }
  if (report.checkpoints.size() == 2)
    compare_generations(directory, limits, report.checkpoints[0], report.checkpoints[1], report);
  return positions.empty() ? Positions{} : positions.front();
}

void read_streams(const DataDirectory& directory, Positions after, VerifyReport& report) {
  const auto streams = journal::list_streams(directory.files(), directory.journal_directory());
  if (!streams) {
    report.problems.push_back(streams.error().detail);
    return;
  }
  for (const journal::StreamId stream : *streams) {
    const std::string path = directory.stream_directory(stream);
    VerifiedStream& out = report.streams.emplace_back();
    out.name = journal::directory_name(stream);
    if (const auto names = directory.files().list(path)) {
      out.segments = static_cast<std::uint64_t>(std::count_if(names->begin(), names->end(), [](const auto& name) {
        return journal::parse_segment_name(name).has_value();
      }));
    }
    journal::ReadOptions options;
    options.incarnation = directory.incarnation();
    options.after = after[stream];
    const auto read = journal::read_stream(directory.files(), path, stream, options,
                                           [](const auto&, std::string_view) { return base::Result<void>(); });
    if (!read) {
      report.problems.push_back(read.error().detail);
      continue;
    }
    out.blocks = read->blocks;
    out.hits = read->hits;
    out.torn_bytes = read->torn_bytes;
    out.sequence = read->end.sequence;
  }
}

// On a copy: SQLite would write beside the file that it reads.
void read_history(const DataDirectory& directory, std::uint64_t newest_checkpoint, VerifyReport& report) {
  namespace fs = std::filesystem;
  const std::string path = directory.file("history.sqlite");
  const auto there = directory.files().exists(path);
  if (!there || !*there) {
    if (newest_checkpoint > 0)
      report.warnings.push_back(path +
                                " is absent: closed days' rankings and the older audit log are lost, no total is");
    return;
  }
  std::error_code failed;
  const fs::path scratch = fs::temp_directory_path(failed) / ("footfall-verify-" + std::to_string(base::random_u64()));
  if (!failed) fs::create_directory(scratch, failed);
  if (!failed) fs::permissions(scratch, fs::perms::owner_all, failed);
  for (const char* suffix : {"", "-wal"}) {
    if (!failed && fs::exists(path + suffix))
      fs::copy_file(path + suffix, (scratch / "history.sqlite").string() + suffix, failed);
  }
  if (failed) {
    report.problems.push_back(path + " could not be copied to " + scratch.string() +
                              " to be checked: " + failed.message() + "; name another place with TMPDIR");
  } else {
    auto history = History::open((scratch / "history.sqlite").string());
    const auto latest = history ? (*history)->check() : base::Result<std::uint64_t>(history.error());
    if (!latest) {
      report.problems.push_back(path + " (" + latest.error().detail + ")");
    } else if (*latest < newest_checkpoint) {
      report.problems.push_back(path + " goes up to checkpoint " + std::to_string(*latest) + ", but checkpoint " +
                                std::to_string(newest_checkpoint) +
                                " is there; was it put back from elsewhere? No total is in it");
    }
  }
  fs::remove_all(scratch, failed);
}

void check_salts(const DataDirectory& directory, std::int64_t now_s, bool was_used, VerifyReport& report) {
  const std::string path = directory.file("salts");
  const auto salts = sites::read_salts(directory.files(), path);
  if (!salts && salts.error().code != base::Errc::not_found) {
    report.problems.push_back(salts.error().detail);
  } else if (!salts && was_used) {
    report.warnings.push_back(path +
                              " is absent: a start makes it anew, and counts today's visitors and those online anew");
  } else if (salts && sites::is_of_the_future(salts->day, now_s)) {
    report.problems.push_back(path + " is of a day that comes in " +
                              std::to_string(salts->day - sites::oldest_salt_day(now_s)) +
                              " days by this machine's clock: set the clock before a start, which would make the file "
                              "anew, and count today's visitors and those online anew");
  }
}

Moment moment_of(const DataDirectory& directory, const RecoveredState& recovered, std::int64_t as_of_s) {
  const sites::Registry& registry = *recovered.registry;
  Moment moment;
  moment.incarnation = directory.incarnation_text();
  moment.checkpoint = recovered.checkpoint;
  moment.as_of_s = as_of_s;
  for (const auto& [stream, position] : recovered.positions) moment.positions[stream] = position.sequence;
  std::vector<ContentHash> hashes;
  for (sites::Site* site : registry.all_sites()) {
    base::MutexLock lock(site->mutex());
    moment.sites.push_back(moment_site(registry, *site, as_of_s, hashes.emplace_back()));
  }
  moment.hash = to_text(whole(hash_of(registry, as_of_s), hashes));
  return moment;
}

std::string numbers_of(const MomentSite& site) {
  return std::to_string(site.counted) + " counted, total " + std::to_string(site.total) + ", " +
         std::to_string(site.online) + " online";
}

// One line for all of it, and one for each site that differs.
void compare(const Moment& live, VerifyReport& report) {
  const Moment& replayed = report.state;
  report.differs = live.hash != replayed.hash;
  if (!report.differs) return;
  report.problems.push_back("the live state had the hash " + live.hash + ", and the journal gives " + replayed.hash +
                            " at the same positions; keep a copy of the directory and report this");
  bool named = false;
  for (std::size_t i = 0; i < std::max(live.sites.size(), replayed.sites.size()); ++i) {
    const MomentSite there = i < live.sites.size() ? live.sites[i] : MomentSite{};
    const MomentSite here = i < replayed.sites.size() ? replayed.sites[i] : MomentSite{};
    if (there.hash == here.hash) continue;
    named = true;
    report.problems.push_back("site " + (there.name.empty() ? here.name : there.name) + " differs: live " +
                              numbers_of(there) + "; replayed " + numbers_of(here));
  }
  if (!named) report.problems.push_back("no site differs: it is the settings, tokens, changes or imports");
}

// Why the moment cannot be reached from what is in the directory; empty: it can.
std::string out_of_reach(const Moment& live, const VerifyReport& report) {
  if (live.incarnation != report.incarnation) {
    return "the positions are of incarnation " + live.incarnation + ", and the directory is " + report.incarnation +
           "; name the directory of the daemon that was asked";
  }
  const auto& there = report.checkpoints;
  const bool reached = live.checkpoint == 0 ? there.empty() || there.back() == 1  // nothing was recycled yet
                                            : std::find(there.begin(), there.end(), live.checkpoint) != there.end();
  if (reached) return {};
  return "the positions go on from " +
         (live.checkpoint == 0 ? "the journal's begin" : "checkpoint " + std::to_string(live.checkpoint)) +
         ", which cannot be read here; ask the daemon anew, and copy the directory before it makes two more "
         "checkpoints";
}

// The whole directory, or up to the moment: what it holds.
void replay(const DataDirectory& directory, const counting::Limits& limits, const Moment* live, VerifyReport& report) {
  ReplayBounds bounds;
  if (live != nullptr) {
    if (std::string why = out_of_reach(*live, report); !why.empty()) {
      report.problems.push_back(std::move(why));
      return;
    }
    bounds.checkpoint_max = live->checkpoint;
    bounds.through_sequence = live->positions;
  }
  auto recovered = recover(directory, limits, nullptr, nullptr, bounds);
  if (!recovered) {
    const std::string& detail = recovered.error().detail;
    if (std::find(report.problems.begin(), report.problems.end(), detail) == report.problems.end())
      report.problems.push_back(detail);
    return;
  }
  for (const LedgerMismatch& mismatch : check_ledger(*recovered).mismatches)
    report.problems.push_back("the ledger does not balance: " + mismatch.sentence);
  report.newest_s = recovered->newest_s;
  report.state = moment_of(directory, *recovered, live != nullptr ? live->as_of_s : recovered->newest_s);
  if (live != nullptr) compare(*live, report);
  for (std::string& warning : recovered->warnings) report.warnings.push_back(std::move(warning));
  for (const auto& segment : recovered->cut_off) report.warnings.push_back(journal::describe(segment));
}

}  // namespace

VerifyReport verify(const DataDirectory& directory, const counting::Limits& limits, std::int64_t now_s,
                    const Moment* live) {
  VerifyReport report;
  report.incarnation = directory.incarnation_text();
  read_streams(directory, read_checkpoints(directory, limits, report), report);
  read_history(directory, report.checkpoints.empty() ? 0 : report.checkpoints.back(), report);
  replay(directory, limits, live, report);
  check_salts(directory, std::max(now_s, report.newest_s), report.newest_s > 0, report);
  return report;
}

}  // namespace footfall::store
