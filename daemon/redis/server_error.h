// SPDX-License-Identifier: Apache-2.0
// What an error reply of Redis means for what is to be done next.
// Tested by tests/unit/redis/server_error_test.cc.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "redis/address.h"

namespace footfall::redis {

enum class ErrorClass : std::uint8_t {
  moved,         // the slot has another master, which it names: ask there, from now on
  ask,           // the key has gone ahead of its slot: ask there, this once, behind ASKING
  tryagain,      // the slot is being moved, and the keys of this command are apart: again, soon
  clusterdown,   // no majority, or a slot without a master: again, later
  loading,       // the server reads its dump: again, later
  busy,          // a script keeps it: again, later
  master_down,   // a replica without its master
  readonly,      // a replica: look for the master
  oom,           // maxmemory is reached: it takes no writes
  misconf,       // it cannot write its dump, and takes no writes
  no_replicas,   // min-replicas-to-write: it takes no writes
  unauthorized,  // NOAUTH, WRONGPASS
  forbidden,     // NOPERM: the user may not run this command, or not on this key
  other          // a bug of ours, or a server that is none
};
inline constexpr std::size_t kErrorClasses = static_cast<std::size_t>(ErrorClass::other) + 1;

// The label of metrics and logs: "moved".
std::string_view name_of(ErrorClass error) noexcept;

// What somebody has to do about it, who reads it in a log: "it is full: raise its `maxmemory`".
std::string_view advice_on(ErrorClass error) noexcept;

// `text` is the reply without its leading '-': "MOVED 3999 127.0.0.1:6381".
ErrorClass classify(std::string_view text) noexcept;

// Where a MOVED or an ASK points. A host left out is the one that was asked (`asked`).
struct Redirect {
  std::uint16_t slot;
  Address to;
};
std::optional<Redirect> redirect_of(std::string_view text, const Address& asked);

}  // namespace footfall::redis
