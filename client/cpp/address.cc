// SPDX-License-Identifier: Apache-2.0
#include "cpp/address.h"

#include <charconv>

namespace footfall::client {

std::string Address::host_field() const {
  if (host.empty()) return "localhost";
  return (host.find(':') != std::string::npos ? "[" + host + "]" : host) + ":" + port;
}

std::string parse_address(std::string_view text, Address& address) {
  const auto invalid = [text](const char* why) {
    return "\"" + std::string(text) + "\" is no address of a daemon: " + why +
           "; write http://127.0.0.1:8080, https://HOST or unix:/run/footfall/admin.sock";
  };
  constexpr std::string_view kHttp = "http://";
  constexpr std::string_view kHttps = "https://";
  constexpr std::string_view kUnix = "unix:";
  Address out;
  out.text = text;
  std::string_view rest = text;
  if (rest.starts_with(kUnix)) {
    out.path = rest.substr(kUnix.size());
    if (out.path.empty()) return invalid("the path is missing");
    address = std::move(out);
    return {};
  }
  out.tls = rest.starts_with(kHttps);
  if (!out.tls && !rest.starts_with(kHttp)) return invalid("it begins with none of http://, https:// and unix:");
  rest.remove_prefix(out.tls ? kHttps.size() : kHttp.size());
  const std::size_t slash = rest.find('/');
  std::string_view authority = rest.substr(0, slash);
  if (slash != std::string_view::npos) {
    out.base = rest.substr(slash);
    while (out.base.ends_with('/')) out.base.pop_back();
  }
  if (out.base.find_first_of("?# \t\r\n") != std::string::npos) return invalid("a path cannot hold that");
  // [::1]:8080, 127.0.0.1:8080, example.vn
  const std::size_t colon = authority.rfind(':');
  const std::size_t bracket = authority.rfind(']');
  out.port = out.tls ? "443" : "80";
  if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket)) {
    out.port = authority.substr(colon + 1);
    authority = authority.substr(0, colon);
    unsigned port = 0;
    const char* const end = out.port.data() + out.port.size();
    const auto [stopped, error] = std::from_chars(out.port.data(), end, port);
    if (error != std::errc() || stopped != end || port == 0 || port > 65535)
      return invalid("the port is no number from 1 to 65535");
  }
  if (authority.starts_with('[') && authority.ends_with(']')) authority = authority.substr(1, authority.size() - 2);
  if (authority.empty() || authority.find_first_of(" @\t\r\n") != std::string_view::npos)
    return invalid("the host is missing");
  out.host = authority;
  address = std::move(out);
  return {};
}

}  // namespace footfall::client
