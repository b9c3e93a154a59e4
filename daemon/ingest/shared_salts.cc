// SPDX-License-Identifier: Apache-2.0
// The sealed text:  version: u8 = 1  day: svarint  key: 32 bytes
#include "ingest/shared_salts.h"

#include <openssl/crypto.h>

#include <algorithm>

#include "base/bytes.h"

namespace footfall::ingest {
namespace {

constexpr std::uint8_t kVersion = 1;

}  // namespace

std::string SharedSalts::sealed() const {
  const sites::SaltsState& state = salts_.state();
  std::string plain;
  plain.reserve(64);  // no copy is left behind
  base::ByteWriter out(plain);
  out.u8(kVersion);
  out.svarint(state.day);
  for (const std::uint8_t byte : state.key) out.u8(byte);
  std::string value = key_.seal(plain, name());
  OPENSSL_cleanse(plain.data(), plain.size());
  return value;
}

base::Result<sites::SaltsState> SharedSalts::opened(std::string_view value) const {
  auto plain = key_.open(value, name());
  if (!plain) return base::Error{plain.error().code, "the salts in Redis (" + name() + "): " + plain.error().detail};
  base::ByteReader in(*plain);
  sites::SaltsState state;
  const std::uint8_t version = in.u8();
  const std::int64_t day = in.svarint();
  const std::string_view key = in.raw(state.key.size());
  std::copy(key.begin(), key.end(), state.key.begin());
  state.day = static_cast<counting::Day>(day);
  const bool fine = in.at_end() && day >= INT32_MIN && day <= INT32_MAX;
  OPENSSL_cleanse(plain->data(), plain->size());
  if (version > kVersion) {
    return base::Error{base::Errc::newer_format, "the salts in Redis are of a later release; start that one"};
  }
  if (!fine || version != kVersion) {
    return base::Error{base::Errc::malformed, "the salts in Redis (" + name() + ") break their grammar"};
  }
  return state;
}

base::Result<SharedSalts::Step> SharedSalts::found(std::optional<std::string_view> value, std::int64_t now_s) {
  if (!value) return Step{sealed(), false};
  const auto other = opened(*value);
  if (!other) return other.error();
  const auto adopted = salts_.adopt(*other, now_s);
  if (!adopted) return adopted.error();
  Step step;
  step.adopted = *adopted;
  if (other->day < salts_.state().day) step.value = sealed();
  return step;
}

}  // namespace footfall::ingest
