// SPDX-License-Identifier: Apache-2.0
#include "logs/json_format.h"

#include <array>
#include <optional>

#include "logs/text.h"
#include "logs/timestamp.h"

namespace footfall::logs {
namespace {

bool is_json_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

// Four hexadecimal digits; false if they are none.
bool read_hex(const char*& p, const char* end, unsigned& out) {
  if (end - p < 4) return false;
  out = 0;
  for (int i = 0; i < 4; ++i, ++p) {
    const char c = *p;
    const unsigned value = is_digit(c)              ? digit(c)
                           : (c >= 'a' && c <= 'f') ? static_cast<unsigned>(c - 'a') + 10
                           : (c >= 'A' && c <= 'F') ? static_cast<unsigned>(c - 'A') + 10
                                                    : 16U;
    if (value == 16) return false;
    out = out << 4U | value;
  }
  return true;
}

void append_utf8(std::string& out, unsigned code) {
  const auto put = [&out](unsigned byte) { out.push_back(static_cast<char>(byte)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0U | code >> 6U);
    put(0x80U | (code & 0x3FU));
  } else if (code < 0x10000) {
    put(0xE0U | code >> 12U);
    put(0x80U | (code >> 6U & 0x3FU));
    put(0x80U | (code & 0x3FU));
  } else {
    put(0xF0U | code >> 18U);
    put(0x80U | (code >> 12U & 0x3FU));
    put(0x80U | (code >> 6U & 0x3FU));
    put(0x80U | (code & 0x3FU));
  }
}

// What stands between two places of the line.
class Reader {
 public:
  // `unescaped` has room for the whole line, so that views of it stay where they are.
  Reader(std::string_view line, std::string& unescaped)
      : p_(line.data()), end_(line.data() + line.size()), unescaped_(unescaped) {}

  bool take(char c) {
    skip_space();
    if (p_ == end_ || *p_ != c) return false;
    ++p_;
    return true;
  }
  bool at_end() {
    skip_space();
    return p_ == end_;
  }
  // From its first quote on.
  bool string(std::string_view& out) {
    if (!take('"')) return false;
    const char* const begin = p_;
    while (p_ != end_ && *p_ != '"' && *p_ != '\\' && static_cast<unsigned char>(*p_) >= 0x20) ++p_;
    if (p_ != end_ && *p_ == '"') {
      out = view(begin, p_++);
      return true;
    }
    const std::size_t from = unescaped_.size();
    unescaped_.append(begin, p_);
    while (p_ != end_ && *p_ != '"') {
      if (static_cast<unsigned char>(*p_) < 0x20) return false;
      if (*p_ == '\\') {
        ++p_;
        if (!escape()) return false;
      } else {
        unescaped_.push_back(*p_++);
      }
    }
    if (p_ == end_) return false;
    ++p_;
    out = std::string_view(unescaped_).substr(from);
    return true;
  }
  // nullopt in `out`: null.
  bool value(std::optional<std::string_view>& out) {
    skip_space();
    if (p_ == end_) return false;
    if (*p_ == '"') {
      std::string_view text;
      if (!string(text)) return false;
      out = text;
      return true;
    }
    const char* const begin = p_;
    while (p_ != end_ && *p_ != ',' && *p_ != '}' && !is_json_space(*p_)) ++p_;
    const std::string_view word = view(begin, p_);
    out = word;
    if (word == "null") out.reset();
    return word == "null" || word == "true" || word == "false" || is_number(word);
  }

 private:
  void skip_space() {
    while (p_ != end_ && is_json_space(*p_)) ++p_;
  }
  bool escape() {
    if (p_ == end_) return false;
    const char c = *p_++;
    constexpr std::string_view kShort = "\"\\/bfnrt";
    constexpr std::string_view kMeant = "\"\\/\b\f\n\r\t";
    if (const std::size_t at = kShort.find(c); at != std::string_view::npos) {
      unescaped_.push_back(kMeant[at]);
      return true;
    }
    unsigned code = 0;
    if (c != 'u' || !read_hex(p_, end_, code)) return false;
    if (code >= 0xDC00 && code < 0xE000) return false;
    if (code >= 0xD800 && code < 0xDC00) {
      unsigned low = 0;
      if (end_ - p_ < 2 || p_[0] != '\\' || p_[1] != 'u') return false;
      p_ += 2;
      if (!read_hex(p_, end_, low) || low < 0xDC00 || low >= 0xE000) return false;
      code = 0x10000 + ((code - 0xD800) << 10U) + (low - 0xDC00);
    }
    append_utf8(unescaped_, code);
    return true;
  }
  // As JSON has them: -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?
  static bool is_number(std::string_view text) {
    std::size_t i = 0;
    const auto digits = [&] {
      const std::size_t begin = i;
      while (i < text.size() && is_digit(text[i])) ++i;
      return i > begin;
    };
    if (i < text.size() && text[i] == '-') ++i;
    if (i < text.size() && text[i] == '0') {
      ++i;
    } else if (!digits()) {
      return false;
    }
    if (i < text.size() && text[i] == '.') {
      ++i;
      if (!digits()) return false;
    }
    if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
      ++i;
      if (i < text.size() && (text[i] == '+' || text[i] == '-')) ++i;
      if (!digits()) return false;
    }
    return i == text.size();
  }

  const char* p_;
  const char* end_;
  std::string& unescaped_;
};

enum Key : std::size_t { time, client, host, method, uri, status, referrer, agent, kKeys };
constexpr std::array<std::string_view, kKeys> kNames = {"time", "client", "host",     "method",
                                                        "uri",  "status", "referrer", "agent"};

bool read_time(std::string_view text, Line& out) {
  Instant instant;
  std::size_t size = 0;
  for (const auto read : {read_seconds, read_iso_time}) {
    if (read(text, instant, size) != TimeFit::good || size != text.size()) continue;
    out.time_s = instant.utc_s;
    out.offset_s = instant.offset_s;
    return true;
  }
  return false;
}

}  // namespace

bool JsonFormat::read(std::string_view line, Line& out) {
  unescaped_.clear();
  unescaped_.reserve(line.size());
  Reader in(line, unescaped_);
  std::array<std::optional<std::string_view>, kKeys> values;
  if (!in.take('{')) return false;
  bool more = !in.take('}');
  while (more) {
    std::string_view name;
    std::optional<std::string_view> value;
    if (!in.string(name) || !in.take(':') || !in.value(value)) return false;
    for (std::size_t key = 0; key < kKeys; ++key) {
      if (name == kNames.at(key)) values.at(key) = value;
    }
    more = in.take(',');
    if (!more && !in.take('}')) return false;
  }
  if (!in.at_end()) return false;

  out = Line{};
  if (!values[time] || !read_time(*values[time], out)) return false;
  if (!values[client] || values[client]->empty() || !values[uri]) return false;
  out.client = *values[client];
  out.target = *values[uri];
  out.host = values[host];
  out.method = values[method].value_or("GET");
  out.referrer = values[referrer];
  out.agent = values[agent];
  const std::string_view code = values[status].value_or("200");
  if (code.size() != 3 || !is_digit(code[0]) || !is_digit(code[1]) || !is_digit(code[2])) return false;
  out.status = digit(code[0]) * 100 + digit(code[1]) * 10 + digit(code[2]);
  return true;
}

}  // namespace footfall::logs
