// SPDX-License-Identifier: Apache-2.0
#include "api/top.h"

#include <algorithm>
#include <array>
#include <optional>

#include "api/json.h"
#include "api/local_dates.h"
#include "api/stats.h"
#include "api/text.h"

namespace footfall::api {

namespace {

using counting::Day;
using counting::Dimension;

constexpr std::size_t kLimitDefault = 10;
constexpr std::size_t kLimitMax = 1000;

std::optional<Dimension> dimension_of(std::string_view name) {
  for (unsigned i = 0; i < counting::kDimensions; ++i) {
    const auto dimension = static_cast<Dimension>(i);
    if (counting::name_of(dimension) == name) return dimension;
  }
  return std::nullopt;
}

struct Days {
  Day from = 0, to = 0;  // both included
};

base::Error malformed(std::string_view detail) {
  return {base::Errc::malformed, std::string(detail)};
}

base::Result<Days> days_of(const std::string& period, Day today) {
  const auto since = [today](DateStep step) { return Days{static_cast<Day>(step_begin(step, today)), today}; };
  if (period == "day") return since(DateStep::day);
  if (period == "week") return since(DateStep::week);
  if (period == "month") return since(DateStep::month);
  if (period == "year") return since(DateStep::year);
  if (period == "all") return Days{0, today};
  return malformed("period: give day, week, month, year or all; or dates: from and to");
}

base::Result<Days> days_asked_for(const ReadContext& context, std::string_view query) {
  const Day today = day_at(context.now_ms / 1000, *context.zone);
  const std::optional<std::string> from = query_value(query, "from");
  const std::optional<std::string> to = query_value(query, "to");
  if (!from && !to) return days_of(query_value(query, "period").value_or("month"), today);
  constexpr std::int64_t kNone = INT64_MIN;
  const std::int64_t first = from ? parse_date(*from).value_or(kNone) : kNone;
  const std::int64_t last = to ? parse_date(*to).value_or(kNone) : today;
  if (first == kNone) return malformed("from: give a local date (2026-11-23); to may be absent, and is today then");
  if (last == kNone) return malformed("to: give a local date (2026-11-23)");
  if (last < first) return malformed("from: must not lie after to");
  return Days{static_cast<Day>(first), static_cast<Day>(last)};
}

}  // namespace

base::Result<std::string> top_json(const ReadContext& context, std::string_view dimension, std::string_view query,
                                   store::RankingReader& reader) {
  const std::optional<Dimension> ranked = dimension_of(dimension);
  if (!ranked) {
    return base::Error{base::Errc::not_found,
                       "top: there are pages, referrers, campaigns, countries, browsers, systems, devices and events"};
  }
  const base::Result<Days> days = days_asked_for(context, query);
  if (!days) return days.error();
  const std::optional<std::size_t> limit = limit_of(query_value(query, "limit"), kLimitDefault, kLimitMax);
  if (!limit) return malformed("limit: give a whole number from 1 to 1000");

  const auto labels = reader.labels(*context.site, *ranked, days->from, days->to);
  if (!labels) return labels.error();
  const std::size_t shown = std::min(*limit, labels->size());
  std::uint64_t sum = 0;
  std::uint64_t rest = 0;
  std::uint64_t other = 0;
  for (std::size_t i = 0; i < labels->size(); ++i) {
    const auto& [label, count] = labels->at(i);
    sum += count;
    if (i >= shown) rest += count;
    if (label == "(other)") other = count;
  }
  std::string out;
  out.reserve(shown * 60 + 200);
  JsonWriter json(out);
  json.begin_object().member("site", std::string_view(context.settings->name)).member("dimension", dimension);
  json.member("from", std::string_view(date_text(days->from))).member("to", std::string_view(date_text(days->to)));
  json.count("labels", labels->size()).count("sum", sum).count("error_max", other);
  json.key("top").begin_array();
  for (std::size_t i = 0; i < shown; ++i) {
    json.begin_array().value(std::string_view(labels->at(i).first)).value(labels->at(i).second).end_array();
  }
  json.end_array().count("rest", rest).end_object();
  return out;
}

}  // namespace footfall::api
