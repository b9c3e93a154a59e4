// SPDX-License-Identifier: Apache-2.0
// EpochFields: the Footfall-Epoch lines of answers, rendered once for each of the epochs that hits are counted under
// now; and whole answers to hits with them, rendered once a second.
//
//   field(Epoch{2, 0x1f})  ->  "Footfall-Epoch: 2.1f\r\n"
//
// Most sites share the first epoch, and of the others each has one; so a small table with one place for each epoch is
// enough, in which another epoch takes the place over.
//
// Threading  one thread.
// Cost       two comparisons, one of them of dates; where another epoch had the place, or in a new second, an answer is
//            rendered. 64 places of some 1.5 KB.
// Tested by tests/unit/server/epoch_fields_test.cc.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "counting/hit.h"
#include "http/response.h"
#include "sites/epoch_text.h"

namespace footfall {

// What is given is good until the next call.
class EpochFields {
 public:
  // A complete line.
  std::string_view field(const counting::Epoch& epoch) { return line(epoch).field; }
  // The whole answer to a hit of the epoch, as `answers` has it now.
  std::string_view no_content(const counting::Epoch& epoch, const http::HitAnswers& answers, bool keep_alive) {
    Line& here = line_at(epoch, answers);
    std::string& text = here.no_content[keep_alive ? 1 : 0];
    if (text.empty()) answers.write_no_content(text, here.field, keep_alive);
    return text;
  }
  std::string_view gif(const counting::Epoch& epoch, const http::HitAnswers& answers, bool keep_alive) {
    Line& here = line_at(epoch, answers);
    std::string& text = here.gif[keep_alive ? 1 : 0];
    if (text.empty()) answers.write_gif(text, here.field, keep_alive);
    return text;
  }

 private:
  static constexpr std::size_t kLines = 64;

  struct Line {
    counting::Epoch epoch;
    std::string field;
    std::string date;                       // of the answers
    std::array<std::string, 2> no_content;  // [1]: the connection stays; empty: not rendered
    std::array<std::string, 2> gif;
    void forget_answers() {
      for (std::string* text : {&no_content[0], &no_content[1], &gif[0], &gif[1]}) text->clear();
    }
  };

  Line& line(const counting::Epoch& epoch) {
    Line& line = lines_[(epoch.reset_id + epoch.number) % kLines];
    if (line.field.empty() || line.epoch != epoch) {
      line.epoch = epoch;
      line.field = "Footfall-Epoch: " + sites::to_text(epoch) + "\r\n";
      line.forget_answers();
    }
    return line;
  }
  Line& line_at(const counting::Epoch& epoch, const http::HitAnswers& answers) {
    Line& here = line(epoch);
    if (here.date != answers.date()) {
      here.date = answers.date();
      here.forget_answers();
    }
    return here;
  }

  std::array<Line, kLines> lines_;
};

}  // namespace footfall
