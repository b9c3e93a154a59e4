// SPDX-License-Identifier: Apache-2.0
// A site's settings as JSON, and back:
//
//   {"name":"example.vn","hosts":["example.vn"],"timezone":"Asia/Ho_Chi_Minh","lang":"vi","grouping":"dot",
//    "visibility":"counter","window_s":300,"strict_origin":false,"count_bots":false,
//    "hits_per_second_max":0,"exclude_addresses":["192.0.2.0/24"],"exclude_paths":["/admin/*"]}
//
// Tested by tests/unit/api/admin_test.cc.
#pragma once

#include <string_view>
#include <vector>

#include "api/json.h"
#include "api/json_body.h"
#include "sites/settings.h"

namespace footfall::api {

class ControlPlane;

const std::vector<std::string_view>& settings_keys();
void write_settings(JsonWriter& json, const sites::Settings& settings);
// `base` with what the body says; hosts in lower case, addresses and paths in their one spelling. malformed names the
// setting, also when it is not acceptable.
base::Result<sites::Settings> settings_from(const JsonBody& body, sites::Settings base, ControlPlane& control);

}  // namespace footfall::api
