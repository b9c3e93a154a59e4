// SPDX-License-Identifier: Apache-2.0
#include "ingest/arena.h"

#include <algorithm>

namespace footfall::ingest {

void Arena::next_chunk(std::size_t size) {
  // The first chunk is never an oversized one: it is the one that clear() keeps.
  if (chunks_.empty() && size > kChunk) {
    chunks_.push_back(std::make_unique_for_overwrite<char[]>(kChunk));
    bytes_ += kChunk;
  }
  left_ = std::max(size, kChunk);
  chunks_.push_back(std::make_unique_for_overwrite<char[]>(left_));
  next_ = chunks_.back().get();
  bytes_ += left_;
}

void Arena::clear() {
  if (chunks_.empty()) return;
  chunks_.resize(1);
  next_ = chunks_.front().get();
  left_ = bytes_ = kChunk;
}

}  // namespace footfall::ingest
