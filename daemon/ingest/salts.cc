// SPDX-License-Identifier: Apache-2.0
#include "ingest/salts.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace footfall::ingest {
namespace {

constexpr std::string_view kStep = "footfall salt";
constexpr std::int64_t kEarliestZone_s = 50'400;     // UTC+14
constexpr std::int64_t kReplacedKept_s = 3600 + 60;  // the longest window there is
constexpr std::int64_t kDaysApartMax = 36'525;       // of two states that are compared: a century

using Key = std::array<std::uint8_t, 32>;

Key sha256(std::string_view bytes) {
  Key out{};
  unsigned size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), out.data(), &size, EVP_sha256(), nullptr) != 1 || size != out.size()) {
    // Without SHA-256 no visitor can be told from another: there is no way to go on, and it cannot happen halfway.
    throw base::Failure({base::Errc::unavailable, "OpenSSL has no SHA-256"});
  }
  return out;
}

std::string_view view(const Key& key) {
  const void* const bytes = key.data();
  return {static_cast<const char*>(bytes), key.size()};
}

// K(d) to K(d+1), in place.
void step(Key& key) {
  std::array<char, kStep.size() + 32> input{};
  std::memcpy(input.data(), kStep.data(), kStep.size());
  std::memcpy(input.data() + kStep.size(), key.data(), key.size());
  key = sha256({input.data(), input.size()});
  OPENSSL_cleanse(input.data(), input.size());
}

base::SipKey sip_key(const Key& key) {
  Key digest = sha256(view(key));
  base::SipKey out;
  std::memcpy(&out.k0, digest.data(), 8);
  std::memcpy(&out.k1, digest.data() + 8, 8);
  OPENSSL_cleanse(digest.data(), digest.size());
  return out;
}

void step_to(sites::SaltsState& state, counting::Day day) {
  for (; state.day < day; ++state.day) step(state.key);
}

bool same_chain(sites::SaltsState a, sites::SaltsState b) {
  if (std::abs(std::int64_t{a.day} - b.day) > kDaysApartMax) return false;
  step_to(a, b.day);
  step_to(b, a.day);
  return a.key == b.key;
}

counting::Day latest_needed(std::int64_t now_s) {  // and one day to spare, for a rotation that comes late
  return static_cast<counting::Day>(counting::floor_div(now_s + kEarliestZone_s, 86'400) + 1);
}

}  // namespace

SaltKeys::~SaltKeys() {
  for (auto& [day, key] : by_day) OPENSSL_cleanse(&key, sizeof key);
  for (auto& [day, key] : replaced_by_day) OPENSSL_cleanse(&key, sizeof key);
}

Salts::~Salts() {
  for (auto& [day, key] : replaced_by_day_) OPENSSL_cleanse(&key, sizeof key);
}

base::Result<std::unique_ptr<Salts>> Salts::open(base::FileSystem& files, const std::string& path, std::int64_t now_s) {
  std::unique_ptr<Salts> salts(new Salts(files, path));
  auto read = sites::read_salts(files, path);
  if (!read && read.error().code != base::Errc::not_found) return read.error();
  if (read && !sites::is_of_the_future(read->day, now_s)) {
    salts->oldest_ = *read;
    salts->written_ = true;
  } else {
    base::random_bytes(salts->oldest_.key.data(), salts->oldest_.key.size());
    salts->oldest_.day = sites::oldest_salt_day(now_s);
    salts->is_new_ = true;
  }
  if (const auto rotated = salts->rotate(now_s); !rotated) return rotated.error();
  return salts;
}

base::Result<bool> Salts::rotate(std::int64_t now_s) {
  if (oldest_.day < sites::oldest_salt_day(now_s)) {
    step_to(oldest_, sites::oldest_salt_day(now_s));
    written_ = false;
  }
  const counting::Day latest = std::max(latest_needed(now_s), oldest_.day);
  const bool forgot = forget_replaced(now_s);
  const bool changed = forgot || keys_ == nullptr || keys_->by_day.begin()->first != oldest_.day ||
                       keys_->by_day.rbegin()->first < latest;
  if (changed) derive_keys(latest);
  if (!written_) {
    if (const auto wrote = sites::write_salts(files_, path_, oldest_); !wrote) return wrote.error();
    written_ = true;
  }
  return changed;
}

base::Result<bool> Salts::adopt(const sites::SaltsState& other, std::int64_t now_s) {
  if (same_chain(oldest_, other)) return false;
  if (sites::is_of_the_future(other.day, now_s)) {
    return base::Error{base::Errc::conflict,
                       "the cluster's salts are of a day that has not come here; is the clock right?"};
  }
  forget_replaced(INT64_MAX);
  replaced_by_day_ = keys_->by_day;
  replaced_at_s_ = now_s;
  oldest_ = other;
  written_ = false;
  keys_.reset();
  static_cast<void>(rotate(now_s));
  return true;
}

bool Salts::forget_replaced(std::int64_t now_s) {
  if (replaced_by_day_.empty() || now_s < replaced_at_s_ + kReplacedKept_s) return false;
  for (auto& [day, key] : replaced_by_day_) OPENSSL_cleanse(&key, sizeof key);
  replaced_by_day_.clear();
  return true;
}

void Salts::derive_keys(counting::Day latest_day) {
  const auto keys = std::make_shared<SaltKeys>();
  keys->replaced_by_day = replaced_by_day_;
  keys->replaced_at_s = replaced_at_s_;
  Key key = oldest_.key;
  for (counting::Day day = oldest_.day; day <= latest_day; ++day) {
    keys->by_day.emplace(day, sip_key(key));
    step(key);
  }
  OPENSSL_cleanse(key.data(), key.size());
  keys_ = keys;
}

}  // namespace footfall::ingest
