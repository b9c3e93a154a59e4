// SPDX-License-Identifier: Apache-2.0
// BatchKeys: the idempotency keys of the batches that were counted, each with a digest of its body and its answer. A
// batch that is sent again under its key is not counted again, and gets the answer of the first time.
//
//   claim(key) -> block with hits and key is durable -> settle(key, answer)      or, if it is void, release(key)
//
// A key is INCARNATION/NAME: it is of one data directory, and means nothing to another. Until it has expired nothing
// pushes it out: a full table takes no new key. Expiry is by the recorded second, so that a replay forgets the same
// keys; what has expired is removed by later claims, a few at a time, and is never saved.
//
// Units      UTC seconds; bytes as cost() has them.
// Ownership  owns its table. Threading: any thread. Errors: none; a State says what a key is.
// Memory     350 bytes a key with a short answer, as measured over 200,000; cost() says 355.
// Cost       a claim and its settling 1.5 us, at 200,000 keys (-O2, one core of a virtual machine).
// Tested by tests/unit/sites/batch_keys_test.cc, against a slow oracle.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "base/bytes.h"
#include "base/mutex.h"

namespace footfall::sites {

// For how long a batch may be sent again.
inline constexpr std::int64_t kBatchKeyTtl_s = 86'400;
// The place that a claim reserves for its answer, which is no longer than this.
inline constexpr std::size_t kBatchAnswerMax = 16U << 10U;

struct BatchKeyLimits {
  std::size_t keys_max = 200'000;
  std::size_t bytes_max = std::size_t{128} << 20U;
};

using BodyDigest = std::array<std::uint8_t, 32>;  // SHA-256

// One key as it is recorded.
struct BatchKey {
  std::string key;
  BodyDigest digest{};
  std::int64_t expires_s = 0;  // the first second in which it is forgotten
  std::string answer;          // the body of the answer
  friend bool operator==(const BatchKey&, const BatchKey&) = default;
};

// INCARNATION/NAME: 32 of 0-9a-f, then 1 to 128 of A-Z a-z 0-9 . _ : -
bool valid_batch_key(std::string_view key);
// The incarnation that a valid key is of.
std::string_view incarnation_of(std::string_view batch_key);

// The body of a record, and an element of the checkpoint's list.
void encode(const BatchKey& key, base::ByteWriter& out);
// False if the bytes break the grammar.
bool decode(base::ByteReader& in, BatchKey& key);

class BatchKeys {
 public:
  enum class State : std::uint8_t {
    claimed,     // the caller's, until settle() or release()
    under_way,   // a batch of the same body has it claimed
    counted,     // was counted before: `answer` is what was said
    other_body,  // it is of a batch with another body
    full         // no place for another key until one expires
  };
  struct Claim {
    State state = State::full;
    BatchKey key;  // claimed: its answer is to be set; counted: as it is kept
  };

  // Before anything is claimed; later it counts for new claims alone.
  void set_limits(const BatchKeyLimits& limits);

  // REQUIRES: valid_batch_key(key); now_s never falls.
  Claim claim(std::string_view key, const BodyDigest& digest, std::int64_t now_s);
  void settle(BatchKey key);           // the block is applied
  void release(std::string_view key);  // its block will never be replayed

  // As a replay finds it: of two records of a key the later one stands, in whichever order they come.
  void restore(BatchKey key);
  void clear();  // keys of another incarnation are of no use

  std::size_t held() const;   // keys, those that are claimed among them
  std::size_t bytes() const;  // that they take up or have reserved

  // Those that are settled and have not expired at now_s. Canonical.
  void save(base::ByteWriter& out, std::int64_t now_s) const;
  // REQUIRES: empty. False if the bytes are malformed.
  bool load(base::ByteReader& in);

 private:
  struct Entry {
    BodyDigest digest{};
    std::int64_t expires_s = 0;
    bool settled = false;
    std::string answer;
  };
  using Table = std::map<std::string, Entry, std::less<>>;

  static std::size_t cost(const Table::value_type& entry);
  void add(BatchKey key, bool settled) REQUIRES(mutex_);
  void remove(Table::iterator it) REQUIRES(mutex_);
  void forget_expired(std::int64_t now_s) REQUIRES(mutex_);

  mutable base::Mutex mutex_;
  BatchKeyLimits limits_ GUARDED_BY(mutex_);
  Table keys_ GUARDED_BY(mutex_);                                                  // key -> what is known of it
  std::set<std::pair<std::int64_t, std::string_view>> expiry_ GUARDED_BY(mutex_);  // settled; views of keys_' keys
  std::size_t bytes_ GUARDED_BY(mutex_) = 0;
};

}  // namespace footfall::sites
