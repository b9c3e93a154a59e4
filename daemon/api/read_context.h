// SPDX-License-Identifier: Apache-2.0
// ReadContext: what every reading route needs: the site, its settings, the caller's rights and the time.
#pragma once

#include <cstdint>
#include <memory>

#include "lookup/time_zones.h"
#include "sites/registry.h"

namespace footfall::api {

struct ReadContext {
  sites::Site* site = nullptr;
  std::shared_ptr<const sites::Settings> settings;
  std::shared_ptr<const lookup::TimeZone> zone;
  bool may_read_all = false;   // visibility full, or a token of scope read
  bool may_read_counter = true;  // visibility counter or full, or such a token
  std::int64_t now_ms = 0;
};

// Who may read: token is the bearer's secret, empty when none was sent. Digests are compared in constant time.
ReadContext read_context(const sites::Entry& entry, std::shared_ptr<const lookup::TimeZone> zone, const sites::Directory& directory,
                         std::string_view token, std::int64_t now_ms);

}  // namespace footfall::api
