// SPDX-License-Identifier: Apache-2.0
#include "cli/changes.h"

#include <CLI/CLI.hpp>

#include "cli/json_read.h"
#include "cli/text.h"

namespace footfall::cli {

void ChangeOptions::declare(CLI::App& command, bool with_reason) {
  daemon.declare(command);
  if (with_reason) command.add_option("--reason", reason, "why, for the audit log");
  command.add_option("--id", id, "the change's id: sending the same one again does it once; drawn if not given");
}

void ChangeOptions::declare_dry_run(CLI::App& command) {
  command.add_flag("--dry-run", dry_run, "say what would happen, and change nothing");
}

std::string undo_terms(const JsonValue& change) {
  const std::string until = printable(change.text("undo_until"));
  const std::string rule = printable(change.text("undo_while"));
  return (until.empty() ? "" : "until " + until) + (until.empty() || rule.empty() ? "" : ", ") +
         (rule.empty() ? "" : "while " + rule);
}

std::string undo_line(const JsonValue& plan) {
  const std::string terms = undo_terms(plan);
  return terms.empty() ? terms : "undo would bring it back " + terms + "\n";
}

int make_change(const ChangeOptions& options, Terminal& terminal, const std::string& method, const std::string& target,
                const std::string& json_body, const std::string& done, const std::string& afterwards) {
  Daemon daemon(options.daemon, terminal);
  const std::string id = options.dry_run ? std::string() : options.id.empty() ? drawn_change_id() : options.id;
  const auto answer = daemon.call(Daemon::Listener::admin, method, target, json_body, id);
  return show_answer(options.daemon, terminal, answer, [&](const JsonValue& change) {
    std::string text = (options.dry_run ? "would be done: " : "") + done;
    // Numbers are totals; settings are shown by `footfall site show`.
    if (change["before"].is_number() && change["after"].is_number()) {
      text += ": total " + grouped(change.number("before")) + " -> " + grouped(change.number("after"));
    }
    if (options.dry_run) return text + "\n" + undo_line(change) + "nothing was changed\n";
    const std::string terms = undo_terms(change);
    if (change["repeated"].yes()) text += " (done already, under this id)";
    for (const JsonValue& node : change["nodes"].items()) {
      text += "\n  " + printable(node.text("node")) + (node["adopted"].yes() ? ": adopted" : ": not yet adopted");
    }
    if (const std::string why = change.text("nodes_problem"); !why.empty())
      text += "\n  other nodes take it when Redis is there again: " + printable(why);
    const std::string back = "take it back with: footfall undo " + shell_quoted(printable(change.text("id")));
    return text + "\n  " + (afterwards.empty() ? back : afterwards) + (terms.empty() ? "" : "\n  " + terms) + "\n";
  });
}

}  // namespace footfall::cli
