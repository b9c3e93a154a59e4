// SPDX-License-Identifier: Apache-2.0
#include "api/site_json.h"

#include <algorithm>

#include "api/admin.h"
#include "api/widget_words.h"
#include "lookup/time_zones.h"

namespace footfall::api {

namespace {

// Takes over a member that is there.
template <class Read, class T>
base::Result<void> take(const Read& read, T& into) {
  if (!read) return read.error();
  if (*read) into = static_cast<T>(**read);
  return {};
}

base::Error invalid(std::string detail) {
  return {base::Errc::malformed, std::move(detail)};
}

// "/Admin/./*" -> "/Admin/*": what stands before the * in the spelling under which pages are counted.
base::Result<std::string> path_pattern(const std::string& text, std::size_t index, ControlPlane& control) {
  const auto wrong = [&](const char* what) {
    return invalid("exclude_paths[" + std::to_string(index) + "] " + what +
                   ", such as /preview, or the begin of paths with a * behind it, such as /admin/*");
  };
  if (!text.starts_with('/')) return wrong("must be a path of the site");
  std::string path = text;
  const bool prefix = path.back() == '*';
  if (prefix) path.pop_back();
  const std::optional<std::string> normal = control.page_path(path);
  if (!normal || normal->find('*') != std::string::npos) return wrong("must be a path of the site");
  if (!prefix) return *normal;
  return *normal + (path.back() == '/' && normal->back() != '/' ? "/*" : "*");
}

base::Result<void> take_exclusions(const JsonBody& body, sites::Settings& settings, ControlPlane& control) {
  const auto ranges = body.texts("exclude_addresses");
  if (!ranges) return ranges.error();
  const auto paths = body.texts("exclude_paths");
  if (!paths) return paths.error();
  if (*ranges) settings.exclude_addresses.clear();
  for (std::size_t i = 0; *ranges && i < (**ranges).size(); ++i) {
    const base::Result<base::Cidr> range = base::parse_cidr((**ranges)[i]);
    if (!range) return invalid("exclude_addresses[" + std::to_string(i) + "] " + range.error().detail);
    settings.exclude_addresses.push_back(*range);
  }
  if (*paths) settings.exclude_paths.clear();
  for (std::size_t i = 0; *paths && i < (**paths).size(); ++i) {
    base::Result<std::string> pattern = path_pattern((**paths)[i], i, control);
    if (!pattern) return pattern.error();
    settings.exclude_paths.push_back(*std::move(pattern));
  }
  return {};
}

}  // namespace

const std::vector<std::string_view>& settings_keys() {
  static const std::vector<std::string_view> keys{"name",
                                                  "hosts",
                                                  "timezone",
                                                  "lang",
                                                  "grouping",
                                                  "visibility",
                                                  "window_s",
                                                  "strict_origin",
                                                  "count_bots",
                                                  "hits_per_second_max",
                                                  "exclude_addresses",
                                                  "exclude_paths"};
  return keys;
}

void write_settings(JsonWriter& json, const sites::Settings& settings) {
  json.begin_object().member("name", std::string_view(settings.name)).key("hosts").begin_array();
  for (const std::string& host : settings.hosts) json.value(std::string_view(host));
  json.end_array()
      .member("timezone", std::string_view(settings.timezone))
      .member("lang", std::string_view(settings.lang));
  json.member("grouping", sites::to_string(settings.grouping))
      .member("visibility", sites::to_string(settings.visibility));
  json.member("window_s", settings.window_s).member("strict_origin", settings.strict_origin);
  json.member("count_bots", settings.count_bots).member("hits_per_second_max", settings.hits_per_second_max);
  json.key("exclude_addresses").begin_array();
  for (const base::Cidr& range : settings.exclude_addresses) json.value(std::string_view(base::text_of(range)));
  json.end_array().key("exclude_paths").begin_array();
  for (const std::string& path : settings.exclude_paths) json.value(std::string_view(path));
  json.end_array().end_object();
}

base::Result<sites::Settings> settings_from(const JsonBody& body, sites::Settings base, ControlPlane& control) {
  std::string grouping(sites::to_string(base.grouping));
  std::string visibility(sites::to_string(base.visibility));
  std::int64_t window_s = base.window_s;
  std::uint64_t hits_per_second_max = base.hits_per_second_max;
  for (const base::Result<void>& taken :
       {take(body.text("name"), base.name), take(body.texts("hosts"), base.hosts),
        take(body.text("timezone"), base.timezone), take(body.text("lang"), base.lang),
        take(body.text("grouping"), grouping), take(body.text("visibility"), visibility),
        take(body.integer("window_s"), window_s), take(body.flag("strict_origin"), base.strict_origin),
        take(body.flag("count_bots"), base.count_bots), take(body.count("hits_per_second_max"), hits_per_second_max),
        take_exclusions(body, base, control)}) {
    if (!taken) return taken.error();
  }
  const base::Result<sites::Grouping> grouped = sites::grouping_from(grouping);
  if (!grouped) return invalid(grouped.error().detail);
  const base::Result<sites::Visibility> seen = sites::visibility_from(visibility);
  if (!seen) return invalid(seen.error().detail);
  base.grouping = *grouped;
  base.visibility = *seen;
  base.window_s = static_cast<std::int32_t>(std::clamp<std::int64_t>(window_s, INT32_MIN, INT32_MAX));
  base.hits_per_second_max = static_cast<std::uint32_t>(std::min<std::uint64_t>(hits_per_second_max, UINT32_MAX));
  for (std::string& host : base.hosts) {
    std::transform(host.begin(), host.end(), host.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  }
  if (body.has("lang") && language_of(base.lang) == nullptr) return invalid(language_needed());
  const base::Result<void> good = sites::check(base);
  if (!good) return invalid(good.error().detail);
  const auto zone = lookup::TimeZone::find(base.timezone);
  if (!zone) return invalid("timezone: " + zone.error().detail);
  return base;
}

}  // namespace footfall::api
