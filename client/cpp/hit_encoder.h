// SPDX-License-Identifier: Apache-2.0
// How hits are written into the body of POST /v1/hits: the one place that knows the encoding. Items are put one behind
// another; a batch can be cut between any two. Here: NDJSON, one JSON object a line.
// Tested by tests/unit/client_cpp/hit_encoder_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "footfall/client.h"

namespace footfall::client {

inline constexpr std::string_view kBatchContentType = "application/x-ndjson";

// Appends one item. What is empty is left out, and the time where `time_s` is Hit::kNow: the daemon takes its own.
void append_hit(std::string& body, const Hit& hit, std::int64_t time_s);

}  // namespace footfall::client
