// SPDX-License-Identifier: Apache-2.0
#include "redis/visitors.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "sites/epoch_text.h"

namespace footfall::redis {
namespace {

constexpr std::int64_t kNever = INT64_MIN;
constexpr std::int64_t kLookEachMs = 50;
constexpr std::int64_t kHoldMs = 250;
constexpr std::int64_t kExpireEachMs = 3'600'000;
constexpr std::int64_t kKeptDays = 4;                // from the beginning of the day
constexpr std::size_t kIdsMax = 500;                 // of one PFADD
constexpr std::size_t kCountsMax = 1000;             // in flight
constexpr unsigned kTurnsMax = 64;                   // sites that one pump() writes of
constexpr std::string_view kMergedWithin_s = "300";  // a node's own sketch goes by itself if the node does first

}  // namespace

// How many this node alone counts.
struct Visitors::Here {
  counting::Day today = INT32_MIN;
  std::array<std::uint64_t, 2> visitors{};  // of that day, and the one before
  std::uint64_t of(counting::Day day) const { return day == today ? visitors[0] : day + 1 == today ? visitors[1] : 0; }
  friend bool operator==(const Here&, const Here&) = default;
};

struct Visitors::Site {
  std::string name;
  Serial serial = 0;
  VisitorsSource* source = nullptr;
  std::shared_ptr<VisitorsAnswer> answer = std::make_shared<VisitorsAnswer>();

  std::int64_t flush_at_ms = kNever;
  counting::Day today = 0;
  std::map<counting::EpochDay, std::vector<counting::VisitorId>> backlog;
  std::size_t backlog_ids = 0;
  bool everything = true;                                   // all days are to be written whole
  std::set<counting::EpochDay> to_write;                    // these are
  std::map<counting::EpochDay, std::int64_t> expire_at_ms;  // when its key is given its expiry next
  bool queued = false;
  std::size_t writes_in_flight = 0;
  bool whole = false;  // all was written since Redis may have forgotten it
  Here seen;           // at the last look, before what was new was taken
  Here told;           // all of these are in Redis

  std::int64_t count_at_ms = kNever;
  bool changed = true;
  std::shared_ptr<Count> counting;  // in flight

  bool has_work() const { return !backlog.empty() || !to_write.empty(); }
  void settle() {
    if (!has_work() && writes_in_flight == 0 && !everything) whole = true;
  }
};

// A question in flight: two days.
struct Visitors::Count {
  Serial site = 0;
  std::int64_t as_of_s = 0;
  counting::Day today = 0;
  Here here;                           // all of these are in what is asked
  std::uint64_t visitors[2] = {0, 0};  // today, yesterday
  unsigned left = 2;
  bool failed = false;
};

Visitors::Visitors(Calls& calls, const base::Clock& clock, Options options)
    : calls_(calls),
      clock_(clock),
      options_(std::move(options)),
      random_(static_cast<std::minstd_rand::result_type>(options_.seed)) {}

Visitors::~Visitors() = default;

Visitors::Site* Visitors::find(Serial serial) {
  const auto at = by_serial_.find(serial);
  return at == by_serial_.end() ? nullptr : at->second;
}

std::string Visitors::key(const Site& site, const counting::EpochDay& day) const {
  return options_.prefix + ":{" + site.name + "}:visitors:" + sites::to_text(day.epoch) + ":" + std::to_string(day.day);
}

std::shared_ptr<const VisitorsAnswer> Visitors::add(const std::string& name, VisitorsSource& source) {
  auto site = std::make_unique<Site>();
  site->name = name;
  site->serial = ++last_serial_;
  site->source = &source;
  // Not all in the same moment.
  site->flush_at_ms =
      clock_.utc_ms() + static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(options_.flush_ms));
  by_serial_.emplace(site->serial, site.get());
  return sites_.emplace(name, std::move(site)).first->second->answer;
}

void Visitors::remove(const std::string& name) {
  const auto at = sites_.find(name);
  if (at == sites_.end()) return;
  by_serial_.erase(at->second->serial);
  sites_.erase(at);
}

void Visitors::changed(const std::string& name) {
  if (const auto at = sites_.find(name); at != sites_.end()) at->second->changed = true;
}

void Visitors::lost() {
  for (auto& [name, site] : sites_) {
    site->everything = true;
    site->whole = false;
    site->counting.reset();
    site->expire_at_ms.clear();
    site->flush_at_ms = kNever;
  }
  hold_until_ms_ = kNever;
}

std::size_t Visitors::backlog() const {
  std::size_t out = 0;
  for (const auto& [name, site] : sites_) out += site->backlog_ids;
  return out;
}

void Visitors::tick() {
  const std::int64_t now_ms = clock_.utc_ms();
  if (now_ms >= look_at_ms_) {
    look_at_ms_ = now_ms + kLookEachMs;
    for (auto& [serial, site] : by_serial_) {
      if (now_ms >= site->flush_at_ms) collect(*site, now_ms);
    }
  }
  if (now_ms >= hold_until_ms_) pump();
}

// ---- what is to be written

void Visitors::collect(Site& site, std::int64_t now_ms) {
  site.flush_at_ms = now_ms + options_.flush_ms;
  site.today = site.source->today();
  // What had been seen by the last look was taken then, and is written.
  if (!site.has_work() && site.writes_in_flight == 0 && !site.everything && site.told != site.seen) {
    site.told = site.seen;
    site.changed = true;
  }
  site.seen = {site.today, site.source->visitors_here()};
  counting::VisitorsTold told = site.source->take_visitors();
  if (told.everything) site.everything = true;
  for (auto& [day, ids] : told.days) keep(site, day, std::move(ids));
  if (std::exchange(site.everything, false)) {
    for (const counting::EpochDay& day : site.source->days(site.today - 1)) site.to_write.insert(day);
  }
  const auto past = [&](const counting::EpochDay& day) { return day.day < site.today - 1; };
  std::erase_if(site.to_write, past);
  std::erase_if(site.expire_at_ms, [&](const auto& entry) { return past(entry.first); });
  if (site.has_work()) enqueue(site);
  site.settle();
  count(site, now_ms);
}

// Into the backlog.
void Visitors::keep(Site& site, const counting::EpochDay& day, std::vector<counting::VisitorId> ids) {
  if (day.day < site.today - 1) return;
  if (site.backlog_ids + ids.size() > kBacklogMax) {
    site.backlog.clear();
    site.backlog_ids = 0;
    site.everything = true;
    return;
  }
  site.backlog_ids += ids.size();
  std::vector<counting::VisitorId>& kept = site.backlog[day];
  kept.insert(kept.end(), ids.begin(), ids.end());
}

void Visitors::enqueue(Site& site) {
  if (!std::exchange(site.queued, true)) queue_.push_back(site.serial);
}

void Visitors::pump() {
  for (unsigned turns = 0; turns < kTurnsMax && in_flight_bytes_ < options_.in_flight_bytes_max && !queue_.empty();) {
    Site* site = find(queue_.front());
    queue_.pop_front();
    if (site == nullptr) continue;
    site->queued = false;
    ++turns;
    write(*site);
    if (site->has_work()) enqueue(*site);
  }
}

// One day of it.
void Visitors::write(Site& site) {
  if (!site.to_write.empty()) {
    const counting::EpochDay day = *site.to_write.begin();
    site.to_write.erase(site.to_write.begin());
    write_whole(site, day);
  } else if (!site.backlog.empty()) {
    const auto first = site.backlog.begin();
    const counting::EpochDay day = first->first;
    std::vector<counting::VisitorId> ids = std::move(first->second);
    site.backlog_ids -= ids.size();
    site.backlog.erase(first);
    add_ids(site, day, std::move(ids));
  }
  site.settle();
}

void Visitors::write_whole(Site& site, const counting::EpochDay& day) {
  counting::DaySet set = site.source->visitors_of(day);
  if (!set.sketch.empty()) {
    merge(site, day, set.sketch);
  } else {
    add_ids(site, day, std::move(set.ids));
  }
}

void Visitors::add_ids(Site& site, const counting::EpochDay& day, std::vector<counting::VisitorId> ids) {
  static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "an element is the id's little-endian bytes");
  const std::string to = key(site, day);
  for (std::size_t from = 0; from < ids.size(); from += kIdsMax) {
    std::vector<counting::VisitorId> some(
        ids.begin() + static_cast<std::ptrdiff_t>(from),
        ids.begin() + static_cast<std::ptrdiff_t>(std::min(from + kIdsMax, ids.size())));
    std::string bytes(some.size() * sizeof(std::uint64_t), '\0');
    std::vector<std::string_view> words{"PFADD", to};
    for (std::size_t i = 0; i < some.size(); ++i) {
      char* const at = bytes.data() + i * sizeof(std::uint64_t);
      std::memcpy(at, &some[i].value, sizeof(std::uint64_t));
      words.emplace_back(at, sizeof(std::uint64_t));
    }
    const std::size_t size = bytes.size() + some.size() * 6 + to.size();  // as it is sent
    in_flight_bytes_ += size;
    ++site.writes_in_flight;
    calls_.call(words,
                [this, serial = site.serial, size, day, some = std::move(some)](const base::Result<Reply>& reply) {
                  Site* here = find(serial);
                  if (reply) {
                    counters_.written.add(some.size());
                  } else if (here != nullptr) {
                    keep(*here, day, some);
                  }
                  write_ended(serial, size, day, reply.has_value(), reply && reply->integer != 0);
                });
  }
}

void Visitors::merge(Site& site, const counting::EpochDay& day, const std::string& sketch) {
  const std::string to = key(site, day);
  const std::string own = to + ":" + options_.node + "." + std::to_string(++merges_);
  const std::size_t size = sketch.size();
  const Serial serial = site.serial;
  in_flight_bytes_ += size;
  ++site.writes_in_flight;
  const auto failed = [this, serial, size, day] {
    if (Site* here = find(serial)) here->to_write.insert(day);
    write_ended(serial, size, day, false, false);
  };
  calls_.call({"SET", own, sketch, "EX", kMergedWithin_s}, [this, to, own, serial, size, day,
                                                            failed](const base::Result<Reply>& set) {
    if (!set) return failed();
    calls_.call({"PFMERGE", to, own}, [this, own, serial, size, day, failed](const base::Result<Reply>& merged) {
      if (!merged) return failed();
      counters_.merged.add();
      calls_.call({"DEL", own}, [](const base::Result<Reply>&) {});
      write_ended(serial, size, day, true, true);
    });
  });
}

void Visitors::write_ended(Serial serial, std::size_t bytes, const counting::EpochDay& day, bool done, bool changed) {
  in_flight_bytes_ -= bytes;
  if (!done) {
    counters_.failed.add();
    hold_until_ms_ = clock_.utc_ms() + kHoldMs;
  }
  Site* site = find(serial);
  if (site == nullptr) return;
  --site->writes_in_flight;
  if (changed) site->changed = true;
  if (site->has_work()) enqueue(*site);
  site->settle();
  std::int64_t& expire_at_ms = site->expire_at_ms.try_emplace(day, kNever).first->second;
  if (!done || clock_.utc_ms() < expire_at_ms) return;
  expire_at_ms = clock_.utc_ms() + kExpireEachMs;
  const std::int64_t at_s = (day.day + kKeptDays) * 86'400;
  calls_.call({"EXPIREAT", key(*site, day), std::to_string(at_s)},
              [this, serial, day](const base::Result<Reply>& reply) {
                if (reply && reply->integer == 1) return;
                if (Site* here = find(serial)) here->expire_at_ms.erase(day);
              });
}

// ---- what is read

void Visitors::count(Site& site, std::int64_t now_ms) {
  if (!site.whole || site.counting || counts_in_flight_ >= kCountsMax) return;
  if (!site.changed && now_ms < site.count_at_ms) return;
  site.changed = false;
  site.count_at_ms = now_ms + options_.count_each_ms;
  auto count = std::make_shared<Count>();
  count->site = site.serial;
  count->as_of_s = now_ms / 1000;
  count->today = site.today;
  count->here = site.told;
  site.counting = count;
  const std::vector<counting::Epoch> included = site.source->included();
  for (unsigned back = 0; back < 2; ++back) {
    std::vector<std::string> keys;
    keys.reserve(included.size());
    for (const counting::Epoch& epoch : included)
      keys.push_back(key(site, {epoch, site.today - static_cast<counting::Day>(back)}));
    std::vector<std::string_view> words{"PFCOUNT"};
    words.insert(words.end(), keys.begin(), keys.end());
    ++counts_in_flight_;
    calls_.call(words, [this, count, back](const base::Result<Reply>& reply) {
      --counts_in_flight_;
      if (reply && reply->is(Reply::Type::integer) && reply->integer >= 0) {
        count->visitors[back] = static_cast<std::uint64_t>(reply->integer);
      } else {
        count->failed = true;
      }
      if (--count->left == 0) counted(count);
    });
  }
}

void Visitors::counted(const std::shared_ptr<Count>& count) {
  Site* site = find(count->site);
  if (site == nullptr || site->counting != count) return;  // asked before Redis forgot
  site->counting.reset();
  if (count->failed) {
    site->changed = true;
    return;
  }
  counters_.answers.add();
  for (unsigned back = 0; back < 2; ++back) {
    const counting::Day day = count->today - static_cast<counting::Day>(back);
    const std::uint64_t packed = static_cast<std::uint64_t>(day) << VisitorsAnswer::kCountBits |
                                 std::min(count->visitors[back], VisitorsAnswer::kCountMax);
    site->answer->here_[static_cast<unsigned>(day) % 2].store(count->here.of(day), std::memory_order_relaxed);
    site->answer->days_[static_cast<unsigned>(day) % 2].store(packed, std::memory_order_relaxed);
  }
  site->answer->as_of_s_.store(count->as_of_s, std::memory_order_relaxed);
}

}  // namespace footfall::redis
