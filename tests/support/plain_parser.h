// SPDX-License-Identifier: Apache-2.0
// The plain twin of http::RequestParser: the same grammar, written for reading. It takes a whole string, copies
// freely, and says only whether a complete request stands at its beginning, how long it is and what is in it.
//
// Shares no code with the fast one: character classes are written out, lines are cut before they are looked at.
// Used by tests/unit/http/request_parser_test.cc and tests/fuzz/request_fuzz.cc.
#pragma once

#include <cctype>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace footfall::testing {

struct PlainLimits {
  std::size_t target_max = 8192, head_max = 32768, fields_max = 100, body_max = 65536, batch_body_max = 16U << 20U;
  std::string batch_path = "/v1/hits";
  std::size_t chunk_extension_max = 256, chunk_overhead_max = 16384;
};

struct PlainRequest {
  std::size_t length = 0;
  std::string method, path, query, body;
  std::map<std::string, std::string> fields;  // lower-case name -> value; repeated ones joined
  bool keep_alive = true;
};

class PlainParser {
 public:
  explicit PlainParser(PlainLimits limits = {}) : limits_(std::move(limits)) {}

  // The request at the beginning of `text`, or nothing if it is malformed or incomplete.
  std::optional<PlainRequest> parse(const std::string& text) const {
    std::size_t at = 0;
    if (text.compare(0, 2, "\r\n") == 0) at = 2;
    PlainRequest request;

    std::string line;
    if (!take_line(text, at, line)) return {};
    const std::size_t first = line.find(' ');
    const std::size_t last = line.rfind(' ');
    if (first == std::string::npos || first == last) return {};
    request.method = line.substr(0, first);
    const std::string target = line.substr(first + 1, last - first - 1);
    const std::string version = line.substr(last + 1);
    if (!all(request.method, token) || request.method.size() > 32) return {};
    if (target.size() > limits_.target_max || !all(target, visible)) return {};
    if (version != "HTTP/1.1" && version != "HTTP/1.0") return {};
    std::string authority;
    if (!split_target(request.method, target, authority, request.path, request.query)) return {};

    std::size_t fields = 0;
    for (;;) {
      if (!take_line(text, at, line)) return {};
      if (at > limits_.head_max) return {};
      if (line.empty()) break;
      if (++fields > limits_.fields_max) return {};
      std::string name, value;
      if (!split_field(line, name, value)) return {};
      const auto known = request.fields.find(name);
      if (known == request.fields.end()) {
        request.fields[name] = value;
      } else {
        if (once(name)) return {};
        known->second += ", " + value;
      }
    }

    const bool old = version == "HTTP/1.0";
    const auto field = [&request](const char* name) {
      const auto found = request.fields.find(name);
      return found == request.fields.end() ? std::optional<std::string>() : found->second;
    };
    if (!field("host") && !old) return {};
    if (field("host") && !host_and_port(*field("host"))) return {};
    if (!authority.empty()) request.fields["host"] = authority;
    if (!old && field("expect") && lower(*field("expect")) != "100-continue") return {};
    request.keep_alive = !old;
    if (field("connection")) {
      for (const std::string& option : split_list(*field("connection"))) {
        if (lower(option) == "close") request.keep_alive = false;
      }
    }

    const std::size_t body_max = request.path == limits_.batch_path ? limits_.batch_body_max : limits_.body_max;
    if (field("transfer-encoding")) {
      if (old || lower(*field("transfer-encoding")) != "chunked" || field("content-length")) return {};
      if (!take_chunks(text, at, body_max, fields, request.body)) return {};
    } else if (field("content-length")) {
      const std::string length = *field("content-length");
      if (length.empty() || !all(length, digit)) return {};
      std::size_t size = 0;
      for (const char c : length) {
        size = size * 10 + static_cast<std::size_t>(c - '0');
        if (size > body_max) return {};
      }
      if (text.size() - at < size) return {};
      request.body = text.substr(at, size);
      at += size;
    }
    request.length = at;
    return request;
  }

  static std::string lower(std::string text) {
    for (char& c : text) {
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return text;
  }

 private:
  using Class = bool (*)(char);
  static bool all(const std::string& text, Class belongs) {
    for (const char c : text) {
      if (!belongs(c)) return false;
    }
    return !text.empty();
  }
  static bool digit(char c) { return c >= '0' && c <= '9'; }
  static bool alphanumeric(char c) { return digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
  static bool token(char c) {
    return alphanumeric(c) || (c != 0 && std::string("!#$%&'*+-.^_`|~").find(c) != std::string::npos);
  }
  static bool visible(char c) { return c >= '!' && c <= '~' && c != '#'; }
  static bool in_value(char c) { return c == '\t' || (static_cast<unsigned char>(c) >= ' ' && c != '\x7f'); }
  static bool in_host(char c) { return alphanumeric(c) || c == '-' || c == '.' || c == '_' || c == '~'; }
  static bool in_address(char c) { return std::isxdigit(static_cast<unsigned char>(c)) != 0 || c == ':' || c == '.'; }

  // A line up to CRLF, without it; a CR or LF anywhere else is no line.
  static bool take_line(const std::string& text, std::size_t& at, std::string& line) {
    const std::size_t end = text.find_first_of("\r\n", at);
    if (end == std::string::npos || text.compare(end, 2, "\r\n") != 0) return false;
    line = text.substr(at, end - at);
    at = end + 2;
    return true;
  }

  static std::string trim(const std::string& text) {
    const std::size_t first = text.find_first_not_of(" \t");
    if (first == std::string::npos) return "";
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
  }

  static std::vector<std::string> split_list(const std::string& list) {
    std::vector<std::string> out(1);
    for (const char c : list) {
      if (c == ',') {
        out.emplace_back();
      } else {
        out.back() += c;
      }
    }
    for (std::string& item : out) item = trim(item);
    return out;
  }

  static bool split_field(const std::string& line, std::string& name, std::string& value) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) return false;
    name = lower(line.substr(0, colon));
    value = trim(line.substr(colon + 1));
    return all(name, token) && (value.empty() || all(value, in_value));
  }

  static bool once(const std::string& name) {
    for (const char* single : {"host", "user-agent", "referer", "origin", "content-type", "content-encoding",
                               "content-length", "transfer-encoding", "authorization", "idempotency-key", "expect",
                               "last-event-id", "access-control-request-method"}) {
      if (name == single) return true;
    }
    return false;
  }

  static bool host_and_port(const std::string& text) {
    if (text.size() > 255) return false;
    std::string host = text, port;
    const std::size_t bracket = text.find(']');
    const std::size_t colon = text.find(':', bracket == std::string::npos ? 0 : bracket);
    if (colon != std::string::npos) {
      host = text.substr(0, colon);
      port = text.substr(colon + 1);
    }
    if (!port.empty() && !all(port, digit)) return false;
    const std::size_t significant = port.find_first_not_of('0');
    if (significant != std::string::npos) {
      const std::string number = port.substr(significant);
      if (number.size() > 5 || std::stoul(number) > 65535) return false;
    }
    if (!host.empty() && host.front() == '[') {
      return host.size() >= 4 && host.back() == ']' && all(host.substr(1, host.size() - 2), in_address);
    }
    return all(host, in_host);
  }

  static bool split_target(const std::string& method, const std::string& target, std::string& authority,
                           std::string& path, std::string& query) {
    std::string rest = target;
    if (target == "*") {
      path = "*";
      return method == "OPTIONS";
    }
    if (target.front() != '/') {
      std::size_t scheme = 0;
      if (lower(target.substr(0, 7)) == "http://") scheme = 7;
      if (lower(target.substr(0, 8)) == "https://") scheme = 8;
      if (scheme == 0) return false;
      const std::size_t end = target.find_first_of("/?", scheme);
      authority = target.substr(scheme, end == std::string::npos ? end : end - scheme);
      if (!host_and_port(authority)) return false;
      rest = end == std::string::npos ? "" : target.substr(end);
    }
    const std::size_t mark = rest.find('?');
    path = rest.substr(0, mark);
    query = mark == std::string::npos ? "" : rest.substr(mark + 1);
    if (path.empty()) path = "/";
    return true;
  }

  bool take_chunks(const std::string& text, std::size_t& at, std::size_t body_max, std::size_t fields,
                   std::string& body) const {
    std::size_t overhead = 0;
    std::string line;
    for (;;) {
      if (!take_line(text, at, line)) return false;
      const std::size_t digits = line.find(';') == std::string::npos ? line.size() : line.find(';');
      const std::string extension = line.substr(digits);
      if (digits == 0 || digits > 16 || extension.size() > limits_.chunk_extension_max) return false;
      if (!extension.empty() && !all(extension, in_value)) return false;
      unsigned long long size = 0;
      for (const char c : line.substr(0, digits)) {
        if (std::isxdigit(static_cast<unsigned char>(c)) == 0) return false;
        size = size * 16 + std::stoull(std::string(1, c), nullptr, 16);
      }
      overhead += line.size() + 4;
      if (size == 0) break;
      if (size > body_max || body.size() + size > body_max) return false;
      if (overhead > limits_.chunk_overhead_max + body.size()) return false;
      if (text.size() - at < size + 2 || text.compare(at + size, 2, "\r\n") != 0) return false;
      body += text.substr(at, size);
      at += size + 2;
    }
    const std::size_t trailers = at;
    for (;;) {
      if (!take_line(text, at, line) || at - trailers > limits_.head_max) return false;
      if (line.empty()) return true;
      std::string name, value;
      if (++fields > limits_.fields_max || !split_field(line, name, value)) return false;
    }
  }

  PlainLimits limits_;
};

}  // namespace footfall::testing
