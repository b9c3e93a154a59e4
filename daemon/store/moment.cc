// SPDX-License-Identifier: Apache-2.0
#include "store/moment.h"

namespace footfall::store {

MomentSite moment_site(const sites::Registry& registry, sites::Site& site, std::int64_t as_of_s, ContentHash& hash) {
  MomentSite out;
  hash = hash_of(site, as_of_s);  // first: a reader may move the clock
  const counting::Summary summary =
      site.state().summary(as_of_s, counting::calendar_of(counting::local_day(as_of_s, 0)));
  out.id = site.id();
  out.name = registry.last_settings(site.id())->name;
  out.removed = registry.settings(site.id()) == nullptr;
  out.counted = summary.counted;
  out.total = summary.total;
  out.online = summary.online;
  out.hash = to_text(hash);
  return out;
}

}  // namespace footfall::store
