// SPDX-License-Identifier: Apache-2.0
// BatchKeys: the idempotency keys of the batches that were counted, each with a digest of its body and its answer. A
// batch that is sent again under its key is not counted again, and gets the answer of the first time.
//
//   claim(key) -> block with hits and key is durable -> settle(key, answer)      or, if it is void, release(key)
//
// A key is INCARNATION/NAME, or INCARNATION/NAME/NUMBER: it is of one data directory, and means nothing to another. Of
// each name one batch is kept, that of the greatest number (none is 0). So who sends one batch after another under one
// name takes one place, however many they are:
//
//     NAME/7 counted   |  /7 again: its answer   /8: claimed, and then stands in place of /7   /6: passed, refused
//
// To send the next number says that the one before is settled: it will not be asked for again. A copy of it that is
// still on its way somewhere finds that it was passed, and counts nothing.
//
// Until it has expired nothing else pushes a key out: a full table takes no new name. Expiry is by the recorded second,
// so that a replay forgets the same keys; what has expired is removed by later claims, a few at a time, and is never
// saved. A number expires no earlier than those before it: so of a name's records the one that expires last stands,
// then the one of the greatest number, in whichever order a replay finds them.
//
// Units      UTC seconds; bytes as cost() has them.
// Ownership  owns its table. Threading: any thread. Errors: none; a State says what a key is.
// Memory     366 bytes a name with a short answer; cost() says 371.
// Cost       a claim and its settling 1.5 us, at 200,000 names (-O2, one core of a virtual machine).
// Tested by tests/unit/sites/batch_keys_test.cc, against a slow oracle.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
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
  std::size_t keys_max = 200'000;  // names
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

// INCARNATION/NAME[/NUMBER]: 32 of 0-9a-f, 1 to 128 of A-Z a-z 0-9 . _ : -, 1 to 18 digits that do not begin with 0
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
    under_way,   // a batch of the same body has it claimed, or one of another number its name
    counted,     // was counted before: `answer` is what was said
    other_body,  // it is of a batch with another body
    passed,      // a greater number of its name was counted
    full         // no place for another name until one expires
  };
  struct Claim {
    State state = State::full;
    BatchKey key;  // claimed: its answer is to be set; counted: as it is kept
  };

  // Before anything is claimed; later it counts for new claims alone.
  void set_limits(const BatchKeyLimits& limits);

  // `now_s`: of one clock, as the caller's pass has read it. REQUIRES: valid_batch_key(key).
  Claim claim(std::string_view key, const BodyDigest& digest, std::int64_t now_s);
  void settle(BatchKey key);           // the block is applied
  void release(std::string_view key);  // its block will never be replayed

  // As a replay finds it: of two records of a name the later one stands, in whichever order they come.
  void restore(BatchKey key);
  void clear();  // keys of another incarnation are of no use

  std::size_t held() const;   // names, those that are claimed among them
  std::size_t bytes() const;  // that they take up or have reserved

  // Those that are settled and have not expired at now_s. Canonical.
  void save(base::ByteWriter& out, std::int64_t now_s) const;
  // REQUIRES: empty. False if the bytes are malformed.
  bool load(base::ByteReader& in);

 private:
  struct Counted {
    std::uint64_t number = 0;
    BodyDigest digest{};
    std::int64_t expires_s = 0;
    std::string answer;
  };
  struct Claimed {
    std::uint64_t number = 0;
    BodyDigest digest{};
  };
  // At least one of the two.
  struct Entry {
    std::optional<Counted> counted;
    std::unique_ptr<Claimed> claimed;  // one at a time
  };
  using Table = std::map<std::string, Entry, std::less<>>;

  static std::size_t cost(const Table::value_type& entry);
  void count(BatchKey key) REQUIRES(mutex_);  // in place of what was counted under its name, and of its claim
  void forget_counted(Table::iterator it) REQUIRES(mutex_);
  void forget_expired(std::int64_t now_s) REQUIRES(mutex_);

  mutable base::Mutex mutex_;
  BatchKeyLimits limits_ GUARDED_BY(mutex_);
  Table keys_ GUARDED_BY(mutex_);                                                  // INCARNATION/NAME -> its batches
  std::set<std::pair<std::int64_t, std::string_view>> expiry_ GUARDED_BY(mutex_);  // counted; views of keys_' names
  std::size_t bytes_ GUARDED_BY(mutex_) = 0;
};

}  // namespace footfall::sites
