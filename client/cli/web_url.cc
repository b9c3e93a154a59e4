// SPDX-License-Identifier: Apache-2.0
#include "cli/web_url.h"

#include <algorithm>
#include <charconv>
#include <vector>

namespace footfall::cli {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r\n\f");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n\f") - begin + 1);
}

// What stands before the first colon, if that can be a scheme.
std::string scheme_of(std::string_view text) {
  const std::size_t colon = text.find_first_of(":/?#");
  if (colon == std::string_view::npos || colon == 0 || text[colon] != ':') return {};
  std::string out;
  for (const char c : text.substr(0, colon)) out.push_back(lower(c));
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
  };
  return std::all_of(out.begin(), out.end(), fits) ? out : "";
}

// Removes "." and ".." (RFC 3986, 5.2.4).
std::string without_dots(std::string_view path) {
  std::vector<std::string_view> kept;
  bool directory = false;  // it ends in one
  for (std::size_t at = 1; at <= path.size();) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    const std::string_view step = path.substr(at, end - at);
    directory = step.empty() || step == "." || step == "..";
    if (step == "..") {
      if (!kept.empty()) kept.pop_back();
    } else if (step != "." && (!step.empty() || end < path.size())) {
      kept.push_back(step);
    }
    at = end + 1;
  }
  std::string out;
  for (const std::string_view step : kept) out.append("/").append(step);
  return directory || out.empty() ? out + "/" : out;
}

// "//host:port/path?query" behind a scheme.
std::optional<WebUrl> parse_behind(bool tls, std::string_view rest) {
  if (!rest.starts_with("//")) return std::nullopt;
  rest.remove_prefix(2);
  rest = rest.substr(0, rest.find('#'));
  const std::size_t end = std::min(rest.find_first_of("/?"), rest.size());
  std::string_view authority = rest.substr(0, end);
  if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos) authority.remove_prefix(at + 1);
  WebUrl out;
  out.tls = tls;
  out.port = tls ? "443" : "80";
  const std::size_t colon = authority.rfind(':');
  const std::size_t bracket = authority.rfind(']');
  if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket)) {
    if (const std::string_view port = authority.substr(colon + 1); !port.empty()) {
      unsigned number = 0;
      const auto [stopped, error] = std::from_chars(port.data(), port.data() + port.size(), number);
      if (error != std::errc() || stopped != port.data() + port.size() || number == 0 || number > 65535)
        return std::nullopt;
      out.port = std::to_string(number);
    }
    authority = authority.substr(0, colon);
  }
  for (const char c : authority) {
    if (c <= ' ' || c == 127) return std::nullopt;
    out.host.push_back(lower(c));
  }
  if (out.host.empty()) return std::nullopt;
  const std::string_view target = rest.substr(end);
  const std::size_t query = std::min(target.find('?'), target.size());
  out.target = without_dots(target.substr(0, query)) + std::string(target.substr(query));
  return out;
}

}  // namespace

bool WebUrl::loopback() const {
  return host == "localhost" || host == "[::1]" ||
         (host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string::npos);
}

std::optional<WebUrl> parse_web_url(std::string_view text) {
  text = trimmed(text);
  const std::string scheme = scheme_of(text);
  if (scheme != "http" && scheme != "https") return std::nullopt;
  return parse_behind(scheme == "https", text.substr(scheme.size() + 1));
}

std::optional<WebUrl> resolve(const WebUrl& base, std::string_view reference) {
  reference = trimmed(reference);
  reference = reference.substr(0, reference.find('#'));
  if (!scheme_of(reference).empty()) return parse_web_url(reference);
  if (reference.starts_with("//")) return parse_behind(base.tls, reference);
  WebUrl out = base;
  if (reference.empty()) return out;
  const std::size_t query = std::min(reference.find('?'), reference.size());
  std::string path(reference.substr(0, query));
  const std::string there = base.path();
  if (path.empty()) {
    path = there;
  } else if (path.front() != '/') {
    path.insert(0, there, 0, there.rfind('/') + 1);
  }
  out.target = without_dots(path) + std::string(reference.substr(query));
  return out;
}

std::string query_value(const WebUrl& url, std::string_view key) {
  const std::size_t begin = url.target.find('?');
  std::string_view rest =
      begin == std::string::npos ? std::string_view() : std::string_view(url.target).substr(begin + 1);
  while (!rest.empty()) {
    const std::string_view pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(pair.size() + 1, rest.size()));
    const std::size_t equals = std::min(pair.find('='), pair.size());
    if (pair.substr(0, equals) != key) continue;
    const std::string_view value = pair.substr(std::min(equals + 1, pair.size()));
    std::string out;
    for (std::size_t i = 0; i < value.size(); ++i) {
      unsigned code = 0;
      if (value[i] == '%' && i + 2 < value.size() &&
          std::from_chars(value.data() + i + 1, value.data() + i + 3, code, 16).ptr == value.data() + i + 3) {
        out.push_back(static_cast<char>(code));
        i += 2;
      } else {
        out.push_back(value[i] == '+' ? ' ' : value[i]);
      }
    }
    return out;
  }
  return {};
}

}  // namespace footfall::cli
