// SPDX-License-Identifier: Apache-2.0
// WordFinder: which of some thousand words occur in a text, in one walk over the text.
//
// Aho and Corasick's automaton ("Efficient string matching", 1975), with every failure edge resolved beforehand. Bytes
// that occur in no word share one column, and upper case is folded to lower, so that a table of 13,000 states is about
// 1 MB.
//
//          next_[state * columns_ + column_of_[byte]] -> state
//          word_at_[state] -> the longest word that ends here; also_at_[state] -> the state of the next shorter one
//
// find() costs about two nanoseconds a byte and a store per word found. It is what lets a thousand regular expressions
// be tried for the price of two or three. Immutable after construction; any thread. Tested by
// tests/unit/lookup/word_finder_test.cc against std::string::find.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace footfall::lookup {

class WordFinder {
 public:
  WordFinder() = default;
  // Words in lower case, none empty; equal ones are found under the number of the last. At most 65,535 letters in all.
  explicit WordFinder(const std::vector<std::string>& words);
  // Adds the number of each word that occurs in `text`, letter case ignored (ASCII), to `found`: once each, in no
  // order.
  void find(std::string_view text, std::vector<int>& found) const;

 private:
  static constexpr int kNone = -1;
  std::array<std::uint8_t, 256> column_of_{};
  std::size_t columns_ = 1;
  std::vector<std::uint16_t> next_;
  std::vector<int> word_at_;            // state -> the word that ends here, or kNone
  std::vector<std::uint16_t> also_at_;  // state -> the nearest state on the way of failures where a word ends; 0: none
};

}  // namespace footfall::lookup
