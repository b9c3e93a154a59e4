// SPDX-License-Identifier: Apache-2.0
// footfall analyze: counts access logs exactly, without a daemon.
#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>

#include "cli/analysis.h"
#include "cli/command.h"
#include "cli/log_options.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "cli/text.h"
#include "cli/times.h"
#include "cli/unreadable.h"
#include "logs/log_reader.h"

namespace footfall::cli {
namespace {

struct Options {
  LogOptions log;
  std::vector<std::string> at;
  std::int32_t window_s = 300;
  std::size_t top = 10;
  std::uint64_t unreadable = 0;
  std::string timezone;
  bool json = false;
};

std::string heading(const std::vector<std::string>& files) {
  std::string out = files.front() == "-" ? "standard input" : files.front();
  if (files.size() > 1) out += " and " + std::to_string(files.size() - 1) + " more";
  return out;
}

int analyze(const Options& options, Terminal& terminal) {
  auto format = options.log.parsed_format();
  if (!format) return fail(terminal, format.error());
  const auto filter = options.log.parsed_filter();
  if (!filter) return fail(terminal, filter.error());
  Analysis::Questions questions;
  questions.window_s = options.window_s;
  questions.top = options.top;
  for (const std::string& text : options.at) {
    const auto at_s = parse_time(text);
    if (!at_s) return fail(terminal, at_s.error());
    questions.at.push_back(*at_s);
  }
  if (!options.timezone.empty()) {
    auto zone = lookup::TimeZone::find(options.timezone);
    if (!zone) return fail(terminal, {base::Errc::invalid_config, zone.error().detail});
    questions.zone = *zone;
  }

  logs::LogReader log(*std::move(format), options.log.files);
  Progress progress(terminal.err, terminal.err_is_terminal);
  Analysis analysis;
  Report report;
  Readability readability;
  for (bool more = true; more;) {
    switch (log.next()) {
      case logs::LogReader::Next::entry:
        readability.readable();
        if (filter->passes(log.line())) analysis.add(log.line());
        break;
      case logs::LogReader::Next::unreadable:
        readability.unreadable(log.text());
        if (report.unparseable++ < options.unreadable) {
          progress.clear();
          terminal.err << "line " << log.lines() << ": " << printable(log.text()) << '\n';
        }
        break;
      case logs::LogReader::Next::failed:
        progress.clear();
        return fail(terminal, log.error());
      case logs::LogReader::Next::end:
        more = false;
        break;
    }
    progress.update(log.bytes_read(), log.bytes_total(), log.lines());
  }
  progress.clear();
  report.source = heading(options.log.files);
  report.filter = filter->description();
  report.lines = log.lines();
  report.zone = questions.zone;
  report.findings = analysis.answer(questions);
  terminal.out << (options.json ? report_json(report) : report_text(report));
  if (const auto readable = readability.judge(options.log.format); !readable) return fail(terminal, readable.error());
  return kDone;
}

}  // namespace

void add_analyze(CLI::App& app, Action& chosen) {
  CLI::App* command = app.add_subcommand("analyze", "count access logs exactly; needs no daemon");
  auto options = std::make_shared<Options>();
  options->log.declare(*command);
  command->add_flag("--json", options->json, "print one JSON object");
  command->add_option("--window", options->window_s, "online: visitors with a page hit in the last so many seconds")
      ->check(CLI::Range(15, 3600))
      ->capture_default_str();
  command
      ->add_option("--at", options->at,
                   "sample online at this time (2015-05-28T23:05:56Z or UTC seconds); may be repeated")
      ->take_all()
      ->expected(1);
  command->add_option("--top", options->top, "how many paths and referrers to list")
      ->check(CLI::Range(0, 1'000'000))
      ->capture_default_str();
  command->add_option("--timezone", options->timezone, "days and times of this zone, as Asia/Ho_Chi_Minh; default UTC");
  command->add_option("--unreadable", options->unreadable, "show the first N unreadable lines on standard error")
      ->check(CLI::NonNegativeNumber);
  command->callback(
      [options, &chosen] { chosen = [options](Terminal& terminal) { return analyze(*options, terminal); }; });
}

}  // namespace footfall::cli
