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
  if (known && widget_numbers(context, entry.show) == entry.numbers) return &entry.widget;

  const base::Result<WidgetOptions> options = widget_options_for(context, format, query);
  if (!options) return options.error();
  std::vector<std::uint64_t> numbers = widget_numbers(context, options->show);
  Widget made = render_widget(context, format, *options, numbers);
  ++renderings_;
  Entry& kept = query.size() + made.body.size() <= kBytesMax ? entry : uncached_;
  kept = {context.site,  context.settings,   format,         context.may_read_all, std::string(query),
          options->show, std::move(numbers), std::move(made)};
  return &kept.widget;
}

}  // namespace footfall::api
