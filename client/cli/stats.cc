// SPDX-License-Identifier: Apache-2.0
// footfall stats: a site's numbers, or a page's.
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
  std::string site, path;
};

void add_period(Table& table, const JsonValue& stats, std::string_view name) {
  const JsonValue period = stats[name];
  if (!period.present()) return;
  const auto cell = [&](std::string_view key, const char* unit) {
    return period[key].present() ? grouped(period.number(key)) + unit : std::string();
  };
  table.add({std::string(name), cell("hits", " hits"), cell("visitors", " visitors"), cell("bots", " bots")});
}

std::string stats_text(const JsonValue& stats) {
  using Align = Table::Align;
  std::string out = printable(stats.text("site"));
  if (stats["path"].present()) out += printable(stats.text("path"));
  if (stats["as_of"].present()) out += ", " + printable(stats.text("as_of"));
  out += "\n\n";
  Table numbers({Align::left, Align::right, Align::left});
  const JsonValue shown = stats["page"].present() ? stats["page"] : stats;
  const auto number = [&](const JsonValue& of, const char* key, const std::string& note) {
    if (of[key].present()) numbers.add({key, grouped(of.number(key)), note});
  };
  std::string made_of;
  if (stats["seed"].present() && !stats["page"].present() && stats["seed"].integer() != 0) {
    made_of = "counted " + grouped(stats.number("counted")) + ", seed " + grouped_signed(stats["seed"].integer());
  }
  number(shown, "total", made_of);
  number(shown, "online", "in the last " + std::to_string(stats.number("window_s")) + " s");
  for (const char* key : {"peak_today", "peak"}) {
    if (stats[key].present()) {
      numbers.add({key == std::string_view("peak") ? "peak" : "peak today", grouped(stats[key].number("online")),
                   printable(stats[key].text("at"))});
    }
  }
  out += numbers.text("  ");
  Table periods({Align::left, Align::right, Align::right, Align::right});
  for (const char* name : {"today", "yesterday", "month", "year"}) add_period(periods, stats, name);
  const std::string rows = periods.text("  ");
  if (!rows.empty()) out += "\n" + rows;
  return out;
}

int stats(const Options& options, Terminal& terminal) {
  Daemon daemon(options.daemon, terminal);
  std::string target = "/v1/sites/" + url_encoded(options.site) + "/stats";
  if (!options.path.empty()) target += "?path=" + url_encoded(options.path);
  return show_answer(options.daemon, terminal, daemon.call(Daemon::Listener::open, "GET", target), stats_text);
}

}  // namespace

void add_stats(CLI::App& app, Action& chosen) {
  CLI::App* command = app.add_subcommand("stats", "show a site's numbers, or a page's");
  auto options = std::make_shared<Options>();
  command->add_option("SITE", options->site)->required();
  command->add_option("--path", options->path, "of a page");
  options->daemon.declare(*command);
  command->callback(
      [options, &chosen] { chosen = [options](Terminal& terminal) { return stats(*options, terminal); }; });
}

}  // namespace footfall::cli
