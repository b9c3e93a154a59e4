// SPDX-License-Identifier: Apache-2.0
#include "sites/batch_keys.h"

#include <algorithm>
#include <cassert>
#include <charconv>
#include <tuple>

namespace footfall::sites {
namespace {

constexpr std::size_t kIncarnationDigits = 32;
constexpr std::size_t kNameMax = 128;
constexpr std::size_t kNumberDigitsMax = 18;
// Of an entry beside its texts: two tree nodes, digest, string headers.
constexpr std::size_t kEntryBytes = 272;
// More than a claim adds, so that the table shrinks; few enough that no claim waits for it.
constexpr int kForgottenPerClaim = 64;

constexpr std::int64_t kSecondEnd = 253'402'300'800;  // of the year 9999

struct Parts {
  std::string_view name;  // with its incarnation
  std::uint64_t number = 0;
};

// REQUIRES: valid_batch_key(key).
Parts parts_of(std::string_view key) {
  Parts parts{key.substr(0, key.find('/', kIncarnationDigits + 1)), 0};
  if (parts.name.size() < key.size())
    std::from_chars(key.data() + parts.name.size() + 1, key.data() + key.size(), parts.number);
  return parts;
}

std::string key_of(std::string_view name, std::uint64_t number) {
  std::string key(name);
  if (number > 0) key.append("/").append(std::to_string(number));
  return key;
}

bool valid_number(std::string_view digits) {
  return !digits.empty() && digits.size() <= kNumberDigitsMax && digits.front() != '0' &&
         digits.find_first_not_of("0123456789") == std::string_view::npos;
}

}  // namespace

bool valid_batch_key(std::string_view key) {
  if (key.size() < kIncarnationDigits + 2 || key[kIncarnationDigits] != '/') return false;
  constexpr std::string_view kName = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-";
  const std::string_view rest = key.substr(kIncarnationDigits + 1);
  const std::string_view name = rest.substr(0, rest.find('/'));
  return incarnation_of(key).find_first_not_of("0123456789abcdef") == std::string_view::npos && !name.empty() &&
         name.size() <= kNameMax && name.find_first_not_of(kName) == std::string_view::npos &&
         (name.size() == rest.size() || valid_number(rest.substr(name.size() + 1)));
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
  const auto [name, number] = parts_of(key);
  Claim claim{State::claimed, {std::string(key), digest, now_s + kBatchKeyTtl_s, {}}};
  const base::MutexLock lock(mutex_);
  forget_expired(now_s);
  auto it = keys_.find(name);
  if (it != keys_.end() && it->second.counted && it->second.counted->expires_s <= now_s) {
    forget_counted(it);
    it = keys_.find(name);
  }
  if (it != keys_.end()) {
    const Entry& entry = it->second;
    if (const auto& counted = entry.counted) {
      claim.key.expires_s = std::max(claim.key.expires_s, counted->expires_s);
      if (number == counted->number) {
        claim.state = counted->digest == digest ? State::counted : State::other_body;
        claim.key.expires_s = counted->expires_s;
        if (claim.state == State::counted) claim.key.answer = counted->answer;
        return claim;
      }
      if (number < counted->number) {
        claim.state = State::passed;
        return claim;
      }
    }
    if (const auto& claimed = entry.claimed) {
      claim.state = number == claimed->number && digest != claimed->digest ? State::other_body : State::under_way;
      return claim;
    }
  }
  const std::size_t needed = kBatchAnswerMax + (it == keys_.end() ? name.size() + kEntryBytes : 0);
  if ((it == keys_.end() && keys_.size() >= limits_.keys_max) || bytes_ + needed > limits_.bytes_max) {
    claim.state = State::full;
    return claim;
  }
  if (it == keys_.end()) it = keys_.try_emplace(std::string(name)).first;
  it->second.claimed = std::make_unique<Claimed>(Claimed{number, digest});
  bytes_ += needed;
  return claim;
}

void BatchKeys::settle(BatchKey key) {
  const base::MutexLock lock(mutex_);
  count(std::move(key));
}

void BatchKeys::release(std::string_view key) {
  const auto [name, number] = parts_of(key);
  const base::MutexLock lock(mutex_);
  const auto it = keys_.find(name);
  if (it == keys_.end() || !it->second.claimed || it->second.claimed->number != number) return;
  bytes_ -= cost(*it);
  it->second.claimed.reset();
  if (it->second.counted) {
    bytes_ += cost(*it);
  } else {
    keys_.erase(it);
  }
}

void BatchKeys::restore(BatchKey key) {
  const auto [name, number] = parts_of(key.key);
  const base::MutexLock lock(mutex_);
  if (const auto it = keys_.find(name); it != keys_.end() && it->second.counted) {
    const Counted& known = *it->second.counted;
    if (std::tie(known.expires_s, known.number, known.digest, known.answer) >=
        std::tie(key.expires_s, number, key.digest, key.answer))
      return;
  }
  count(std::move(key));
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
  const auto kept = [now_s](const Table::value_type& e) {
    return e.second.counted && e.second.counted->expires_s > now_s;
  };
  out.varint(static_cast<std::uint64_t>(std::count_if(keys_.begin(), keys_.end(), kept)));
  for (const auto& entry : keys_) {
    if (!kept(entry)) continue;
    const Counted& counted = *entry.second.counted;
    encode({key_of(entry.first, counted.number), counted.digest, counted.expires_s, counted.answer}, out);
  }
}

bool BatchKeys::load(base::ByteReader& in) {
  const std::uint64_t names = in.varint();
  if (names > in.remaining()) return false;
  const base::MutexLock lock(mutex_);
  for (std::uint64_t i = 0; i < names; ++i) {
    BatchKey key;
    if (!decode(in, key)) return false;
    if (!keys_.empty() && keys_.rbegin()->first >= parts_of(key.key).name) return false;
    count(std::move(key));
  }
  return in.ok();
}

std::size_t BatchKeys::cost(const Table::value_type& entry) {
  const auto& [counted, claimed] = entry.second;
  return entry.first.size() + kEntryBytes + (counted ? counted->answer.size() : 0) + (claimed ? kBatchAnswerMax : 0);
}

void BatchKeys::count(BatchKey key) {
  const auto [name, number] = parts_of(key.key);
  const auto [it, fresh] = keys_.try_emplace(std::string(name));
  if (!fresh) bytes_ -= cost(*it);
  Entry& entry = it->second;
  if (entry.counted) expiry_.erase({entry.counted->expires_s, it->first});
  assert(!entry.claimed || entry.claimed->number == number);
  entry.claimed.reset();
  entry.counted = Counted{number, key.digest, key.expires_s, std::move(key.answer)};
  expiry_.emplace(key.expires_s, it->first);
  bytes_ += cost(*it);
}

void BatchKeys::forget_counted(Table::iterator it) {
  auto& [counted, claimed] = it->second;
  expiry_.erase({counted->expires_s, it->first});
  if (claimed) {
    bytes_ -= counted->answer.size();
    counted.reset();
  } else {
    bytes_ -= cost(*it);
    keys_.erase(it);
  }
}

void BatchKeys::forget_expired(std::int64_t now_s) {
  for (int i = 0; i < kForgottenPerClaim && !expiry_.empty() && expiry_.begin()->first <= now_s; ++i) {
    forget_counted(keys_.find(expiry_.begin()->second));
  }
}

}  // namespace footfall::sites
