// SPDX-License-Identifier: Apache-2.0
// footfall bench: load on a daemon, how long it took to answer, and whether its total grew by what it acknowledged.
//
//   stats before -> generate (client/load/) -> stats after:  after - before = acknowledged, and at most what is
//   undecided more
//
// The hits are real ones, so the site is named, and anything but this machine is refused without --anyway. Nobody else
// may hit the site meanwhile.
// Tested by tests/integration/bench_test.py.
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <CLI/CLI.hpp>
#include <cstring>
#include <memory>
#include <ostream>

#include "base/descriptor.h"
#include "cli/command.h"
#include "cli/daemon.h"
#include "cli/json_read.h"
#include "cli/json_text.h"
#include "cli/log_options.h"
#include "cli/text.h"
#include "cli/token.h"
#include "cpp/address.h"
#include "load/generator.h"

namespace footfall::cli {
namespace {

struct Options {
  DaemonOptions daemon;
  LogOptions log;
  load::GeneratorOptions generator;
  load::TrafficOptions traffic;
  std::string site, through, request = "pixel", shape = "all", curve, from;
  double scale = 1;
  bool anyway = false;
};

struct Quantile {
  const char* name;
  const char* label;
  double part;
};
constexpr Quantile kQuantiles[] = {{"p50", "50 %", 0.5},
                                   {"p90", "90 %", 0.9},
                                   {"p99", "99 %", 0.99},
                                   {"p999", "99.9 %", 0.999},
                                   {"p9999", "99.99 %", 0.9999}};

// What the daemon says of a site.
struct Totals {
  std::uint64_t total = 0, bots = 0;
  bool bots_known = false;
};

base::Error invalid(const std::string& why) {
  return {base::Errc::invalid_config, why};
}

base::Result<client::Address> parsed_address(const std::string& text) {
  client::Address address;
  const std::string why = client::parse_address(text, address);
  if (!why.empty()) return invalid(why);
  return address;
}

bool is_loopback(const sockaddr* address) {
  if (address->sa_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, address, sizeof v4);
    return ntohl(v4.sin_addr.s_addr) >> 24U == 127;
  }
  sockaddr_in6 v6{};
  std::memcpy(&v6, address, sizeof v6);
  return IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr) != 0;
}

bool takes_connections(const addrinfo& address) {
  const base::Descriptor socket(::socket(address.ai_family, address.ai_socktype | SOCK_CLOEXEC, address.ai_protocol));
  return socket.get() >= 0 && ::connect(socket.get(), address.ai_addr, address.ai_addrlen) == 0;
}

// Where the load goes: of several addresses ("localhost" is ::1 and 127.0.0.1) the first that takes connections.
base::Result<void> resolve(const client::Address& address, bool anyway, load::GeneratorOptions& generator) {
  if (!address.path.empty()) return invalid("\"" + address.text + "\": bench speaks TCP; name a host and a port");
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int error = getaddrinfo(address.host.c_str(), address.port.c_str(), &hints, &found); error != 0)
    return base::Error{base::Errc::unavailable, "cannot find " + address.text + ": " + gai_strerror(error)};
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> all(found, &freeaddrinfo);
  const addrinfo* chosen = found;
  while (chosen != nullptr && !((anyway || is_loopback(chosen->ai_addr)) && takes_connections(*chosen)))
    chosen = chosen->ai_next;
  if (chosen == nullptr) chosen = found;  // whoever connects there says why not
  if (!is_loopback(chosen->ai_addr) && !anyway) {
    return invalid(
        address.text +
        " is not on this machine. The hits of bench are real: they stay in the site's total, and the load may "
        "be more than others there can bear. If that is meant, say --anyway");
  }
  std::memcpy(&generator.to, chosen->ai_addr, chosen->ai_addrlen);
  generator.to_size = chosen->ai_addrlen;
  if (address.tls) generator.tls_name = address.host;
  return {};
}

base::Result<Totals> totals_of(Daemon& daemon, const std::string& site) {
  const auto answer = daemon.call(Daemon::Listener::open, "GET", "/v1/sites/" + url_encoded(site) + "/stats");
  if (!answer) return answer.error();
  JsonDocument document;
  if (!document.parse(*answer)) return base::Error{base::Errc::malformed, "the daemon's answer is no JSON"};
  const JsonValue total = document.root()["total"];
  const JsonValue bots = document.root()["year"]["bots"];
  if (!total.is_number())
    return base::Error{base::Errc::denied, "the total of " + site + " is not told: a token of scope read is needed"};
  return Totals{total.number(), bots.number(), bots.is_number()};
}

// Whether crawlers are in the site's total.
base::Result<bool> counts_bots(Daemon& daemon, const std::string& site) {
  const auto answer = daemon.call(Daemon::Listener::admin, "GET", "/v1/admin/sites");
  if (!answer) return answer.error();
  JsonDocument document;
  if (document.parse(*answer)) {
    for (const JsonValue& entry : document.root()["sites"].items()) {
      if (entry.text("name") == site) return entry["count_bots"].yes();
    }
  }
  return base::Error{base::Errc::not_found, "the daemon does not list " + site};
}

// What the command line says, as the generator takes it.
base::Result<void> prepare(Options& options, Terminal& terminal) {
  const auto daemon = parsed_address(options.daemon.url);
  if (!daemon) return daemon.error();
  const auto target = options.through.empty() ? daemon : parsed_address(options.through);
  if (!target) return target.error();
  if (auto resolved = resolve(*target, options.anyway, options.generator); !resolved) return resolved;
  load::GeneratorOptions ignored;  // where the numbers are read from must be here, too
  if (auto resolved = resolve(*daemon, options.anyway, ignored); !resolved) return resolved;

  options.generator.tls_authorities = options.daemon.ca_file;

  load::TrafficOptions& traffic = options.traffic;
  traffic.site = options.site;
  traffic.host = target->host_field();
  traffic.base = target->base;
  traffic.close = options.generator.reconnect;
  traffic.kind = options.request == "pixel"    ? load::RequestKind::pixel
                 : options.request == "script" ? load::RequestKind::script
                                               : load::RequestKind::mixed;
  for (const load::Shape& shape : load::shapes()) {
    if (options.shape == "all" || options.shape == shape.name) traffic.shapes.push_back(shape);
  }
  if (traffic.shapes.empty()) {
    std::string names;
    for (const load::Shape& shape : load::shapes()) names += " " + std::string(shape.name);
    return invalid("--shape " + options.shape + ": there is no such shape; there are all" + names);
  }
  if (!options.curve.empty()) {
    const auto curve = load::Curve::read(options.curve, options.from, options.scale);
    if (!curve) return curve.error();
    traffic.curve = std::make_shared<const load::Curve>(*curve);
    if (traffic.speed == 0) traffic.speed = 1;
  }
  traffic.logs = options.log.files;
  if (!traffic.logs.empty()) {
    const auto format = options.log.parsed_format();
    if (!format) return format.error();
    traffic.format = *format;
    const auto filter = options.log.parsed_filter();
    if (!filter) return filter.error();
    traffic.passes = [filter = *filter](const logs::Line& line) { return filter.passes(line); };
  }
  if (traffic.batch > 0) {
    const auto token = find_token(options.daemon.token_file, terminal.command_line);
    if (!token) return token.error();
    traffic.token = token->secret;
  }
  options.generator.open_loop =
      traffic.rate > 0 || traffic.curve != nullptr || (!traffic.logs.empty() && traffic.speed > 0);
  if (options.generator.resume && options.generator.tls_name.empty())
    return invalid("--resume is of TLS: say where to by --through https://HOST:PORT");
  if (options.generator.reconnect && options.generator.pipeline > 1)
    return invalid("--reconnect: a connection for each request has nothing to pipeline");
  if (options.generator.open_loop && options.generator.pipeline > 1)
    return invalid("--pipeline is of a closed loop: a schedule says by itself how many are in flight");
  return {};
}

struct Verdict {
  std::uint64_t apart = 0;     // acknowledged, from crawlers, which are counted apart
  std::uint64_t expected = 0;  // acknowledged, without those
  std::int64_t grown = 0;      // of the total
  bool ok = false;
  // Hits too few (below 0) or too many in the total; 0: fine.
  std::int64_t difference = 0;
};

Verdict judged(const load::Generated& done, const Totals& before, const Totals& after, bool bots_in_total) {
  Verdict verdict;
  verdict.grown = static_cast<std::int64_t>(after.total - before.total);
  verdict.apart = done.bots;  // of batches, whose answers tell
  if (!bots_in_total) verdict.apart = after.bots - before.bots;
  verdict.apart = std::min(verdict.apart, done.acknowledged);
  verdict.expected = done.acknowledged - verdict.apart;
  const auto least = static_cast<std::int64_t>(verdict.expected);
  const auto most = static_cast<std::int64_t>(verdict.expected + done.undecided);
  verdict.difference = verdict.grown < least ? verdict.grown - least : verdict.grown > most ? verdict.grown - most : 0;
  verdict.ok = verdict.difference == 0;
  return verdict;
}

std::string loop_name(const Options& options) {
  if (options.traffic.curve) return "curve";
  if (options.generator.open_loop && !options.traffic.logs.empty()) return "log";
  return options.generator.open_loop ? "rate" : "closed";
}

// Acknowledged in time while requests were being offered, in a second of that.
std::uint64_t in_time_per_s(const load::Generated& done) {
  return done.offered_s > 0 ? static_cast<std::uint64_t>(static_cast<double>(done.in_time) / done.offered_s) : 0;
}

std::string microseconds(std::uint64_t ns) {
  return grouped(ns / 1000) + "." + std::to_string(ns / 100 % 10) + " us";
}

void print_json(const Options& options, const load::Generated& done, const Verdict& verdict, Terminal& terminal) {
  JsonText json;
  json.begin_object()
      .member("site", options.site)
      .member("loop", loop_name(options))
      .member("requests", done.requests)
      .member("due", done.due)
      .member("sent", done.hits)
      .member("unsent", done.unsent)
      .member("acknowledged", done.acknowledged)
      .member("in_time", done.in_time)
      .member("undecided", done.undecided)
      .member("unanswered", done.unanswered)
      .key("rejected")
      .begin_object();
  for (const auto& [reason, hits] : done.rejected) json.member(reason, hits);
  json.end_object().key("answers").begin_object();
  for (const auto& [status, answers] : done.statuses) json.member(std::to_string(status), answers);
  json.end_object()
      .member("connections", done.connects)
      .member("tls_connections", done.tls_connects)
      .member("tls_resumed", done.tls_resumed)
      .member("behind", done.behind)
      .member("late_ns_max", static_cast<std::uint64_t>(done.late_ns_max))
      .member("bytes_sent", done.bytes_sent)
      .member("duration_ms", static_cast<std::uint64_t>(done.seconds * 1000))
      .member("acknowledged_per_s", static_cast<std::uint64_t>(static_cast<double>(done.acknowledged) / done.seconds))
      .member("in_time_per_s", in_time_per_s(done))
      .key("latency_ns")
      .begin_object();
  for (const Quantile& quantile : kQuantiles) json.member(quantile.name, done.latency.quantile_ns(quantile.part));
  json.member("max", done.latency.max_ns()).member("mean", static_cast<std::uint64_t>(done.latency.mean_ns()));
  json.end_object().member("counted", verdict.grown).member("bots", verdict.apart).member("expected", verdict.expected);
  json.member("difference", verdict.difference).member("ok", verdict.ok && done.trouble.empty());
  json.member("trouble", done.trouble).end_object();
  terminal.out << json.take() << '\n';
}

void print_text(const Options& options, const load::Generated& done, const Verdict& verdict, Terminal& terminal) {
  using Align = Table::Align;
  Table table({Align::right, Align::left});
  table.add({grouped(done.hits),
             "hits sent in " + grouped(done.requests) + " requests over " + grouped(done.connects) + " connections, " +
                 grouped(done.bytes_sent / std::max<std::uint64_t>(done.requests, 1)) + " bytes each"});
  table.add({grouped(done.acknowledged),
             "acknowledged, " +
                 grouped(static_cast<std::uint64_t>(static_cast<double>(done.acknowledged) / done.seconds)) +
                 " a second"});
  if (verdict.apart > 0) table.add({grouped(verdict.apart), "of them crawlers, counted apart"});
  for (const auto& [reason, hits] : done.rejected) table.add({grouped(hits), "rejected: " + printable(reason)});
  for (const auto& [status, answers] : done.statuses) {
    if (status >= 300) table.add({grouped(answers), "answered " + std::to_string(status)});
  }
  if (options.generator.open_loop && done.in_time < done.acknowledged) {
    table.add({grouped(done.in_time), "of them in time and while others were still due, " +
                                          grouped(in_time_per_s(done)) + " a second; the rest after that"});
  }
  if (done.unsent > 0) table.add({grouped(done.unsent), "due, and never sent: there was no room for them"});
  if (done.undecided > 0) table.add({grouped(done.undecided), "undecided: answered 5xx, or not at all"});
  if (done.behind > 0) table.add({grouped(done.behind), "sent behind another: no connection was idle"});
  terminal.out << table.text("  ") << '\n';
  Table latency({Align::right, Align::right});
  for (const Quantile& quantile : kQuantiles)
    latency.add({quantile.label, microseconds(done.latency.quantile_ns(quantile.part))});
  latency.add({"longest", microseconds(done.latency.max_ns())});
  terminal.out << latency.text("  ") << "  from the moment "
               << (options.generator.open_loop   ? "at which a request was due"
                   : options.generator.reconnect ? "of opening a connection"
                                                 : "of sending")
               << " to its answer\n";
  if (options.generator.open_loop && done.unsent + done.unanswered > 0) {
    terminal.out << "  " << grouped(done.unsent + done.unanswered)
                 << " that were never sent or answered are among these with the time until the end\n";
  }
  terminal.out << '\n';
  if (verdict.ok) {
    terminal.out << "OK: the total of " << options.site << " grew by " << grouped_signed(verdict.grown) << '\n';
  } else {
    terminal.out << "DIFFERENT: the total of " << options.site << " grew by " << grouped_signed(verdict.grown)
                 << ", which is " << grouped_signed(verdict.difference) << " of what was acknowledged\n";
  }
}

int bench(Options options, Terminal& terminal) {
  if (const auto prepared = prepare(options, terminal); !prepared) return fail(terminal, prepared.error());
  Daemon daemon(options.daemon, terminal);
  const auto before = totals_of(daemon, options.site);
  if (!before) return fail(terminal, before.error());
  bool bots_in_total = true;  // made up hits are no crawlers'
  if (!options.traffic.logs.empty() && options.traffic.batch == 0) {
    const auto counted = counts_bots(daemon, options.site);
    if (!counted) return fail(terminal, counted.error());
    bots_in_total = *counted;
    if (!bots_in_total && !before->bots_known)
      return fail(terminal, {base::Errc::denied, "a log has crawlers, which only a token of scope read is told of"});
  }
  const auto done = load::generate(options.generator, options.traffic);
  if (!done) return fail(terminal, done.error());
  const auto after = totals_of(daemon, options.site);
  if (!after) return fail(terminal, after.error());
  const Verdict verdict = judged(*done, *before, *after, bots_in_total);
  if (options.daemon.json) {
    print_json(options, *done, verdict, terminal);
  } else {
    print_text(options, *done, verdict, terminal);
  }
  if (!done->trouble.empty()) return fail(terminal, {base::Errc::unavailable, "it ended early: " + done->trouble});
  if (done->acknowledged == 0 && done->hits > 0)
    return fail(terminal, {base::Errc::conflict, "no hit was acknowledged"});
  return verdict.ok ? kDone : kFailed;
}

}  // namespace

void add_bench(CLI::App& app, Action& chosen) {
  CLI::App* command = app.add_subcommand(
      "bench",
      "put load on a daemon of this machine, and compare its total with what it acknowledged; the hits are real");
  auto options = std::make_shared<Options>();
  load::GeneratorOptions& generator = options->generator;
  load::TrafficOptions& traffic = options->traffic;
  const auto add = [&](const char* group) {
    return [command, group](const char* name, auto& value, const std::string& description) {
      return command->add_option(name, value, description)->group(group);
    };
  };
  const auto where = add("Where to");
  where("--site", options->site, "the site that is hit; nobody else may hit it meanwhile")->required();
  options->daemon.declare(*command);
  command->get_option("--json")->description("print one JSON object");
  where("--through", options->through,
        "send the hits there: a proxy before the daemon, or its TLS listener; http:// or https://HOST:PORT");
  command->add_flag("--anyway", options->anyway, "also where the daemon or the proxy is on another machine")
      ->group("Where to");

  const auto how = add("How much");
  how("--connections", generator.connections, "over all threads")->check(CLI::Range(1, 100'000))->capture_default_str();
  how("--threads", generator.threads, "of the generator")->check(CLI::Range(1, 256))->capture_default_str();
  how("--pipeline", generator.pipeline, "closed loop: requests in flight on each connection")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  command->add_flag("--reconnect", generator.reconnect, "a new connection for each request")->group("How much");
  how("--connections-max", generator.connections_max,
      "the same at a rate: how many may be open at once where all others wait for their answers")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  command->add_flag("--resume", generator.resume, "each TLS connection goes on with the session of one before")
      ->group("How much");
  CLI::Option* const rate =
      how("--rate", traffic.rate, "open loop: hits a second, whatever the daemon does; without, as fast as it answers")
          ->check(CLI::PositiveNumber);
  how("--seconds", generator.seconds, "how long to send at most")->check(CLI::PositiveNumber)->capture_default_str();
  how("--in-time", generator.in_time_s, "so many seconds after it was due what is acknowledged is late")
      ->check(CLI::PositiveNumber);
  how("--hits", traffic.hits_max, "how many to send at most")->check(CLI::PositiveNumber);

  const auto what = add("What");
  what("--request", options->request, "pixel: GET /hit.gif; script: what the page script posts; mixed: in turn")
      ->check(CLI::IsMember({"pixel", "script", "mixed"}))
      ->capture_default_str();
  what("--shape", options->shape, "whose header fields to send, as chrome-windows; all: in turn, 300 to 900 bytes")
      ->capture_default_str();
  what("--pages", traffic.pages, "how many pages are hit")->check(CLI::PositiveNumber)->capture_default_str();
  what("--visitors", traffic.visitors, "how many there are; each has an address of its own")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 24U))
      ->capture_default_str();
  what("--batch", traffic.batch, "POST /v1/hits with so many hits each; needs a token of scope ingest")
      ->check(CLI::Range(1, 20'000));

  const auto replay = add("What there was");
  CLI::Option* const log = replay("--log", options->log.files, "the page hits of access logs, plain or gzipped");
  options->log.declare_reading(*command);
  CLI::Option* const curve = replay("--curve", options->curve,
                                    "as many hits in each minute as a file says: lines of 1998-06-30 21:00:00,118744")
                                 ->excludes(rate)
                                 ->excludes(log);
  replay("--speed", traffic.speed,
         "how many times as fast as it was; a log without it is sent as fast as it is answered")
      ->check(CLI::PositiveNumber)
      ->excludes(rate);
  replay("--from", options->from, "the minute of the curve to begin with, as 1998-06-30 21:00")->needs(curve);
  replay("--scale", options->scale, "of the curve's counts")->check(CLI::PositiveNumber)->needs(curve);
  command->callback(
      [options, &chosen] { chosen = [options](Terminal& terminal) { return bench(*options, terminal); }; });
}

}  // namespace footfall::cli
