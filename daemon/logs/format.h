// SPDX-License-Identifier: Apache-2.0
// Format: any of the access-log formats, chosen by name or by a format string.
//
//   combined, common, clf    one grammar for all (common_format.h)
//   vhost-combined           the same behind the virtual host's name (vhost_format.h)
//   json                     one JSON object a line (json_format.h)
//   nasa-tsv                 columns that the first line names (tsv_format.h)
//   a format string          nginx's or Apache's (custom_format.h)
//
// Tested by tests/unit/logs/format_test.cc.
#pragma once

#include <string_view>
#include <variant>

#include "base/errors.h"
#include "logs/common_format.h"
#include "logs/custom_format.h"
#include "logs/json_format.h"
#include "logs/line.h"
#include "logs/tsv_format.h"
#include "logs/vhost_format.h"

namespace footfall::logs {

// A copy per thread: reading remembers the last date.
class Format {
 public:
  Format() = default;  // combined
  // invalid_config says what would be right.
  static base::Result<Format> find(std::string_view name_or_string);

  // Whether each file begins with a line that is no entry, to be given to read_header().
  bool has_header() const { return std::holds_alternative<TsvFormat>(format_); }
  base::Result<void> read_header(std::string_view line);

  // `line` without its line ending, not null. False if it is not readable; `out` is then undefined. Its views hold
  // until the next read().
  bool read(std::string_view line, Line& out) {
    if (auto* common = std::get_if<CommonFormat>(&format_)) [[likely]]
      return common->read(line, out);
    return read_other(line, out);
  }

 private:
  bool read_other(std::string_view line, Line& out);

  std::variant<CommonFormat, TsvFormat, CustomFormat, VhostFormat, JsonFormat> format_;
};

}  // namespace footfall::logs
