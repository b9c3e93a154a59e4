// SPDX-License-Identifier: Apache-2.0
// The host of a request as it is looked up: in lower case, without its port and a dot at its end.
//     "WWW.Example.vn:8080" -> "www.example.vn"     "[::1]:80" -> "[::1]"
// Tested by tests/unit/logs/host_test.cc.
#pragma once

#include <string>
#include <string_view>

namespace footfall::logs {

inline std::string plain_host(std::string_view host) {
  const std::size_t colon = host.rfind(':');
  if (colon != std::string_view::npos && host.find(']', colon) == std::string_view::npos) host = host.substr(0, colon);
  if (host.ends_with('.')) host.remove_suffix(1);
  std::string out(host);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  }
  return out;
}

}  // namespace footfall::logs
