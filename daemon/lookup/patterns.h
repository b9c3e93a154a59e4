// SPDX-License-Identifier: Apache-2.0
// Patterns: a list of regular expressions of which the first that matches counts, for lists of hundreds.
//
// RE2 says which words must occur for an expression to match (its FilteredRE2); a WordFinder finds the words that do
// occur; only what is left is run, in the order of the list. So a list of 625 costs about as much as three of its
// expressions. Expressions that RE2 refuses (it has no look-around) are left out and counted. Text is bytes, not UTF-8:
// agents often are not. Immutable after finish(); any thread. Tested by tests/unit/lookup/patterns_test.cc against
// trying them one by one.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

namespace footfall::lookup {

class Patterns {
 public:
  Patterns();
  ~Patterns();
  Patterns(Patterns&&) noexcept;
  Patterns& operator=(Patterns&&) noexcept;

  // False if RE2 cannot compile it; `number` is what first_match() answers with.
  bool add(std::string_view expression, bool ignore_case, std::size_t number);
  // No add() behind it; no first_match() before it.
  void finish();

  struct Match {
    bool found = false;
    std::size_t number = 0;
    std::string_view group;  // of the text: what the first parentheses held
  };
  Match first_match(std::string_view text) const;
  std::size_t size() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace footfall::lookup
