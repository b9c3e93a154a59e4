// SPDX-License-Identifier: Apache-2.0
// NodesStream: what other nodes counted, journaled before it is applied, so that a restart without Redis knows it.
//
//     slots -> which are news? -> one block (fdatasync) -> each site's state
//
// A slot's past is in the block only where it differs from the one that the site holds: what is replayed meets the
// states that it met live. The stream is made by the first slot; a node that learns nothing never has one. Nothing in
// it is a hit.
//
// Ownership  owns the stream's writer. Sites belong to the Registry.
// Threading  one thread, the one that alone gives slots to the sites; each site's lock is taken in turn.
// bytes_written():
//            any thread.
// Errors     learn(): unavailable, and then nothing was applied: what it was given is news the next time.
// Tested by tests/unit/store/nodes_stream_test.cc, and with crashes by crash_states_test.cc.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/errors.h"
#include "base/file_system.h"
#include "counting/remote_counts.h"
#include "journal/writer.h"
#include "sites/site.h"
#include "store/ledger.h"
#include "store/recovery.h"

namespace footfall::store {

struct SlotOfSite {
  sites::Site* site = nullptr;
  counting::RemoteSlot remote;
};

class NodesStream {
 public:
  // Goes on where `recovered` ends, if the stream is there. `options` are those of its writer.
  static base::Result<std::unique_ptr<NodesStream>> open(base::FileSystem& files, journal::WriterOptions options,
                                                         const Positions& recovered);

  // What came of each, in order. `control_sequence`: of the last change; the sites were added by then. The node's own
  // slots are `known`: it knows better.
  base::Result<std::vector<counting::Learnt>> learn(const std::vector<SlotOfSite>& slots,
                                                    std::uint64_t control_sequence);
  // What is told of this node: not learnt. Until it is set, of the directory's incarnation.
  void set_own(const base::Incarnation& slot) { own_ = slot; }
  // Before anything is counted: what the sites have counted, and nobody else has, is of the slot `before` from now on.
  // Again after an error, also one that the process did not outlive.
  base::Result<void> inherit(const std::vector<sites::Site*>& sites, const base::Incarnation& before,
                             std::uint64_t control_sequence);
  // Now and then: begins a new segment after a failure. True: it goes on again.
  bool mend();
  bool failed() const { return writer_ != nullptr && writer_->failed(); }

  // For a checkpoint: closes the segment, as a hit stream's. Segment 0: there is none.
  ClosedStream roll();
  // Answers the files that are not needed any more, for the caller to remove.
  base::Result<std::vector<std::string>> recycle(std::uint64_t through);
  bool exists() const { return writer_ != nullptr; }
  journal::Position position() const { return writer_ == nullptr ? journal::Position{} : writer_->position(); }
  std::uint64_t durable_through() const { return writer_ == nullptr ? 0 : writer_->durable_through(); }
  std::uint64_t bytes_written() const { return bytes_written_.load(std::memory_order_relaxed); }

 private:
  NodesStream(base::FileSystem& files, journal::WriterOptions options)
      : files_(files), options_(std::move(options)), own_(options_.incarnation) {}
  base::Result<void> begin(journal::Position last);
  // Moves `payload` into a block, if it is large or `last`; makes all blocks durable with the last.
  base::Result<void> write(std::string& payload, std::uint64_t control_sequence, bool last);

  base::FileSystem& files_;
  const journal::WriterOptions options_;
  base::Incarnation own_;
  std::unique_ptr<journal::Writer> writer_;  // null: there is no stream
  std::atomic<std::uint64_t> bytes_written_{0};
};

}  // namespace footfall::store
