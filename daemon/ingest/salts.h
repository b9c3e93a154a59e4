// SPDX-License-Identifier: Apache-2.0
// Salts: the key of a visitor's hash, a one-way daily ratchet. K(d+1) = SHA-256("footfall salt" || K(d)), so today's key
// tells nothing of yesterday's, and once a day's key is destroyed its visitors cannot be found again.
//
// One chain serves all sites: a site's key on its local day d is K(d), and the site's name is hashed along. Kept are the
// keys from the earliest local day that a window still needs to the latest local day there is (three or four).
// On disk: one 0600 file with the oldest kept day and its key, replaced atomically at rotation.
// Tested by tests/unit/ingest/salts_test.cc.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/errors.h"
#include "base/file_system.h"
#include "base/hash.h"
#include "counting/hit.h"

namespace footfall::ingest {

// The keys in force: immutable, handed to shards by message.
struct SaltKeys {
  std::map<counting::Day, base::SipKey> by_day;  // local day -> key
  const base::SipKey* find(counting::Day day) const {
    const auto it = by_day.find(day);
    return it == by_day.end() ? nullptr : &it->second;
  }
};

class Salts {
 public:
  // Reads or makes the file. io, corrupt: named with the path. A file that others may read is refused (denied).
  static base::Result<std::unique_ptr<Salts>> open(base::FileSystem& files, const std::string& path, std::int64_t now_s);
  // Forgets keys that nothing needs any more at now_s and derives the coming ones; writes the file if it changed.
  // Answers true if the set of keys changed.
  base::Result<bool> rotate(std::int64_t now_s);
  std::shared_ptr<const SaltKeys> keys() const { return keys_; }

 private:
  Salts(base::FileSystem& files, std::string path) : files_(files), path_(std::move(path)) {}
  base::FileSystem& files_;
  std::string path_;
  counting::Day oldest_day_ = 0;
  std::array<std::uint8_t, 32> oldest_key_{};
  std::shared_ptr<const SaltKeys> keys_;
};

// The visitor of an address (16 bytes, IPv4-mapped or IPv6, of which the first 8 count) and agent on a site. Never 0.
counting::VisitorId visitor_id(base::SipKey key, std::string_view site, const std::uint8_t address[16], std::string_view user_agent);

}  // namespace footfall::ingest
