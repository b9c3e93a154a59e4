// SPDX-License-Identifier: Apache-2.0
// Records: how decisions are written into a block's payload, and read back. The journal knows none of this.
//
//   payload   record*
//   record    u8 type  varint length  bytes[length]
//   1 hits         site, epoch, base second, utc offset, then the hits (flags, second, visitor, page, labels)
//   2 page         site, page id, path           a stream defines what it uses before it uses it
//   3 label        site, label id, text
//   4 observation  site, epoch, second, utc offset, online
//   5 change       one Change (control stream only)
//   6 progress     site, source, position        an import's high-water mark
//   7 batch key    key, digest of the body, expiry, answer      of the batch whose hits are in the same block
//   8 slot         site, epoch, incarnation, the slot and, where it is another one, its past      (nodes stream only)
//   9 inherited    the same, of what a restored directory began with                             (nodes stream only)
//  10 followed     as 6, and a mark              a follower's high-water mark
// An unknown type is Errc::newer_format. The grammar to the byte is in daemon/store/FORMAT.md.
// Tested by tests/unit/sites/records_test.cc: round trips over random hits, and every truncation.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/errors.h"
#include "counting/remote_counts.h"
#include "counting/site_state.h"
#include "sites/batch_keys.h"
#include "sites/changes.h"

namespace footfall::sites {

// Appends to `payload`. REQUIRES: hits share one utc_offset_s.
void encode_hits(std::string& payload, SiteId site, const counting::Epoch& epoch, std::span<const counting::Hit> hits);
void encode_page(std::string& payload, SiteId site, counting::PageId page, std::string_view path);
void encode_label(std::string& payload, SiteId site, counting::LabelId label, std::string_view text);
void encode_observation(std::string& payload, SiteId site, const counting::Observation& seen);
void encode_change(std::string& payload, const Change& change);
// `mark`: a follower's; empty: an import's progress.
void encode_progress(std::string& payload, SiteId site, std::string_view source, std::uint64_t position,
                     std::int64_t at_s, std::string_view mark = {});
void encode_batch_key(std::string& payload, const BatchKey& key);
// Without the past where it has none here: a reader goes on with the one that it holds.
void encode_remote_slot(std::string& payload, SiteId site, const counting::RemoteSlot& remote);
// What the directory's own counts had of the incarnation that is named. REQUIRES: it has its past.
void encode_inherited(std::string& payload, SiteId site, const counting::RemoteSlot& inherited);

// What a payload holds is handed to these, in order. Views live until the call returns.
class RecordVisitor {
 public:
  virtual ~RecordVisitor() = default;
  virtual base::Result<void> hits(SiteId site, const counting::Epoch& epoch, std::span<const counting::Hit> hits) = 0;
  virtual base::Result<void> page(SiteId site, counting::PageId page, std::string_view path) = 0;
  virtual base::Result<void> label(SiteId site, counting::LabelId label, std::string_view text) = 0;
  virtual base::Result<void> observation(SiteId site, const counting::Observation& seen) = 0;
  virtual base::Result<void> change(const Change& change) = 0;
  // `mark`: a follower's; empty: an import's progress.
  virtual base::Result<void> progress(SiteId site, std::string_view source, std::uint64_t position, std::int64_t at_s,
                                      std::string_view mark) = 0;
  virtual base::Result<void> batch_key(BatchKey key) = 0;
  virtual base::Result<void> remote_slot(SiteId site, const counting::RemoteSlot& remote) = 0;
  virtual base::Result<void> inherited(SiteId site, const counting::RemoteSlot& inherited) = 0;
};
// corrupt; newer_format for a type, or a kind of change, that this release does not know; or what the visitor answers.
base::Result<void> decode_payload(std::string_view payload, RecordVisitor& visitor);
// The same, with the caller's vector for the hits: nothing is allocated in the steady state.
base::Result<void> decode_payload(std::string_view payload, RecordVisitor& visitor,
                                  std::vector<counting::Hit>& scratch);

}  // namespace footfall::sites
