// SPDX-License-Identifier: Apache-2.0
// Item: a hit of a batch, as its sender wrote it: a line of JSON, or a message of proto/footfall/v1/hit.proto.
//
//   {"site":"example.vn","path":"/p","ref":"https://...","kind":"pageview","name":"","time":1448323200,
//    "address":"192.0.2.1","agent":"Mozilla/5.0 ...","visitor":"<any text>"}
//
// time (UTC seconds, or in JSON also RFC 3339; fractions are dropped), address, agent and visitor count only with a
// token of scope `ingest`. `visitor` stands for address and agent where a log has neither. The other keys are those of
// the native dialect. Whether a time is acceptable, the caller judges.
//
// Tested by tests/unit/ingest/batch_reader_test.cc, messages against the generated code; fuzzed by
// tests/fuzz/batch_fuzz.cc.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/errors.h"
#include "ingest/arena.h"
#include "ingest/client_address.h"
#include "ingest/ping.h"

namespace footfall::ingest {

inline constexpr std::size_t kBatchItemMax = 64U << 10U;  // bytes, of one

struct Item {
  Ping ping;                      // with the site that the item names; empty: none
  std::int64_t at_s = INT64_MIN;  // INT64_MIN: now. Within the years 0 to 9999
  bool has_address = false;
  Address address;
  std::string_view agent;    // in the arena
  std::string_view visitor;  // in the arena; empty: none
};

// Everything that `item`, as it was made, is to have; its views live as long as the arena. Malformed or too large: says
// which key, and why. `readable`: see read_json().
base::Result<void> read_json_item(std::string_view line, std::size_t readable, Arena& arena, Item& item);
base::Result<void> read_protobuf_item(std::string_view message, Arena& arena, Item& item);

}  // namespace footfall::ingest
