// SPDX-License-Identifier: Apache-2.0
// What a site's numbers are, from nothing but the list of its hits: sets, maps, and no cleverness.
//
// LiveSite drives a SiteState as the daemon does (reserve, define, apply, observe) and keeps its journal; Oracle is
// told the same and recounts everything each time that it is asked.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "counting/site_state.h"

namespace footfall::counting::testing {

inline std::string saved(const SiteState& state, std::int64_t now_s) {
  std::string bytes;
  base::ByteWriter out(bytes);
  state.save(out, now_s);
  return bytes;
}

// A record of the journal.
struct Record {
  enum class Type { page, label, hit, observation } type;
  PageId page{};
  LabelId label{};
  std::string text{};
  Epoch epoch{};
  Hit hit{};
  Observation seen{};
};

inline void replay(SiteState& state, const Record& record) {
  switch (record.type) {
    case Record::Type::page:
      if (!state.define_page(record.page, record.text)) std::abort();
      break;
    case Record::Type::label:
      if (!state.define_label(record.label, record.text)) std::abort();
      break;
    case Record::Type::hit:
      state.replay(record.epoch, {&record.hit, 1});
      break;
    case Record::Type::observation:
      state.observe(record.seen);
      break;
  }
}

// A hit as a test says it, before anything is decided.
struct Said {
  std::int64_t at_s = 0;
  std::int32_t utc_offset_s = 0;
  std::uint64_t visitor = 0;
  std::uint64_t moved_from = 0;
  std::string path;
  std::map<Dimension, std::string> labels;  // dimension -> text
  Kind kind = Kind::pageview;
  bool bot = false;
  bool counts = true;
  bool touches_presence = true;
  bool adds_visitor = true;
};

class LiveSite {
 public:
  LiveSite(const Limits& limits, std::int32_t window_s) : state(limits, window_s) {}

  Hit decide(const Said& said) {
    Hit hit;
    hit.at_s = said.at_s;
    hit.utc_offset_s = said.utc_offset_s;
    hit.visitor = VisitorId{said.visitor};
    hit.moved_from = VisitorId{said.moved_from};
    hit.kind = said.kind;
    hit.bot = said.bot;
    hit.counts = said.counts;
    hit.touches_presence = said.touches_presence;
    hit.adds_visitor = said.adds_visitor;
    hit.page = state.reserve_page(said.path, base::table_hash(said.path));
    const Day day = local_day(said.at_s, said.utc_offset_s);
    for (const auto& [dimension, text] : said.labels) {
      hit.labels[static_cast<std::size_t>(dimension)] =
          state.reserve_label(day, dimension, text, base::table_hash(text));
    }
    return hit;
  }

  void apply(const Hit& hit) {
    if (hit.page >= kFirstPage && defined_pages_.insert(hit.page).second) {
      Record record{.type = Record::Type::page, .page = hit.page, .text = std::string(state.page_path(hit.page))};
      journal.push_back(record);
    }
    for (const LabelId label : hit.labels) {
      if (label < kFirstLabel || !defined_labels_.insert(label).second) continue;
      Record record{.type = Record::Type::label, .label = label, .text = std::string(state.label_text(label))};
      journal.push_back(record);
    }
    journal.push_back(Record{.type = Record::Type::hit, .epoch = state.epoch(), .hit = hit});
    state.apply(state.epoch(), {&hit, 1});
  }

  void journal_observations() {
    for (const Observation& seen : state.take_observations()) {
      journal.push_back(Record{.type = Record::Type::observation, .seen = seen});
    }
  }

  SiteState state;
  std::vector<Record> journal;

 private:
  std::set<PageId> defined_pages_;
  std::set<LabelId> defined_labels_;
};

class Oracle {
 public:
  explicit Oracle(std::int32_t window_s) : window_s_(window_s) {}

  std::set<Epoch> included{Epoch{}};

  void apply(const Epoch& epoch, const Said& said) {
    if (said.at_s > clock_s_) advance(epoch, said.at_s, said.utc_offset_s);
    hits_.emplace_back(epoch, said);
    if (!said.touches_presence) return;
    touch(site_, said);
    if (!said.path.empty()) touch(pages_[said.path], said);
  }

  // Looks at every second that ended, as far as anybody was there.
  void advance(const Epoch& epoch, std::int64_t now_s, std::int32_t utc_offset_s) {
    if (now_s <= clock_s_) return;
    for (std::int64_t at_s = clock_s_; clock_s_ != INT64_MIN && at_s < now_s; ++at_s) {
      const std::uint32_t online = count(site_, at_s);
      if (online == 0) break;
      seen_.push_back({epoch, at_s, utc_offset_s_, online});
    }
    clock_s_ = now_s;
    utc_offset_s_ = utc_offset_s;
  }

  std::uint32_t online(std::int64_t now_s) const { return count(site_, now_s); }
  std::uint32_t page_online(const std::string& path, std::int64_t now_s) const {
    const auto page = pages_.find(path);
    return page == pages_.end() ? 0 : count(page->second, now_s);
  }

  std::uint64_t counted() const {
    return count_hits([](const Said& said) { return is_counted(said); });
  }
  std::uint64_t bots() const {
    return count_hits([](const Said& said) { return is_bot(said); });
  }
  std::uint64_t counted_of(const std::string& path) const {
    return count_hits([&](const Said& said) { return is_counted(said) && said.path == path; });
  }

  // From `from` to before `to`.
  PeriodCounts period(Day from, Day to) const {
    PeriodCounts out;
    std::set<std::pair<Day, std::uint64_t>> visitors;
    for (const auto& [epoch, said] : hits_) {
      const Day day = local_day(said.at_s, said.utc_offset_s);
      if (!included.contains(epoch) || day < from || day >= to) continue;
      if (is_counted(said)) ++out.hits;
      if (is_bot(said)) ++out.bots;
      if (said.adds_visitor) visitors.emplace(day, said.visitor);
    }
    out.visitors = visitors.size();
    return out;
  }

  // text -> count
  std::map<std::string, std::uint64_t> ranking(Dimension dimension, Day from, Day to) const {
    std::map<std::string, std::uint64_t> out;
    for (const auto& [epoch, said] : hits_) {
      const Day day = local_day(said.at_s, said.utc_offset_s);
      if (!included.contains(epoch) || day < from || day > to) continue;
      const bool ranked = dimension == Dimension::event ? said.kind == Kind::event && !said.bot : is_counted(said);
      if (!ranked) continue;
      const auto label = said.labels.find(dimension);
      if (dimension == Dimension::page) {
        ++out[said.path.empty() ? "(unknown)" : said.path];
      } else if (label != said.labels.end()) {
        ++out[label->second];
      }
    }
    return out;
  }

  // start of the bucket -> (hits, bots, online_max); `start_of(at_s, utc_offset_s)`
  template <class StartOf>
  std::map<std::int64_t, Cell> buckets(const StartOf& start_of) const {
    std::map<std::int64_t, Cell> out;
    const auto cell_of = [&](std::int64_t at_s, std::int32_t utc_offset_s) -> Cell& {
      Cell& cell = out[start_of(at_s, utc_offset_s)];
      cell.key = start_of(at_s, utc_offset_s);
      return cell;
    };
    for (const auto& [epoch, said] : hits_) {
      if (!included.contains(epoch) || (!is_counted(said) && !is_bot(said))) continue;
      Cell& cell = cell_of(said.at_s, said.utc_offset_s);
      if (is_counted(said)) ++cell.hits;
      if (is_bot(said)) ++cell.bots;
    }
    for (const Observation& seen : seen_) {
      if (!included.contains(seen.epoch)) continue;
      Cell& cell = cell_of(seen.at_s, seen.utc_offset_s);
      cell.online_max = std::max(cell.online_max, seen.online);
    }
    return out;
  }

  Peak peak() const {
    return peak_of([](const Observation&) { return true; });
  }
  // Of `today`; zero if that is not the latest day in which anything was seen, by any one epoch.
  Peak peak_of_day(Day today) const {
    std::map<Epoch, Day> latest;
    for (const Observation& seen : seen_) {
      Day& day = latest.try_emplace(seen.epoch, INT32_MIN).first->second;
      day = std::max(day, local_day(seen.at_s, seen.utc_offset_s));
    }
    return peak_of([&](const Observation& seen) {
      return local_day(seen.at_s, seen.utc_offset_s) == today && latest.at(seen.epoch) == today;
    });
  }
  const std::vector<Observation>& seen() const { return seen_; }
  const std::vector<std::pair<Epoch, Said>>& hits() const { return hits_; }

  static bool is_counted(const Said& said) { return said.kind == Kind::pageview && said.counts; }
  static bool is_bot(const Said& said) { return said.kind == Kind::pageview && said.bot; }

 private:
  struct Present {
    std::map<std::uint64_t, std::int64_t> last;  // visitor -> second of the latest hit
    std::set<std::uint64_t> moved;
  };

  static void touch(Present& present, const Said& said) {
    std::int64_t& last = present.last.try_emplace(said.visitor, said.at_s).first->second;
    last = std::max(last, said.at_s);
    if (said.moved_from != 0) present.moved.insert(said.moved_from);
  }
  std::uint32_t count(const Present& present, std::int64_t now_s) const {
    return static_cast<std::uint32_t>(std::count_if(present.last.begin(), present.last.end(), [&](const auto& entry) {
      return entry.second > now_s - window_s_ && !present.moved.contains(entry.first);
    }));
  }
  template <class Matches>
  std::uint64_t count_hits(const Matches& matches) const {
    return static_cast<std::uint64_t>(std::count_if(hits_.begin(), hits_.end(), [&](const auto& entry) {
      return included.contains(entry.first) && matches(entry.second);
    }));
  }
  template <class Matches>
  Peak peak_of(const Matches& matches) const {
    Peak peak;
    for (const Observation& seen : seen_) {
      if (!included.contains(seen.epoch) || !matches(seen)) continue;
      if (seen.online > peak.online) peak = {seen.online, seen.at_s};
    }
    return peak;
  }

  std::int32_t window_s_;
  std::int64_t clock_s_ = INT64_MIN;
  std::int32_t utc_offset_s_ = 0;
  std::vector<std::pair<Epoch, Said>> hits_;
  std::vector<Observation> seen_;
  Present site_;
  std::map<std::string, Present> pages_;  // path -> who is there
};

// Hits as a site gets them: mostly one after another, some late, over several days with a change of the clocks, a
// salt's rotation, bots, events and heartbeats.
class Traffic {
 public:
  static constexpr std::int64_t kStart = 1'790'000'000;

  Traffic(std::uint64_t seed, std::int32_t window_s) : random_(seed), window_s_(window_s) {}

  std::int64_t now_s() const { return now_s_; }
  std::int32_t utc_offset_s(std::int64_t at_s) const { return at_s < kStart + 2 * 86400 ? 25'200 : 28'800; }
  std::uint64_t draw(std::uint64_t below) { return random_() % below; }
  std::mt19937_64& random() { return random_; }

  Said next() {
    const std::uint64_t pace = draw(100);
    if (pace < 50) {
      now_s_ += static_cast<std::int64_t>(draw(4));
    } else if (pace < 56) {
      now_s_ += static_cast<std::int64_t>(draw(2 * static_cast<std::uint64_t>(window_s_)));
    } else if (pace < 57) {
      now_s_ += static_cast<std::int64_t>(draw(40'000));
    }
    Said said;
    said.at_s = now_s_;
    const std::uint64_t lateness = draw(100);
    if (lateness < 5) said.at_s -= static_cast<std::int64_t>(draw(20));
    if (lateness == 99) said.at_s -= static_cast<std::int64_t>(draw(100'000));
    said.utc_offset_s = utc_offset_s(said.at_s);

    // Visitor k is 1000 r + k under the r-th salt; for one window after a rotation a hit says who it was before.
    const std::int64_t rotation = (said.at_s - kStart) / kRotation_s;
    const std::uint64_t who = 1 + draw(1 + draw(60));
    said.visitor = static_cast<std::uint64_t>(rotation + 10) * 1'000 + who;
    const std::int64_t since_s = said.at_s - (kStart + rotation * kRotation_s);
    if (said.at_s >= kStart && since_s < window_s_) said.moved_from = said.visitor - 1'000;

    const std::uint64_t page = draw(1 + draw(25));
    if (page > 0) said.path = "/page/" + std::to_string(page);
    const std::uint64_t kind = draw(10);
    said.kind = kind < 7 ? Kind::pageview : kind < 8 ? Kind::event : Kind::heartbeat;
    said.bot = draw(10) == 0;
    said.counts = said.kind == Kind::pageview && (!said.bot || draw(4) == 0);
    said.touches_presence = !said.bot;
    said.adds_visitor = !said.bot && said.kind == Kind::pageview && said.at_s > now_s_ - 90'000;
    for (unsigned d = 1; d < kDimensions - 1; ++d) {
      if (draw(3) > 0) said.labels[static_cast<Dimension>(d)] = "label " + std::to_string(draw(1 + draw(12)));
    }
    if (said.kind == Kind::event) said.labels[Dimension::event] = "event " + std::to_string(draw(5));
    return said;
  }

 private:
  static constexpr std::int64_t kRotation_s = 86400;
  std::mt19937_64 random_;
  std::int32_t window_s_;
  std::int64_t now_s_ = kStart;
};

}  // namespace footfall::counting::testing
