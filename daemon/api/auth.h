// SPDX-License-Identifier: Apache-2.0
// Who is asking: the bearer's secret to the token it belongs to.
//
// Tokens are kept as SHA-256 of their secret. A secret is hashed first, then compared with every digest in constant
// time, without an early end: neither which byte differs nor which token matched can be timed.
// Tested by tests/unit/api/auth_test.cc.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "http/request.h"
#include "sites/registry.h"

namespace footfall::api {

// The secret in `Authorization: Bearer SECRET` (the scheme in any case); empty when there is none.
std::string_view bearer_of(const http::Request& request);

std::array<std::uint8_t, 32> digest_of(std::string_view secret);  // SHA-256
// A new one: 256 random bits, base64url without padding (43 characters).
std::string drawn_secret();
bool expired(const sites::Token& token, std::int64_t now_s);

// The token of this secret that has not expired; nullptr if there is none. A pointer into `tokens`.
const sites::Token* find_token(const std::vector<sites::Token>& tokens, std::string_view secret, std::int64_t now_s);

// Whether the token has any of the scopes in `scopes` and is not bound to another site. `site` {0}: no site in
// particular, which a bound token may not.
bool allows(const sites::Token& token, std::uint32_t scopes, sites::SiteId site);

}  // namespace footfall::api
