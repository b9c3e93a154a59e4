// SPDX-License-Identifier: Apache-2.0
// One command to Redis while nothing else of the daemon talks to it: before its threads begin, and after they ended.
//
// Ownership  client, sockets and loop are its own, and go with it. Threading: the caller's, which waits.
// Errors     unavailable: no answer in time, or an error of Redis; then nobody knows whether it was carried out.
//            Throws base::Failure where the authorities for TLS cannot be read.
// Tested by tests/integration/copies_test.py.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/tls.h"
#include "redis/reply.h"
#include "redis_options.h"

namespace footfall {

// Absent: the target is not to be reached by TLS. Throws base::Failure: the authorities cannot be read.
std::optional<base::TlsContext> tls_of(const RedisOptions& options);

// REQUIRES: options.target.
base::Result<redis::Reply> call_once(const RedisOptions& options, const base::Clock& clock,
                                     const std::vector<std::string>& words, std::chrono::milliseconds at_most);

}  // namespace footfall
