// SPDX-License-Identifier: Apache-2.0
// Recovery: replays records onto a state. What breaks an invariant of the journal is corruption and stops it: a hole in
// a sequence, a hit of an unknown site or an undefined page, a change that cannot be applied.
// Cost: three to four million hits a second on one core; the checkpoint bounds how many there are.
// Tested by tests/unit/store/recovery_test.cc.
#include "store/recovery.h"

#include <algorithm>

#include "journal/writer.h"
#include "sites/records.h"
#include "store/checkpoint.h"

namespace footfall::store {
namespace {

using base::Errc;
using base::Error;
using sites::SiteId;

using Outcome = base::Result<void>;

Error corrupt(std::string detail) {
  return Error{Errc::corrupt, std::move(detail)};
}

// What a stream's records do to the state.
class Replayer final : public sites::RecordVisitor {
 public:
  Replayer(RecoveredState& state, journal::StreamId stream)
      : state_(state), control_(stream == journal::kControlStream), nodes_(stream == journal::kNodesStream) {}

  Outcome hits(SiteId id, const counting::Epoch& epoch, std::span<const counting::Hit> hits) override {
    if (control_ || nodes_) return misplaced("hits");
    sites::Site* site = state_.registry->find(id);
    if (site == nullptr) return unknown_site(id, "hits are");
    base::MutexLock lock(site->mutex());
    counting::SiteState& counts = site->state();
    for (const counting::Hit& hit : hits) {
      if (!counts.knows(hit)) return undefined(id, counts, hit);
      state_.newest_s = std::max(state_.newest_s, hit.at_s);
    }
    counts.replay(epoch, hits);
    state_.replayed_hits += hits.size();
    return {};
  }

  Outcome page(SiteId id, counting::PageId page, std::string_view path) override {
    if (control_ || nodes_) return misplaced("a page");
    sites::Site* site = state_.registry->find(id);
    if (site == nullptr) return unknown_site(id, "a page is");
    base::MutexLock lock(site->mutex());
    if (page >= counting::kFirstPage && !path.empty() && site->state().define_page(page, path)) return {};
    return contradiction(id, "page", page.value, path);
  }

  Outcome label(SiteId id, counting::LabelId label, std::string_view text) override {
    if (control_ || nodes_) return misplaced("a label");
    sites::Site* site = state_.registry->find(id);
    if (site == nullptr) return unknown_site(id, "a label is");
    base::MutexLock lock(site->mutex());
    if (label >= counting::kFirstLabel && !text.empty() && site->state().define_label(label, text)) return {};
    return contradiction(id, "label", label.value, text);
  }

  Outcome observation(SiteId id, const counting::Observation& seen) override {
    if (nodes_) return misplaced("an observation");
    sites::Site* site = state_.registry->find(id);
    if (site == nullptr) return unknown_site(id, "an observation is");
    base::MutexLock lock(site->mutex());
    site->state().observe(seen);
    state_.newest_s = std::max(state_.newest_s, seen.at_s);
    return {};
  }

  Outcome change(const sites::Change& change) override {
    if (!control_) return misplaced("a change");
    if (Outcome applied = state_.registry->apply(change); !applied) {
      return corrupt("change " + change.id + " cannot be applied: " + applied.error().detail);
    }
    state_.newest_s = std::max(state_.newest_s, change.at_s);
    if (const auto* ended = std::get_if<sites::ImportEnded>(&change.action)) state_.importing.insert(ended->site);
    state_.changes.push_back(change);
    return {};
  }

  Outcome progress(SiteId id, std::string_view source, std::uint64_t position, std::int64_t at_s,
                   std::string_view mark) override {
    if (control_ || nodes_) return misplaced("progress");
    if (state_.registry->find(id) == nullptr) return unknown_site(id, "progress is");
    state_.registry->imports().set_progress(id, source, position, at_s, mark);
    state_.newest_s = std::max(state_.newest_s, at_s);
    return {};
  }

  Outcome batch_key(sites::BatchKey key) override {
    if (control_ || nodes_) return misplaced("a batch key");
    state_.registry->batch_keys().restore(std::move(key));
    return {};
  }

  Outcome remote_slot(SiteId id, const counting::RemoteSlot& remote) override {
    if (!nodes_) return misplaced("a slot");
    sites::Site* site = state_.registry->find(id);
    if (site == nullptr) return unknown_site(id, "a slot is");
    base::MutexLock lock(site->mutex());
    if (site->state().learn(remote.epoch, remote.incarnation, remote.slot) != counting::Learnt::past_missing) return {};
    return corrupt("a slot of site id " + std::to_string(id.value) + " comes without its past, and none is there");
  }

  Outcome inherited(SiteId id, const counting::RemoteSlot& inherited) override {
    if (!nodes_) return misplaced("a slot");
    sites::Site* site = state_.registry->find(id);
    if (site == nullptr) return unknown_site(id, "a slot is");
    base::MutexLock lock(site->mutex());
    site->state().inherit(inherited.epoch, inherited.incarnation, inherited.slot);
    return {};
  }

 private:
  static Outcome misplaced(std::string_view what) {
    return corrupt(std::string(what) + " stands in a stream where it does not belong");
  }
  static Outcome unknown_site(SiteId id, std::string_view what) {
    return corrupt(std::string(what) + " of site id " + std::to_string(id.value) +
                   ", which the control stream never added; journal/control was lost or replaced");
  }
  static Outcome contradiction(SiteId id, std::string_view what, std::uint32_t number, std::string_view text) {
    return corrupt(std::string(what) + " " + std::to_string(number) + " of site id " + std::to_string(id.value) +
                   " is defined twice, now as " + std::string(text));
  }
  // Each stream defines what it uses before it uses it, or the checkpoint has it.
  static Outcome undefined(SiteId id, const counting::SiteState& counts, const counting::Hit& hit) {
    std::string what = "page " + std::to_string(hit.page.value);
    for (const counting::LabelId label : hit.labels) {
      if (!counts.page_path(hit.page).empty() && label >= counting::kFirstLabel && counts.label_text(label).empty())
        what = "label " + std::to_string(label.value);
    }
    return corrupt(what + " of site id " + std::to_string(id.value) + " was never defined");
  }

  RecoveredState& state_;
  bool control_, nodes_;
};

// The whole of the segments that are there.
std::uint64_t bytes_of(const DataDirectory& directory, journal::StreamId stream) {
  const std::string path = directory.stream_directory(stream);
  std::uint64_t bytes = 0;
  const auto names = directory.files().list(path);
  if (!names) return 0;
  for (const std::string& name : *names) {
    if (!journal::parse_segment_name(name)) continue;
    const auto file = directory.files().open(std::string(path).append("/").append(name), base::OpenMode::read);
    if (!file) continue;
    if (const auto size = (*file)->size()) bytes += *size;
  }
  return bytes;
}

Outcome replay_stream(const DataDirectory& directory, journal::StreamId stream, std::uint64_t through_segment,
                      std::uint64_t through_sequence, const std::atomic<bool>* cancelled, const StartOptions& start,
                      RecoveredState& state) {
  const std::string path = directory.stream_directory(stream);
  journal::ReadOptions options;
  options.incarnation = directory.incarnation();
  options.after = state.positions[stream];
  options.through_segment = through_segment;
  const std::uint64_t control_end =
      stream == journal::kControlStream ? 0 : state.positions[journal::kControlStream].sequence;
  options.accept_loss = start.accept_loss;
  options.trust = [&](const journal::BlockHeader& block) -> Outcome {
    if (stream == journal::kControlStream || block.sequence > through_sequence || block.control_sequence <= control_end)
      return {};
    return corrupt("block " + std::to_string(block.sequence) + " was made under change " +
                   std::to_string(block.control_sequence) + ", but journal/control ends at " +
                   std::to_string(control_end));
  };
  std::uint64_t last = options.after.sequence;
  const std::uint64_t held_before = state.replayed_hits;
  std::uint64_t said = 0;  // by the blocks' headers
  Replayer replayer(state, stream);
  std::vector<counting::Hit> scratch;
  const auto visit = [&](const journal::BlockHeader& block, std::string_view payload) -> Outcome {
    if (cancelled != nullptr && cancelled->load(std::memory_order_relaxed)) return Error{Errc::unavailable, "stopping"};
    if (block.sequence > through_sequence) return {};
    const auto where = [&] { return path + ", block " + std::to_string(block.sequence) + ": "; };
    if (block.sequence != last + 1) {
      return corrupt(where() + "blocks " + std::to_string(last + 1) + " to " + std::to_string(block.sequence - 1) +
                     " are missing; put the segments back from a backup");
    }
    last = block.sequence;
    Outcome done = sites::decode_payload(payload, replayer, scratch);
    if (!done) return Error{done.error().code, where() + done.error().detail};
    state.replayed_bytes += journal::kBlockHeaderBytes + payload.size();
    said += block.count;
    if (start.progress != nullptr) {
      start.progress->hits = state.replayed_hits;
      start.progress->bytes_read += journal::kBlockHeaderBytes + payload.size();
    }
    return {};
  };
  auto read = journal::read_stream(directory.files(), path, stream, options, visit);
  if (!read) return read.error();
  if (read->end.sequence > through_sequence) {
    state.positions[stream].sequence = through_sequence;
  } else if (read->end.sequence >= options.after.sequence) {
    state.positions[stream] = read->end;
  }
  const std::uint64_t held = state.replayed_hits - held_before;
  if (said != held) {
    state.mismatches.push_back({"stream " + journal::directory_name(stream) + ": its blocks say " +
                                    std::to_string(said) + " hits, their records hold " + std::to_string(held),
                                std::max(said, held) - std::min(said, held)});
  }
  if (said > 0) state.stream_hits[stream] += said;
  state.replayed_blocks += last - options.after.sequence;
  state.torn_bytes += read->torn_bytes;
  if (read->loss) state.lost.push_back({stream, std::move(*read->loss)});
  if (read->torn_bytes > 0) {
    state.warnings.push_back(path + " ended in " + std::to_string(read->torn_bytes) +
                             " bytes of a block that was cut short; in disk durability nobody was told that it was "
                             "kept, in kernel durability a power cut takes what was acknowledged last");
  }
  if (read->cut_off) state.cut_off.push_back(*std::move(read->cut_off));
  return {};
}

// The newest checkpoint that can be read; an empty state if none was ever made.
base::Result<RecoveredState> begin(const DataDirectory& directory, const counting::Limits& limits,
                                   std::uint64_t checkpoint_max) {
  auto numbers = list_checkpoints(directory);
  if (!numbers) return numbers.error();
  std::erase_if(*numbers, [checkpoint_max](std::uint64_t number) { return number > checkpoint_max; });
  std::vector<std::string> passed_over;
  RecoveredState state;
  for (auto number = numbers->rbegin(); number != numbers->rend(); ++number) {
    auto loaded = load_checkpoint(directory, *number, limits);
    if (loaded) {
      state = std::move(*loaded);
      state.checkpoint_s = state.newest_s;
      break;
    }
    // A later release's file, or a disk that does not answer, is no reason to fall back.
    if (loaded.error().code != Errc::corrupt) return loaded.error();
    passed_over.push_back(loaded.error().detail);
  }
  if (state.registry == nullptr) {
    // Segments are recycled behind the older of two checkpoints: while only the first was made, all of them are there.
    if (!numbers->empty() && numbers->back() > 1) {
      return corrupt(passed_over.front() +
                     "; no older checkpoint can be read either: put the directory back from a backup");
    }
    state.registry = std::make_unique<sites::Registry>(limits);
  }
  for (const std::string& reason : passed_over) {
    state.warnings.push_back(reason + "; going on from " +
                             (state.checkpoint == 0 ? std::string("the journal's begin")
                                                    : "checkpoint " + std::to_string(state.checkpoint)));
  }
  state.importing = state.registry->imports().open();
  return state;
}

base::Result<RecoveredState> replay(const DataDirectory& directory, const counting::Limits& limits,
                                    const std::map<journal::StreamId, std::uint64_t>* through_segment,
                                    const std::atomic<bool>* cancelled, const ReplayBounds& bounds,
                                    const StartOptions& start) {
  auto begun = begin(directory, limits, bounds.checkpoint_max);
  if (!begun) return begun.error();
  RecoveredState state = std::move(*begun);
  auto streams = journal::list_streams(directory.files(), directory.journal_directory());
  if (!streams) return streams.error();
  for (const auto& [stream, position] : state.checkpoint_positions) {
    if (position.sequence > 0 && !std::binary_search(streams->begin(), streams->end(), stream)) {
      const std::string what = directory.stream_directory(stream) + " is missing";
      if (!start.accept_loss) {
        return corrupt(what + ", and with it what it held behind checkpoint " + std::to_string(state.checkpoint) +
                       "; put it back from a backup, or start with --accept-loss true to go on without it");
      }
      journal::Loss loss;
      loss.what = what;
      loss.open_ended = true;
      state.lost.push_back({stream, std::move(loss)});
    }
  }
  std::uint64_t bytes = 0;  // of the streams that are done, and the one that is being read
  if (start.progress != nullptr) {
    for (const journal::StreamId stream : *streams) start.progress->bytes += bytes_of(directory, stream);
    start.progress->streams = streams->size();
  }
  // Control is the least stream id: what the others refer to is there before them.
  for (const journal::StreamId stream : *streams) {
    if (start.progress != nullptr) {
      bytes += bytes_of(directory, stream);
      ++start.progress->stream;
    }
    std::uint64_t through = UINT64_MAX;
    if (through_segment != nullptr) {
      const auto bound = through_segment->find(stream);
      if (bound != through_segment->end()) through = bound->second;
    }
    std::uint64_t through_sequence = UINT64_MAX;
    if (bounds.through_sequence) {
      const auto bound = bounds.through_sequence->find(stream);
      through_sequence = bound == bounds.through_sequence->end() ? 0 : bound->second;
      const std::uint64_t included = state.positions[stream].sequence;
      if (through_sequence < included) {
        return Error{Errc::conflict, journal::directory_name(stream) + "=" + std::to_string(through_sequence) +
                                         " lies before checkpoint " + std::to_string(state.checkpoint) +
                                         ", which includes it up to " + std::to_string(included)};
      }
      if (through_sequence == included) continue;
    }
    if (Outcome done = replay_stream(directory, stream, through, through_sequence, cancelled, start, state); !done)
      return done.error();
    if (start.progress != nullptr) start.progress->bytes_read = bytes;
    if (bounds.through_sequence && state.positions[stream].sequence < through_sequence) {
      return Error{Errc::corrupt, directory.stream_directory(stream) + " ends with block " +
                                      std::to_string(state.positions[stream].sequence) + ", before block " +
                                      std::to_string(through_sequence)};
    }
  }
  state.importing.merge(state.registry->imports().open());
  return state;
}

}  // namespace

base::Result<RecoveredState> recover(const DataDirectory& directory, const counting::Limits& limits,
                                     const std::map<journal::StreamId, std::uint64_t>* through_segment,
                                     const std::atomic<bool>* cancelled, const ReplayBounds& bounds) {
  return replay(directory, limits, through_segment, cancelled, bounds, {});
}

base::Result<RecoveredState> recover(const DataDirectory& directory, const counting::Limits& limits,
                                     const StartOptions& start) {
  return replay(directory, limits, nullptr, nullptr, {}, start);
}

base::Result<void> recover_rest(const DataDirectory& directory, const StartOptions& start, RecoveredState& state) {
  auto streams = journal::list_streams(directory.files(), directory.journal_directory());
  if (!streams) return streams.error();
  for (const journal::StreamId stream : *streams) {
    if (Outcome done = replay_stream(directory, stream, UINT64_MAX, UINT64_MAX, nullptr, start, state); !done)
      return done;
  }
  state.importing.merge(state.registry->imports().open());
  return {};
}

base::Result<void> make_departed_durable(const DataDirectory& directory, const Positions& positions,
                                         std::size_t written) {
  for (const auto& [stream, position] : positions) {
    if (stream == journal::kNodesStream || stream.value <= written) continue;
    journal::WriterOptions options;
    options.directory = directory.stream_directory(stream);
    options.stream = stream;
    options.incarnation = directory.incarnation();
    if (auto r = journal::Writer::make_durable(directory.files(), options, position); !r) return r;
  }
  return {};
}

}  // namespace footfall::store
