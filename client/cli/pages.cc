// SPDX-License-Identifier: Apache-2.0
// footfall pages: a site's pages with their numbers.
#include <CLI/CLI.hpp>
#include <memory>

#include "cli/command.h"
#include "cli/daemon.h"
#include "cli/json_read.h"
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

}  // namespace

void add_pages(CLI::App& app, Action& chosen) {
  CLI::App* command = app.add_subcommand("pages", "list a site's pages");
  auto options = std::make_shared<Options>();
  command->add_option("SITE", options->site)->required();
  command->add_option("--sort", options->sort)
      ->check(CLI::IsMember({"total", "online", "path"}))
      ->capture_default_str();
  command->add_option("--limit", options->limit, "how many")->check(CLI::Range(1, 10'000))->capture_default_str();
  options->daemon.declare(*command);
  command->callback(
      [options, &chosen] { chosen = [options](Terminal& terminal) { return pages(*options, terminal); }; });
}

}  // namespace footfall::cli
