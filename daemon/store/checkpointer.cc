// SPDX-License-Identifier: Apache-2.0
// Checkpointer: one run, step by step, and the thread that repeats it.
//
// What a crash between two steps leaves: rows of the history under a number that the next run takes again (and deletes
// first); a .tmp file (removed); days that the live side has not closed, which the restart reads closed; segments and a
// third checkpoint that the next run removes.
// Cost: one pass over the state and over the segments closed since; twice the memory of the state meanwhile.
// Tested by tests/unit/store/checkpointer_test.cc.
#include "store/checkpointer.h"

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include "base/log.h"
#include "base/thread_name.h"
#include "lookup/time_zones.h"
#include "store/audit.h"
#include "store/checkpoint.h"
#include "store/checkpoint_schedule.h"

namespace footfall::store {
namespace {

using base::Error;
using Segments = std::map<journal::StreamId, std::uint64_t>;

constexpr counting::Day kDaysOpen = 2;  // today and yesterday: what is older is closed
// That the history is given of the reserve on a disk without room: less than a segment, or a stream would have it.
constexpr std::uint64_t kHistoryRoom = 256U << 10U;
constexpr auto kPoll = std::chrono::seconds(1);

// What a run is made of, and the next one, if that fails.
struct Rolled {
  ClosedStreams closed;
  std::uint64_t journal_bytes = 0;  // when they were closed
};

// A checkpoint of which the live side has not been told.
struct Written {
  std::uint64_t number = 0;
  std::vector<ClosedDay> days;
};

Segments segments_of(const ClosedStreams& streams) {
  Segments out;
  for (const auto& [stream, closed] : streams) out[stream] = closed.segment;
  return out;
}

Segments segments_of(const Positions& positions) {
  Segments out;
  for (const auto& [stream, position] : positions) out[stream] = position.segment;
  return out;
}

counting::Day local_today(const sites::Settings& settings, std::int64_t now_s) {
  // A zone that the system lost since the site was made reads as UTC: its days close some hours earlier or later.
  const auto zone = lookup::TimeZone::find(settings.timezone);
  return counting::local_day(now_s, zone ? (*zone)->offset_at(now_s) : 0);
}

void add_rows(sites::Site& site, const ClosedDay& closed, std::vector<HistoryRow>& rows) REQUIRES(site.mutex()) {
  for (unsigned i = 0; i < counting::kDimensions; ++i) {
    const auto dimension = static_cast<counting::Dimension>(i);
    for (const counting::Ranked& ranked : site.state().ranking(closed.epoch, closed.day, dimension)) {
      HistoryRow row{closed.site, closed.epoch, closed.day, dimension, {}, ranked.count};
      if (dimension == counting::Dimension::page) {
        row.label = site.state().page_path(counting::PageId{ranked.id});
      } else {
        row.label = ranked.id == counting::kOtherLabel.value ? "(other)"
                                                             : site.state().label_text(counting::LabelId{ranked.id});
      }
      rows.push_back(std::move(row));
    }
  }
}

// Closes the days that are over in `state`, and answers them; their rankings go to `rows`. A site that had an import
// open since the last checkpoint keeps its days: what is late is not yet all there.
std::vector<ClosedDay> close_days(RecoveredState& state, std::int64_t now_s, std::vector<HistoryRow>& rows) {
  std::vector<ClosedDay> out;
  for (sites::Site* site : state.registry->all_sites()) {
    if (state.importing.contains(site->id())) continue;
    const counting::Day last = local_today(*state.registry->last_settings(site->id()), now_s) - kDaysOpen;
    base::MutexLock lock(site->mutex());
    for (const auto& [epoch, day] : site->state().open_days(last)) {
      const ClosedDay closed{site->id(), epoch, day};
      add_rows(*site, closed, rows);
      site->state().close_day(epoch, day);
      out.push_back(closed);
    }
  }
  return out;
}

// Segments of streams that no shard writes any more: nobody else would remove them.
base::Result<void> remove_orphans(const DataDirectory& directory, const Segments& live, const Positions& included) {
  for (const auto& [stream, position] : included) {
    if (live.contains(stream)) continue;
    const std::string path = directory.stream_directory(stream);
    auto names = directory.files().list(path);
    if (!names) return names.error();
    for (const std::string& name : *names) {
      const std::optional<std::uint64_t> number = journal::parse_segment_name(name);
      if (!number || *number > position.segment) continue;
      if (auto removed = directory.files().remove(std::string(path).append("/").append(name)); !removed) return removed;
    }
  }
  return {};
}

}  // namespace

// Counting goes first; but a tenth of a core is always left, since a replay takes about that much of the time that it
// took to count. (Under SCHED_IDLE a machine that was busy all the time made no checkpoint at all.)
void lower_priority() {
  constexpr int kNice = 10;
  const sched_param none{};
  if (sched_setscheduler(0, SCHED_BATCH, &none) != 0)
    base::log::debug("checkpointer_priority", "the checkpointer is scheduled as any thread");
  if (setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kNice) != 0)
    base::log::debug("checkpointer_priority", "the checkpointer is not niced");
}

struct Checkpointer::Impl {
  const DataDirectory& directory;
  counting::Limits limits;
  History& history;
  Reserve& reserve;
  const base::Clock& clock;
  LiveSide live;

  std::mutex run_mutex;               // one run at a time
  std::atomic<bool> stopping{false};  // ends a run at its next block, and the thread
  Positions included;                 // of the newest checkpoint, if this process made or read it
  Positions recycled;                 // behind these the segments are gone
  counting::Day forgot = INT32_MIN;   // the day, in UTC, on which the history was last looked through
  std::optional<Rolled> rolled;       // of a run that failed
  std::optional<Written> written;     // of a run that failed, and may have got as far as its name

  mutable std::mutex mutex;  // guards what follows
  std::condition_variable wake;
  CheckpointLimits triggers;
  CheckpointStats stats;
  std::uint64_t covered_bytes = 0;  // of live.journal_bytes(), by the newest checkpoint
  std::thread thread;

  // REQUIRES: run_mutex. `needed`: there is a checkpoint afterwards, also if nothing ever changed.
  base::Result<void> timed_run(bool needed);
  base::Result<void> run(bool needed);
  base::Result<void> make(const ClosedStreams& streams, bool needed);
  base::Result<void> record(const RecoveredState& state, std::uint64_t number, const std::vector<HistoryRow>& rows);
  base::Result<void> write(const RecoveredState& state, std::uint64_t number);
  void forget_old();
  base::Result<void> tell_of_written(std::uint64_t checkpoint);
  std::uint64_t uncovered() const { return live.journal_bytes() - covered_bytes; }  // REQUIRES: mutex
  bool unchanged(const Segments& closed) const;
  void check(const RecoveredState& state, const ClosedStreams& closed);
  void loop();
};

// Every segment that was closed is in the newest checkpoint already.
bool Checkpointer::Impl::unchanged(const Segments& closed) const {
  if (included.empty()) return false;
  return std::all_of(closed.begin(), closed.end(), [this](const auto& entry) {
    const auto it = included.find(entry.first);
    return (it == included.end() ? 0 : it->second.segment) >= entry.second;
  });
}

// What does not balance is told, and the checkpoint is made all the same: it holds what the journal says.
void Checkpointer::Impl::check(const RecoveredState& state, const ClosedStreams& closed) {
  Ledger ledger = check_ledger(state, closed);
  std::lock_guard lock(mutex);
  tell(ledger, stats.ledger.saturated);
  ++stats.ledger_checks;
  if (ledger.mismatches.empty()) ledger.mismatches = std::move(stats.ledger.mismatches);
  stats.ledger = std::move(ledger);
}

base::Result<void> Checkpointer::Impl::run(bool needed) {
  if (needed || !rolled) {  // a backup holds all that came before it
    const std::uint64_t bytes = live.journal_bytes();
    auto closed = live.roll();
    if (!closed) return closed.error();
    rolled = Rolled{std::move(*closed), bytes};
  }
  if (auto made = make(rolled->closed, needed); !made) return made;
  std::lock_guard lock(mutex);
  covered_bytes = rolled->journal_bytes;
  rolled.reset();
  return {};
}

base::Result<void> Checkpointer::Impl::make(const ClosedStreams& streams, bool needed) {
  const Segments closed = segments_of(streams);
  const bool again = live.stream_failed() && recycled != included;  // see checkpointer.h
  if (unchanged(closed) && !again) return {};
  auto recovered = recover(directory, limits, &closed, &stopping);
  if (!recovered) return recovered.error();
  RecoveredState& state = *recovered;
  if (auto told = tell_of_written(state.checkpoint); !told) return told;
  check(state, streams);
  for (const std::string& warning : state.warnings) base::log::warning("recovery_warning", warning);
  auto on_disk = list_checkpoints(directory);
  if (!on_disk) return on_disk.error();
  if (state.replayed_blocks == 0 && (on_disk->empty() ? 0 : on_disk->back()) == state.checkpoint &&
      !(needed && on_disk->empty()) && !(again && state.checkpoint > 0)) {
    included = state.positions;
    return {};
  }
  const std::uint64_t number = state.checkpoint + 1;
  std::vector<HistoryRow> rows;
  const std::vector<ClosedDay> days = close_days(state, std::min(state.newest_s, clock.utc_s()), rows);
  if (auto recorded = record(state, number, rows); !recorded) return recorded;
  written = Written{number, days};
  if (auto done = write(state, number); !done) return done;
  included = state.positions;
  {
    std::lock_guard lock(mutex);
    ++stats.checkpoints;
    stats.last_utc_s = clock.utc_s();
  }
  written.reset();
  live.days_closed(number, days);
  forget_old();
  if (state.checkpoint > 0) {
    live.recycle(segments_of(state.checkpoint_positions));
    if (auto removed = remove_orphans(directory, closed, state.checkpoint_positions); !removed) return removed;
    recycled = state.checkpoint_positions;
  }
  if (auto removed = remove_checkpoints_but(directory, {state.checkpoint, number}); !removed) return removed;
  if (auto taken = reserve.take(); !taken)
    base::log::warning("reserve_not_whole", "the reserve is not whole: " + taken.error().detail);
  return {};
}

base::Result<void> Checkpointer::Impl::record(const RecoveredState& state, std::uint64_t number,
                                              const std::vector<HistoryRow>& rows) {
  std::vector<AuditEntry> audit;
  for (const sites::Change& change : state.changes) audit.push_back(audit_entry(change, *state.registry));
  auto recorded = history.record(state.checkpoint, number, rows, audit);
  if (!recorded && recorded.error().code == base::Errc::no_room && reserve.give(kHistoryRoom))
    recorded = history.record(state.checkpoint, number, rows, audit);
  if (!recorded) return recorded;
  // SQLite syncs the name of a new log once, and goes on where that fails: a power cut would take the log whole, with
  // what the checkpoint relies on.
  return directory.files().sync_directory(directory.path());
}

// What the history holds beyond its time. Once a day: it is a scan. Where it fails there is another day; days that are
// closed late bring rows back until then.
void Checkpointer::Impl::forget_old() {
  std::int32_t rankings_days = 0;
  std::int32_t audit_days = 0;
  {
    std::lock_guard lock(mutex);
    rankings_days = triggers.rankings_kept_days;
    audit_days = triggers.audit_kept_days;
  }
  const std::int64_t now_s = clock.utc_s();
  const counting::Day today = counting::local_day(now_s, 0);
  if (today == forgot || (rankings_days == 0 && audit_days == 0)) return;
  const auto done = history.forget_before(rankings_days == 0 ? INT32_MIN : today - rankings_days,
                                          audit_days == 0 ? INT64_MIN : now_s - std::int64_t{audit_days} * 86'400);
  if (!done)
    return base::log::warning("history_not_forgotten", "what is old was not forgotten: " + done.error().detail);
  forgot = today;
}

// Where only the sync of its name failed the checkpoint is there, and this run began with it: its days are closed.
base::Result<void> Checkpointer::Impl::tell_of_written(std::uint64_t checkpoint) {
  if (!written) return {};
  if (written->number == checkpoint) {
    if (auto synced = directory.files().sync_directory(directory.file("checkpoint")); !synced) return synced;
    live.days_closed(checkpoint, written->days);
  }
  written.reset();
  return {};
}

// Where even the reserve is too small the older checkpoint makes room, with the segments that only it needs: the newer
// one was read just now, and is whole.
base::Result<void> Checkpointer::Impl::write(const RecoveredState& state, std::uint64_t number) {
  auto made = write_checkpoint(directory, number, state, &reserve);
  if (made || made.error().code != base::Errc::no_room || state.checkpoint == 0) return made;
  base::log::warning("checkpoint_without_room", "checkpoint " + std::to_string(number) + " finds no room (" +
                                                    made.error().detail +
                                                    "); what only the one before the last needs is removed");
  // Its name may be of a run that ended before it was synced.
  if (auto synced = directory.files().sync_directory(directory.file("checkpoint")); !synced) return synced;
  if (auto removed = remove_checkpoints_but(directory, {state.checkpoint}); !removed) return removed;
  live.recycle(segments_of(state.checkpoint_positions));
  recycled = state.checkpoint_positions;
  return write_checkpoint(directory, number, state, &reserve);
}

base::Result<void> Checkpointer::Impl::timed_run(bool needed) {
  const auto begin = std::chrono::steady_clock::now();
  auto done = run(needed);
  std::lock_guard lock(mutex);
  stats.last_duration_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  if (!done) ++stats.failures;
  stats.failures_in_a_row = done ? 0 : stats.failures_in_a_row + 1;
  return done;
}

void Checkpointer::Impl::loop() {
  base::name_this_thread("checkpointer");
  lower_priority();
  using Clock = std::chrono::steady_clock;
  CheckpointSchedule schedule(triggers.interval_s, triggers.journal_bytes_max);
  auto last = Clock::now();
  std::unique_lock lock(mutex);
  while (!wake.wait_for(lock, kPoll, [this] { return stopping.load(); })) {
    const std::uint64_t bytes = uncovered();
    schedule.set(triggers.interval_s, triggers.journal_bytes_max);
    lock.unlock();
    // Rounded: a poll that comes a little early is the one.
    const double since_s = std::round(std::chrono::duration<double>(Clock::now() - last).count());
    std::lock_guard running(run_mutex);
    if (stopping) return;  // the directory may be a successor's by now
    if (schedule.due(since_s, bytes, live.stream_failed())) {
      auto done = timed_run(false);
      if (!done && !stopping)
        base::log::error("checkpoint_failed", "no checkpoint was made: " + to_string(done.error()));
      schedule.ran(!done || live.stream_failed());
      last = Clock::now();
    } else if (!live.stream_failed()) {
      (void)reserve.take();  // the streams come first
    }
    lock.lock();
  }
}

Checkpointer::Checkpointer(const DataDirectory& directory, const counting::Limits& limits, History& history,
                           Reserve& reserve, const base::Clock& clock, LiveSide live, const CheckpointLimits& triggers)
    : impl_(new Impl{directory,
                     limits,
                     history,
                     reserve,
                     clock,
                     std::move(live),
                     {},
                     {},
                     {},
                     {},
                     INT32_MIN,
                     {},
                     {},
                     {},
                     {},
                     triggers,
                     {},
                     {},
                     {}}) {
  impl_->stats.ledger.saturated = impl_->live.saturated;
}

Checkpointer::~Checkpointer() {
  stop();
}

void Checkpointer::start() {
  impl_->thread = std::thread([this] { impl_->loop(); });
}

void Checkpointer::begin_stop() {
  {
    std::lock_guard lock(impl_->mutex);
    impl_->stopping = true;
  }
  impl_->wake.notify_all();
}

void Checkpointer::stop() {
  begin_stop();
  if (impl_->thread.joinable()) impl_->thread.join();
}

base::Result<void> Checkpointer::run_once() {
  std::lock_guard running(impl_->run_mutex);
  return impl_->timed_run(false);
}

base::Result<BackupSummary> Checkpointer::backup(const std::string& path) {
  std::lock_guard running(impl_->run_mutex);
  if (impl_->stopping) return Error{base::Errc::unavailable, "the daemon is being stopped"};
  if (auto done = impl_->timed_run(true); !done) return done.error();
  return write_backup(impl_->directory, impl_->history, impl_->limits, impl_->clock.utc_s(), path, impl_->stopping);
}

void Checkpointer::set_limits(const CheckpointLimits& triggers) {
  std::lock_guard lock(impl_->mutex);
  impl_->triggers = triggers;
}

std::unique_lock<std::mutex> Checkpointer::pause() {
  return std::unique_lock(impl_->run_mutex);
}

CheckpointStats Checkpointer::stats() const {
  std::lock_guard lock(impl_->mutex);
  CheckpointStats stats = impl_->stats;
  stats.journal_bytes = impl_->uncovered();
  return stats;
}

}  // namespace footfall::store
