// SPDX-License-Identifier: Apache-2.0
#include "logs/syslog_message.h"

#include <algorithm>
#include <array>

#include "logs/text.h"

namespace footfall::logs {
namespace {

constexpr unsigned kPriorityMax = 191;

bool is_letter(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

// Takes the bytes up to the next space, and the space; empty: there are none.
std::string_view take_word(std::string_view& text) {
  const std::size_t space = text.find(' ');
  const std::string_view word = text.substr(0, space);
  text.remove_prefix(space == std::string_view::npos ? text.size() : space + 1);
  return word;
}

// "Nov 29 06:52:00 "; the day may have a space for its first digit.
constexpr std::size_t kStampSize = 16;
bool is_stamp(std::string_view text) {
  if (text.size() < kStampSize) return false;
  constexpr std::string_view kShape = "aaa d0 00:00:00 ";
  for (std::size_t i = 0; i < kStampSize; ++i) {
    const char c = text[i];
    const bool fits = kShape[i] == 'a'   ? is_letter(c)
                      : kShape[i] == '0' ? is_digit(c)
                      : kShape[i] == 'd' ? is_digit(c) || c == ' '
                                         : c == kShape[i];
    if (!fits) return false;
  }
  return true;
}

// The word that begins "2026-11-29T06:52:00".
bool begins_iso_stamp(std::string_view text) {
  constexpr std::string_view kShape = "0000-00-00T00:00:00";
  if (text.size() < kShape.size()) return false;
  for (std::size_t i = 0; i < kShape.size(); ++i) {
    if (kShape[i] == '0' ? !is_digit(text[i]) : text[i] != kShape[i]) return false;
  }
  return true;
}

// "nginx:", "haproxy[812]:"; `name` is what stands before.
bool is_tag(std::string_view word, std::string_view& name) {
  if (!word.ends_with(':')) return false;
  word.remove_suffix(1);
  if (word.ends_with(']')) {
    const std::size_t open = word.find('[');
    if (open == std::string_view::npos) return false;
    const std::string_view process = word.substr(open + 1, word.size() - open - 2);
    if (process.find_first_of("[]") != std::string_view::npos) return false;
    word = word.substr(0, open);
  }
  const bool plain = std::all_of(word.begin(), word.end(), [](char c) {
    return is_letter(c) || is_digit(c) || c == '_' || c == '-' || c == '.' || c == '/';
  });
  if (word.empty() || !plain) return false;
  name = word;
  return true;
}

// What stands behind "<190>1 ". False: it breaks the grammar.
bool read_5424(std::string_view text, SyslogMessage& out) {
  const std::string_view stamp = take_word(text);
  const std::string_view host = take_word(text);
  out.tag = take_word(text);
  const std::string_view process = take_word(text);
  const std::string_view kind = take_word(text);
  if (stamp.empty() || host.empty() || out.tag.empty() || process.empty() || kind.empty()) return false;
  if (out.tag == "-") out.tag = {};
  if (text.starts_with('-')) {
    text.remove_prefix(1);
  } else if (text.starts_with('[')) {
    while (text.starts_with('[')) {
      bool quoted = false;
      std::size_t i = 1;
      for (; i < text.size() && (quoted || text[i] != ']'); ++i) {
        if (text[i] == '"') quoted = !quoted;
        if (text[i] == '\\' && quoted) ++i;
      }
      if (i >= text.size()) return false;
      text.remove_prefix(i + 1);
    }
  } else {
    return false;
  }
  if (!text.empty() && text.front() != ' ') return false;
  if (!text.empty()) text.remove_prefix(1);
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  out.line = text;
  return true;
}

// What stands behind "<190>" else.
void read_3164(std::string_view text, SyslogMessage& out) {
  out.tag = {};
  out.line = text;
  if (is_stamp(text)) {
    text.remove_prefix(kStampSize);
  } else if (begins_iso_stamp(text)) {
    take_word(text);
  } else {
    return;
  }
  out.line = text;
  std::string_view rest = text;
  if (is_tag(take_word(rest), out.tag) || is_tag(take_word(rest), out.tag)) out.line = rest;
}

}  // namespace

std::string_view name_of(SyslogFault fault) {
  static constexpr std::array<std::string_view, static_cast<std::size_t>(SyslogFault::count_)> kNames = {
      "none", "priority", "header", "empty", "truncated", "line"};
  return kNames.at(static_cast<std::size_t>(fault));
}

SyslogFault read_syslog(std::string_view datagram, SyslogMessage& out) {
  while (!datagram.empty() && (datagram.back() == '\n' || datagram.back() == '\r' || datagram.back() == '\0'))
    datagram.remove_suffix(1);
  out = {};
  if (!datagram.starts_with('<')) {
    out.line = datagram;
  } else {
    const std::size_t close = datagram.substr(0, 5).find('>');
    if (close == std::string_view::npos || close == 1) return SyslogFault::priority;
    unsigned priority = 0;
    for (const char c : datagram.substr(1, close - 1)) {
      if (!is_digit(c)) return SyslogFault::priority;
      priority = priority * 10 + digit(c);
    }
    if (priority > kPriorityMax) return SyslogFault::priority;
    const std::string_view rest = datagram.substr(close + 1);
    if (rest.starts_with("1 ")) {
      if (!read_5424(rest.substr(2), out)) return SyslogFault::header;
    } else {
      read_3164(rest, out);
    }
  }
  while (out.line.starts_with(' ')) out.line.remove_prefix(1);
  return out.line.empty() ? SyslogFault::empty : SyslogFault::none;
}

}  // namespace footfall::logs
