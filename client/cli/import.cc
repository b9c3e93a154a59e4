// SPDX-License-Identifier: Apache-2.0
// footfall import: the page hits of access logs into a running daemon, with the times, addresses and agents they had.
//
//     POST /v1/admin/imports           how far did we get?      -> position
//     POST /v1/hits?source=&position=  a batch, and its last line's number; again and again
//     DELETE /v1/admin/imports         done: the key of this import's visitors is destroyed
//
// A position is a line's number in the source. The daemon counts a batch only if its position is beyond the mark that
// it keeps with the numbers, so a batch may be sent twice and an import that was cut off goes on where it was. Each
// file is a source of its own, named after it; --source makes all of them one. Tested by
// tests/unit/client/import_test.cc.
#include "cli/import.h"

#include <arpa/inet.h>

#include <CLI/CLI.hpp>
#include <array>
#include <chrono>
#include <cstdio>
#include <memory>
#include <ostream>
#include <thread>

#include "base/hash.h"
#include "cli/batch_totals.h"
#include "cli/command.h"
#include "cli/daemon.h"
#include "cli/json_read.h"
#include "cli/json_text.h"
#include "cli/log_options.h"
#include "cli/progress.h"
#include "cli/text.h"
#include "cli/unreadable.h"
#include "logs/line_reader.h"
#include "logs/log_reader.h"

namespace footfall::cli {
namespace {

constexpr std::size_t kBatchBytesMax = std::size_t{1} << 20U;
constexpr std::size_t kBatchItemsMax = 5'000;

struct Options {
  DaemonOptions daemon;
  LogOptions log;
  std::string site, source;
  unsigned retry_for_s = 60;
};

struct Totals {
  BatchTotals batches;
  Readability readability;
};

bool is_address(std::string_view text) {
  const std::string copy(text);
  unsigned char bytes[16];
  return inet_pton(AF_INET, copy.c_str(), bytes) == 1 || inet_pton(AF_INET6, copy.c_str(), bytes) == 1;
}

void member(std::string& out, std::string_view name, std::string_view value) {
  out += ",\"";
  out += name;
  out += "\":";
  append_json_string(out, value);
}

class Import {
 public:
  Import(const Options& options, logs::Format format, const logs::Filter& filter, Terminal& terminal, Totals& totals)
      : options_(options),
        format_(std::move(format)),
        filter_(filter),
        terminal_(terminal),
        totals_(totals),
        daemon_(options.daemon, terminal) {}

  // One source: all of it, or from where it was cut off.
  base::Result<void> run(const std::vector<std::string>& files, const std::string& source) {
    JsonText body(JsonText::Layout::one_line);
    body.begin_object().member("site", options_.site).member("source", source).end_object();
    auto begun = daemon_.call(Daemon::Listener::admin, "POST", "/v1/admin/imports", body.take(), drawn_change_id());
    if (!begun) return begun.error();
    JsonDocument document;
    if (!document.parse(*begun)) return base::Error{base::Errc::malformed, "the daemon's answer is no JSON"};
    const std::uint64_t mark = document.root().number("position");
    const std::string target = "/v1/hits?source=" + url_encoded(source) + "&position=";

    logs::LogReader log(format_, files);
    Progress progress(terminal_.err, terminal_.err_is_terminal);
    std::string batch;
    std::size_t items = 0;
    const auto send = [&]() -> base::Result<void> {
      if (items == 0) return {};
      auto sent = send_batch(target + std::to_string(log.lines()), batch, items, progress);
      batch.clear();
      items = 0;
      return sent;
    };
    while (true) {
      const logs::LogReader::Next next = log.next();
      if (next == logs::LogReader::Next::end) break;
      if (next == logs::LogReader::Next::failed) return log.error();
      progress.update(log.bytes_read(), log.bytes_total(), log.lines());
      if (next == logs::LogReader::Next::unreadable) {
        ++totals_.batches.unparseable;
        totals_.readability.unreadable(log.text());
        continue;
      }
      totals_.readability.readable();
      if (log.lines() <= mark) {
        ++totals_.batches.skipped;
      } else if (filter_.passes(log.line())) {
        append_item(batch, options_.site, log.line());
        ++items;
      }
      if (items >= kBatchItemsMax || batch.size() >= kBatchBytesMax) {
        if (auto sent = send(); !sent) return sent;
      }
    }
    if (auto sent = send(); !sent) return sent;
    totals_.batches.lines += log.lines();
    auto ended = daemon_.call(Daemon::Listener::admin, "DELETE",
                              "/v1/admin/imports?site=" + url_encoded(options_.site) + "&source=" + url_encoded(source),
                              {}, drawn_change_id());
    if (!ended) return ended.error();
    return {};
  }

 private:
  // Until it is counted, or refused, or retry_for_s is over.
  base::Result<void> send_batch(const std::string& target, const std::string& batch, std::size_t items,
                                Progress& progress) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(options_.retry_for_s);
    for (unsigned pause_s = 1;; pause_s = std::min(pause_s * 2, 15U)) {
      HttpRequest request;
      request.method = "POST";
      request.target = target;
      request.content_type = "application/x-ndjson";
      request.body = batch;
      auto answer = daemon_.send(Daemon::Listener::open, std::move(request));
      if (answer && answer->status >= 200 && answer->status <= 299) return totals_.batches.note(answer->body, items);
      const base::Error error = answer ? daemon_.problem(Daemon::Listener::open, *answer) : answer.error();
      const unsigned wait_s = answer && answer->retry_after_s > 0 ? answer->retry_after_s : pause_s;
      if (error.code != base::Errc::unavailable ||
          std::chrono::steady_clock::now() + std::chrono::seconds(wait_s) > deadline) {
        return base::Error{error.code,
                           error.detail + "\n  The import is not lost: the same command goes on where it was cut off"};
      }
      progress.clear();
      terminal_.err << "footfall: " << printable(error.detail.substr(0, error.detail.find('\n')))
                    << "; trying again in " << wait_s << " s\n"
                    << std::flush;
      std::this_thread::sleep_for(std::chrono::seconds(wait_s));
    }
  }

  const Options& options_;
  logs::Format format_;
  const logs::Filter& filter_;
  Terminal& terminal_;
  Totals& totals_;
  Daemon daemon_;
};

int outcome_of(const Options& options, const Totals& totals, Terminal& terminal) {
  if (const auto readable = totals.readability.judge(options.log.format); !readable)
    return fail(terminal, readable.error());
  if (totals.batches.sent == 0 || totals.batches.rejected < totals.batches.sent) return kDone;
  return fail(terminal, {base::Errc::conflict, "every hit was rejected; nothing was counted"});
}

int import(const Options& options, Terminal& terminal) {
  const auto format = options.log.parsed_format();
  if (!format) return fail(terminal, format.error());
  const auto filter = options.log.parsed_filter();
  if (!filter) return fail(terminal, filter.error());
  const std::vector<std::string>& files = options.log.files;
  for (const std::string& file : files) {
    if (file == "-" && options.source.empty()) {
      return fail(terminal, {base::Errc::invalid_config, "standard input has no name: give one with --source"});
    }
  }
  Totals totals;
  Import import(options, *format, *filter, terminal, totals);
  if (!options.source.empty()) {
    if (auto done = import.run(files, options.source); !done) return fail(terminal, done.error());
  } else {
    for (const std::string& file : files) {
      const auto reader = logs::LineReader::open(file);
      if (!reader) return fail(terminal, reader.error());
      std::string_view first_line;
      if ((*reader)->next(first_line) == logs::LineReader::Next::failed) return fail(terminal, (*reader)->error());
      if (auto done = import.run({file}, source_of(file, first_line)); !done) return fail(terminal, done.error());
    }
  }
  if (options.daemon.json) {
    JsonText json;
    json.begin_object().member("site", options.site);
    totals.batches.write(json);
    json.end_object();
    terminal.out << json.take() << '\n';
    return outcome_of(options, totals, terminal);
  }
  terminal.out << totals.batches.table(filter->description());
  return outcome_of(options, totals, terminal);
}

}  // namespace

std::string source_of(const std::string& path, std::string_view first_line) {
  constexpr base::SipKey kKey{0x666f6f7466616c6cU, 1};  // a fixed one: the name outlives the process
  std::array<char, 17> hash{};
  std::snprintf(hash.data(), hash.size(), "%016llx",
                static_cast<unsigned long long>(base::siphash13(kKey, first_line)));
  return path.substr(path.rfind('/') + 1) + "-" + hash.data();  // npos + 1 is 0
}

void append_item(std::string& out, std::string_view site, const logs::Line& line) {
  const auto given = [](const std::optional<std::string_view>& text) { return text && !text->empty() && *text != "-"; };
  out += "{\"site\":";
  append_json_string(out, site);
  out += ",\"time\":" + std::to_string(line.time_s);
  member(out, "path", line.target);
  if (given(line.referrer)) member(out, "ref", *line.referrer);
  if (is_address(line.client)) {
    member(out, "address", line.client);
  } else {
    // A host name, or a pseudonym: with the agent it tells visitors apart as well as an address.
    member(out, "visitor", std::string(line.client) + " " + std::string(line.agent.value_or("")));
  }
  if (given(line.agent)) member(out, "agent", *line.agent);
  out += "}\n";
}

void add_import(CLI::App& app, Action& chosen) {
  CLI::App* command =
      app.add_subcommand("import", "count access logs into a running daemon; goes on where it was cut off");
  auto options = std::make_shared<Options>();
  options->log.declare(*command);
  command->add_option("--site", options->site, "the site to count for")->required();
  command->add_option("--source", options->source,
                      "one name for all files, under which the daemon remembers how far it got; default "
                      "each file's own name");
  command->add_option("--retry-for", options->retry_for_s, "seconds to wait for a daemon that is away or busy")
      ->check(CLI::Range(0, 86'400))
      ->capture_default_str();
  options->daemon.declare(*command);
  command->callback(
      [options, &chosen] { chosen = [options](Terminal& terminal) { return import(*options, terminal); }; });
}

}  // namespace footfall::cli
