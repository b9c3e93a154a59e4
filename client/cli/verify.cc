// SPDX-License-Identifier: Apache-2.0
// footfall verify DIR: reads a data directory that no daemon uses, changes nothing, and says what is in it and what is
// wrong with it. With --positions, also whether its journal gives what a running daemon had in memory; that is what
// footfall verify --live writes down.
#include <CLI/CLI.hpp>
#include <iostream>
#include <iterator>
#include <memory>
#include <optional>

#include "base/clock.h"
#include "cli/command.h"
#include "cli/daemon.h"
#include "cli/json_read.h"
#include "cli/json_text.h"
#include "cli/text.h"
#include "store/verify.h"

namespace footfall::cli {
namespace {

struct Options {
  DaemonOptions daemon;
  std::string directory;
  std::string positions;  // a file, or "-"
  bool live = false;
};

// What --live wrote.
base::Result<store::Moment> read_moment(const std::string& file) {
  std::string bytes;
  if (file == "-") {
    bytes.assign(std::istreambuf_iterator<char>(std::cin), {});
  } else {
    constexpr std::size_t kSizeMax = std::size_t{1} << 30U;
    auto read = base::read_file(base::posix_file_system(), file, kSizeMax);
    if (!read) return read.error();
    bytes = *std::move(read);
  }
  JsonDocument document;
  store::Moment moment;
  if (document.parse(bytes)) {
    const JsonValue root = document.root();
    moment.incarnation = root.text("incarnation");
    moment.checkpoint = root.number("checkpoint");
    moment.as_of_s = root["as_of_s"].integer();
    moment.hash = root.text("hash");
    for (const JsonValue& item : root["positions"].items()) {
      const auto stream = journal::parse_directory_name(item.text("stream"));
      if (stream) moment.positions[*stream] = item.number("sequence");
    }
    for (const JsonValue& item : root["sites"].items()) {
      store::MomentSite site;
      site.id = sites::SiteId{static_cast<std::uint32_t>(item.number("id"))};
      site.name = item.text("site");
      site.counted = item.number("counted");
      site.total = item.number("total");
      site.online = static_cast<std::uint32_t>(item.number("online"));
      site.hash = item.text("hash");
      moment.sites.push_back(std::move(site));
    }
  }
  if (moment.hash.empty() || moment.positions.empty())
    return base::Error{base::Errc::malformed, file + " is not what `footfall verify --live` writes"};
  return moment;
}

std::string json_of(const store::VerifyReport& report, const std::optional<store::Moment>& live) {
  JsonText json;
  json.begin_object().member("ok", report.problems.empty()).member("incarnation", report.incarnation);
  json.member("hash", report.state.hash).member("as_of_s", report.state.as_of_s).member("newest_s", report.newest_s);
  if (live) json.member("live_hash", live->hash).member("equal", !report.state.hash.empty() && !report.differs);
  json.key("checkpoints").begin_array(JsonText::Layout::one_line);
  for (const std::uint64_t number : report.checkpoints) json.value(number);
  json.end_array().key("streams").begin_array();
  for (const store::VerifiedStream& stream : report.streams) {
    json.begin_object(JsonText::Layout::one_line).member("name", stream.name).member("segments", stream.segments);
    json.member("blocks", stream.blocks).member("hits", stream.hits).member("torn_bytes", stream.torn_bytes);
    json.member("sequence", stream.sequence).end_object();
  }
  json.end_array().key("sites").begin_array();
  for (const store::MomentSite& site : report.state.sites) {
    if (site.removed) continue;
    json.begin_object(JsonText::Layout::one_line).member("site", site.name).member("total", site.total);
    json.member("counted", site.counted).member("online", site.online).end_object();
  }
  json.end_array();
  for (const auto& [name, lines] : {std::pair("problems", &report.problems), std::pair("warnings", &report.warnings)}) {
    json.key(name).begin_array();
    for (const std::string& line : *lines) json.value(line);
    json.end_array();
  }
  json.end_object();
  return json.take();
}

std::string text_of(const store::VerifyReport& report, const std::optional<store::Moment>& live) {
  using Align = Table::Align;
  Table streams({Align::left, Align::right, Align::right, Align::right, Align::right, Align::right});
  streams.add({"stream", "segments", "blocks", "hits", "torn bytes", "last block"});
  for (const store::VerifiedStream& stream : report.streams) {
    streams.add({stream.name, grouped(stream.segments), grouped(stream.blocks), grouped(stream.hits),
                 grouped(stream.torn_bytes), grouped(stream.sequence)});
  }
  Table sites({Align::left, Align::right, Align::right, Align::right});
  sites.add({"site", "total", "counted", "online"});
  for (const store::MomentSite& site : report.state.sites) {
    if (!site.removed)
      sites.add({printable(site.name), grouped(site.total), grouped(site.counted), grouped(site.online)});
  }
  std::string out = "checkpoints: ";
  if (report.checkpoints.empty()) out += "none";
  for (std::size_t i = 0; i < report.checkpoints.size(); ++i)
    out += (i > 0 ? ", " : "") + std::to_string(report.checkpoints[i]);
  out += "\n" + streams.text() + sites.text();
  if (!report.state.hash.empty()) {
    out += "content hash " + report.state.hash + " as of second " + std::to_string(report.state.as_of_s) + "\n";
    if (live && !report.differs) out += "the live state had the same hash at these positions\n";
  }
  for (const std::string& warning : report.warnings) out += "note: " + printable(warning) + "\n";
  for (const std::string& problem : report.problems) out += "PROBLEM: " + printable(problem) + "\n";
  return out + (report.problems.empty() ? "everything was read, and is whole\n" : "");
}

int verify(const Options& options, Terminal& terminal) {
  std::optional<store::Moment> live;
  if (!options.positions.empty()) {
    auto read = read_moment(options.positions);
    if (!read) return fail(terminal, read.error());
    live = *std::move(read);
  }
  auto directory = store::DataDirectory::open_existing(base::posix_file_system(), options.directory);
  if (!directory) return fail(terminal, directory.error());
  const store::VerifyReport report =
      store::verify(**directory, counting::Limits{}, base::SystemClock().utc_s(), live ? &*live : nullptr);
  terminal.out << (options.daemon.json ? json_of(report, live) + "\n" : text_of(report, live));
  if (report.problems.empty()) return kDone;
  terminal.err << "footfall: " << printable(options.directory) << " has " << report.problems.size()
               << (report.problems.size() == 1 ? " problem\n" : " problems\n");
  return kFailed;
}

int ask_live(const Options& options, Terminal& terminal) {
  Daemon daemon(options.daemon, terminal);
  const auto answer = daemon.call(Daemon::Listener::admin, "GET", "/v1/admin/verify");
  if (!answer) return fail(terminal, answer.error());
  terminal.out << *answer << '\n';
  return kDone;
}

}  // namespace

void add_verify(CLI::App& app, Action& chosen) {
  CLI::App* command = app.add_subcommand("verify", "read a data directory that no daemon uses, and check all of it");
  auto options = std::make_shared<Options>();
  CLI::Option* directory = command->add_option("DIR", options->directory, "the data directory, or a copy of it");
  CLI::Option* live =
      command->add_flag("--live", options->live, "ask a running daemon what it has in memory, for --positions");
  command->add_option("--positions", options->positions, "what --live wrote (- for standard input): compare with it")
      ->needs(directory);
  live->excludes(directory);
  options->daemon.declare(*command);
  command->callback([options, &chosen] {
    if (options->directory.empty() && !options->live) throw CLI::RequiredError("DIR or --live");
    chosen = [options](Terminal& terminal) {
      return options->live ? ask_live(*options, terminal) : verify(*options, terminal);
    };
  });
}

}  // namespace footfall::cli
