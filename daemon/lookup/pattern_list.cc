// SPDX-License-Identifier: Apache-2.0
#include "lookup/pattern_list.h"

namespace footfall::lookup {
namespace {

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r')) text.remove_suffix(1);
  return text;
}

// What follows a closing quote (a comment) is passed over; a value without one is taken as it stands.
std::string unquote(std::string_view value) {
  if (value.empty() || (value.front() != '\'' && value.front() != '"')) return std::string(value);
  const char quote = value.front();
  std::string out;
  for (std::size_t i = 1; i < value.size(); ++i) {
    const char c = value[i];
    const bool has_next = i + 1 < value.size();
    const bool doubled = quote == '\'' && c == quote && has_next && value[i + 1] == quote;
    const bool escaped = quote == '"' && c == '\\' && has_next;  // \" and \\; nothing else occurs
    if (doubled || escaped) {
      out += value[++i];
    } else if (c == quote) {
      return out;
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

std::vector<PatternEntry> read_pattern_list(std::string_view text) {
  std::vector<PatternEntry> entries;
  std::string section;
  while (!text.empty()) {
    const auto end = text.find('\n');
    const std::string_view raw = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    std::string_view line = trim(raw);
    if (line.empty() || line.front() == '#') continue;
    const bool begins = line.size() >= 2 && line.substr(0, 2) == "- ";
    if (begins) line = trim(line.substr(2));
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const std::string_view key = line.substr(0, colon);
    const std::string_view value = trim(line.substr(colon + 1));
    if (begins) {
      entries.push_back({section, key == "regex" ? unquote(value) : std::string(), {}, false});
    } else if (raw.front() != ' ' && value.empty()) {
      section = key;
    } else if (entries.empty()) {
      continue;
    } else if (key == "regex_flag") {
      entries.back().ignore_case = unquote(value) == "i";
    } else if (key == "family_replacement" || key == "os_replacement" || key == "device_replacement") {
      entries.back().replacement = unquote(value);
    }
  }
  std::erase_if(entries, [](const PatternEntry& entry) { return entry.regex.empty(); });
  return entries;
}

}  // namespace footfall::lookup
