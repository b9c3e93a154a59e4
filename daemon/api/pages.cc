// SPDX-License-Identifier: Apache-2.0
#include "api/pages.h"

#include <optional>

#include "api/json.h"
#include "api/stats.h"
#include "api/text.h"

namespace footfall::api {

namespace {

constexpr std::size_t kLimitDefault = 100;
constexpr std::size_t kLimitMax = 10'000;

base::Result<counting::PageSort> sort_of(const std::optional<std::string>& value) {
  if (!value || *value == "total") return counting::PageSort::total;
  if (*value == "online") return counting::PageSort::online;
  if (*value == "path") return counting::PageSort::path;
  return base::Error{base::Errc::malformed, "sort: give total, online or path"};
}

}  // namespace

base::Result<std::string> pages_json(const ReadContext& context, std::string_view query) {
  const base::Result<counting::PageSort> sort = sort_of(query_value(query, "sort"));
  if (!sort) return sort.error();
  const std::optional<std::size_t> limit = limit_of(query_value(query, "limit"), kLimitDefault, kLimitMax);
  if (!limit) return base::Error{base::Errc::malformed, "limit: give a whole number from 1 to 10000"};

  sites::Site& site = *context.site;
  counting::PageWalk walk(*sort, *limit);
  for (bool done = false; !done;) {
    walk.make_room();
    const base::MutexLock lock(site.mutex());
    done = walk.step(site.state(), context.now_ms / 1000);
  }
  const counting::PageTable table = walk.table();

  std::string out;
  out.reserve(table.rows.size() * 120 + 160);
  JsonWriter json(out);
  json.begin_object().member("site", std::string_view(context.settings->name));
  json.member("as_of", std::string_view(iso_time(context.now_ms, *context.zone)));
  json.count("counted", table.counted).signed_count("seed", table.seed);
  json.key("pages").begin_array();
  for (const counting::PageRow& row : table.rows) {
    json.begin_object().member("path", row.path);
    json.count("total", row.total()).count("counted", row.counted).signed_count("seed", row.seed());
    json.member("online", row.online).end_object();
  }
  json.end_array().count("rest", table.rest).end_object();
  return out;
}

}  // namespace footfall::api
