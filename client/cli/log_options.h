// SPDX-License-Identifier: Apache-2.0
// LogOptions: which files, in which format, and which of their lines count: what analyze and import share.
// Tested by tests/unit/client/commands_test.cc.
#pragma once

#include <string>
#include <vector>

#include "base/errors.h"
#include "logs/filter.h"
#include "logs/format.h"

namespace CLI {
class App;
}

namespace footfall::cli {

struct LogOptions {
  std::vector<std::string> files;
  std::string format = "combined";
  std::vector<std::string> filter;

  void declare(CLI::App& command);
  // --format and --filter alone, for a command that names its files otherwise.
  void declare_reading(CLI::App& command);
  base::Result<logs::Format> parsed_format() const { return logs::Format::find(format); }
  base::Result<logs::Filter> parsed_filter() const;
};

}  // namespace footfall::cli
