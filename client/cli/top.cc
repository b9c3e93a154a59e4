// SPDX-License-Identifier: Apache-2.0
// footfall top: the sites of a daemon, those with the most visitors online first, and how the daemon is; anew each
// second. Where it has no terminal, and with --once or --json, it prints that one time.
// Tested by tests/integration/top_command_test.py.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <ostream>
#include <string_view>
#include <thread>

#include "cli/command.h"
#include "cli/daemon.h"
#include "cli/screen.h"
#include "cli/top_reading.h"
#include "cli/top_view.h"

namespace footfall::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr unsigned kTimeout_s = 3;  // keys wait for an answer
constexpr std::chrono::seconds kEvery{1};

struct Options {
  DaemonOptions daemon;
  std::string sort = "online";
  bool once = false;

  TopOrder order() const {
    if (sort == "today") return TopOrder::today;
    if (sort == "total") return TopOrder::total;
    if (sort == "hits") return TopOrder::hits;
    return sort == "name" ? TopOrder::name : TopOrder::online;
  }
};

base::Result<Reading> read(Daemon& daemon) {
  Reading reading;
  const auto begin = Clock::now();
  const auto sites = daemon.call(Daemon::Listener::open, "GET", "/v1/sites?limit=1000");
  if (!sites) return sites.error();
  const auto end = Clock::now();
  reading.answered_s = std::chrono::duration<double>(end - begin).count();
  reading.at_s = std::chrono::duration<double>(end.time_since_epoch()).count();
  if (const auto known = read_sites(*sites, reading); !known) return known.error();
  if (const auto metrics = daemon.metrics()) {
    reading.metrics = parse_metrics(*metrics);
  } else {
    reading.no_metrics = metrics.error().detail.substr(0, metrics.error().detail.find('\n'));
  }
  return reading;
}

// Two readings with a second between them, so that there are rates.
int print_once(const Options& options, Daemon& daemon, Terminal& terminal) {
  TopHistory history;
  for (int i = 0; i < 2; ++i) {
    if (i > 0) std::this_thread::sleep_for(kEvery);
    auto reading = read(daemon);
    if (!reading) return fail(terminal, reading.error());
    history.add(*std::move(reading));
  }
  const TopState state = history.state(options.order());
  if (options.daemon.json) {
    terminal.out << top_json(state, options.daemon.url) << '\n';
    return kDone;
  }
  constexpr ViewSize kUnbounded{1000, 100'000};
  for (const std::string& line : top_view(state, options.daemon.url, "", kUnbounded, 0).lines) {
    terminal.out << line << '\n';
  }
  return kDone;
}

// The site that is first in view after a key.
std::size_t moved(std::size_t first, Key key, std::size_t page) {
  switch (key) {
    case Key::up:
      return first - std::min<std::size_t>(first, 1);
    case Key::down:
      return first + 1;
    case Key::page_up:
      return first - std::min(first, page);
    case Key::page_down:
      return first + page;
    case Key::home:
      return 0;
    default:
      return first;
  }
}

int show(const Options& options, Daemon& daemon, Terminal& terminal) {
  TopHistory history;
  auto first_reading = read(daemon);
  if (!first_reading) return fail(terminal, first_reading.error());  // before the screen is taken
  history.add(*std::move(first_reading));
  std::string trouble;
  std::size_t first = 0;
  Screen screen;
  for (auto next = Clock::now() + kEvery;;) {
    const Screen::Size size = screen.size();
    const View view =
        top_view(history.state(options.order()), options.daemon.url, trouble, {size.columns, size.rows}, first);
    screen.draw(view.lines, view.heading);
    const Key key = screen.wait(next);
    if (key == Key::quit) return kDone;
    first = moved(view.first, key, std::max<std::size_t>(size.rows / 2, 1));
    if (Clock::now() < next) continue;
    auto reading = read(daemon);
    trouble = reading ? "" : reading.error().detail;
    if (reading) history.add(*std::move(reading));
    next = std::max(next + kEvery, Clock::now());
  }
}

bool can_draw(const Terminal& terminal) {
  const char* const kind = std::getenv("TERM");
  return terminal.out_is_terminal && kind != nullptr && std::string_view(kind) != "dumb";
}

int top(const Options& options, Terminal& terminal) {
  Daemon daemon(options.daemon, terminal, kTimeout_s);
  if (options.once || options.daemon.json || !can_draw(terminal)) return print_once(options, daemon, terminal);
  return show(options, daemon, terminal);
}

}  // namespace

void add_top(CLI::App& app, Action& chosen) {
  CLI::App* command = app.add_subcommand(
      "top",
      "show the sites and how the daemon is, anew each second; q ends it, the arrow keys move. Where standard output "
      "is no terminal it prints them once. A rate is of the last 5 seconds, hits/s of views");
  auto options = std::make_shared<Options>();
  command->add_option("--sort", options->sort, "which sites come first")
      ->check(CLI::IsMember({"online", "today", "total", "hits", "name"}))
      ->capture_default_str();
  command->add_flag("--once", options->once, "print them once, with the rates of one second");
  options->daemon.declare(*command);
  command->get_option("--json")->description("print one JSON object, once");
  command->callback([options, &chosen] { chosen = [options](Terminal& terminal) { return top(*options, terminal); }; });
}

}  // namespace footfall::cli
