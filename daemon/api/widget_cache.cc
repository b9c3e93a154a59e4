// SPDX-License-Identifier: Apache-2.0
#include "api/widget_cache.h"

#include <utility>

#include "base/hash.h"

namespace footfall::api {

base::Result<const Widget*> WidgetCache::find(const ReadContext& context, WidgetFormat format, std::string_view query) {
  const std::uint64_t what = std::uint64_t{context.site->id().value} << 8U | static_cast<std::uint64_t>(format);
  Entry& entry = entries_[base::mix64(base::table_hash(query) ^ base::mix64(what)) % kEntries];
  const bool known = entry.site == context.site && entry.settings == context.settings && entry.format == format &&
                     entry.may_read_all == context.may_read_all && entry.query == query;
  if (!known) {
    base::Result<WidgetOptions> options = widget_options_for(context, format, query);
    if (!options) return options.error();
    entry = {context.site,       context.settings,    format, context.may_read_all,
             std::string(query), *std::move(options), {},     {}};
  }
  std::vector<std::uint64_t> numbers = widget_numbers(context, entry.options.show);
  if (known && numbers == entry.numbers) return &entry.widget;

  Widget made = render_widget(context, format, entry.options, numbers);
  ++renderings_;
  if (query.size() + made.body.size() > kBytesMax) {
    entry = {};
    large_ = std::move(made);
    return &large_;
  }
  entry.numbers = std::move(numbers);
  entry.widget = std::move(made);
  return &entry.widget;
}

}  // namespace footfall::api
