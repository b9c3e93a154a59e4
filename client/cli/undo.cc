// SPDX-License-Identifier: Apache-2.0
// footfall undo: takes a change back.
#include <CLI/CLI.hpp>
#include <memory>

#include "cli/changes.h"
#include "cli/json_text.h"

namespace footfall::cli {
namespace {

struct Options {
  ChangeOptions change;
  std::string undone;
};

int undo(const Options& options, Terminal& terminal) {
  JsonText body(JsonText::Layout::one_line);
  body.begin_object();
  if (!options.change.reason.empty()) body.member("reason", options.change.reason);
  if (options.change.dry_run) body.member("dry_run", true);
  body.end_object();
  return make_change(options.change, terminal, "POST", "/v1/admin/changes/" + url_encoded(options.undone) + "/undo",
                     body.take(), "undone: " + options.undone,
                     "an undo cannot be taken back: make the change anew instead (footfall audit shows what it was)");
}

}  // namespace

void add_undo(CLI::App& app, Action& chosen) {
  CLI::App* command = app.add_subcommand("undo", "take a change back; `footfall audit` lists them");
  auto options = std::make_shared<Options>();
  command->add_option("CHANGE", options->undone, "the id of the change")->required();
  options->change.declare(*command, true);
  options->change.declare_dry_run(*command);
  command->callback(
      [options, &chosen] { chosen = [options](Terminal& terminal) { return undo(*options, terminal); }; });
}

}  // namespace footfall::cli
