// SPDX-License-Identifier: Apache-2.0
// Command: how a subcommand joins the program. Each has one file with one add_...() that declares its options and, when
// it is the one that was typed, says what is to be done.
//
// Exit codes: 0 done, 1 failed (the reason is on standard error), 2 not understood.
#pragma once

#include <functional>
#include <iosfwd>
#include <string>

#include "base/errors.h"

namespace CLI {
class App;
}

namespace footfall::cli {

inline constexpr int kDone = 0;
inline constexpr int kFailed = 1;
inline constexpr int kUsage = 2;

// Where a command writes, and what it may show there.
struct Terminal {
  std::ostream& out;
  std::ostream& err;
  bool err_is_terminal = false;  // progress bars are drawn on it
  std::string command_line;      // as typed, quoted for a shell: for messages that show what would work
  bool out_is_terminal = false;  // whole screens may be drawn on it
};

using Action = std::function<int(Terminal&)>;

void add_analyze(CLI::App& app, Action& chosen);
void add_audit(CLI::App& app, Action& chosen);
void add_backup(CLI::App& app, Action& chosen);
void add_bench(CLI::App& app, Action& chosen);
void add_doctor(CLI::App& app, Action& chosen);
void add_follow(CLI::App& app, Action& chosen);
void add_import(CLI::App& app, Action& chosen);
void add_log_level(CLI::App& app, Action& chosen);
void add_pages(CLI::App& app, Action& chosen);
void add_reload(CLI::App& app, Action& chosen);
void add_reset(CLI::App& app, Action& chosen);
void add_restore(CLI::App& app, Action& chosen);
void add_retention(CLI::App& app, Action& chosen);
void add_seed(CLI::App& app, Action& chosen);
void add_site(CLI::App& app, Action& chosen);
void add_snapshot(CLI::App& app, Action& chosen);
void add_stats(CLI::App& app, Action& chosen);
void add_token(CLI::App& app, Action& chosen);
void add_top(CLI::App& app, Action& chosen);
void add_undo(CLI::App& app, Action& chosen);
void add_verify(CLI::App& app, Action& chosen);

// Says what is wrong on standard error: kFailed, or kUsage where an option's value is (invalid_config).
int fail(Terminal& terminal, const base::Error& error);

// The whole program.
int run(int argc, const char* const* argv, Terminal& terminal);

}  // namespace footfall::cli
