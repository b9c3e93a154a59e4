// SPDX-License-Identifier: Apache-2.0
// PastChanges: the ids of changes that were applied and are remembered no more, so that none is applied twice: Redis
// keeps all changes, and whoever reads it anew finds the old ones, too.
//
// Of an id 16 bytes are kept, two SipHashes of it under keys that never change; that of two ids these are the same is
// taken for impossible (one in 10^26 for a million of ids). Whoever may make changes, and finds such an id, keeps their
// own change from being made.
//
//     sorted_   a3.. a7.. b0.. c4.. d1.. e8.. ....     nearly all, ascending
//     young_    b2.. c0..                              the latest, ascending too; merged when they are many
//
// Cost       16 bytes an id, and up to a quarter of that as room; contains() two binary searches; add() moves at most
//            kYoungMax, and merging at each kYoungMax-th moves all: some milliseconds for a million.
// Ownership  owns all. Threading: none of its own. Errors: load() is false for what save() did not write.
// Tested by tests/unit/sites/past_changes_test.cc, against a std::set.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace footfall::sites {

class PastChanges {
 public:
  void add(std::string_view id);  // nothing happens if it is there
  bool contains(std::string_view id) const;
  std::size_t size() const { return sorted_.size() + young_.size(); }
  std::size_t memory_bytes() const { return (sorted_.capacity() + young_.capacity()) * sizeof(Digest); }

  // Canonical: the same ids give the same bytes, in whichever order they came.
  void save(base::ByteWriter& out) const;
  // REQUIRES: empty.
  bool load(base::ByteReader& in);

 private:
  static constexpr std::size_t kYoungMax = 1024;

  struct Digest {
    std::uint64_t high = 0, low = 0;
    friend auto operator<=>(const Digest&, const Digest&) = default;
  };
  static Digest digest_of(std::string_view id);
  bool contains(const Digest& digest) const;
  void merge();

  std::vector<Digest> sorted_, young_;
};

}  // namespace footfall::sites
