// SPDX-License-Identifier: Apache-2.0
#include "sites/batch_claim.h"

#include <cassert>
#include <utility>

#include "sites/records.h"

namespace footfall::sites {

BatchClaim::BatchClaim(BatchClaim&& other) noexcept
    : imports_(std::exchange(other.imports_, nullptr)),
      keys_(std::exchange(other.keys_, nullptr)),
      import_(std::move(other.import_)),
      key_(std::move(other.key_)) {}

BatchClaim& BatchClaim::operator=(BatchClaim&& other) noexcept {
  if (this == &other) return *this;
  release();
  imports_ = std::exchange(other.imports_, nullptr);
  keys_ = std::exchange(other.keys_, nullptr);
  import_ = std::move(other.import_);
  key_ = std::move(other.key_);
  return *this;
}

const Imports::Claim& BatchClaim::claim_part(Imports& imports, SiteId site, std::string_view source,
                                             std::uint64_t position, std::int64_t now_s) {
  assert(!holds());
  import_ = imports.claim(site, source, position, now_s);
  if (import_.state == Imports::State::claimed) imports_ = &imports;
  return import_;
}

const Imports::Claim& BatchClaim::claim_followed(Imports& imports, SiteId site, std::string_view source,
                                                 std::uint64_t after, std::uint64_t position, std::string_view mark,
                                                 std::int64_t now_s) {
  assert(!holds());
  import_ = imports.follow(site, source, after, position, mark, now_s);
  if (import_.state == Imports::State::claimed) imports_ = &imports;
  return import_;
}

const BatchKeys::Claim& BatchClaim::claim_key(BatchKeys& keys, std::string_view key, const BodyDigest& digest,
                                              std::int64_t now_s) {
  assert(!holds());
  key_ = keys.claim(key, digest, now_s);
  if (key_.state == BatchKeys::State::claimed) keys_ = &keys;
  return key_;
}

void BatchClaim::set_answer(std::string_view answer) {
  assert(holds_key() && answer.size() <= kBatchAnswerMax);
  key_.key.answer = answer;
}

void BatchClaim::encode(std::string& payload) const {
  if (imports_ != nullptr)
    encode_progress(payload, import_.site, import_.source, import_.position, import_.at_s, import_.mark);
  if (keys_ != nullptr) encode_batch_key(payload, key_.key);
}

void BatchClaim::settle() {
  if (imports_ != nullptr) imports_->settle(import_);
  if (keys_ != nullptr) keys_->settle(std::move(key_.key));
  imports_ = nullptr;
  keys_ = nullptr;
}

void BatchClaim::release() {
  if (imports_ != nullptr) imports_->release(import_);
  if (keys_ != nullptr) keys_->release(key_.key.key);
  imports_ = nullptr;
  keys_ = nullptr;
}

}  // namespace footfall::sites
