// SPDX-License-Identifier: Apache-2.0
// What the commands that change something share: the change's id, its reason, and how its answer is shown.
#pragma once

#include <string>

#include "cli/command.h"
#include "cli/daemon.h"

namespace footfall::cli {

struct ChangeOptions {
  DaemonOptions daemon;
  std::string reason;
  std::string id;  // drawn if empty
  bool dry_run = false;

  // `with_reason`: whether the daemon takes a reason for this change.
  void declare(CLI::App& command, bool with_reason);
  void declare_dry_run(CLI::App& command);  // of those that take something away
};

// Of what takes something away, for how long it can be taken back: "until 2026-12-30T10:00:00Z, while fewer than 10,000
// newer changes took something away"; empty for other changes.
std::string undo_terms(const JsonValue& change);
// The same as a line of what a dry run says.
std::string undo_line(const JsonValue& plan);

// Sends the change and shows the answer: as it came with --json, else `done` ("seeded example.vn"), before and after,
// and how to take it back; or `afterwards` in place of that. The target and body of a dry run say that it is one; what
// is shown is then what the daemon would do.
int make_change(const ChangeOptions& options, Terminal& terminal, const std::string& method, const std::string& target,
                const std::string& json_body, const std::string& done, const std::string& afterwards = {});

}  // namespace footfall::cli
