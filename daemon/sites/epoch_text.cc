// SPDX-License-Identifier: Apache-2.0
#include "sites/epoch_text.h"

#include <array>
#include <charconv>

namespace footfall::sites {

std::string to_text(const counting::Epoch& epoch) {
  std::array<char, 16> hex{};
  const auto end = std::to_chars(hex.data(), hex.data() + hex.size(), epoch.reset_id, 16).ptr;
  return std::to_string(epoch.number) + "." + std::string(hex.data(), end);
}

std::optional<counting::Epoch> parse_epoch(std::string_view text) {
  counting::Epoch epoch;
  const char* const end = text.data() + text.size();
  const auto number = std::from_chars(text.data(), end, epoch.number);
  if (number.ec != std::errc() || number.ptr == end || *number.ptr != '.') return std::nullopt;
  const auto id = std::from_chars(number.ptr + 1, end, epoch.reset_id, 16);
  if (id.ec != std::errc() || id.ptr != end || to_text(epoch) != text) return std::nullopt;
  return epoch;
}

}  // namespace footfall::sites
