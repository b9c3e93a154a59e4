// SPDX-License-Identifier: Apache-2.0
// footfall reset: begins a site's counters anew; undo takes it back.
#include <CLI/CLI.hpp>
#include <memory>

#include "cli/changes.h"
#include "cli/json_read.h"
#include "cli/json_text.h"
#include "cli/text.h"

namespace footfall::cli {
namespace {

struct Options {
  ChangeOptions change;
  std::string site, page;
  unsigned wait_s = 0;
};

int reset(const Options& options, Terminal& terminal) {
  JsonText body(JsonText::Layout::one_line);
  body.begin_object();
  if (!options.page.empty()) body.member("page", options.page);
  if (!options.change.reason.empty()) body.member("reason", options.change.reason);
  if (options.change.dry_run) body.member("dry_run", true);
  if (options.wait_s > 0) body.member("wait_s", std::uint64_t{options.wait_s});
  body.end_object();
  const std::string target = "/v1/admin/sites/" + url_encoded(options.site) + "/reset";
  if (!options.change.dry_run)
    return make_change(options.change, terminal, "POST", target, body.take(), "reset " + options.site + options.page);

  Daemon daemon(options.change.daemon, terminal);
  const auto answer = daemon.call(Daemon::Listener::admin, "POST", target, body.take());
  return show_answer(options.change.daemon, terminal, answer, [&](const JsonValue& plan) {
    return "a reset of " + options.site + options.page + " would take the total from " +
           grouped(plan.number("before")) + " to " + grouped(plan.number("after")) + "; " +
           grouped(plan.number("online")) + " online now\n" + undo_line(plan) + "nothing was changed\n";
  });
}

}  // namespace

void add_reset(CLI::App& app, Action& chosen) {
  CLI::App* command = app.add_subcommand("reset", "begin a site's counters anew, or a page's; undo takes it back");
  auto options = std::make_shared<Options>();
  command->add_option("SITE", options->site)->required();
  command->add_option("--page", options->page, "a page alone, by its path");
  command->add_option("--wait", options->wait_s, "seconds to wait until every node has adopted it (0)")
      ->check(CLI::Range(0U, 45U));
  options->change.declare(*command, true);
  options->change.declare_dry_run(*command);
  command->callback(
      [options, &chosen] { chosen = [options](Terminal& terminal) { return reset(*options, terminal); }; });
}

}  // namespace footfall::cli
