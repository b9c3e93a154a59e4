// SPDX-License-Identifier: Apache-2.0
// EpochFields: the Footfall-Epoch lines of answers, rendered once for each of the epochs that hits are counted under
// now.
//
//   field(Epoch{2, 0x1f})  ->  "Footfall-Epoch: 2.1f\r\n"
//
// Most sites share the first epoch, and of the others each has one; so a small table with one place for each epoch is
// enough, in which another epoch takes the place over.
//
// Threading  one thread. Cost: a comparison; where another epoch had the place, a line is rendered.
// Tested by tests/unit/server/epoch_fields_test.cc.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "counting/hit.h"
#include "sites/epoch_text.h"

namespace footfall {

class EpochFields {
 public:
  // A complete line. Good until the next call.
  std::string_view field(const counting::Epoch& epoch) {
    Line& line = lines_[(epoch.reset_id + epoch.number) % kLines];
    if (line.text.empty() || line.epoch != epoch) {
      line.epoch = epoch;
      line.text = "Footfall-Epoch: " + sites::to_text(epoch) + "\r\n";
    }
    return line.text;
  }

 private:
  static constexpr std::size_t kLines = 64;

  struct Line {
    counting::Epoch epoch;
    std::string text;
  };

  std::array<Line, kLines> lines_;
};

}  // namespace footfall
