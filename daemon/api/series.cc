// SPDX-License-Identifier: Apache-2.0
#include "api/series.h"

#include <array>
#include <charconv>
#include <map>
#include <optional>

#include "api/json.h"
#include "api/local_dates.h"
#include "api/stats.h"
#include "api/text.h"
#include "base/hash.h"

namespace footfall::api {

namespace {

using counting::Cell;
using counting::Day;
using counting::floor_div;

enum class Metric : std::uint8_t { hits, visitors, bots, online };
enum class Step : std::uint8_t { second, minute, hour, day, week, month, year };
constexpr std::array<std::string_view, 4> kMetrics{"hits", "visitors", "bots", "online"};
constexpr std::array<std::string_view, 7> kSteps{"second", "minute", "hour", "day", "week", "month", "year"};
constexpr std::int64_t kDay_s = 86400;
constexpr std::array<std::int64_t, 7> kDefaultSpan_s{300,          3600,         2 * kDay_s,   30 * kDay_s,
                                                     182 * kDay_s, 365 * kDay_s, 1825 * kDay_s};
constexpr std::int64_t kSecondsKept_s = 3600;
// 0001-01-01 and 9999-12-31, in seconds: what a four-digit year can say.
constexpr std::int64_t kTimeMin_s = -62135596800;
constexpr std::int64_t kTimeMax_s = 253402214400;

base::Error malformed(std::string detail) {
  return {base::Errc::malformed, std::move(detail)};
}

// start of a step (UTC second, or local day number) -> value
using Points = std::map<std::int64_t, std::uint64_t>;

struct Range {
  std::int64_t from = 0, to = 0;  // starts of steps: [from, to)
};

// REQUIRES: `step` is a day or longer.
DateStep dates_of(Step step) {
  return static_cast<DateStep>(static_cast<unsigned>(step) - static_cast<unsigned>(Step::day));
}

// --- from and to ---

// What follows the date: "T10:00:00[.5](Z|+07:00)"; seconds since its day's midnight UTC.
std::optional<std::int64_t> take_clock(std::string_view text) {
  int hour = 0;
  int minute = 0;
  int second = 0;
  if (!take_char(text, "Tt ") || !take_number(text, 2, hour) || !take_char(text, ":") ||
      !take_number(text, 2, minute) || !take_char(text, ":") || !take_number(text, 2, second) || hour > 23 ||
      minute > 59 || second > 60) {
    return std::nullopt;
  }
  if (take_char(text, ".")) {
    if (!take_char(text, "0123456789")) return std::nullopt;
    while (take_char(text, "0123456789")) {
    }
  }
  const std::int64_t local = std::int64_t{hour} * 3600 + std::int64_t{minute} * 60 + second;
  if (text == "Z" || text == "z") return local;
  const bool west = text.starts_with('-');
  int offset_hours = 0;
  int offset_minutes = 0;
  // A '+' that was not percent-encoded arrives as a space.
  if (!take_char(text, "+- ") || !take_number(text, 2, offset_hours) || !take_char(text, ":") ||
      !take_number(text, 2, offset_minutes) || !text.empty() || offset_hours > 23 || offset_minutes > 59) {
    return std::nullopt;
  }
  const std::int64_t offset = std::int64_t{offset_hours} * 3600 + std::int64_t{offset_minutes} * 60;
  return west ? local + offset : local - offset;
}

template <class Enum, std::size_t N>
std::optional<Enum> enum_of(const std::optional<std::string>& value, const std::array<std::string_view, N>& names,
                            Enum fallback) {
  if (!value) return fallback;
  for (std::size_t i = 0; i < N; ++i) {
    if (names.at(i) == *value) return static_cast<Enum>(i);
  }
  return std::nullopt;
}

// --- points ---

std::uint64_t value_of(const Cell& cell, Metric metric) {
  switch (metric) {
    case Metric::hits:
      return cell.hits;
    case Metric::visitors:
      return cell.visitors;
    case Metric::bots:
      return cell.bots;
    case Metric::online:
      return cell.online_max;
  }
  return 0;
}

void add_point(Points& points, std::int64_t key, std::uint64_t value, Metric metric) {
  std::uint64_t& at = points[key];
  if (metric == Metric::online) {
    at = std::max(at, value);
  } else {
    at = at + value < at ? UINT64_MAX : at + value;
  }
}

std::int64_t hour_begin(std::int64_t utc_s, const lookup::TimeZone& zone) {
  const std::int64_t offset_s = zone.offset_at(utc_s);
  return floor_div(utc_s + offset_s, 3600) * 3600 - offset_s;
}

// Seconds, minutes and hours: keys are UTC seconds.
Points short_points(const ReadContext& context, Metric metric, Step step, const Range& range) {
  const lookup::TimeZone& zone = *context.zone;
  Points points;
  const std::int64_t width = step == Step::second ? 1 : step == Step::minute ? 60 : 3600;
  // Where an offset changes by half an hour, the hour that begins anew is found at the next turn.
  for (std::int64_t at = range.from; at < range.to; at += width) {
    points.emplace(step == Step::hour ? std::max(range.from, hour_begin(at, zone)) : at, 0);
  }
  std::vector<Cell> cells;
  std::vector<std::pair<std::int64_t, std::uint32_t>> seconds;
  {
    sites::Site& site = *context.site;
    const base::MutexLock lock(site.mutex());
    if (step == Step::second) {
      (void)site.state().online(context.now_ms /
                                1000);  // the site's tick may be still to come: seconds that are over are known
      seconds = site.state().seconds(range.from, range.to);
    }
    if (step == Step::minute) cells = site.state().minutes(range.from, range.to);
    if (step == Step::hour) cells = site.state().hours(range.from, range.to);
  }
  for (const auto& [second, online] : seconds) {
    if (second >= range.from && second < range.to) add_point(points, second, online, metric);
  }
  for (const Cell& cell : cells) add_point(points, cell.key, value_of(cell, metric), metric);
  return points;
}

// Days and more: keys are local day numbers.
Points empty_points(Step step, const Range& range) {
  Points points;
  for (std::int64_t begin = range.from; begin < range.to; begin = step_after(dates_of(step), begin))
    points.emplace(begin, 0);
  return points;
}

Points long_points(const ReadContext& context, Metric metric, Step step, const Range& range) {
  Points points = empty_points(step, range);
  std::vector<Cell> cells;
  {
    sites::Site& site = *context.site;
    const base::MutexLock lock(site.mutex());
    cells = site.state().days(static_cast<Day>(range.from), static_cast<Day>(range.to));
  }
  for (const Cell& cell : cells)
    add_point(points, step_begin(dates_of(step), cell.key), value_of(cell, metric), metric);
  return points;
}

// Of a page, as the days' rankings have it.
base::Result<Points> page_points(const ReadContext& context, std::string_view path, Step step, const Range& range,
                                 store::RankingReader& reader) {
  Points points = empty_points(step, range);
  const auto days = reader.days_of(*context.site, counting::Dimension::page, path, static_cast<Day>(range.from),
                                   static_cast<Day>(range.to - 1));
  if (!days) return days.error();
  for (const auto& [day, count] : *days) add_point(points, step_begin(dates_of(step), day), count, Metric::hits);
  return points;
}

// The path of the page that this one is read as.
std::string read_as(sites::Site& site, const std::string& path) {
  const std::uint64_t hash = base::table_hash(path);
  const base::MutexLock lock(site.mutex());
  const counting::SiteState& state = site.state();
  const counting::PageId page = state.page_marks().read_as(state.find_page(path, hash));
  return page < counting::kFirstPage || page == counting::kRemovedPage ? path : std::string(state.page_path(page));
}

// Starts of the steps that [from_s, to_s) touches, within what is kept and not after now; malformed when they are too
// many.
base::Result<Range> range_of(const ReadContext& context, Step step, std::int64_t from_s, std::int64_t to_s) {
  const lookup::TimeZone& zone = *context.zone;
  const std::int64_t now_s = context.now_ms / 1000;
  const base::Error too_many = malformed("from, to: more than 10000 points; take a shorter span or a longer step");
  if (step == Step::day || step == Step::week || step == Step::month || step == Step::year) {
    Range range{step_begin(dates_of(step), day_at(from_s, zone)), step_begin(dates_of(step), day_at(to_s - 1, zone))};
    range.to = step_after(dates_of(step), range.to);
    std::size_t count = 0;
    for (std::int64_t begin = range.from; begin < range.to; begin = step_after(dates_of(step), begin)) {
      if (++count > kSeriesPointsMax) return too_many;
    }
    const std::int64_t after_now = step_after(dates_of(step), step_begin(dates_of(step), day_at(now_s, zone)));
    range.to = std::max(range.from, std::min(range.to, after_now));
    return range;
  }
  const std::int64_t width = step == Step::second ? 1 : step == Step::minute ? 60 : 3600;
  const std::int64_t kept_s = step == Step::second   ? kSecondsKept_s
                              : step == Step::minute ? counting::Buckets::kMinutesKept_s
                                                     : counting::Buckets::kHoursKept_s;
  const auto begin_of = [&](std::int64_t at) {
    return step == Step::hour ? hour_begin(at, zone) : floor_div(at, width) * width;
  };
  Range range{begin_of(from_s), begin_of(to_s - 1) + width};
  if (range.to - range.from > static_cast<std::int64_t>(kSeriesPointsMax) * width) return too_many;
  range.from = std::max(range.from, begin_of(now_s - kept_s));
  range.to = std::max(range.from, std::min(range.to, begin_of(now_s) + width));
  return range;
}

struct Question {
  Metric metric = Metric::hits;
  Step step = Step::day;
  Range range;
};

base::Result<Question> question_of(const ReadContext& context, std::string_view query) {
  const std::optional<Metric> metric = enum_of(query_value(query, "metric"), kMetrics, Metric::hits);
  if (!metric) return malformed("metric: give hits, visitors, bots or online");
  const std::optional<Step> step = enum_of(query_value(query, "step"), kSteps, Step::day);
  if (!step) return malformed("step: give second, minute, hour, day, week, month or year");
  if (*step == Step::second && *metric != Metric::online) {
    return malformed("step: only metric=online has seconds (of the last hour); hits and bots step from a minute up");
  }
  if (*metric == Metric::visitors && *step < Step::day) {
    return malformed("step: visitors are distinct within a day, so they step from a day up; take step=day or longer");
  }

  const lookup::TimeZone& zone = *context.zone;
  constexpr std::string_view kForms =
      ": give UTC seconds, RFC 3339 (2026-11-23T10:00:00Z) or a local date (2026-11-23)";
  std::int64_t to_s = context.now_ms / 1000 + 1;  // the step that is under way is there
  if (const std::optional<std::string> value = query_value(query, "to")) {
    const std::optional<std::int64_t> parsed = parse_time(*value, zone, true);
    if (!parsed) return malformed("to" + std::string(kForms));
    to_s = *parsed;
  }
  std::int64_t from_s = to_s - kDefaultSpan_s.at(static_cast<std::size_t>(*step));
  if (const std::optional<std::string> value = query_value(query, "from")) {
    const std::optional<std::int64_t> parsed = parse_time(*value, zone, false);
    if (!parsed) return malformed("from" + std::string(kForms));
    from_s = *parsed;
  }
  if (from_s >= to_s) return malformed("from: must lie before to");
  const base::Result<Range> range = range_of(context, *step, from_s, to_s);
  if (!range) return range.error();
  return Question{*metric, *step, *range};
}

std::string json_of(const ReadContext& context, const Question& question, const std::string* path,
                    const Points& points) {
  const bool dates = question.step >= Step::day;
  std::string out;
  out.reserve(points.size() * 20 + 256);
  JsonWriter json(out);
  const auto write_start = [&json, dates](std::int64_t key) {
    dates ? json.value(std::string_view(date_text(key))) : json.value(key);
  };
  json.begin_object().member("site", std::string_view(context.settings->name));
  if (path != nullptr) json.member("path", std::string_view(*path));
  json.member("metric", kMetrics.at(static_cast<std::size_t>(question.metric)))
      .member("step", kSteps.at(static_cast<std::size_t>(question.step)));
  json.member("timezone", std::string_view(context.zone->name()));
  json.key("from");
  write_start(question.range.from);
  json.key("to");
  write_start(question.range.to);
  json.key("points").begin_array();
  for (const auto& [key, value] : points) {
    json.begin_array();
    write_start(key);
    json.value(value).end_array();
  }
  json.end_array().end_object();
  return out;
}

}  // namespace

std::optional<std::int64_t> parse_time(std::string_view text, const lookup::TimeZone& zone, bool end_of_date) {
  std::int64_t seconds = 0;
  const auto [stopped, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error == std::errc() && stopped == text.data() + text.size()) {
    return seconds >= kTimeMin_s && seconds <= kTimeMax_s ? std::optional(seconds) : std::nullopt;
  }
  const std::optional<std::int64_t> day = take_date(text);
  if (!day) return std::nullopt;
  if (text.empty()) return zone.day_begin(static_cast<Day>(*day + (end_of_date ? 1 : 0)));
  const std::optional<std::int64_t> clock = take_clock(text);
  return clock ? std::optional(*day * 86400 + *clock) : std::nullopt;
}

base::Result<std::string> series_json(const ReadContext& context, std::string_view query) {
  const base::Result<Question> question = question_of(context, query);
  if (!question) return question.error();
  const bool dates = question->step >= Step::day;
  return json_of(context, *question, nullptr,
                 dates ? long_points(context, question->metric, question->step, question->range)
                       : short_points(context, question->metric, question->step, question->range));
}

base::Result<std::string> page_series_json(const ReadContext& context, const std::string& path, std::string_view query,
                                           store::RankingReader& reader) {
  const base::Result<Question> question = question_of(context, query);
  if (!question) return question.error();
  if (question->metric != Metric::hits || question->step < Step::day)
    return malformed("path: of a page there are hits alone, from a day up");
  const base::Result<Points> points = page_points(context, path, question->step, question->range, reader);
  if (!points) return points.error();
  const std::string shown = read_as(*context.site, path);
  return json_of(context, *question, &shown, *points);
}

}  // namespace footfall::api
