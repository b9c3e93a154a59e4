// SPDX-License-Identifier: Apache-2.0
// TableHash: table_hash() under keys of one's own, to look at many sets of them. What it is stands in table_hash.cc.
//
// Threading  immutable after construction; any thread. Tested by tests/unit/base/hash_test.cc.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace footfall::base {

class TableHash {
 public:
  struct Keys {
    Keys() noexcept;  // drawn from the system's generator

    std::array<std::uint64_t, 128> words;
    std::array<std::uint64_t, 8> last;  // a to d, two each
  };

  std::uint64_t operator()(std::string_view bytes) const noexcept;

 private:
  Keys keys_;
};

}  // namespace footfall::base
