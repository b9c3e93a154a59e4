// SPDX-License-Identifier: Apache-2.0
// BatchClaim: what makes a batch count once, from its arrival to the end of its block: the mark of an import's source,
// or an idempotency key. Given back when it goes, unless it was settled: so that what failed may be sent again.
//
//   claim_*()  ->  encode() into the block of the hits  ->  settle() when the block is applied
//
// A block that was written but never became durable may still be replayed after a kill, until the header of the
// stream's next segment is durable: its claim must not go before. A block whose write failed is not whole, and its
// claim may go at once.
//
// Ownership  refers to the tables that it claims from, which outlive it. Threading: one thread at a time.
// Tested by tests/unit/sites/batch_claim_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "sites/batch_keys.h"
#include "sites/imports.h"

namespace footfall::sites {

class BatchClaim {
 public:
  BatchClaim() = default;
  BatchClaim(BatchClaim&& other) noexcept;
  BatchClaim& operator=(BatchClaim&& other) noexcept;
  ~BatchClaim() { release(); }

  // REQUIRES: holds nothing.
  const Imports::Claim& claim_part(Imports& imports, SiteId site, std::string_view source, std::uint64_t position,
                                   std::int64_t now_s);
  // A follower's; see Imports::follow().
  const Imports::Claim& claim_followed(Imports& imports, SiteId site, std::string_view source, std::uint64_t after,
                                       std::uint64_t position, std::string_view mark, std::int64_t now_s);
  const BatchKeys::Claim& claim_key(BatchKeys& keys, std::string_view key, const BodyDigest& digest,
                                    std::int64_t now_s);
  // As the last claim_ of its kind found it.
  const Imports::Claim& import() const { return import_; }
  const BatchKeys::Claim& key() const { return key_; }

  bool holds_part() const { return imports_ != nullptr; }
  bool holds_key() const { return keys_ != nullptr; }
  bool holds() const { return imports_ != nullptr || keys_ != nullptr; }
  // What a batch of the same key is answered from now on. REQUIRES: holds_key(); at most kBatchAnswerMax.
  void set_answer(std::string_view answer);
  // Appends the record of what is held, if anything.
  void encode(std::string& payload) const;
  void settle();
  void release();

 private:
  Imports* imports_ = nullptr;  // of the part that is held
  BatchKeys* keys_ = nullptr;   // of the key that is held
  Imports::Claim import_;
  BatchKeys::Claim key_;
};

}  // namespace footfall::sites
