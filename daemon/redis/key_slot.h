// SPDX-License-Identifier: Apache-2.0
// Which of a cluster's 16,384 slots a key belongs to: CRC16 of the key, or of what stands between its first `{` and
// the next `}` where that is not empty (Redis Cluster specification, "Hash tags").
// Tested by tests/unit/redis/key_slot_test.cc, against a real redis-server's CLUSTER KEYSLOT.
#pragma once

#include <cstdint>
#include <string_view>

namespace footfall::redis {

inline constexpr unsigned kSlots = 16384;

// CRC-16/XMODEM: polynomial 0x1021, from 0.
std::uint16_t crc16(std::string_view bytes) noexcept;

// 0 to kSlots - 1.
std::uint16_t slot_of(std::string_view key) noexcept;

}  // namespace footfall::redis
