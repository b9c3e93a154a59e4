// SPDX-License-Identifier: Apache-2.0
// What to say when not a single line of a log could be read: it is compressed in a way that is not understood, or it
// has another format than was said. Tested by tests/unit/client/unreadable_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/errors.h"

namespace footfall::cli {

// How many lines were read, and how the first of those that could not be begins.
class Readability {
 public:
  void readable() { ++readable_; }
  void unreadable(std::string_view line) {
    if (unreadable_++ == 0) first_ = line.substr(0, kMagicMax);
  }
  // malformed, with one advice, if there were lines and none was readable.
  base::Result<void> judge(std::string_view format) const;

 private:
  static constexpr std::size_t kMagicMax = 8;
  std::uint64_t readable_ = 0, unreadable_ = 0;
  std::string first_;
};

}  // namespace footfall::cli
