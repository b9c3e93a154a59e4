// SPDX-License-Identifier: Apache-2.0
// Deciding, applying and changing. The path of a hit is apply() -> add() -> add_run() -> EpochCounts::add() and
// Presence::touch().
#include "counting/site_state.h"

#include <algorithm>
#include <cstring>

#include "base/hash.h"
#include "counting/site_state_body.h"

namespace footfall::counting {

namespace {

// What no clock says. Such a second comes from damaged bytes only, and is moved to the edge.
constexpr std::int64_t kSecondMax = std::int64_t{1} << 40U;
constexpr std::int32_t kOffsetMax_s = 2 * 86400;

bool sane_time(std::int64_t at_s, std::int32_t utc_offset_s) {
  return at_s <= kSecondMax && at_s >= -kSecondMax && utc_offset_s <= kOffsetMax_s && utc_offset_s >= -kOffsetMax_s;
}

void make_sane(std::int64_t& at_s, std::int32_t& utc_offset_s) {
  at_s = std::clamp(at_s, -kSecondMax, kSecondMax);
  utc_offset_s = std::clamp(utc_offset_s, -kOffsetMax_s, kOffsetMax_s);
}

// A cell of presence is a cache miss where there are many visitors: those of this many hits are asked for, then the
// hits are counted, then the cells are needed. With a million visitors that halves the time of BM_Apply.
constexpr std::size_t kRunMax = 16;

bool all_marked(const IdMarks& labels, const Hit& hit) {
  return std::all_of(hit.labels.begin(), hit.labels.end(),
                     [&labels](LabelId label) { return label == kNoLabel || labels.has(label.value); });
}

// How many of the first of `hits` are usual, and of the first one's second and offset. Nothing about a usual hit is
// new: its ids are marked, its second is one.
std::size_t usual_run(const IdMarks& pages, const IdMarks& labels, std::span<const Hit> hits) {
  const Hit& first = hits.front();
  if (!sane_time(first.at_s, first.utc_offset_s) || !all_marked(labels, first)) return 0;
  const std::array<LabelId, kDimensions>* marked = &first.labels;  // mostly those of the next hit too
  std::size_t n = 0;
  for (const Hit& hit : hits) {
    if (hit.at_s != first.at_s || hit.utc_offset_s != first.utc_offset_s || !pages.has(hit.page.value)) break;
    if (std::memcmp(&hit.labels, marked, sizeof hit.labels) != 0) {
      if (!all_marked(labels, hit)) break;
      marked = &hit.labels;
    }
    ++n;
  }
  return n;
}

// Marks the ids of `hit`; what cannot be is replaced.
Hit admit(IdMarks& pages, IdMarks& labels, Hit hit) {
  make_sane(hit.at_s, hit.utc_offset_s);
  if (hit.page.value >= kIdsMax) hit.page = kOtherPage;
  pages.set(hit.page.value);
  for (LabelId& label : hit.labels) {
    if (label.value >= kIdsMax) label = kOtherLabel;
    if (label != kNoLabel) labels.set(label.value);
  }
  return hit;
}

}  // namespace

SiteState::SiteState(const Limits& limits, std::int32_t window_s)
    : limits_(limits), window_s_(window_s), kept_s_(window_s), included_{Epoch{}} {}
SiteState::SiteState(SiteState&&) noexcept = default;
SiteState& SiteState::operator=(SiteState&&) noexcept = default;
SiteState::~SiteState() = default;

SiteState::Body& SiteState::body() {
  if (body_ == nullptr) body_ = std::make_unique<Body>(limits_);
  return *body_;
}

// --- deciding ---

PageId SiteState::reserve_page(std::string_view path, std::uint64_t hash) {
  if (path.empty()) return kUnknownPage;
  Interner& paths = body().paths;
  if (const auto known = paths.find(path, hash)) return PageId{*known};
  if (paths.size() >= limits_.pages_max || paths.end() >= kIdsMax) return kOtherPage;
  return PageId{paths.intern(path, hash)};
}

LabelId SiteState::reserve_label(Day day, Dimension dimension, std::string_view text, std::uint64_t hash) {
  if (text.empty()) return kNoLabel;
  return body().reserve_label(limits_, epoch_, day, dimension, text, hash);
}

std::size_t SiteState::pages_known() const {
  return body_ == nullptr ? 0 : body_->paths.size();
}

void SiteState::prefetch(std::uint64_t path_hash, VisitorId visitor) const {
  if (body_ == nullptr) return;
  body_->paths.prefetch(path_hash);
  body_->presence.prefetch(visitor);
}

bool SiteState::holds_presence(PageId page, VisitorId visitor) const {
  if (body_ == nullptr || !body_->presence.holds(visitor)) return false;
  return page < kFirstPage || body_->page_presence.holds(page, visitor);
}

// --- definitions ---

bool SiteState::define_page(PageId id, std::string_view path) {
  if (id < kFirstPage || id.value >= kIdsMax || path.empty()) return false;
  if (!body().paths.define(id.value, path, base::table_hash(path))) return false;
  body_->pages_defined.set(id.value);
  return true;
}

bool SiteState::define_label(LabelId id, std::string_view text) {
  if (id < kFirstLabel || id.value >= kIdsMax || text.empty()) return false;
  if (!body().labels.define(id.value, text, base::table_hash(text))) return false;
  body_->labels_known.set(id.value);
  return true;
}

PageId SiteState::find_page(std::string_view path, std::uint64_t hash) const {
  const auto known = body_ == nullptr ? std::nullopt : body_->paths.find(path, hash);
  return known ? PageId{*known} : kUnknownPage;
}

std::string_view SiteState::page_path(PageId id) const {
  if (id == kUnknownPage) return "(unknown)";
  if (id == kOtherPage) return "(other)";
  return body_ == nullptr ? std::string_view{} : body_->paths.text(id.value);
}

std::string_view SiteState::label_text(LabelId id) const {
  if (id == kNoLabel) return {};
  if (id == kOtherLabel) return "(other)";
  return body_ == nullptr ? std::string_view{} : body_->labels.text(id.value);
}

bool SiteState::knows(const Hit& hit) const {
  const auto page_known = [this](PageId page) {
    return page < kFirstPage ||
           (body_ != nullptr && (body_->pages_hit.has(page.value) || body_->paths.defined(page.value)));
  };
  const auto label_known = [this](LabelId label) {
    return label < kFirstLabel || (body_ != nullptr && body_->labels_known.has(label.value));
  };
  return page_known(hit.page) && std::all_of(hit.labels.begin(), hit.labels.end(), label_known);
}

// --- applying ---

void SiteState::apply(const Epoch& epoch, std::span<const Hit> hits) {
  add(epoch, hits, [this](const Hit& first) {
    if (first.at_s > body_->observer.now_s()) [[unlikely]]
      advance(first.at_s, first.utc_offset_s);
  });
}

void SiteState::replay(const Epoch& epoch, std::span<const Hit> hits) {
  add(epoch, hits, [](const Hit&) {});
}

// In runs of one second, so that what a second decides is looked up once for them all. `before` is called with the
// first of each run.
template <class Before>
void SiteState::add(const Epoch& epoch, std::span<const Hit> hits, const Before& before) {
  if (hits.empty()) return;
  EpochCounts& counts = body().counts(epoch);
  while (!hits.empty()) {
    before(hits.front());
    const std::size_t usual =
        usual_run(body_->pages_hit, body_->labels_known, hits.first(std::min(kRunMax, hits.size())));
    if (usual == 0) [[unlikely]] {
      const Hit admitted = admit(body_->pages_hit, body_->labels_known, hits.front());
      add_run(epoch, counts, {&admitted, 1});
    } else {
      add_run(epoch, counts, hits.first(usual));
    }
    hits = hits.subspan(std::max<std::size_t>(usual, 1));
  }
}

// REQUIRES: all of one second and offset, with ids that are marked.
void SiteState::add_run(const Epoch& epoch, EpochCounts& counts, std::span<const Hit> run) {
  Body& body = *body_;
  const std::int64_t at_s = run.front().at_s;
  const Day day = local_day(at_s, run.front().utc_offset_s);
  for (const Hit& hit : run) body.prefetch(hit);
  add_saturating(body.hits, run.size());
  if (day != body.past.calendar.today) body.past.valid = false;
  counts.add(run, {epoch, day}, visitor_news_.get());

  if (at_s > body.latest_s) {
    if (body.latest_s != INT64_MIN) body.page_presence.sweep(at_s, at_s - body.latest_s, kept_s_);
    body.latest_s = at_s;
  }
  if (at_s <= body.latest_s - kept_s_ || at_s <= floor_s_) return;
  for (const Hit& hit : run) body.prefetch_overflow(hit);
  for (const Hit& hit : run) {
    if (!hit.touches_presence || hit.visitor.value == 0) continue;
    const std::int32_t later_s = body.presence.touch(hit.visitor, at_s, kept_s_);
    if (presence_news_ != nullptr) presence_news_->note({hit.visitor, at_s, false}, later_s, window_s_);
    body.page_presence.touch(hit.page, hit.visitor, at_s, kept_s_);
    if (hit.moved_from.value != 0 && hit.moved_from != hit.visitor) [[unlikely]] {
      const std::int32_t moved_later_s = body.presence.move_away(hit.moved_from, at_s, kept_s_);
      if (presence_news_ != nullptr) presence_news_->note({hit.moved_from, at_s, true}, moved_later_s, window_s_);
      body.page_presence.move_away(hit.page, hit.moved_from, at_s, kept_s_);
    }
  }
}

void SiteState::observe(const Observation& seen) {
  Observation sane = seen;
  make_sane(sane.at_s, sane.utc_offset_s);
  if (seen.online > 0) body().counts(seen.epoch).observe(sane);
}

void SiteState::advance(std::int64_t now_s, std::int32_t utc_offset_s) {
  make_sane(now_s, utc_offset_s);
  if (body_ != nullptr && now_s > body_->observer.now_s()) move_clock(now_s, utc_offset_s);
}

// REQUIRES: now_s is later than the observer's clock.
void SiteState::move_clock(std::int64_t now_s, std::int32_t utc_offset_s) {
  Body& body = *body_;
  if (body.presence.cells() == 0) {
    body.observer.pass(now_s, utc_offset_s);
  } else {
    body.observer.advance(now_s, utc_offset_s, kept_s_, epoch_, body.presence, body.counts(epoch_));
  }
  if (now_s <= body.latest_s) return;
  body.presence.advance(now_s, kept_s_);
  if (body.presence.cells() == 0) {
    body.page_presence.clear();
  } else if (body.latest_s != INT64_MIN) {
    body.page_presence.sweep(now_s, now_s - body.latest_s, kept_s_);
  }
  body.latest_s = now_s;
}

std::vector<Observation> SiteState::take_observations() {
  return body_ == nullptr ? std::vector<Observation>{} : body_->observer.take();
}

// --- changes ---

void SiteState::begin_epoch(const Epoch& next) {
  epoch_ = next;
  set_included({next});
}

void SiteState::set_included(const std::set<Epoch>& included) {
  included_ = included;
  if (body_ != nullptr) body_->past.valid = false;
}

void SiteState::add_seed(const Epoch& epoch, std::int64_t amount) {
  body().counts(epoch).add_seed(amount);
}

void SiteState::add_page_seed(const Epoch& epoch, PageId page, std::int64_t amount) {
  if (page.value >= kIdsMax) page = kOtherPage;
  body().counts(epoch).add_page_seed(page, amount);
  body_->pages_defined.set(page.value);
}

void SiteState::mark_pages(std::span<const PageId> pages, PageId into) {
  body().marks_to_change().mark(pages, into);
}

void SiteState::unmark_pages(std::span<const PageId> pages) {
  body().marks_to_change().unmark(pages);
}

const PageMarks& SiteState::page_marks() const {
  static const PageMarks kNone;
  return body_ == nullptr ? kNone : body_->marks();
}

void SiteState::set_window(std::int32_t window_s, std::int64_t at_s) {
  std::int32_t no_offset = 0;
  make_sane(at_s, no_offset);
  raise_floor(at_s - window_s_);
  window_s_ = kept_s_ = window_s;
}

void SiteState::expect_window(std::int32_t window_s) {
  kept_s_ = std::max(window_s_, window_s);
  // Those who have left do not come back under the longer one; with the window as it is that changes nothing.
  if (kept_s_ > window_s_ && body_ != nullptr && body_->latest_s != INT64_MIN) raise_floor(body_->latest_s - window_s_);
}

void SiteState::raise_floor(std::int64_t floor_s) {
  if (floor_s <= floor_s_) return;
  floor_s_ = floor_s;
  if (body_ == nullptr) return;
  body_->presence.forget(floor_s);
  body_->page_presence.forget(floor_s);
}

}  // namespace footfall::counting
