// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <ostream>

#include "cli/command.h"
#include "cli/text.h"

namespace footfall::cli {

int fail(Terminal& terminal, const base::Error& error) {
  // The detail says it all; the kind of error is for programs.
  terminal.err << "footfall: " << printable_lines(error.detail) << '\n';
  return error.code == base::Errc::invalid_config ? kUsage : kFailed;
}

int run(int argc, const char* const* argv, Terminal& terminal) {
  CLI::App app(
      "footfall: counts visits. `analyze`, `restore`, `token recover` and `verify` need no daemon; the other commands "
      "talk to "
      "footfalld.",
      "footfall");
  app.set_version_flag("--version", "footfall " FOOTFALL_VERSION);
  app.require_subcommand(1);
  Action chosen;
  add_analyze(app, chosen);
  add_import(app, chosen);
  add_follow(app, chosen);
  add_site(app, chosen);
  add_stats(app, chosen);
  add_pages(app, chosen);
  add_top(app, chosen);
  add_seed(app, chosen);
  add_reset(app, chosen);
  add_undo(app, chosen);
  add_token(app, chosen);
  add_audit(app, chosen);
  add_reload(app, chosen);
  add_retention(app, chosen);
  add_log_level(app, chosen);
  add_backup(app, chosen);
  add_restore(app, chosen);
  add_snapshot(app, chosen);
  add_verify(app, chosen);
  add_bench(app, chosen);
  add_doctor(app, chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error, terminal.out, terminal.err) == 0 ? kDone : kUsage;
  }
  const int code = chosen(terminal);
  terminal.out.flush();
  if (!terminal.out) {
    terminal.err << "footfall: standard output could not be written\n";
    return kFailed;
  }
  return code;
}

}  // namespace footfall::cli
