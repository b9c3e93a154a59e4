// SPDX-License-Identifier: Apache-2.0
// Text for people: bytes of a log made safe to show, numbers with separators, tables.
// Tested by tests/unit/client/text_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace footfall::cli {

// UTF-8: `bytes` as they are if they are UTF-8, else each byte as its latin-1 code point.
std::string to_utf8(std::string_view bytes);

// The same with control characters as \x1b, so that a log cannot steer the terminal.
std::string printable(std::string_view bytes);
// The same, line by line.
std::string printable_lines(std::string_view bytes);

// 'it'\''s' where a shell needs it.
std::string shell_quoted(std::string_view word);

// "41,450,791"
std::string grouped(std::uint64_t number);
// "+41,448,774", "-5"
std::string grouped_signed(std::int64_t number);

// How many columns UTF-8 text takes, taking each code point for one.
std::size_t columns(std::string_view utf8);

// Rows of cells, each column as wide as its widest cell.
class Table {
 public:
  enum class Align { left, right };
  explicit Table(std::vector<Align> columns) : align_(std::move(columns)) {}
  // REQUIRES: as many cells as columns.
  void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  // Each line begins with `indent`; two spaces stand between columns; no line ends in a space.
  std::string text(std::string_view indent = "") const;

 private:
  std::vector<Align> align_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace footfall::cli
