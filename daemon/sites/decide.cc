// SPDX-License-Identifier: Apache-2.0
// Decide: candidates to hits, under one lock hold.
//
//   prefetch       the tables' lines of the next eight candidates travel while one is decided
//   reserve        page and label ids, places under caps
//   define         what this stream has not defined yet, into the payload, before its use
//   encode         the hits, one record per run of equal utc offset
//
// No allocation in the steady state: the payload and the group keep their capacity.
// Tested by tests/unit/sites/decide_test.cc.
#include "sites/decide.h"

namespace footfall::sites {
namespace {

using counting::Dimension;
using counting::Hit;
using counting::LabelId;
using counting::PageId;

// Of a batch of 1,000 with a million visitors, CPU of all of a hit: 0.92 of that with all of the batch ahead, whose
// first lines have left the cache when their turn comes; with 12 ahead 0.96 (medians of 12 and 8 rounds,
// tests/bench/batches.py).
constexpr std::size_t kAhead = 8;

PageId reserve_page(Site& site, const Text& path, unsigned stream, std::string& payload) REQUIRES(site.mutex()) {
  const PageId page = site.state().reserve_page(path.text, path.hash);
  if (page >= counting::kFirstPage && site.page_needs_definition(stream, page)) {
    encode_page(payload, site.id(), page, path.text);
  }
  return page;
}

LabelId reserve_label(Site& site, counting::Day day, Dimension dimension, const Text& label, unsigned stream,
                      std::string& payload) REQUIRES(site.mutex()) {
  if (label.text.empty()) return counting::kNoLabel;
  const LabelId id = site.state().reserve_label(day, dimension, label.text, label.hash);
  if (id >= counting::kFirstLabel && site.label_needs_definition(stream, id)) {
    encode_label(payload, site.id(), id, label.text);
  }
  return id;
}

// The part under the lock.
void reserve_all(Site& site, std::span<const Candidate* const> candidates, unsigned stream, std::string& payload,
                 Group& group, std::size_t online_pairs_left) {
  base::MutexLock lock(site.mutex());
  counting::SiteState& state = site.state();
  const auto prefetch = [&](std::size_t at) {
    if (at < candidates.size()) state.prefetch(candidates[at]->path.hash, candidates[at]->visitor);
  };
  for (std::size_t at = 0; at < kAhead; ++at) prefetch(at);
  std::size_t ahead = kAhead;
  group.epoch = state.epoch();
  const Candidate* before = nullptr;  // most labels are those of the hit before
  counting::Day day_before = 0;
  for (const Candidate* candidate : candidates) {
    prefetch(ahead++);
    Hit& hit = group.hits.emplace_back();
    hit.at_s = candidate->at_s;
    hit.utc_offset_s = candidate->utc_offset_s;
    hit.visitor = candidate->visitor;
    hit.moved_from = candidate->moved_from;
    hit.kind = candidate->kind;
    hit.bot = candidate->bot;
    hit.counts = candidate->counts;
    hit.adds_visitor = candidate->adds_visitor;
    hit.page = reserve_page(site, candidate->path, stream, payload);
    const counting::Day day = counting::local_day(hit.at_s, hit.utc_offset_s);
    for (unsigned i = 1; i < counting::kDimensions; ++i) {
      const Text& label = candidate->labels[i];
      const bool again = before != nullptr && before->labels[i].hash == label.hash && day == day_before;
      hit.labels[i] = again ? group.hits[group.hits.size() - 2].labels[i]
                            : reserve_label(site, day, static_cast<Dimension>(i), label, stream, payload);
    }
    before = candidate;
    day_before = day;
    // A touch makes two cells at most: the site's and the page's. At the bound who is there is refreshed all the same.
    hit.touches_presence = candidate->touches_presence;
    if (hit.touches_presence && online_pairs_left >= 2) {
      online_pairs_left -= 2;
    } else if (hit.touches_presence) {
      // Who is there under the id of yesterday is no newcomer: until the old cells leave the window they have two.
      hit.touches_presence =
          state.holds_presence(hit.page, hit.visitor) ||
          (hit.moved_from.value != 0 && state.holds_presence(counting::kUnknownPage, hit.moved_from));
    }
  }
  group.pages = state.pages_known();
}

void encode_runs(std::string& payload, const Group& group) {
  const std::span<const Hit> hits(group.hits);
  for (std::size_t begin = 0; begin < hits.size();) {
    std::size_t end = begin + 1;
    while (end < hits.size() && hits[end].utc_offset_s == hits[begin].utc_offset_s) ++end;
    encode_hits(payload, group.site->id(), group.epoch, hits.subspan(begin, end - begin));
    begin = end;
  }
}

}  // namespace

void decide(Site& site, std::span<const Candidate* const> candidates, unsigned stream, std::string& payload,
            Group& group, std::size_t online_pairs_left) {
  group.site = &site;
  group.hits.clear();
  reserve_all(site, candidates, stream, payload, group, online_pairs_left);
  encode_runs(payload, group);
}

void apply(const Group& group) {
  base::MutexLock lock(group.site->mutex());
  group.site->state().apply(group.epoch, group.hits);
}

}  // namespace footfall::sites
