// SPDX-License-Identifier: Apache-2.0
// Fields: the keys of a native ping, read from a query, a form or a JSON object into one table of texts.
//
// Values are texts: a JSON number or boolean is its spelling, null and "" are as good as absent. Where a key is
// repeated the last value counts. Unknown keys are passed over and counted; nested values are refused only under known
// keys. Tested by tests/unit/ingest/fields_test.cc; fuzzed by tests/fuzz/native_fuzz.cc and batch_fuzz.cc.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/errors.h"
#include "ingest/arena.h"

namespace footfall::ingest {

enum class Key : std::uint8_t {
  site,
  path,
  url,
  ref,
  title,
  kind,
  name,
  format,  // of every ping
  time,
  address,
  agent,
  visitor,  // of an item of a batch
  count_
};
inline constexpr std::size_t kKeys = static_cast<std::size_t>(Key::count_);
std::string_view name_of(Key key);
// Key::count_ if it is none.
Key key_from(std::string_view name);

struct Fields {
  std::array<std::string_view, kKeys> values{};  // key -> value; in the bytes that were read, or in the arena
  std::uint32_t unknown = 0;                     // keys that are none of these

  std::string_view operator[](Key key) const { return values[static_cast<std::size_t>(key)]; }
};

// "site=example.vn&path=%2Fp". Malformed: a percent sign without two digits in the value of a known key.
base::Result<void> read_form(std::string_view text, Arena& arena, Fields& fields);
// One JSON object and nothing behind it; `readable` bytes may be read from its begin (what lies behind the text is not
// looked at as content): where they are kJsonPadding more than the text no copy is made. Values are copied into the
// arena.
inline constexpr std::size_t kJsonPadding = 64;
base::Result<void> read_json(std::string_view text, std::size_t readable, Arena& arena, Fields& fields);

}  // namespace footfall::ingest
