// SPDX-License-Identifier: Apache-2.0
// How hits are written into the body of POST /v1/hits: the one place that knows the encoding. Items are put one behind
// another; a batch can be cut between any two. Here: the `hits` of a footfall.v1.HitBatch
// (proto/footfall/v1/hit.proto), which cost the daemon three quarters of what lines of JSON do, written by hand: an
// application links no protobuf. Tested by tests/unit/client_cpp/hit_encoder_test.cc, against the generated code.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "footfall/client.h"

namespace footfall::client {

inline constexpr std::string_view kBatchContentType = "application/x-protobuf";

// Appends one item. What is empty is left out, and the time where `time_s` is Hit::kNow: the daemon takes its own.
void append_hit(std::string& body, const Hit& hit, std::int64_t time_s);

// Times within these take the same room. 2001 to 2286.
inline constexpr std::int64_t kStampMin = 1'000'000'000;
inline constexpr std::int64_t kStampMax = 9'999'999'999;
// Adds to the time of the item that ends at `end`; what comes out is kept within the bounds. REQUIRES: so is it now.
void move_time(std::string& body, std::size_t end, std::int64_t by_s);

}  // namespace footfall::client
