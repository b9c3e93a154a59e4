// SPDX-License-Identifier: Apache-2.0
#include "logs/filter.h"

#include <algorithm>

#include "logs/text.h"

namespace footfall::logs {
namespace {

base::Error invalid(std::string detail) {
  return {base::Errc::invalid_config, std::move(detail)};
}

// Calls each(part) for the parts of `text` between separators, empty ones left out.
template <class Each>
void split(std::string_view text, std::string_view separators, const Each& each) {
  while (!text.empty()) {
    const std::size_t end = text.find_first_of(separators);
    if (end != 0) each(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
}

// A method, or a pattern of methods: what HTTP calls a token, or with '?'.
bool is_method(std::string_view text) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~?";
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return is_digit(c) || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || kMarks.find(c) != std::string_view::npos;
  });
}

}  // namespace

bool glob(std::string_view pattern, std::string_view text) {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;  // the last '*' met, and how much it stands for so far
  std::size_t star_text = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_text = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++star_text;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

bool Filter::Patterns::passes(std::optional<std::string_view> text) const {
  const auto fits = [&](const std::string& pattern) { return text ? glob(pattern, *text) : pattern == "*"; };
  if (!wanted.empty() && std::none_of(wanted.begin(), wanted.end(), fits)) return false;
  return std::none_of(unwanted.begin(), unwanted.end(), fits);
}

Filter::Filter() {
  method_.wanted = {"GET"};
  for (std::size_t status = 200; status < 300; ++status) statuses_.set(status);
  statuses_.set(304);
}

base::Result<void> Filter::add_statuses(std::string_view pattern) {
  const bool negated = pattern.starts_with('!');
  const std::string_view digits = pattern.substr(negated ? 1 : 0);
  const bool all = digits == "*";
  if (!all && (digits.size() != 3 ||
               !std::all_of(digits.begin(), digits.end(), [](char c) { return c == 'x' || is_digit(c); }))) {
    return invalid("\"" + std::string(pattern) + "\" is no status; write 200, 2xx, 30x or *");
  }
  for (std::size_t status = 0; status < kStatuses; ++status) {
    const char text[] = {static_cast<char>('0' + status / 100), static_cast<char>('0' + status / 10 % 10),
                         static_cast<char>('0' + status % 10)};
    bool fits = true;
    for (std::size_t i = 0; !all && i < 3; ++i) fits = fits && (digits[i] == 'x' || digits[i] == text[i]);
    if (fits) (negated ? unwanted_statuses_ : statuses_).set(status);
  }
  return {};
}

base::Result<Filter> Filter::parse(const std::vector<std::string>& texts) {
  Filter filter;
  if (texts.empty()) return filter;
  Patterns statuses;
  bool method_given = false;
  std::string problem;
  std::string description;
  for (const std::string& text : texts) {
    split(text, " \t", [&](std::string_view term) {
      const std::size_t equals = term.find('=');
      const std::string_view key = term.substr(0, equals);
      Patterns* patterns = key == "method"   ? &filter.method_
                           : key == "status" ? &statuses
                           : key == "path"   ? &filter.path_
                           : key == "agent"  ? &filter.agent_
                                             : nullptr;
      if (equals == std::string_view::npos || patterns == nullptr || equals + 1 == term.size()) {
        if (problem.empty())
          problem = "\"" + std::string(term) + "\" is no term; keys are method=, status=, path= and agent=";
        return;
      }
      if (patterns == &filter.method_ && !method_given) {
        filter.method_.wanted.clear();
        method_given = true;
      }
      split(term.substr(equals + 1), ",", [&](std::string_view pattern) {
        if (patterns == &filter.method_ && !is_method(pattern) && problem.empty()) {
          problem = "\"" + std::string(pattern) +
                    "\" is no method; spaces separate terms and commas their values: 'method=GET,HEAD status=200'";
        }
        if (pattern.starts_with('!')) {
          patterns->unwanted.emplace_back(pattern.substr(1));
        } else {
          patterns->wanted.emplace_back(pattern);
        }
      });
      description += (description.empty() ? "" : " ") + std::string(term);
    });
  }
  if (!problem.empty()) return invalid(problem);
  if (!statuses.any()) {
    // Only negated ones: all others.
    filter.statuses_.reset();
    if (statuses.wanted.empty()) filter.statuses_.set();
    for (const std::string& pattern : statuses.wanted) {
      if (auto added = filter.add_statuses(pattern); !added) return added.error();
    }
    for (const std::string& pattern : statuses.unwanted) {
      if (auto added = filter.add_statuses("!" + pattern); !added) return added.error();
    }
    filter.statuses_ &= ~filter.unwanted_statuses_;
  }
  if (!description.empty()) filter.description_ = description;
  return filter;
}

}  // namespace footfall::logs
