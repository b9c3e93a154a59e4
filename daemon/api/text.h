// SPDX-License-Identifier: Apache-2.0
// Text going out: UTF-8 checked, XML escaped, query values decoded. What comes from outside is hostile until it went
// through here or through JsonWriter.
// Tested by tests/unit/api/text_test.cc.
#pragma once

#include <cstddef>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace footfall::api {

inline constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

// Length of the well-formed UTF-8 sequence that `bytes` begins with; 0 if there is none. (Unicode 15, table 3-7.)
std::size_t utf8_length(std::string_view bytes);

// Appends `text` as XML character data that also fits between double quotes. Bytes that are not UTF-8, and control
// characters that XML forbids, come out as U+FFFD.
void append_xml(std::string& out, std::string_view text);

// Well-formed UTF-8 without control characters: each of those becomes a space, each stray byte U+FFFD.
std::string one_line(std::string_view text);

// Names as in a sentence: "plain, badge or digits" where `last` is " or ".
template <class Names>
std::string listed(const Names& names, std::string_view last) {
  std::string text;
  std::size_t left = std::size(names);
  for (const std::string_view name : names) {
    if (!text.empty()) text += left == 1 ? last : ", ";
    text += name;
    --left;
  }
  return text;
}
// Of what may be given.
inline std::string alternatives(std::span<const std::string_view> names) {
  return listed(names, " or ");
}

// Without blanks at its ends.
std::string_view trimmed(std::string_view text);
// Takes the next element of a field's comma separated list, trimmed.
std::string_view take_list_element(std::string_view& list);

// Takes the next pair of a query ("a=1&b=2"), key and value decoded ('+' is a space); where there is no '=', and of an
// empty pair, the value is empty. A broken percent sign stands for itself.
std::pair<std::string, std::string> take_query_pair(std::string_view& query);
// The first value of `key` in a query, decoded as there; nullopt if the key is absent.
std::optional<std::string> query_value(std::string_view query, std::string_view key);
// A limit that was asked for, 1 to `max`; `fallback` where none was; nullopt if it is none.
std::optional<std::size_t> limit_of(const std::optional<std::string>& value, std::size_t fallback, std::size_t max);

}  // namespace footfall::api
