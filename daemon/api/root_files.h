// SPDX-License-Identifier: Apache-2.0
// What crawlers and browsers ask for at the root of a host, where this daemon is the whole of it.
//
// robots.txt keeps crawlers from counting themselves and from the numbers; counters they may fetch, where
// `X-Robots-Tag: noindex` tells them what a closed door would not.
// Tested by tests/unit/api/root_files_test.cc.
#pragma once

#include <string>
#include <string_view>

namespace footfall::api {

inline constexpr std::string_view kRootFilesCache = "public, max-age=86400";

std::string robots_text(std::string_view base_path);
std::string_view favicon();  // an ICO with a PNG picture of 32 by 32; static

}  // namespace footfall::api
