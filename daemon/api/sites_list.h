// SPDX-License-Identifier: Apache-2.0
// The sites that the caller may read whole: those of visibility `full`, and with a token of scope `read` all that it is
// for. A counter that is public on its own page does not say here that it exists: names of an operator's sites are his
// to tell.
//
//   {"sites":[{"site":"example.vn","total":41450791,"online":48,"today":{"hits":1204,"visitors":881,"bots":97},...}],
//    "more":0}
//
// Tested by tests/unit/api/sites_list_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/errors.h"
#include "sites/registry.h"

namespace footfall::api {

// `query` as sent: limit=1..1000 (100). By name; `more` counts those that are left out. malformed names the key;
// denied: `token`, the bearer's secret (empty when none was sent), is nobody's.
base::Result<std::string> sites_json(const sites::Directory& directory, std::string_view token, std::string_view query,
                                     std::int64_t now_ms);

}  // namespace footfall::api
