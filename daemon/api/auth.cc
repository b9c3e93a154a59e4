// SPDX-License-Identifier: Apache-2.0
#include "api/auth.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "base/hash.h"

namespace footfall::api {

std::string_view bearer_of(const http::Request& request) {
  constexpr std::string_view kScheme = "bearer";
  std::string_view value = request.field(http::Field::authorization);
  if (value.size() <= kScheme.size() || value[kScheme.size()] != ' ') return {};
  for (std::size_t i = 0; i < kScheme.size(); ++i) {
    const char c = value[i] >= 'A' && value[i] <= 'Z' ? static_cast<char>(value[i] - 'A' + 'a') : value[i];
    if (c != kScheme[i]) return {};
  }
  value.remove_prefix(kScheme.size());
  while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
  return value;
}

std::array<std::uint8_t, 32> digest_of(std::string_view secret) {
  std::array<std::uint8_t, 32> digest{};
  static_assert(SHA256_DIGEST_LENGTH == 32);
  SHA256(reinterpret_cast<const unsigned char*>(secret.data()), secret.size(), digest.data());
  return digest;
}

std::string drawn_secret() {
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::array<unsigned char, 33> bytes{};
  base::random_bytes(bytes.data(), 32);
  std::string out;
  for (std::size_t i = 0; i < 33; i += 3) {
    const std::uint32_t triple =
        std::uint32_t{bytes.at(i)} << 16U | std::uint32_t{bytes.at(i + 1)} << 8U | bytes.at(i + 2);
    for (const unsigned shift : {18U, 12U, 6U, 0U}) out.push_back(kAlphabet[triple >> shift & 63U]);
  }
  out.resize(43);
  return out;
}

const sites::Token* find_token(const std::vector<sites::Token>& tokens, std::string_view secret, std::int64_t now_s) {
  if (secret.empty()) return nullptr;
  const std::array<std::uint8_t, 32> digest = digest_of(secret);
  const sites::Token* found = nullptr;
  for (const sites::Token& token : tokens) {
    if (CRYPTO_memcmp(token.digest.data(), digest.data(), digest.size()) == 0) found = &token;
  }
  return found == nullptr || expired(*found, now_s) ? nullptr : found;
}

bool expired(const sites::Token& token, std::int64_t now_s) {
  return token.expires_s != 0 && token.expires_s <= now_s;
}

bool allows(const sites::Token& token, std::uint32_t scopes, sites::SiteId site) {
  if ((token.scopes & scopes) == 0) return false;
  return !token.site.has_value() || *token.site == site;
}

}  // namespace footfall::api
