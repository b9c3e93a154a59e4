// SPDX-License-Identifier: Apache-2.0
// footfall verify: reads a data directory that no daemon uses, changes nothing, and says what is in it and what is
// wrong with it.
#include <CLI/CLI.hpp>
#include <charconv>
#include <memory>
#include <optional>
#include <ostream>

#include "cli/command.h"
#include "cli/json_text.h"
#include "cli/text.h"
#include "store/verify.h"

namespace footfall::cli {
namespace {

struct Options {
  std::string directory;
  std::vector<std::string> positions;  // "hits-000=12"
  std::optional<std::int64_t> as_of_s;
  bool json = false;
};

// "" or what is wrong with a position.
std::string parse_position(const std::string& text, std::map<journal::StreamId, std::uint64_t>& positions) {
  const std::size_t equals = text.find('=');
  const auto stream = journal::parse_directory_name(std::string_view(text).substr(0, equals));
  std::uint64_t sequence = 0;
  const char* const end = text.data() + text.size();
  const char* const digits = equals == std::string::npos ? end : text.data() + equals + 1;
  const auto [stopped, error] = std::from_chars(digits, end, sequence);
  if (!stream || error != std::errc{} || stopped != end)
    return "\"" + text + "\" is no position; write STREAM=SEQUENCE, as hits-000=1204";
  positions[*stream] = sequence;
  return {};
}

std::string check_position(const std::string& text) {
  std::map<journal::StreamId, std::uint64_t> ignored;
  return parse_position(text, ignored);
}

std::string json_of(const store::VerifyReport& report) {
  JsonText json;
  json.begin_object().member("ok", report.problems.empty()).member("incarnation", report.incarnation);
  json.member("hash", report.hash).member("as_of_s", report.as_of_s).member("newest_s", report.newest_s);
  json.key("checkpoints").begin_array(JsonText::Layout::one_line);
  for (const std::uint64_t number : report.checkpoints) json.value(number);
  json.end_array().key("streams").begin_array();
  for (const store::VerifiedStream& stream : report.streams) {
    json.begin_object(JsonText::Layout::one_line).member("name", stream.name).member("segments", stream.segments);
    json.member("blocks", stream.blocks).member("hits", stream.hits).member("torn_bytes", stream.torn_bytes);
    json.member("sequence", stream.sequence).end_object();
  }
  json.end_array().key("sites").begin_array();
  for (const store::VerifiedSite& site : report.sites) {
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

std::string text_of(const store::VerifyReport& report) {
  using Align = Table::Align;
  Table streams({Align::left, Align::right, Align::right, Align::right, Align::right, Align::right});
  streams.add({"stream", "segments", "blocks", "hits", "torn bytes", "last block"});
  for (const store::VerifiedStream& stream : report.streams) {
    streams.add({stream.name, grouped(stream.segments), grouped(stream.blocks), grouped(stream.hits),
                 grouped(stream.torn_bytes), grouped(stream.sequence)});
  }
  Table sites({Align::left, Align::right, Align::right, Align::right});
  sites.add({"site", "total", "counted", "online"});
  for (const store::VerifiedSite& site : report.sites)
    sites.add({printable(site.name), grouped(site.total), grouped(site.counted), grouped(site.online)});
  std::string out = "checkpoints: ";
  if (report.checkpoints.empty()) out += "none";
  for (std::size_t i = 0; i < report.checkpoints.size(); ++i)
    out += (i > 0 ? ", " : "") + std::to_string(report.checkpoints[i]);
  out += "\n" + streams.text() + sites.text();
  if (!report.hash.empty())
    out += "content hash " + report.hash + " as of second " + std::to_string(report.as_of_s) + "\n";
  for (const std::string& warning : report.warnings) out += "note: " + printable(warning) + "\n";
  for (const std::string& problem : report.problems) out += "PROBLEM: " + printable(problem) + "\n";
  return out + (report.problems.empty() ? "everything was read, and is whole\n" : "");
}

int verify(const Options& options, Terminal& terminal) {
  auto directory = store::DataDirectory::open_existing(base::posix_file_system(), options.directory);
  if (!directory) return fail(terminal, directory.error());
  store::VerifyOptions how;
  how.as_of_s = options.as_of_s;
  if (!options.positions.empty()) {
    how.positions.emplace();
    for (const std::string& text : options.positions) parse_position(text, *how.positions);
  }
  const store::VerifyReport report = store::verify(**directory, counting::Limits{}, how);
  terminal.out << (options.json ? json_of(report) + "\n" : text_of(report));
  if (report.problems.empty()) return kDone;
  terminal.err << "footfall: " << printable(options.directory) << " has " << report.problems.size()
               << (report.problems.size() == 1 ? " problem\n" : " problems\n");
  return kFailed;
}

}  // namespace

void add_verify(CLI::App& app, Action& chosen) {
  CLI::App* command = app.add_subcommand("verify", "read a data directory that no daemon uses, and check all of it");
  auto options = std::make_shared<Options>();
  command->add_option("DIR", options->directory, "the data directory")->required();
  command->add_option("--positions", options->positions, "replay to here: STREAM=SEQUENCE,... of a live daemon")
      ->delimiter(',')
      ->check(check_position);
  command->add_option("--as-of", options->as_of_s, "second of the hash and of online (the latest one recorded)");
  command->add_flag("--json", options->json, "print a JSON object");
  command->callback(
      [options, &chosen] { chosen = [options](Terminal& terminal) { return verify(*options, terminal); }; });
}

}  // namespace footfall::cli
