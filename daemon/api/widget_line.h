// SPDX-License-Identifier: Apache-2.0
// WidgetLine: one number of a counter, as it is written.
#pragma once

#include <cstdint>
#include <string>

#include "api/widget_words.h"

namespace footfall::api {

struct WidgetLine {
  Shown shown;
  std::uint64_t number;
  std::string text;    // padded and grouped
  std::string label;   // as it is shown; empty: it is not
  std::string spoken;  // the label for who cannot see the rest; never empty
};

}  // namespace footfall::api
