// SPDX-License-Identifier: Apache-2.0
// Decide and apply: the two times a pass takes a site's lock.
//
//   decide   candidates -> hits with ids reserved, written into the block's payload with the definitions they need
//   apply    the same hits, once their block is durable for the mode
//
// A Candidate is a ping that the rules let through, with everything hashed outside the lock.
// Tested by tests/unit/sites/decide_test.cc.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "counting/hit.h"
#include "sites/records.h"
#include "sites/site.h"

namespace footfall::sites {

struct Text {
  std::string_view text;   // in the pass's arena, or static
  std::uint64_t hash = 0;  // base::table_hash(text)
};

struct Candidate {
  Site* site = nullptr;
  std::int64_t at_s = 0;
  std::int32_t utc_offset_s = 0;
  counting::VisitorId visitor{};
  counting::VisitorId moved_from{};
  counting::Kind kind = counting::Kind::pageview;
  bool bot = false;
  bool counts = false;
  bool touches_presence = false;
  bool adds_visitor = false;
  Text path;                                         // empty: (unknown)
  std::array<Text, counting::kDimensions> labels{};  // empty: none; [page] unused
};

// The hits of one site in a block, in the order in which they came. Kept by the caller from pass to pass: decide()
// overwrites it, and its vector keeps its capacity.
struct Group {
  Site* site = nullptr;
  counting::Epoch epoch;
  std::vector<counting::Hit> hits;
  std::size_t pages = 0;  // that the site has, with those of these hits
};

// Takes the site's lock once. `candidates` are all of `site`. Appends records to `payload`: definitions that `stream`
// lacks first, then the hits (several records where the utc offset changes). The decisions are in `group` afterwards.
// `online_pairs_left` is how many (visitor, site or page) pairs may still be made, of all sites of the node; past it a
// hit no longer touches presence, but counts.
// If the block is not written in the end, the caller calls site.clear_definitions(stream).
// REQUIRES: stream < 64; hits of a pass fit a block (journal::kPayloadMax).
void decide(Site& site, std::span<const Candidate* const> candidates, unsigned stream, std::string& payload,
            Group& group, std::size_t online_pairs_left = SIZE_MAX);
// Takes the site's lock once.
void apply(const Group& group);

}  // namespace footfall::sites
