// SPDX-License-Identifier: Apache-2.0
#include "store/nodes_stream.h"

#include <map>
#include <string>
#include <tuple>
#include <utility>

#include "base/mutex.h"
#include "sites/records.h"
#include "sites/slot.h"

namespace footfall::store {
namespace {

using base::Errc;
using base::Error;
using counting::Learnt;

constexpr std::size_t kBlockBytes = journal::kPayloadMax / 2;  // a slot is well below the other half

}  // namespace

base::Result<std::unique_ptr<NodesStream>> NodesStream::open(base::FileSystem& files, journal::WriterOptions options,
                                                             const Positions& recovered) {
  std::unique_ptr<NodesStream> stream(new NodesStream(files, std::move(options)));
  if (const auto there = recovered.find(journal::kNodesStream); there != recovered.end()) {
    if (auto begun = stream->begin(there->second); !begun) return begun.error();
  }
  return stream;
}

base::Result<void> NodesStream::begin(journal::Position last) {
  auto writer = journal::Writer::open(files_, options_, last);
  if (!writer) return writer.error();
  writer_ = std::move(*writer);
  return {};
}

base::Result<void> NodesStream::write(std::string& payload, std::uint64_t control_sequence, bool last) {
  if (payload.size() >= kBlockBytes || (last && !payload.empty())) {
    if (writer_ == nullptr) {
      if (auto begun = begin({}); !begun) return begun;
    }
    if (const auto written = writer_->append(payload, 0, control_sequence); !written) return written.error();
    payload.clear();
  }
  if (!last || writer_ == nullptr) return {};
  auto synced = writer_->sync();
  bytes_written_.store(writer_->bytes_written(), std::memory_order_relaxed);
  return synced;
}

base::Result<std::vector<Learnt>> NodesStream::learn(const std::vector<SlotOfSite>& slots,
                                                     std::uint64_t control_sequence) {
  // (site, epoch, incarnation) -> what is held once those before are applied
  std::map<std::tuple<sites::Site*, counting::Epoch, base::Incarnation>, const counting::Slot*> pending;
  std::vector<Learnt> outcomes;
  std::string payload;
  base::Result<void> written;
  for (const auto& [site, remote] : slots) {
    Learnt& outcome = outcomes.emplace_back(Learnt::known);
    if (remote.incarnation == own_) continue;
    const auto [before, first] = pending.try_emplace({site, remote.epoch, remote.incarnation}, nullptr);
    std::uint64_t past_held = 0;
    {
      const base::MutexLock lock(site->mutex());
      const counting::Slot* held = before->second;
      if (first) {
        outcome = site->state().would_learn(remote.epoch, remote.incarnation, remote.slot);
        held = site->state().learnt(remote.epoch, remote.incarnation);
      } else if (held != nullptr) {
        outcome = counting::check(held, remote.slot);
      }
      if (held != nullptr) past_held = held->past_version;
    }
    if (outcome != Learnt::news) continue;
    before->second = &remote.slot;
    counting::RemoteSlot record = remote;
    if (past_held == remote.slot.past_version) record.slot.past = nullptr;
    sites::encode_remote_slot(payload, site->id(), record);
    if (written = write(payload, control_sequence, false); !written) break;
  }
  if (written) written = write(payload, control_sequence, true);
  if (!written)
    return Error{Errc::unavailable, "what other nodes counted could not be written: " + written.error().detail};
  for (std::size_t i = 0; i < slots.size(); ++i) {
    if (outcomes[i] != Learnt::news) continue;
    const auto& [site, remote] = slots[i];
    const base::MutexLock lock(site->mutex());
    outcomes[i] = site->state().learn(remote.epoch, remote.incarnation, remote.slot);
  }
  return outcomes;
}

base::Result<void> NodesStream::inherit(const std::vector<sites::Site*>& sites, const base::Incarnation& before,
                                        std::uint64_t control_sequence) {
  std::vector<SlotOfSite> inherited;
  std::string payload;
  for (sites::Site* site : sites) {
    for (auto& [epoch, slot] : sites::take_slots(*site)) {
      inherited.push_back({site, {epoch, before, std::move(slot)}});
      sites::encode_inherited(payload, site->id(), inherited.back().remote);
      if (auto written = write(payload, control_sequence, false); !written) return written;
    }
  }
  if (auto written = write(payload, control_sequence, true); !written) return written;
  for (const auto& [site, remote] : inherited) {
    const base::MutexLock lock(site->mutex());
    site->state().inherit(remote.epoch, remote.incarnation, remote.slot);
  }
  return {};
}

// What was written but not synced is unknown, and was not applied.
bool NodesStream::mend() {
  return failed() && writer_->reopen(writer_->durable_through()).has_value();
}

ClosedStream NodesStream::roll() {
  if (writer_ == nullptr) return {};
  const auto rolled = writer_->roll();
  if (!rolled) return {writer_->last_closed(writer_->durable_through()).segment, {}};
  return {rolled->segment, ClosedStream::Applied{rolled->sequence, 0}};
}

base::Result<std::vector<std::string>> NodesStream::recycle(std::uint64_t through) {
  if (writer_ == nullptr) return std::vector<std::string>{};
  return writer_->recycle(through);
}

}  // namespace footfall::store
