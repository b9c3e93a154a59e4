// SPDX-License-Identifier: Apache-2.0
#include "base/log_line.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>

#include "base/utf8.h"

namespace footfall::base::log {
namespace {

constexpr std::array<std::string_view, 4> kNames{"debug", "info", "warning", "error"};

// RFC 3339, in UTC.
std::string time_text(std::int64_t utc_ms) {
  using std::chrono::days;
  using std::chrono::milliseconds;
  const std::chrono::sys_time<milliseconds> at{milliseconds(utc_ms)};
  const auto day = std::chrono::floor<days>(at);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(at - day);
  std::array<char, 64> text{};
  const int size =
      std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", static_cast<int>(date.year()),
                    static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                    static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
                    static_cast<int>(time.seconds().count()), static_cast<int>(time.subseconds().count()));
  return {text.data(), static_cast<std::size_t>(size)};
}

void append_code(std::string& out, unsigned code) {
  std::array<char, 8> text{};
  const int size = std::snprintf(text.data(), text.size(), "\\u%04x", code);
  out.append(text.data(), static_cast<std::size_t>(size));
}

// Every control character is escaped, C1 too, and so are those that some readers take for the end of a line.
void append_json(std::string& out, std::string_view text) {
  out.push_back('"');
  while (!text.empty()) {
    const std::size_t size = utf8_character(text);
    const std::string_view character = text.substr(0, size == 0 ? 1 : size);
    if (size == 0) {
      out += kReplacement;
    } else if (character == "\"" || character == "\\") {
      out.append("\\").append(character);
    } else if (is_control(character)) {
      append_code(out, static_cast<unsigned char>(character.back()));  // of C1 the second byte is the code
    } else if (character == "\xE2\x80\xA8" || character == "\xE2\x80\xA9") {
      append_code(out, character.back() == '\xA8' ? 0x2028 : 0x2029);
    } else {
      out += character;
    }
    text.remove_prefix(character.size());
  }
  out.push_back('"');
}

bool is_control_byte(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
}

}  // namespace

std::string_view name_of(Level level) {
  return kNames.at(static_cast<std::size_t>(level));
}

std::optional<Level> level_from(std::string_view name) {
  const auto* const found = std::find(kNames.begin(), kNames.end(), name);
  return found == kNames.end() ? std::nullopt : std::optional(static_cast<Level>(found - kNames.begin()));
}

std::optional<Format> format_from(std::string_view name) {
  if (name == "text") return Format::text;
  if (name == "json") return Format::json;
  return std::nullopt;
}

std::string to_text(const LogLine& line, Format format) {
  std::string out;
  if (format == Format::text) {
    out.append(time_text(line.utc_ms)).append(" ").append(name_of(line.level)).append(" ").append(line.message);
    if (line.suppressed > 0) out += " (" + std::to_string(line.suppressed) + " more of this kind were held back)";
    std::replace_if(out.begin(), out.end(), is_control_byte, '?');
  } else {
    out.append(R"({"time":")").append(time_text(line.utc_ms)).append(R"(","level":")").append(name_of(line.level));
    out.append(R"(","event":)");
    append_json(out, line.event);
    out.append(R"(,"message":)");
    append_json(out, line.message);
    if (line.suppressed > 0) out.append(R"(,"suppressed":)").append(std::to_string(line.suppressed));
    out.push_back('}');
  }
  out.push_back('\n');
  return out;
}

}  // namespace footfall::base::log
