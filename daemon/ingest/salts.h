// SPDX-License-Identifier: Apache-2.0
// Salts: the key of a visitor's hash, a one-way daily ratchet. K(d+1) = SHA-256("footfall salt" || K(d)), so today's
// key tells nothing of yesterday's, and once a day's key is destroyed its visitors cannot be found again.
//
// One chain serves all sites: a site's key on its local day d is the first 16 bytes of SHA-256(K(d)), and the site's
// name is hashed along. Kept are the keys from the earliest local day that a window still needs to the day after the
// latest local day there is (three or four):
//
//     day d begins first at UTC+14, ends last at UTC-12, and is needed a window (3600 s at most) and 60 s longer
//     d*86400 - 50400 <= now < (d+1)*86400 + 43200 + 3660
//
// On disk: one 0600 file with the oldest kept day and its key, replaced atomically at rotation (sites/salts_file.h).
// Tested by tests/unit/ingest/salts_test.cc.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/errors.h"
#include "base/file_system.h"
#include "base/hash.h"
#include "counting/hit.h"
#include "sites/salts_file.h"

namespace footfall::ingest {

// The keys in force: immutable, handed to shards by message. Overwritten when the last shard lets go of them.
struct SaltKeys {
  std::map<counting::Day, base::SipKey> by_day;  // local day -> key
  const base::SipKey* find(counting::Day day) const {
    const auto it = by_day.find(day);
    return it == by_day.end() ? nullptr : &it->second;
  }
  // The chain before, if another was adopted lately: at replaced_at_s. Visitors have moved from its ids.
  std::map<counting::Day, base::SipKey> replaced_by_day;
  std::int64_t replaced_at_s = INT64_MIN;
  const base::SipKey* find_replaced(counting::Day day) const {
    const auto it = replaced_by_day.find(day);
    return it == replaced_by_day.end() ? nullptr : &it->second;
  }
  SaltKeys() = default;
  SaltKeys(const SaltKeys&) = delete;
  SaltKeys& operator=(const SaltKeys&) = delete;
  ~SaltKeys();
};

// One thread, but for keys(): what it answers may be handed to any.
class Salts {
 public:
  // Reads or makes the file; the errors are those of sites::read_salts(), but not_found.
  // A file from the future (the clock went back by days) is of no use, and replaced by a new chain.
  static base::Result<std::unique_ptr<Salts>> open(base::FileSystem& files, const std::string& path,
                                                   std::int64_t now_s);
  ~Salts();
  Salts(const Salts&) = delete;
  Salts& operator=(const Salts&) = delete;

  // Forgets keys that nothing needs any more at now_s and derives the coming ones; writes the file if it changed.
  // Answers true if the set of keys changed. On an error the keys in memory are right all the same, and the next call
  // writes again: until then the old key is still on the disk. To be called at least once in ten minutes.
  base::Result<bool> rotate(std::int64_t now_s);
  std::shared_ptr<const SaltKeys> keys() const { return keys_; }
  // The oldest day that is kept, from which all others follow.
  const sites::SaltsState& state() const { return oldest_; }
  // Takes over another node's chain. False if it is the same one: nothing changes then. The former keys are kept beside
  // it for the longest window (SaltKeys::replaced_by_day), in memory only. conflict: a chain that begins in the future
  // has no key for today. If the file cannot be written now, rotate() does, and says so if it cannot either.
  base::Result<bool> adopt(const sites::SaltsState& other, std::int64_t now_s);
  // open() began a new chain: there was no file, or one from the future.
  bool is_new() const { return is_new_; }

 private:
  Salts(base::FileSystem& files, std::string path) : files_(files), path_(std::move(path)) {}
  void derive_keys(counting::Day latest_day);
  bool forget_replaced(std::int64_t now_s);

  base::FileSystem& files_;
  std::string path_;
  sites::SaltsState oldest_;
  bool is_new_ = false;
  bool written_ = false;  // the file holds oldest_
  std::map<counting::Day, base::SipKey> replaced_by_day_;
  std::int64_t replaced_at_s_ = INT64_MIN;
  std::shared_ptr<const SaltKeys> keys_;
};

}  // namespace footfall::ingest
