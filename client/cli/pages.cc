// SPDX-License-Identifier: Apache-2.0
// footfall pages: a site's pages with their numbers; footfall pages merge|rename|remove: what they are read as.
#include <CLI/CLI.hpp>
#include <memory>

#include "cli/changes.h"
#include "cli/json_read.h"
#include "cli/json_text.h"
#include "cli/text.h"

namespace footfall::cli {
namespace {

struct Options {
  DaemonOptions daemon;
  std::string site;
  std::string sort = "total";
  unsigned limit = 100;
};

std::string pages_text(const JsonValue& root) {
  using Align = Table::Align;
  Table table({Align::right, Align::right, Align::left});
  table.add({"total", "online", "page"});
  for (const JsonValue& page : root["pages"].items()) {
    table.add({grouped(page.number("total")), grouped(page.number("online")), printable(page.text("path"))});
  }
  if (root.number("rest") > 0) table.add({grouped(root.number("rest")), "", "all other pages"});
  return table.text();
}

int pages(const Options& options, Terminal& terminal) {
  Daemon daemon(options.daemon, terminal);
  const std::string target = "/v1/sites/" + url_encoded(options.site) + "/pages?sort=" + options.sort +
                             "&limit=" + std::to_string(options.limit);
  return show_answer(options.daemon, terminal, daemon.call(Daemon::Listener::open, "GET", target), pages_text);
}

struct MarkOptions {
  ChangeOptions change;
  std::string site;
  std::vector<std::string> from;
  std::string page;  // the one of rename and remove
  std::string into;
  bool dry_run = false;
};

std::string joined(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) out += (out.empty() ? "" : ", ") + text;
  return out;
}

// `what`: merge, rename or remove.
int mark(const MarkOptions& options, const std::string& what, Terminal& terminal) {
  JsonText body(JsonText::Layout::one_line);
  body.begin_object();
  if (what == "merge") {
    body.key("from").begin_array();
    for (const std::string& path : options.from) body.value(std::string_view(path));
    body.end_array().member("into", options.into);
  } else {
    body.member(what == "rename" ? "from" : "page", options.from.front());
    if (what == "rename") body.member("to", options.into);
  }
  if (!options.change.reason.empty()) body.member("reason", options.change.reason);
  if (options.dry_run) body.member("dry_run", true);
  body.end_object();
  const std::string target = "/v1/admin/sites/" + url_encoded(options.site) + "/pages/" + what;
  const std::string done = what == "merge"    ? "merged " + joined(options.from) + " into " + options.into
                           : what == "rename" ? "renamed " + options.from.front() + " to " + options.into
                                              : "removed " + options.from.front();
  if (!options.dry_run) return make_change(options.change, terminal, "POST", target, body.take(), done);

  Daemon daemon(options.change.daemon, terminal);
  const auto answer = daemon.call(Daemon::Listener::admin, "POST", target, body.take());
  return show_answer(options.change.daemon, terminal, answer, [&](const JsonValue& plan) {
    return (options.into.empty() ? options.from.front() : options.into) + " would go from " +
           grouped(plan.number("before")) + " to " + grouped(plan.number("after")) + "\n" + undo_line(plan) +
           "nothing was changed\n";
  });
}

void add_mark(CLI::App& pages_command, const std::string& what, const std::string& about, Action& chosen) {
  CLI::App* command = pages_command.add_subcommand(what, about);
  auto options = std::make_shared<MarkOptions>();
  command->add_option("SITE", options->site)->required();
  if (what == "merge") {
    command->add_option("FROM", options->from, "by their paths")->required()->expected(1, -1);
    command->add_option("--into", options->into, "the page that they are read as")->required();
  } else {
    command->add_option(what == "remove" ? "PAGE" : "FROM", options->page, "by its path")->required();
  }
  if (what == "rename") {
    command->add_option("TO", options->into, "the path that it is read as")->required();
  }
  command->add_flag("--dry-run", options->dry_run, "say what would happen, and change nothing");
  options->change.declare(*command, true);
  command->callback([options, what, &chosen] {
    if (what != "merge") options->from = {options->page};
    chosen = [options, what](Terminal& terminal) { return mark(*options, what, terminal); };
  });
}

}  // namespace

void add_pages(CLI::App& app, Action& chosen) {
  CLI::App* command = app.add_subcommand("pages", "list a site's pages; merge, rename or remove some of them");
  auto options = std::make_shared<Options>();
  command->add_option("SITE", options->site);
  command->add_option("--sort", options->sort)
      ->check(CLI::IsMember({"total", "online", "path"}))
      ->capture_default_str();
  command->add_option("--limit", options->limit, "how many")->check(CLI::Range(1, 10'000))->capture_default_str();
  options->daemon.declare(*command);
  command->callback([options, command, &chosen] {
    if (!command->get_subcommands().empty()) return;
    if (options->site.empty()) throw CLI::RequiredError("SITE");
    chosen = [options](Terminal& terminal) { return pages(*options, terminal); };
  });
  add_mark(*command, "merge", "read pages as one from now on; undo takes it back", chosen);
  add_mark(*command, "rename", "read a page under another path", chosen);
  add_mark(*command, "remove", "show a page no longer; its hits stay in the site's total", chosen);
}

}  // namespace footfall::cli
