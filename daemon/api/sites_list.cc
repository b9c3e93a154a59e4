// SPDX-License-Identifier: Apache-2.0
#include "api/sites_list.h"

#include <algorithm>
#include <vector>

#include "api/auth.h"
#include "api/json.h"
#include "api/read_context.h"
#include "api/stats.h"
#include "api/text.h"

namespace footfall::api {

namespace {

constexpr std::size_t kLimitDefault = 100;
constexpr std::size_t kLimitMax = 1000;

// `token`: null for who sent none.
std::vector<const sites::Entry*> readable(const sites::Directory& directory, const sites::Token* token) {
  std::vector<const sites::Entry*> out;
  for (const auto& part : directory.parts) {
    if (part == nullptr) continue;
    for (const auto& [name, entry] : *part) {
      const bool may =
          entry.settings->visibility == sites::Visibility::full ||
          (token != nullptr && allows(*token, static_cast<std::uint32_t>(sites::Scope::read), entry.site->id()));
      if (may) out.push_back(&entry);
    }
  }
  return out;
}

}  // namespace

base::Result<std::string> sites_json(const sites::Directory& directory, std::string_view token, std::string_view query,
                                     std::int64_t now_ms) {
  const std::optional<std::size_t> limit = limit_of(query_value(query, "limit"), kLimitDefault, kLimitMax);
  if (!limit) return base::Error{base::Errc::malformed, "limit: give a whole number from 1 to 1000"};

  const sites::Token* const known = token.empty() ? nullptr : find_token(directory.tokens, token, now_ms / 1000);
  if (!token.empty() && known == nullptr)
    return base::Error{base::Errc::denied, "the token is not known, or has expired"};

  std::vector<const sites::Entry*> sites = readable(directory, known);
  const std::size_t shown = std::min(*limit, sites.size());
  std::partial_sort(sites.begin(), sites.begin() + static_cast<std::ptrdiff_t>(shown), sites.end(),
                    [](const sites::Entry* a, const sites::Entry* b) { return a->settings->name < b->settings->name; });
  static const StatsFields kFields = stats_fields("site,total,online,lang,grouping,as_of,today,yesterday").value();
  std::string out;
  JsonWriter json(out);
  json.begin_object().key("sites").begin_array();
  for (std::size_t i = 0; i < shown; ++i) {
    const auto zone = lookup::TimeZone::find(sites[i]->settings->timezone);
    if (!zone) continue;  // the system lost it since the site was made
    json.raw(stats_json(read_context(*sites[i], *zone, directory, token, now_ms), {}, kFields));
  }
  json.end_array().count("more", sites.size() - shown).end_object();
  return out;
}

}  // namespace footfall::api
