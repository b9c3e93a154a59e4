// SPDX-License-Identifier: Apache-2.0
// Imports: how far each source of a site was counted, so that a part that is sent again is not counted again.
//
//   claim(source, position) -> block is written -> settle(claim)      or, if it was not written, release(claim)
//
// A source is an import's, or a follower's. An import begins and ends, and its visitors have a key of their own. A
// follower reads a log that goes on for ever: its hits are live ones, it begins with its first part, and beside the
// position it leaves a mark, in its own words, of where in which file that was. Its parts say where they begin, and
// are taken only if the mark stands there: so two followers of one source, or one that a daemon with older data has
// not caught up with, count nothing twice and leave nothing out.
//
// One part of a source is under way at a time: between claim and settle another one is told so. Marks never fall, and
// do not expire. An import that is open keeps its site's days open: one without a part for kImportIdle_s is idle, and
// the control thread ends it, by a change as anybody's.
//
// Units      UTC seconds.
//
// Ownership  owns its table. Threading: any thread. Errors: none; a Claim says what it is.
// Tested by tests/unit/sites/imports_test.cc.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/mutex.h"
#include "sites/settings.h"

namespace footfall::sites {

// Sources that imports into a site may ever name: each keeps a mark.
inline constexpr std::size_t kImportSourcesMax = 1000;
inline constexpr std::int64_t kImportIdle_s = std::int64_t{7} * 86'400;
inline constexpr std::size_t kMarkMax = 512;  // bytes

struct Import {
  std::uint64_t key0 = 0, key1 = 0;  // of its visitors; erased when it ends
  bool open = false;
  std::uint64_t position = 0;  // everything up to it was counted; never falls, and does not expire
  std::int64_t active_s = 0;   // when it began, or its latest part was decided, which is later
  std::string mark = {};       // a follower's: where `position` is, in its own words; empty: it is an import
  friend bool operator==(const Import&, const Import&) = default;
};

class Imports {
 public:
  enum class State : std::uint8_t {
    unknown,     // no import of this source has begun
    under_way,   // another part of it is on its way to the disk
    counted,     // everything up to the position was counted before
    claimed,     // the caller's, until settle() or release()
    elsewhere,   // of a follower: the mark does not stand where the part begins
    other_kind,  // of a follower: the source is an import's
    full         // of a follower: the site has its kImportSourcesMax
  };
  struct Claim {
    State state = State::unknown;
    SiteId site{};
    std::string source;
    std::uint64_t position = 0;
    std::int64_t at_s = 0;  // when the part is decided
    Import import;          // as it stands
    std::string mark = {};  // of a follower: that of the position
  };

  Claim claim(SiteId site, std::string_view source, std::uint64_t position, std::int64_t now_s);
  // A follower's part, from `after` (0: the first) to `position`. REQUIRES: after < position; `mark` is not empty.
  Claim follow(SiteId site, std::string_view source, std::uint64_t after, std::uint64_t position, std::string_view mark,
               std::int64_t now_s);
  void settle(const Claim& claim);   // the block is applied: raises the mark
  void release(const Claim& claim);  // it is not

  std::optional<Import> find(SiteId site, std::string_view source) const;
  // Raises the mark (a replay does); a source that never began an import (a follower) gets one.
  void set_progress(SiteId site, std::string_view source, std::uint64_t position, std::int64_t at_s,
                    std::string_view mark = {});
  void begin(SiteId site, std::string_view source, std::uint64_t key0, std::uint64_t key1, std::int64_t at_s);
  void end(SiteId site, std::string_view source);
  std::size_t sources(SiteId site) const;                                      // that have a mark
  std::set<SiteId> open() const;                                               // sites with an open import
  std::vector<std::pair<SiteId, std::string>> idle(std::int64_t now_s) const;  // open, without a part for too long

  void save(base::ByteWriter& out) const;
  bool load(base::ByteReader& in, std::size_t sites);

 private:
  using Key = std::pair<SiteId, std::string>;
  // Marks the part of `key` as counted.
  void advance(const Key& key, std::uint64_t position, std::int64_t at_s, std::string_view mark) REQUIRES(mutex_);
  std::size_t sources_of(SiteId site) const REQUIRES(mutex_);

  mutable base::Mutex mutex_;
  std::map<Key, Import> imports_ GUARDED_BY(mutex_);  // (site, source) -> how far
  std::set<Key> claimed_ GUARDED_BY(mutex_);
};

}  // namespace footfall::sites
