// SPDX-License-Identifier: Apache-2.0
// Durability: what must have happened to a hit's block before the hit is acknowledged.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace footfall {

enum class Durability : std::uint8_t {
  disk,    // fdatasync returned: a power cut loses nothing acknowledged
  kernel,  // write returned: a kill -9 loses nothing; a power cut at most a sync interval, never a hole in the middle
  memory   // nothing: a kill -9 loses about a second
};

constexpr std::string_view name_of(Durability durability) {
  return durability == Durability::disk ? "disk" : durability == Durability::kernel ? "kernel" : "memory";
}
// A sentence's end, for the log.
constexpr std::string_view describe(Durability durability) {
  return durability == Durability::disk ? "a hit is acknowledged when the disk has it"
         : durability == Durability::kernel
             ? "a hit is acknowledged when the kernel has it; a power cut may lose the last"
             : "a hit is acknowledged at once; NOTHING is promised";
}
constexpr std::optional<Durability> parse_durability(std::string_view name) {
  for (const Durability durability : {Durability::disk, Durability::kernel, Durability::memory}) {
    if (name == name_of(durability)) return durability;
  }
  return std::nullopt;
}

}  // namespace footfall
