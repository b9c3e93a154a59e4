// SPDX-License-Identifier: Apache-2.0
#include "node.h"

#include <algorithm>
#include <utility>

#include "base/hash.h"
#include "journal/departed.h"
#include "sites/records.h"

namespace footfall::testing {

using base::Errc;
using base::Error;

journal::WriterOptions Node::writer_options(journal::StreamId stream) const {
  journal::WriterOptions options;
  options.directory = directory_->stream_directory(stream);
  options.stream = stream;
  options.incarnation = directory_->incarnation();
  options.segment_bytes = segment_bytes;
  return options;
}

base::Result<std::unique_ptr<journal::Writer>> Node::open_writer(journal::StreamId stream) {
  const auto last = recovered_.positions.find(stream);
  return journal::Writer::open(*files, writer_options(stream),
                               last == recovered_.positions.end() ? journal::Position{} : last->second);
}

base::Result<void> Node::start(unsigned streams) {
  auto directory = store::DataDirectory::open(*files, path_);
  if (!directory) return directory.error();
  directory_ = std::move(*directory);
  store::StartOptions options;
  options.accept_loss = accept_loss;
  auto state = store::recover(*directory_, limits, options);
  if (!state) {
    crash();
    return state.error();
  }
  recovered_ = std::move(*state);
  closed_as_of = recovered_.checkpoint;
  registry_ = std::move(recovered_.registry);
  if (auto kept = store::set_aside(*directory_, recovered_); !kept) {
    crash();
    return kept;
  }
  auto control = open_writer(journal::kControlStream);
  if (!control) return control.error();
  control_ = std::move(*control);
  auto nodes = store::NodesStream::open(*files, writer_options(journal::kNodesStream), recovered_.positions);
  if (!nodes) return nodes.error();
  nodes_ = std::move(*nodes);
  if (directory_->restored_from() && recovered_.stream_hits.empty()) {
    if (auto done = nodes_->inherit(registry_->all_sites(), *directory_->restored_from(), control_sequence()); !done)
      return done;
  }
  for (unsigned i = 0; i < streams; ++i) {
    auto writer = open_writer(journal::StreamId{static_cast<std::uint16_t>(i + 1)});
    if (!writer) return writer.error();
    writers_.push_back(std::move(*writer));
    applied_hits.push_back(recovered_.stream_hits[journal::StreamId{static_cast<std::uint16_t>(i + 1)}]);
  }
  if (auto durable = store::make_departed_durable(*directory_, recovered_.positions, streams); !durable) return durable;
  if (takes_ticket) {  // what was recovered is on the disk now
    const store::OwnSlot slot = store::slot_of_start(*directory_, directory_->ticket() && takes_ticket());
    if (auto begun = store::begin_slot(*directory_, *nodes_, registry_->all_sites(), control_sequence(), slot); !begun)
      return begun;
  }
  waiting_.resize(streams);
  given_up_.resize(streams);
  commits.resize(streams);
  const std::string path = history_path.value_or(directory_->file("history.sqlite"));
  if (!history_path) {
    if (auto written = store::History::write_log_anew(*files, path); !written) return written;
  }
  auto history = store::History::open(path, history_vfs);
  if (!history) return history.error();
  history_ = std::move(*history);
  if (auto forgotten = history_->forget_beyond(recovered_.checkpoint); !forgotten) return forgotten;
  reserve_ = std::make_unique<store::Reserve>(*directory_, reserve_bytes);
  checkpointer_ =
      std::make_unique<store::Checkpointer>(*directory_, limits, *history_, *reserve_, clock_, live_side(), triggers);
  // As the server does: the clocks of the sites that were recovered go on from now, not from the first hit that comes,
  // which may be late.
  tick();
  return {};
}

base::Result<base::Incarnation> Node::stop() {
  auto ticket = store::leave_ticket(*directory_);
  crash();
  return ticket;
}

void Node::crash() {
  checkpointer_.reset();
  reserve_.reset();
  history_.reset();
  writers_.clear();
  applied_hits.clear();
  waiting_.clear();
  given_up_.clear();
  nodes_.reset();
  control_.reset();
  registry_.reset();
  directory_.reset();
}

store::LiveSide Node::live_side() {
  store::LiveSide live;
  live.roll = [this]() -> base::Result<store::ClosedStreams> {
    store::ClosedStreams closed;
    for (unsigned i = 0; i < streams(); ++i) {
      closed[journal::StreamId{static_cast<std::uint16_t>(i + 1)}] = roll(i);
    }
    closed[journal::kNodesStream] = nodes_->roll();
    auto segment = store::close_control_segment(*control_, *reserve_);
    ++rolls;
    if (!segment) return segment.error();
    closed[journal::kControlStream].segment = *segment;
    if (after_roll) after_roll();
    return closed;
  };
  live.journal_bytes = [this] {
    std::uint64_t bytes = recovered_.replayed_bytes + control_->bytes_written() + nodes_->bytes_written();
    for (const auto& writer : writers_) bytes += writer->bytes_written();
    return bytes;
  };
  live.stream_failed = [this] {
    return control_->failed() ||
           std::any_of(writers_.begin(), writers_.end(), [](const auto& writer) { return writer->failed(); });
  };
  live.days_closed = [this](std::uint64_t number, const std::vector<store::ClosedDay>& days) {
    closed_as_of = number;
    for (const store::ClosedDay& day : days) {
      sites::Site& site = *registry_->find(day.site);
      base::MutexLock lock(site.mutex());
      site.state().close_day(day.epoch, day.day);
      closed_days.push_back(day);
    }
  };
  live.recycle = [this](const std::map<journal::StreamId, std::uint64_t>& through) {
    for (const auto& [stream, number] : through) {
      if (stream == journal::kNodesStream) {
        static_cast<void>(nodes_->recycle(number));
        continue;
      }
      journal::Writer* writer = control_.get();
      if (stream != journal::kControlStream) {
        if (stream.value > writers_.size()) continue;
        writer = writers_[stream.value - std::size_t{1}].get();
      }
      const auto surplus = writer->recycle(number);
      if (surplus) static_cast<void>(journal::remove_files(directory_->files(), *surplus));
    }
  };
  return live;
}

store::ClosedStream Node::roll(unsigned stream) {
  journal::Writer& writer = *writers_[stream];
  const auto acknowledged = [&] { return ack_after_sync ? writer.durable_through() : writer.position().sequence; };
  if (ack_after_sync && !commit(stream)) return {writer.last_closed(acknowledged()).segment, {}};
  const auto position = writer.roll();
  if (!position || (ack_after_sync && !writer.sync())) return {writer.last_closed(acknowledged()).segment, {}};
  return {position->segment, store::ClosedStream::Applied{position->sequence, applied_hits[stream]}};
}

void Node::add_observations(sites::Site& site, std::string& payload) {
  base::MutexLock lock(site.mutex());
  for (const counting::Observation& seen : site.state().take_observations())
    sites::encode_observation(payload, site.id(), seen);
}

base::Result<void> Node::hit(unsigned stream, const std::vector<Ping>& pings, sites::BatchClaim claim) {
  std::map<sites::Site*, std::vector<sites::Candidate>> by_site;
  for (const Ping& ping : pings) {
    sites::Site* site = registry_->find(ping.site);
    if (site == nullptr) return Error{Errc::not_found, ping.site};
    sites::Candidate& c = by_site[site].emplace_back();
    c.site = site;
    c.at_s = ping.at_s;
    c.utc_offset_s = registry_->settings(site->id())->timezone == "UTC" ? 0 : 25'200;
    c.visitor.value = ping.visitor;
    c.moved_from.value = ping.moved_from;
    c.kind = ping.kind;
    c.bot = ping.bot;
    c.counts = !ping.bot && ping.kind == counting::Kind::pageview;
    c.touches_presence = !ping.bot;
    c.adds_visitor = !ping.bot;
    c.path = sites::Text{ping.path, base::table_hash(ping.path)};
    c.labels[static_cast<std::size_t>(counting::Dimension::browser)] =
        sites::Text{ping.browser, base::table_hash(ping.browser)};
  }
  std::string payload;
  Waiting block;
  block.claim = std::move(claim);
  for (auto& [site, candidates] : by_site) {
    std::vector<const sites::Candidate*> pointers;
    for (const sites::Candidate& c : candidates) pointers.push_back(&c);
    sites::decide(*site, pointers, stream, payload, block.groups.emplace_back());
  }
  block.claim.encode(payload);
  auto written = writers_[stream]->append(payload, static_cast<std::uint32_t>(pings.size()), control_sequence());
  if (!written) return written.error();
  if (!ack_after_sync) return apply(stream, std::move(block));
  waiting_[stream].push_back(std::move(block));
  return {};
}

sites::BatchClaim Node::claim(const std::string& name, std::uint8_t body, std::string_view answer) {
  sites::BatchClaim claim;
  sites::BodyDigest digest{};
  digest.fill(body);
  claim.claim_key(registry_->batch_keys(), directory_->incarnation_text() + "/" + name, digest, clock_.utc_s());
  if (claim.holds_key()) claim.set_answer(answer);
  return claim;
}

base::Result<void> Node::commit(unsigned stream) {
  if (auto synced = writers_[stream]->sync(); !synced) return synced;
  ++commits[stream];
  given_up_[stream].clear();
  for (Waiting& block : std::exchange(waiting_[stream], {})) {
    if (auto done = apply(stream, std::move(block)); !done) return done;
  }
  return {};
}

base::Result<void> Node::reopen(unsigned stream) {
  for (Waiting& block : waiting_[stream]) given_up_[stream].push_back(std::move(block.claim));
  waiting_[stream].clear();
  for (sites::Site* site : registry_->all_sites()) {
    base::MutexLock lock(site->mutex());
    site->clear_definitions(stream);
  }
  journal::Writer& writer = *writers_[stream];
  return writer.reopen(ack_after_sync ? writer.durable_through() : writer.position().sequence);
}

base::Result<void> Node::apply(unsigned stream, Waiting block) {
  std::string observations;
  for (const sites::Group& group : block.groups) {
    sites::apply(group);
    applied_hits[stream] += group.hits.size();
    add_observations(*group.site, observations);
  }
  block.claim.settle();
  if (observations.empty()) return {};
  if (auto more = writers_[stream]->append(observations, 0, control_sequence()); !more) return more.error();
  return {};
}

base::Result<void> Node::change(std::string id, sites::Action action) {
  sites::Change change{std::move(id), 0, "admin", "a reason", std::move(action)};
  if (auto good = registry_->check(change); !good) return good;
  registry_->expect(change.action);
  if (between_expect_and_write) between_expect_and_write();
  change.at_s = clock_.utc_s();
  std::string payload;
  sites::encode_change(payload, change);
  const auto written = control_->append(payload, 0, control_sequence());
  if (const base::Result<void> durable = written ? control_->sync() : written.error(); !durable) {
    registry_->give_up();
    return durable;
  }
  if (between_write_and_apply) between_write_and_apply();
  return registry_->apply(change);
}

void Node::tick() {
  std::string payload;
  for (sites::Site* site : registry_->all_sites()) {
    {
      base::MutexLock lock(site->mutex());
      site->state().advance(clock_.utc_s(), registry_->last_settings(site->id())->timezone == "UTC" ? 0 : 25'200);
    }
    add_observations(*site, payload);
  }
  if (!payload.empty()) static_cast<void>(writers_[0]->append(payload, 0, control_sequence()));
}

store::Moment Node::moment() {
  store::Moment out;
  out.incarnation = directory_->incarnation_text();
  out.checkpoint = closed_as_of;
  out.as_of_s = clock_.utc_s();
  for (const auto& [stream, position] : recovered_.positions) out.positions[stream] = position.sequence;
  for (unsigned i = 0; i < streams(); ++i) {
    out.positions[journal::StreamId{static_cast<std::uint16_t>(i + 1)}] =
        ack_after_sync ? writers_[i]->durable_through() : writers_[i]->position().sequence;
  }
  std::string observations;
  std::vector<store::ContentHash> hashes;
  for (sites::Site* site : registry_->all_sites()) {
    add_observations(*site, observations);
    base::MutexLock lock(site->mutex());
    out.sites.push_back(store::moment_site(*registry_, *site, out.as_of_s, hashes.emplace_back()));
  }
  out.hash = store::to_text(store::whole(store::hash_of(*registry_, out.as_of_s), hashes));
  if (!observations.empty()) control_->append(observations, 0, control_sequence()).value();
  control_->sync().value();
  out.positions[journal::kControlStream] = control_sequence();
  if (nodes_->exists()) out.positions[journal::kNodesStream] = nodes_->durable_through();
  return out;
}

base::Result<void> Node::append_raw(unsigned stream, std::string_view payload, std::uint64_t control_sequence) {
  auto written = writers_[stream]->append(payload, 0, control_sequence);
  return written ? base::Result<void>() : written.error();
}

counting::Summary Node::summary(std::string_view name) const {
  sites::Site& site = *registry_->find(name);
  base::MutexLock lock(site.mutex());
  return site.state().summary(clock_.utc_s(), counting::calendar_of(counting::local_day(clock_.utc_s(), 0)));
}

std::string Node::segment_path(unsigned stream, std::uint64_t number) const {
  return directory_->stream_directory(journal::StreamId{static_cast<std::uint16_t>(stream + 1)}) + "/" +
         journal::segment_name(number);
}

base::FileSystem& unsynced_files() {
  static FailingFileSystem files(base::posix_file_system());
  return files;
}

// --- failing files ---

namespace {

class FailingFile final : public base::File {
 public:
  FailingFile(std::unique_ptr<base::File> under, FailingFileSystem& system)
      : under_(std::move(under)), system_(system) {}
  base::Result<void> write_at(std::uint64_t offset, std::string_view bytes) override {
    if (auto passed = system_.spend(); !passed) {
      // Half of it, as a full disk leaves it.
      static_cast<void>(under_->write_at(offset, bytes.substr(0, bytes.size() / 2)));
      return passed;
    }
    return under_->write_at(offset, bytes);
  }
  base::Result<std::size_t> read_into(std::uint64_t offset, char* to, std::size_t size) override {
    return under_->read_into(offset, to, size);
  }
  base::Result<std::uint64_t> size() override { return under_->size(); }
  base::Result<void> truncate(std::uint64_t size) override {
    auto passed = system_.spend();
    return passed ? under_->truncate(size) : passed;
  }
  base::Result<void> allocate(std::uint64_t size) override {
    auto passed = system_.spend();
    return passed ? under_->allocate(size) : passed;
  }
  base::Result<void> sync() override {
    auto passed = system_.spend();
    return passed;
  }

 private:
  std::unique_ptr<base::File> under_;
  FailingFileSystem& system_;
};

}  // namespace

base::Result<void> FailingFileSystem::spend() {
  if (!left) return {};
  if (*left == 0) return Error{Errc::io, "the test's disk failed"};
  --*left;
  return {};
}

base::Result<std::unique_ptr<base::File>> FailingFileSystem::open(const std::string& path, base::OpenMode mode) {
  if (mode == base::OpenMode::create) {
    if (auto passed = spend(); !passed) return passed.error();
  }
  auto file = under_.open(path, mode);
  if (!file) return file.error();
  return std::unique_ptr<base::File>(new FailingFile(std::move(*file), *this));
}

base::Result<void> FailingFileSystem::rename(const std::string& from, const std::string& to) {
  auto passed = spend();
  return passed ? under_.rename(from, to) : passed;
}
base::Result<void> FailingFileSystem::remove(const std::string& path) {
  auto passed = spend();
  return passed ? under_.remove(path) : passed;
}
base::Result<void> FailingFileSystem::sync_directory(const std::string& path) {
  auto passed = spend();
  return passed ? base::Result<void>() : Error{passed.error().code, passed.error().detail + ": " + path};
}

}  // namespace footfall::testing
