// SPDX-License-Identifier: Apache-2.0
#include "sites/batch_keys.h"

#include <algorithm>
#include <tuple>

namespace footfall::sites {
namespace {

constexpr std::size_t kIncarnationDigits = 32;
constexpr std::size_t kNameMax = 128;
// Of an entry beside its texts: two tree nodes, digest, string headers.
constexpr std::size_t kEntryBytes = 256;
// More than a claim adds, so that the table shrinks; few enough that no claim waits for it.
constexpr int kForgottenPerClaim = 64;

constexpr std::int64_t kSecondEnd = 253'402'300'800;  // of the year 9999

}  // namespace

bool valid_batch_key(std::string_view key) {
  if (key.size() < kIncarnationDigits + 2 || key.size() > kIncarnationDigits + 1 + kNameMax) return false;
  if (key[kIncarnationDigits] != '/') return false;
  constexpr std::string_view kName = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-";
  return incarnation_of(key).find_first_not_of("0123456789abcdef") == std::string_view::npos &&
         key.substr(kIncarnationDigits + 1).find_first_not_of(kName) == std::string_view::npos;
}

std::string_view incarnation_of(std::string_view batch_key) {
  return batch_key.substr(0, kIncarnationDigits);
}

void encode(const BatchKey& key, base::ByteWriter& out) {
  out.string(key.key);
  out.raw({reinterpret_cast<const char*>(key.digest.data()), key.digest.size()});
  out.svarint(key.expires_s);
  out.string(key.answer);
}

bool decode(base::ByteReader& in, BatchKey& key) {
  key.key = in.string();
  const std::string_view digest = in.raw(key.digest.size());
  key.expires_s = in.svarint();
  key.answer = in.string();
  if (!in.ok() || !valid_batch_key(key.key) || key.expires_s < 0 || key.expires_s >= kSecondEnd) return false;
  std::copy(digest.begin(), digest.end(), key.digest.begin());
  return true;
}

void BatchKeys::set_limits(const BatchKeyLimits& limits) {
  const base::MutexLock lock(mutex_);
  limits_ = limits;
}

BatchKeys::Claim BatchKeys::claim(std::string_view key, const BodyDigest& digest, std::int64_t now_s) {
  Claim claim{State::claimed, {std::string(key), digest, now_s + kBatchKeyTtl_s, {}}};
  const base::MutexLock lock(mutex_);
  forget_expired(now_s);
  if (const auto it = keys_.find(key); it != keys_.end()) {
    const Entry& entry = it->second;
    if (!entry.settled || entry.expires_s > now_s) {
      claim.state = entry.digest != digest ? State::other_body : entry.settled ? State::counted : State::under_way;
      claim.key.expires_s = entry.expires_s;
      if (claim.state == State::counted) claim.key.answer = entry.answer;
      return claim;
    }
    remove(it);
  }
  const std::size_t needed = key.size() + kBatchAnswerMax + kEntryBytes;
  if (keys_.size() >= limits_.keys_max || bytes_ + needed > limits_.bytes_max) {
    claim.state = State::full;
  } else {
    add(claim.key, false);
  }
  return claim;
}

void BatchKeys::settle(BatchKey key) {
  const base::MutexLock lock(mutex_);
  if (const auto it = keys_.find(key.key); it != keys_.end()) remove(it);
  add(std::move(key), true);
}

void BatchKeys::release(std::string_view key) {
  const base::MutexLock lock(mutex_);
  if (const auto it = keys_.find(key); it != keys_.end() && !it->second.settled) remove(it);
}

void BatchKeys::restore(BatchKey key) {
  const base::MutexLock lock(mutex_);
  if (const auto it = keys_.find(key.key); it != keys_.end()) {
    const Entry& known = it->second;
    if (std::tie(known.expires_s, known.digest, known.answer) >= std::tie(key.expires_s, key.digest, key.answer))
      return;
    remove(it);
  }
  add(std::move(key), true);
}

void BatchKeys::clear() {
  const base::MutexLock lock(mutex_);
  expiry_.clear();
  keys_.clear();
  bytes_ = 0;
}

std::size_t BatchKeys::held() const {
  const base::MutexLock lock(mutex_);
  return keys_.size();
}

std::size_t BatchKeys::bytes() const {
  const base::MutexLock lock(mutex_);
  return bytes_;
}

void BatchKeys::save(base::ByteWriter& out, std::int64_t now_s) const {
  const base::MutexLock lock(mutex_);
  const auto kept = [now_s](const Table::value_type& e) { return e.second.settled && e.second.expires_s > now_s; };
  out.varint(static_cast<std::uint64_t>(std::count_if(keys_.begin(), keys_.end(), kept)));
  for (const auto& entry : keys_) {
    if (!kept(entry)) continue;
    encode({entry.first, entry.second.digest, entry.second.expires_s, entry.second.answer}, out);
  }
}

bool BatchKeys::load(base::ByteReader& in) {
  const std::uint64_t count = in.varint();
  if (count > in.remaining()) return false;
  const base::MutexLock lock(mutex_);
  for (std::uint64_t i = 0; i < count; ++i) {
    BatchKey key;
    if (!decode(in, key)) return false;
    if (!keys_.empty() && keys_.rbegin()->first >= key.key) return false;
    add(std::move(key), true);
  }
  return in.ok();
}

std::size_t BatchKeys::cost(const Table::value_type& entry) {
  return entry.first.size() + (entry.second.settled ? entry.second.answer.size() : kBatchAnswerMax) + kEntryBytes;
}

void BatchKeys::add(BatchKey key, bool settled) {
  const auto [it, fresh] =
      keys_.emplace(std::move(key.key), Entry{key.digest, key.expires_s, settled, std::move(key.answer)});
  if (settled) expiry_.emplace(it->second.expires_s, it->first);
  bytes_ += cost(*it);
}

void BatchKeys::remove(Table::iterator it) {
  if (it->second.settled) expiry_.erase({it->second.expires_s, it->first});
  bytes_ -= cost(*it);
  keys_.erase(it);
}

void BatchKeys::forget_expired(std::int64_t now_s) {
  for (int i = 0; i < kForgottenPerClaim && !expiry_.empty() && expiry_.begin()->first <= now_s; ++i) {
    remove(keys_.find(expiry_.begin()->second));
  }
}

}  // namespace footfall::sites
