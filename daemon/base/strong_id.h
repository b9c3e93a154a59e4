// SPDX-License-Identifier: Apache-2.0
// StrongId: an integer that is a distinct type, so that a page id never passes for a label id.
#pragma once

#include <compare>
#include <cstddef>
#include <functional>

namespace footfall::base {

template <class Tag, class T>
struct StrongId {
  using value_type = T;
  T value{};
  friend constexpr auto operator<=>(const StrongId&, const StrongId&) = default;
};

}  // namespace footfall::base

template <class Tag, class T>
struct std::hash<footfall::base::StrongId<Tag, T>> {
  std::size_t operator()(const footfall::base::StrongId<Tag, T>& id) const noexcept {
    return static_cast<std::size_t>(id.value);
  }
};
