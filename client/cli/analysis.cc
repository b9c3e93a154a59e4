// SPDX-License-Identifier: Apache-2.0
#include "cli/analysis.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <span>

namespace footfall::cli {
namespace {

constexpr std::size_t kBatch = 256;

// No cap on anything: one site, one machine, one log.
counting::Limits no_limits() {
  counting::Limits limits;
  limits.visitors_exact_max = UINT32_MAX;
  limits.seconds_of_online = false;
  return limits;
}

}  // namespace

void Analysis::Tally::add(std::string_view name) {
  const std::uint32_t id = names.intern(name, base::table_hash(name));
  if (id > counts.size()) counts.resize(id);
  ++counts[id - 1];
}

std::vector<std::pair<std::string, std::uint64_t>> Analysis::Tally::top(std::size_t limit) const {
  std::vector<std::uint32_t> ids(counts.size());
  std::iota(ids.begin(), ids.end(), 1U);
  const auto middle = ids.begin() + static_cast<std::ptrdiff_t>(std::min(limit, ids.size()));
  std::partial_sort(ids.begin(), middle, ids.end(), [&](std::uint32_t a, std::uint32_t b) {
    const std::uint64_t count_a = counts[a - 1];
    const std::uint64_t count_b = counts[b - 1];
    return count_a != count_b ? count_a > count_b : names.text(a) < names.text(b);
  });
  std::vector<std::pair<std::string, std::uint64_t>> out;
  for (auto id = ids.begin(); id != middle; ++id) out.emplace_back(names.text(*id), counts[*id - 1]);
  return out;
}

void Analysis::add(const logs::Line& line) {
  const std::uint64_t client = base::siphash13(client_key_, line.client);
  const std::uint64_t agent = line.agent ? base::siphash13(agent_key_, *line.agent) : 0;
  const std::uint64_t visitor = std::max<std::uint64_t>(1, base::mix64(client + base::mix64(agent)));
  clients_.insert(client);
  visitors_.insert(visitor);
  paths_.add(line.path());
  if (line.referrer && !line.referrer->empty() && *line.referrer != "-") referrers_.add(*line.referrer);
  if (!records_.empty() && line.time_s < records_.back().at_s) sorted_ = false;
  records_.push_back({line.time_s, visitor});
}

Analysis::Counted Analysis::count(const Questions& questions, const lookup::TimeZone* zone) const {
  counting::SiteState state(no_limits(), questions.window_s);
  lookup::TimeZone::Span span = zone != nullptr ? zone->span_at(0) : lookup::TimeZone::Span{};  // UTC, for ever
  const auto offset_at = [&](std::int64_t at_s) {
    if (at_s < span.from_s || at_s >= span.until_s) span = zone->span_at(at_s);
    return span.offset_s;
  };
  std::array<counting::Hit, kBatch> batch;
  std::size_t batched = 0;
  const auto flush = [&] {
    state.apply(state.epoch(), std::span(batch.data(), batched));
    batched = 0;
  };

  Counted out;
  std::vector<std::size_t> order(questions.at.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return questions.at[a] < questions.at[b]; });
  out.samples.resize(order.size());
  auto next_sample = order.begin();
  // All samples before `until_s`, when every hit before it was fed.
  const auto sample = [&](std::int64_t until_s) {
    for (; next_sample != order.end() && questions.at[*next_sample] < until_s; ++next_sample) {
      const std::int64_t at_s = questions.at[*next_sample];
      flush();
      state.advance(at_s, offset_at(at_s));
      out.samples[*next_sample] = {at_s, state.online(at_s)};
    }
  };

  for (const Record& record : records_) {
    if (next_sample != order.end() && questions.at[*next_sample] < record.at_s) sample(record.at_s);
    counting::Hit& hit = batch[batched++];
    hit.at_s = record.at_s;
    hit.utc_offset_s = offset_at(record.at_s);
    hit.visitor = counting::VisitorId{record.visitor};
    hit.counts = true;
    hit.touches_presence = true;
    hit.adds_visitor = true;
    if (batched == kBatch) flush();
  }
  if (records_.empty()) {
    sample(INT64_MAX);
    return out;
  }
  flush();
  const std::int64_t last_s = records_.back().at_s;
  sample(last_s + 1);
  state.advance(last_s + 1, offset_at(last_s + 1));  // so that the last second has ended, too
  sample(INT64_MAX);

  const counting::Day first = counting::local_day(records_.front().at_s, offset_at(records_.front().at_s));
  const counting::Day last = counting::local_day(last_s, offset_at(last_s));
  for (const counting::Cell& cell : state.days(first, last + 1)) {
    if (cell.hits > 0) out.days.push_back({cell.key, cell.hits, cell.visitors});
  }
  out.peak = state.summary(last_s + 1, counting::calendar_of(last)).peak;
  return out;
}

Findings Analysis::answer(const Questions& questions) {
  if (!sorted_) {
    std::stable_sort(records_.begin(), records_.end(),
                     [](const Record& a, const Record& b) { return a.at_s < b.at_s; });
    sorted_ = true;
  }
  Findings findings;
  findings.page_hits = records_.size();
  findings.clients = clients_.size();
  findings.visitors = visitors_.size();
  findings.window_s = questions.window_s;
  Counted counted = count(questions, nullptr);
  findings.days = std::move(counted.days);
  findings.peak = counted.peak;
  findings.samples = std::move(counted.samples);
  if (questions.zone) findings.local_days = count({questions.window_s, {}, 0, nullptr}, questions.zone.get()).days;
  findings.paths = paths_.top(questions.top);
  findings.referrers = referrers_.top(questions.top);
  if (!records_.empty()) {
    findings.first_s = records_.front().at_s;
    findings.last_s = records_.back().at_s;
  }
  for (std::size_t begin = 0; begin < records_.size();) {
    std::size_t end = begin + 1;
    while (end < records_.size() && records_[end].at_s == records_[begin].at_s) ++end;
    if (end - begin > findings.busiest_hits) {
      findings.busiest_hits = end - begin;
      findings.busiest_s = records_[begin].at_s;
    }
    begin = end;
  }
  return findings;
}

}  // namespace footfall::cli
