// SPDX-License-Identifier: Apache-2.0
// ClusterKey: the operator's 32 bytes that every node of a cluster has in a file, and Redis never sees. What is sealed
// with it can be read by no one else, nor made by no one else (AES-256-GCM).
//
//     file    64 hexadecimal digits, or base64 (44 characters, the last `=`; or 43 without it), and white space around
//             them; readable for its owner alone            openssl rand -hex 32 >cluster-key; chmod 600 cluster-key
//     sealed  "ffseal\r\n"  version: u8 = 1  nonce: 12 bytes, drawn  ciphertext  tag: 16 bytes
//             authenticated along with it: the first 9 bytes, and what the caller says it is for
//
// Nonces are drawn at random: 2^32 seals under one key are far from too many (NIST SP 800-38D, 8.3).
//
// Ownership  holds its key, overwritten when it goes. Threading: none.
// Errors     as values; they name the file, or say what may be wrong. None holds a part of a key.
// Tested by tests/unit/ingest/cluster_key_test.cc.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/errors.h"
#include "base/file_system.h"

namespace footfall::ingest {

class ClusterKey {
 public:
  using Bytes = std::array<std::uint8_t, 32>;

  // not_found, io; denied: others may read the file; malformed: it is no key.
  static base::Result<ClusterKey> read(base::FileSystem& files, const std::string& path);
  explicit ClusterKey(const Bytes& bytes) : bytes_(bytes) {}
  ClusterKey(const ClusterKey&) = default;
  ClusterKey& operator=(const ClusterKey&) = default;
  ~ClusterKey();

  // `purpose` is not secret, and must be the same to open it: no sealed bytes stand in for others.
  std::string seal(std::string_view plain, std::string_view purpose) const;
  // denied: another key, another purpose, or the bytes were changed; malformed; newer_format. The caller overwrites
  // what it gets when it is done.
  base::Result<std::string> open(std::string_view sealed, std::string_view purpose) const;

 private:
  Bytes bytes_;
};

}  // namespace footfall::ingest
