// SPDX-License-Identifier: Apache-2.0
#include "sites/past_changes.h"

#include <algorithm>

#include "base/hash.h"

namespace footfall::sites {
namespace {

// What comes of them is stored: they never change.
constexpr base::SipKey kHigh{0x7364692074736170, 1};  // "past ids"
constexpr base::SipKey kLow{0x7364692074736170, 2};
constexpr std::size_t kDigestBytes = 16;

}  // namespace

PastChanges::Digest PastChanges::digest_of(std::string_view id) {
  return {base::siphash24(kHigh, id), base::siphash24(kLow, id)};
}

bool PastChanges::contains(const Digest& digest) const {
  return std::binary_search(sorted_.begin(), sorted_.end(), digest) ||
         std::binary_search(young_.begin(), young_.end(), digest);
}

bool PastChanges::contains(std::string_view id) const {
  return size() > 0 && contains(digest_of(id));
}

void PastChanges::add(std::string_view id) {
  const Digest digest = digest_of(id);
  if (contains(digest)) return;
  young_.insert(std::upper_bound(young_.begin(), young_.end(), digest), digest);
  if (young_.size() >= kYoungMax) merge();
}

void PastChanges::merge() {
  const std::size_t size = sorted_.size() + young_.size();
  if (size > sorted_.capacity()) sorted_.reserve(size + size / 4);  // not twice as much
  const auto middle = static_cast<std::ptrdiff_t>(sorted_.size());
  sorted_.insert(sorted_.end(), young_.begin(), young_.end());
  young_.clear();
  std::inplace_merge(sorted_.begin(), sorted_.begin() + middle, sorted_.end());
}

void PastChanges::save(base::ByteWriter& out) const {
  out.varint(size());
  const auto write = [&out](const Digest& digest) {
    out.u64(digest.high);
    out.u64(digest.low);
  };
  auto young = young_.begin();
  for (const Digest& digest : sorted_) {
    for (; young != young_.end() && *young < digest; ++young) write(*young);
    write(digest);
  }
  for (; young != young_.end(); ++young) write(*young);
}

bool PastChanges::load(base::ByteReader& in) {
  const std::uint64_t size = in.varint();
  if (!in.ok() || size > in.remaining() / kDigestBytes) return false;
  sorted_.reserve(size);
  for (std::uint64_t i = 0; i < size; ++i) {
    Digest digest;
    digest.high = in.u64();
    digest.low = in.u64();
    if (!sorted_.empty() && digest <= sorted_.back()) return false;
    sorted_.push_back(digest);
  }
  return in.ok();
}

}  // namespace footfall::sites
