// SPDX-License-Identifier: Apache-2.0
// WebUrl: an address of http or https, and what a reference on a page leads to (RFC 3986, 5.2; browsers' `\` for `/` is
// not known). Tested by tests/unit/client/web_url_test.cc.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace footfall::cli {

struct WebUrl {
  bool tls = false;
  std::string host;          // lower case; IPv6 in brackets
  std::string port;          // "443", also where it was not said
  std::string target = "/";  // path and query

  bool usual_port() const { return port == (tls ? "443" : "80"); }
  std::string scheme() const { return tls ? "https" : "http"; }
  std::string authority() const { return usual_port() ? host : host + ":" + port; }
  std::string origin() const { return scheme() + "://" + authority(); }
  std::string text() const { return origin() + target; }
  std::string path() const { return target.substr(0, target.find('?')); }
  bool loopback() const;  // localhost, 127.0.0.0/8, ::1
};

// An absolute one; its fragment is dropped. Absent: it is none, or of another scheme.
std::optional<WebUrl> parse_web_url(std::string_view text);
// What `reference` means on a page at `base`. Absent: it leads to another scheme (data:, blob:).
std::optional<WebUrl> resolve(const WebUrl& base, std::string_view reference);
// The value of a key of its query, decoded; empty: none.
std::string query_value(const WebUrl& url, std::string_view key);

}  // namespace footfall::cli
