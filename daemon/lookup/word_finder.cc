// SPDX-License-Identifier: Apache-2.0
#include "lookup/word_finder.h"

#include <algorithm>
#include <cassert>

namespace footfall::lookup {
namespace {

std::uint8_t lower(char c) {
  return static_cast<std::uint8_t>(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

}  // namespace

WordFinder::WordFinder(const std::vector<std::string>& words) {
  for (const std::string& word : words) {
    for (const char c : word) {
      std::uint8_t& column = column_of_[static_cast<std::uint8_t>(c)];
      if (column == 0) column = static_cast<std::uint8_t>(columns_++);
    }
  }
  for (unsigned c = 'A'; c <= 'Z'; ++c) column_of_[c] = column_of_[c + ('a' - 'A')];

  // The trie; 0 is the root, and stands for "no edge" until the edges of failure are filled in.
  const auto add_state = [this] {
    assert(word_at_.size() < 65'536);
    next_.resize(next_.size() + columns_);
    word_at_.push_back(kNone);
    also_at_.push_back(0);
    return static_cast<std::uint16_t>(word_at_.size() - 1);
  };
  add_state();
  for (std::size_t w = 0; w < words.size(); ++w) {
    std::size_t state = 0;
    for (const char c : words[w]) {
      const std::size_t edge = state * columns_ + column_of_[static_cast<std::uint8_t>(c)];
      if (next_[edge] == 0) {
        const std::uint16_t fresh = add_state();
        next_[edge] = fresh;
      }
      state = next_[edge];
    }
    word_at_[state] = static_cast<int>(w);
  }

  // Breadth first: a state's failure is shorter, hence complete when it is needed.
  std::vector<std::uint16_t> failure(word_at_.size(), 0);
  std::vector<std::uint16_t> queue;
  for (std::size_t column = 0; column < columns_; ++column) {
    if (next_[column] != 0) queue.push_back(next_[column]);
  }
  for (std::size_t i = 0; i < queue.size(); ++i) {
    const std::size_t state = queue[i];
    const std::size_t shorter = failure[state];
    also_at_[state] = word_at_[shorter] != kNone ? failure[state] : also_at_[shorter];
    for (std::size_t column = 0; column < columns_; ++column) {
      std::uint16_t& edge = next_[state * columns_ + column];
      const std::uint16_t fallback = next_[shorter * columns_ + column];
      if (edge == 0) {
        edge = fallback;
      } else {
        failure[edge] = fallback;
        queue.push_back(edge);
      }
    }
  }
}

void WordFinder::find(std::string_view text, std::vector<int>& found) const {
  if (next_.empty()) return;
  const auto begin = static_cast<std::ptrdiff_t>(found.size());
  std::size_t state = 0;
  for (const char c : text) {
    state = next_[state * columns_ + column_of_[lower(c)]];
    std::size_t at = word_at_[state] != kNone ? state : also_at_[state];
    for (; at != 0; at = also_at_[at]) found.push_back(word_at_[at]);
  }
  std::sort(found.begin() + begin, found.end());
  found.erase(std::unique(found.begin() + begin, found.end()), found.end());
}

}  // namespace footfall::lookup
