// SPDX-License-Identifier: Apache-2.0
// Filter: which lines of a log are page hits.
//
//     method=GET,HEAD status=2xx,304 path=/news/*,!*.png agent=!*bot*
//
// A line passes if each key does. A key passes if one of its patterns fits (or it has none but negated ones), and none
// that "!" negates. In path and agent '*' stands for any text and '?' for any character; the path is without its query.
// What is not named keeps its default: method=GET status=2xx,304.
// Tested by tests/unit/logs/filter_test.cc.
#pragma once

#include <bitset>
#include <string>
#include <string_view>
#include <vector>

#include "base/errors.h"
#include "logs/line.h"

namespace footfall::logs {

class Filter {
 public:
  Filter();  // the default

  // Terms of several texts add up; a key's patterns replace its default. invalid_config names the term.
  static base::Result<Filter> parse(const std::vector<std::string>& texts);

  bool passes(const Line& line) const {
    return statuses_[line.status] && method_.passes(line.method) && (path_.any() || path_.passes(line.path())) &&
           (agent_.any() || agent_.passes(line.agent));
  }
  // "GET answered 2xx or 304" for the default, else as it was given.
  const std::string& description() const { return description_; }

 private:
  static constexpr std::size_t kStatuses = 1000;

  struct Patterns {
    std::vector<std::string> wanted, unwanted;
    bool any() const { return wanted.empty() && unwanted.empty(); }
    // Absent text fits no pattern but "*".
    bool passes(std::optional<std::string_view> text) const;
  };
  base::Result<void> add_statuses(std::string_view pattern);

  std::bitset<kStatuses> statuses_, unwanted_statuses_;
  Patterns method_, path_, agent_;
  std::string description_ = "GET answered 2xx or 304";
};

// '*' stands for any text, '?' for any byte. Linear in practice, at worst |pattern| times |text|.
bool glob(std::string_view pattern, std::string_view text);

}  // namespace footfall::logs
