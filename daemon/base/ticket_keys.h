// SPDX-License-Identifier: Apache-2.0
// The keys under which a server gives out session tickets: a new one every 12 hours, and the one before is known for as
// long again, so that who has the memory of the process reads no session of the day before.
//
//     ticket under  this key      goes on
//                   the last one  goes on, and gets a ticket under this one
//                   an older one  a full handshake
//
// AES-256 in CBC and HMAC-SHA-256 (RFC 5077, 4), by OpenSSL. Only in memory; a restart, and another context, has keys
// of its own. Ownership  the context keeps them. Threading  any. Tested by tests/unit/base/ticket_keys_test.cc.
#pragma once

#include <cstdint>

#include "base/clock.h"

struct ssl_ctx_st;  // NOLINT(readability-identifier-naming): OpenSSL's name

namespace footfall::base {

inline constexpr std::int64_t kTicketKeyLife_s = std::int64_t{12} * 3600;

// `clock` outlives `context`.
void rotate_ticket_keys(ssl_ctx_st* context, const Clock& clock);

}  // namespace footfall::base
