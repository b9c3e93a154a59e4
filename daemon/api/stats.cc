// SPDX-License-Identifier: Apache-2.0
#include "api/stats.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <optional>

#include "api/json.h"
#include "base/hash.h"
#include "counting/hyperloglog.h"

namespace footfall::api {

namespace {

// In the order in which they are written; a field's bit is its place here.
enum Field : unsigned {
  kSite,
  kPath,
  kTotal,
  kCounted,
  kSeed,
  kOnline,
  kWindow,
  kLang,
  kGrouping,
  kAsOf,
  kPeakToday,
  kPeak,
  kToday,
  kYesterday,
  kMonth,
  kYear,
  kVisitorsError,
  kEpoch,
  kScope,
  kBeat,
  kSpike,
  kPage,
  kFieldCount
};
constexpr std::array<std::string_view, kFieldCount> kFieldNames{
    "site",           "path",  "total",      "counted", "seed",  "online",    "window_s", "lang",
    "grouping",       "as_of", "peak_today", "peak",    "today", "yesterday", "month",    "year",
    "visitors_error", "epoch", "scope",      "beat_s",  "spike", "page"};

constexpr StatsFields bit(Field field) {
  return 1U << static_cast<unsigned>(field);
}
// Who may read what: settings are no secret; the counter is total, online, peaks, and the hits of today and this month.
constexpr StatsFields kAlways =
    bit(kSite) | bit(kPath) | bit(kWindow) | bit(kLang) | bit(kGrouping) | bit(kAsOf) | bit(kScope) | bit(kBeat);
constexpr StatsFields kCounter =
    kAlways | bit(kTotal) | bit(kOnline) | bit(kPeakToday) | bit(kPeak) | bit(kToday) | bit(kMonth);

struct Numbers {
  counting::Summary site;
  std::optional<counting::PageRow> page;
  std::optional<counting::Spike> spike;
  bool cluster = false;  // online is of all nodes
};

// What all nodes know, where they know it. Peaks stay this node's own.
void take_shared(Numbers& numbers, const sites::SharedNumbers* shared, counting::Day today, std::int64_t now_s) {
  if (shared == nullptr) return;
  if (const auto online = shared->online(now_s)) {
    numbers.site.online = *online;
    numbers.cluster = true;
  }
  // What Redis says, also where its estimate is less than this node's own number. Who came here since it was asked is
  // in Redis a second later: until then they are added, as far as this node's own number shows that there are more.
  const auto take_visitors = [&](counting::Day day, counting::PeriodCounts& period) {
    const auto shared_day = shared->visitors(day, now_s);
    if (!shared_day) return false;
    const std::uint64_t here = period.visitors;
    const std::uint64_t since = here - std::min(here, shared_day->here);
    period.visitors = std::max(shared_day->all, std::min(here, shared_day->all + since));
    period.visitors_exact = false;
    return true;
  };
  const std::uint64_t today_here = numbers.site.today.visitors;
  take_visitors(today - 1, numbers.site.yesterday);
  if (!take_visitors(today, numbers.site.today)) return;
  for (counting::PeriodCounts* period : {&numbers.site.month, &numbers.site.year}) {
    period->visitors = period->visitors - std::min(today_here, period->visitors) + numbers.site.today.visitors;
    period->visitors_exact = false;
  }
}

Numbers read_numbers(const ReadContext& context, std::string_view path) {
  const std::int64_t now_s = context.now_ms / 1000;
  const counting::Calendar calendar = counting::calendar_of(day_at(now_s, *context.zone));
  const std::uint64_t hash = path.empty() ? 0 : base::table_hash(path);
  sites::Site& site = *context.site;
  Numbers numbers;
  {
    const base::MutexLock lock(site.mutex());
    numbers.site = site.state().summary(now_s, calendar);
    numbers.spike = site.spike();
    if (!path.empty()) numbers.page = site.state().page(path, hash, now_s);
  }
  // A peak is observed when its second ends. Within a second online only rises, so this second's end will be no lower
  // than now: a reader never sees more online than the peak.
  const counting::Peak now{numbers.site.online, now_s};
  if (now.online > numbers.site.peak_today.online) numbers.site.peak_today = now;
  if (now.online > numbers.site.peak.online) numbers.site.peak = now;
  take_shared(numbers, site.shared(), calendar.today, now_s);
  return numbers;
}

void write_peak(JsonWriter& json, std::string_view name, const counting::Peak& peak, const lookup::TimeZone& zone) {
  json.key(name).begin_object().member("online", peak.online).key("at");
  if (peak.online == 0) {
    json.null();
  } else {
    json.value(std::string_view(iso_time(peak.at_s * 1000, zone)));
  }
  json.end_object();
}

void write_period(JsonWriter& json, std::string_view name, const counting::PeriodCounts& counts, bool all) {
  json.key(name).begin_object().count("hits", counts.hits);
  if (all) json.count("visitors", counts.visitors).count("bots", counts.bots);
  json.end_object();
}

void write_spike(JsonWriter& json, const std::optional<counting::Spike>& spike, const lookup::TimeZone& zone) {
  json.key("spike");
  if (!spike) {
    json.null();
    return;
  }
  json.begin_object().member("at", std::string_view(iso_time(spike->minute_s * 1000, zone)));
  json.count("hits", spike->hits).count("usual", spike->usual).end_object();
}

void write_page(JsonWriter& json, std::string_view path, const std::optional<counting::PageRow>& page) {
  // That of the page that it is read as, where it was merged or renamed.
  json.key("page").begin_object().member("path", page ? page->path : path);
  json.count("total", page ? page->total() : 0);
  json.member("online", page ? page->online : 0U).end_object();
}

}  // namespace

std::int32_t beat_s(std::int32_t window_s) {
  return std::clamp(window_s / 3, 5, 30);
}

base::Result<StatsFields> stats_fields(std::string_view names) {
  if (names.empty()) return kAllStatsFields;
  StatsFields fields = 0;
  while (!names.empty()) {
    const std::size_t comma = names.find(',');
    const std::string_view name = names.substr(0, comma);
    const auto* const found = std::find(kFieldNames.begin(), kFieldNames.end(), name);
    if (found == kFieldNames.end()) {
      return base::Error{base::Errc::malformed, "fields: the stats object has no member `" +
                                                    std::string(name.substr(0, 64)) +
                                                    "`; give for example fields=total,online"};
    }
    fields |= 1U << static_cast<unsigned>(found - kFieldNames.begin());
    names.remove_prefix(comma == std::string_view::npos ? names.size() : comma + 1);
  }
  return fields;
}

counting::Day day_at(std::int64_t utc_s, const lookup::TimeZone& zone) {
  return counting::local_day(utc_s, zone.offset_at(utc_s));
}

std::string iso_time(std::int64_t utc_ms, const lookup::TimeZone& zone) {
  const std::int64_t utc_s = counting::floor_div(utc_ms, 1000);
  const std::int32_t offset_s = zone.offset_at(utc_s);
  const std::int64_t local_s = utc_s + offset_s;
  const std::int64_t day = counting::floor_div(local_s, 86400);
  const std::int64_t second = local_s - day * 86400;
  const std::chrono::year_month_day date{std::chrono::sys_days{std::chrono::days{day}}};
  const std::int32_t offset_minutes = (offset_s < 0 ? -offset_s : offset_s) / 60;
  std::array<char, 64> buffer{};
  const int size = std::snprintf(
      buffer.data(), buffer.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%03d%c%02d:%02d", static_cast<int>(date.year()),
      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), static_cast<int>(second / 3600),
      static_cast<int>(second / 60 % 60), static_cast<int>(second % 60), static_cast<int>(utc_ms - utc_s * 1000),
      offset_s < 0 ? '-' : '+', offset_minutes / 60, offset_minutes % 60);
  return {buffer.data(), static_cast<std::size_t>(size)};
}

counting::Summary summary_of(const ReadContext& context) {
  return read_numbers(context, {}).site;
}

bool StatsText::same_numbers(const StatsText& other) const {
  if (as_of_begin != other.as_of_begin || as_of_end != other.as_of_end || text.size() != other.text.size())
    return false;
  const std::string_view a = text;
  const std::string_view b = other.text;
  return a.substr(0, as_of_begin) == b.substr(0, as_of_begin) && a.substr(as_of_end) == b.substr(as_of_end);
}

StatsText stats_text(const ReadContext& context, std::string_view path, StatsFields fields) {
  const sites::Settings& settings = *context.settings;
  fields &= context.may_read_all ? kAllStatsFields : context.may_read_counter ? kCounter : kAlways;
  if (path.empty()) fields &= ~bit(kPage);
  const auto wants = [fields](Field field) { return (fields & bit(field)) != 0; };
  const bool all = context.may_read_all;
  Numbers numbers;
  if ((fields & ~kAlways) != 0) numbers = read_numbers(context, path);
  const counting::Summary& site = numbers.site;

  StatsText out;
  out.text.reserve(640);
  JsonWriter json(out.text);
  json.begin_object();
  if (wants(kSite)) json.member("site", std::string_view(settings.name));
  if (wants(kPath)) path.empty() ? json.key("path").null() : json.member("path", path);
  if (wants(kTotal)) json.count("total", site.total);
  if (wants(kCounted)) json.count("counted", site.counted);
  if (wants(kSeed)) json.signed_count("seed", site.seed);
  if (wants(kOnline)) json.member("online", site.online);
  if (wants(kWindow)) json.member("window_s", settings.window_s);
  if (wants(kLang)) json.member("lang", std::string_view(settings.lang));
  if (wants(kGrouping)) json.member("grouping", sites::to_string(settings.grouping));
  if (wants(kAsOf)) {
    json.key("as_of");
    out.as_of_begin = out.text.size();
    json.value(std::string_view(iso_time(context.now_ms, *context.zone)));
    out.as_of_end = out.text.size();
  }
  if (wants(kPeakToday)) write_peak(json, "peak_today", site.peak_today, *context.zone);
  if (wants(kPeak)) write_peak(json, "peak", site.peak, *context.zone);
  if (wants(kToday)) write_period(json, "today", site.today, all);
  if (wants(kYesterday)) write_period(json, "yesterday", site.yesterday, all);
  if (wants(kMonth)) write_period(json, "month", site.month, all);
  if (wants(kYear)) write_period(json, "year", site.year, all);
  if (wants(kVisitorsError)) {
    const bool exact = site.today.visitors_exact && site.yesterday.visitors_exact && site.month.visitors_exact &&
                       site.year.visitors_exact;
    json.member("visitors_error", exact ? 0.0 : counting::HyperLogLog::kStandardError);
  }
  if (wants(kEpoch)) json.member("epoch", site.epoch.number);
  if (wants(kScope)) json.member("scope", numbers.cluster ? "cluster" : "node");
  if (wants(kBeat)) json.member("beat_s", beat_s(settings.window_s));
  if (wants(kSpike)) write_spike(json, numbers.spike, *context.zone);
  if (wants(kPage)) write_page(json, path, numbers.page);
  json.end_object();
  return out;
}

std::string stats_json(const ReadContext& context, std::string_view path, StatsFields fields) {
  return stats_text(context, path, fields).text;
}

}  // namespace footfall::api
