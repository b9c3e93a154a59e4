// SPDX-License-Identifier: Apache-2.0
// footfall follow: the page hits of a log that goes on for ever, into a running daemon, as they are written.
//
//     GET /v1/admin/imports                         how far did we get?  -> position, mark
//     log_tail.h: whole lines behind the mark       -> POST /v1/hits?source=&site=&after=&position=&mark=
//
// Nothing is kept here: the daemon has the position and the mark with the hits, in one block of its journal. A batch
// says where it begins, and is taken only where the mark stands; so whatever is killed, restarted, or put back to an
// earlier state, each line is counted once by its place in the log. Each site has a mark of its own; where a log is of
// several, reading begins at the first of them, and each passes over what it has.
// Tested by tests/integration/follow_test.py.
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <chrono>
#include <climits>
#include <filesystem>
#include <limits>
#include <map>
#include <memory>
#include <ostream>

#include "cli/batch_totals.h"
#include "cli/command.h"
#include "cli/daemon.h"
#include "cli/import.h"
#include "cli/json_read.h"
#include "cli/json_text.h"
#include "cli/log_options.h"
#include "cli/log_tail.h"
#include "cli/text.h"
#include "cli/unreadable.h"
#include "logs/host.h"

namespace footfall::cli {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

// Of a batch, of all sites; a chunk of the log may come on top.
constexpr std::size_t kBatchBytesMax = std::size_t{256} << 10U;
constexpr milliseconds kPoll{250};
// Where lines come that are no page hits the mark follows them this often.
constexpr seconds kMarkEvery{10};
constexpr unsigned kTimeout_s = 10;
constexpr unsigned kPauseMax_s = 15;
constexpr std::uint64_t kLinesJudged = 1000;
constexpr std::size_t kSourceMax = 200;

struct Options {
  DaemonOptions daemon;
  LogOptions log;  // of it --format and --filter
  std::string file, site, source;
  std::vector<std::string> hosts;
  bool from_start = false, once = false;
  unsigned quiet_s = 5;
};

// SIGTERM and SIGINT, which are blocked: taken where we wait, so that nothing is cut off half-way.
class StopSignals {
 public:
  StopSignals() {
    sigemptyset(&taken_);
    sigaddset(&taken_, SIGTERM);
    sigaddset(&taken_, SIGINT);
    pthread_sigmask(SIG_BLOCK, &taken_, &before_);
  }
  ~StopSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  // True, at once, when one came; and from then on.
  bool wait(milliseconds time) {
    const timespec timeout{time.count() / 1000, time.count() % 1000 * 1'000'000};
    stopped_ = stopped_ || sigtimedwait(&taken_, nullptr, &timeout) > 0;
    return stopped_;
  }
  bool stopped() { return wait(milliseconds(0)); }

 private:
  sigset_t taken_{}, before_{};
  bool stopped_ = false;
};

class Follow {
 public:
  Follow(const Options& options, logs::Format format, logs::Filter filter, Terminal& terminal)
      : options_(options),
        format_(std::move(format)),
        filter_(std::move(filter)),
        terminal_(terminal),
        daemon_(options.daemon, terminal, kTimeout_s) {}

  // Until it is told to stop. REQUIRES: once.
  base::Result<void> run();
  int report(const base::Result<void>& outcome);

 private:
  // What goes to one site.
  struct Stream {
    std::string site;
    std::uint64_t counted = 0;  // position through which it has all; 0: it never had any
    std::string batch;
    std::size_t items = 0;
  };

  base::Result<void> read_sites();
  base::Result<void> begin();
  base::Result<void> work();
  base::Result<void> take_lines(std::string_view lines, std::uint64_t begin);
  // What was gathered goes, and then it waits for more.
  base::Result<void> rest();
  Stream* stream_of(const logs::Line& line);
  std::size_t gathered() const;
  // Everything that was gathered; with `marks` also to sites that have nothing but the mark to come.
  base::Result<void> send(bool marks);
  base::Result<void> send(Stream& stream);
  // Of a request that is made until it is answered: nullopt when we were told to stop.
  base::Result<std::optional<HttpAnswer>> ask(Daemon::Listener listener, const HttpRequest& request);
  base::Result<std::optional<LogMark>> mark_of(const std::string& site);
  void say(const std::string& what) { terminal_.err << "footfall: " << printable(what) << '\n' << std::flush; }

  const Options& options_;
  logs::Format format_;
  logs::Filter filter_;
  Terminal& terminal_;
  Daemon daemon_;
  StopSignals signals_;
  std::string source_;
  std::vector<Stream> streams_;
  std::map<std::string, std::size_t, std::less<>> hosts_;  // host -> index in streams_
  std::optional<std::size_t> other_hosts_;                 // index in streams_ of --site
  std::unique_ptr<LogTail> tail_;
  bool again_ = false;  // the mark stands elsewhere: begin anew from where it is
  bool away_ = false;   // the daemon, and it was told
  bool read_ = false;   // the log could be read since the start
  bool blind_ = false;  // it cannot be read now, and it was told
  Clock::time_point marked_ = Clock::now();
  BatchTotals totals_;
  Readability readability_;
};

base::Result<void> Follow::read_sites() {
  const auto stream = [this](const std::string& site) {
    for (std::size_t i = 0; i < streams_.size(); ++i) {
      if (streams_[i].site == site) return i;
    }
    streams_.push_back({site, 0, {}, 0});
    return streams_.size() - 1;
  };
  for (const std::string& text : options_.hosts) {
    const std::size_t equals = text.find('=');
    if (equals == 0 || equals == std::string::npos || equals + 1 == text.size())
      return base::Error{base::Errc::invalid_config,
                         "--host: \"" + text + "\" is no HOST=SITE, such as www.example.vn=example.vn"};
    hosts_.insert_or_assign(logs::plain_host(text.substr(0, equals)), stream(text.substr(equals + 1)));
  }
  if (!options_.site.empty()) other_hosts_ = stream(options_.site);
  if (streams_.empty())
    return base::Error{base::Errc::invalid_config,
                       "say which site the log is of: --site NAME, or --host HOST=SITE for each of its hosts"};
  source_ = options_.source;
  if (source_.empty()) {
    std::array<char, HOST_NAME_MAX + 1> host{};
    gethostname(host.data(), host.size() - 1);
    std::error_code error;
    source_ =
        std::string(host.data()) + ":" + std::filesystem::absolute(options_.file, error).lexically_normal().string();
  }
  if (source_.size() > kSourceMax)
    return base::Error{base::Errc::invalid_config, "the name under which the daemon knows this log has over " +
                                                       std::to_string(kSourceMax) +
                                                       " bytes; give a shorter one: --source NAME"};
  return {};
}

base::Result<std::optional<HttpAnswer>> Follow::ask(Daemon::Listener listener, const HttpRequest& request) {
  for (unsigned pause_s = 1;; pause_s = std::min(pause_s * 2, kPauseMax_s)) {
    auto answer = daemon_.send(listener, request);
    const bool busy = answer && (answer->status == 429 || answer->status >= 500);
    if (answer && !busy) {
      if (away_) say("the daemon is there again");
      away_ = false;
      return std::optional<HttpAnswer>(*std::move(answer));
    }
    const base::Error error = answer ? daemon_.problem(listener, *answer) : answer.error();
    if (error.code != base::Errc::unavailable) return error;
    if (!away_)
      say(error.detail.substr(0, error.detail.find('\n')) + "; trying until it is there: nothing is lost meanwhile");
    away_ = true;
    const unsigned wait_s =
        answer && answer->retry_after_s > 0 ? std::min(answer->retry_after_s, kPauseMax_s) : pause_s;
    if (signals_.wait(seconds(wait_s))) return std::optional<HttpAnswer>();
  }
}

base::Result<std::optional<LogMark>> Follow::mark_of(const std::string& site) {
  HttpRequest request;
  request.target = "/v1/admin/imports?site=" + url_encoded(site) + "&source=" + url_encoded(source_);
  const auto answer = ask(Daemon::Listener::admin, request);
  if (!answer) return answer.error();
  LogMark none;
  if (!*answer) return std::optional<LogMark>();
  JsonDocument document;
  const bool json = document.parse((*answer)->body);
  if ((*answer)->status == 404 && json && document.root().text("type").ends_with("not-found"))
    return std::optional<LogMark>(none);
  if ((*answer)->status != 200) return daemon_.problem(Daemon::Listener::admin, **answer);
  if (!json) return base::Error{base::Errc::malformed, "the daemon's answer is no JSON"};
  const std::string mark = document.root().text("mark");
  const std::optional<LogMark> read = read_mark(mark, document.root().number("position"));
  if (read) return read;
  return base::Error{base::Errc::conflict,
                     mark.empty()
                         ? "an import into " + site + " was called " + source_ + "; give another name: --source NAME"
                         : "the mark of " + source_ + " is of a later release: start that one"};
}

// From the first of the sites' marks. One that has none gets it there.
base::Result<void> Follow::begin() {
  again_ = false;
  std::optional<LogMark> first;
  for (Stream& stream : streams_) {
    stream.batch.clear();
    stream.items = 0;
    const auto mark = mark_of(stream.site);
    if (!mark) return mark.error();
    if (!*mark) return {};  // told to stop
    stream.counted = (*mark)->position;
    if (stream.counted > 0 && (!first || stream.counted < first->position)) first = **mark;
  }
  LogTailOptions options;
  options.path = options_.file;
  options.quiet = seconds(options_.quiet_s);
  for (const Stream& stream : streams_) options.position_min = std::max(options.position_min, stream.counted);
  options.tell = [this](const std::string& what) { say(what); };
  if (first) {
    tail_ = LogTail::resume(std::move(options), *first);
    say("following " + options_.file + " as " + source_ + ", from where it was left");
  } else {
    auto begun = LogTail::begin(std::move(options),
                                options_.from_start ? LogTail::Begin::first_line : LogTail::Begin::next_line);
    if (!begun) return begun.error();
    tail_ = *std::move(begun);
    say("following " + options_.file + " as " + source_ + ", from " +
        (options_.from_start ? "its first line" : "the next line (--from-start takes what is there, too)"));
  }
  // Before anything is read: so that what is written from now on is counted, whatever happens.
  for (Stream& stream : streams_) {
    if (stream.counted > 0) continue;
    if (auto sent = send(stream); !sent) return sent;
  }
  return {};
}

Follow::Stream* Follow::stream_of(const logs::Line& line) {
  if (line.host && !hosts_.empty()) {
    const auto found = hosts_.find(logs::plain_host(*line.host));
    if (found != hosts_.end()) return &streams_[found->second];
  }
  return other_hosts_ ? &streams_[*other_hosts_] : nullptr;
}

base::Result<void> Follow::take_lines(std::string_view lines, std::uint64_t begin) {
  std::uint64_t position = begin;
  while (!lines.empty()) {
    const std::size_t newline = lines.find('\n');
    std::string_view text = lines.substr(0, newline);
    const std::size_t size = newline == std::string_view::npos ? lines.size() : newline + 1;
    lines.remove_prefix(size);
    position += size;
    while (text.ends_with('\r')) text.remove_suffix(1);
    ++totals_.lines;
    logs::Line line;
    if (!format_.read(text.empty() ? std::string_view("") : text, line)) {
      ++totals_.unparseable;
      readability_.unreadable(text);
      continue;
    }
    readability_.readable();
    if (!filter_.passes(line)) continue;
    Stream* const stream = stream_of(line);
    if (stream == nullptr) {
      ++totals_.other_hosts;
      continue;
    }
    if (position <= stream->counted) {
      ++totals_.skipped;
      continue;
    }
    append_item(stream->batch, stream->site, line);
    ++stream->items;
  }
  return {};
}

std::size_t Follow::gathered() const {
  std::size_t bytes = 0;
  for (const Stream& stream : streams_) bytes += stream.batch.size();
  return bytes;
}

base::Result<void> Follow::send(bool marks) {
  const bool due = marks && Clock::now() - marked_ >= kMarkEvery;
  if (due) marked_ = Clock::now();
  for (Stream& stream : streams_) {
    if (stream.items == 0 && !(due && stream.counted < tail_->mark().position)) continue;
    if (auto sent = send(stream); !sent) return sent;
    if (again_ || signals_.stopped()) return {};
  }
  return {};
}

base::Result<void> Follow::send(Stream& stream) {
  const LogMark& mark = tail_->mark();
  HttpRequest request;
  request.method = "POST";
  request.target = "/v1/hits?source=" + url_encoded(source_) + "&site=" + url_encoded(stream.site) +
                   "&after=" + std::to_string(stream.counted) + "&position=" + std::to_string(mark.position) +
                   "&mark=" + url_encoded(text_of(mark));
  request.content_type = "application/x-ndjson";
  request.body = stream.batch;
  const auto answer = ask(Daemon::Listener::open, request);
  if (!answer) return answer.error();
  if (!*answer) return {};  // told to stop
  if ((*answer)->status == 409) {
    // Another follower of the same source, or a daemon with older data: from where it stands now.
    const auto there = mark_of(stream.site);
    if (!there) return there.error();
    if (*there && (*there)->position == stream.counted) return daemon_.problem(Daemon::Listener::open, **answer);
    say(stream.site + " was counted to another place than this program knew; going on from there");
    again_ = true;
    return {};
  }
  if ((*answer)->status != 200) return daemon_.problem(Daemon::Listener::open, **answer);
  if (auto noted = totals_.note((*answer)->body, stream.items); !noted) return noted;
  stream.counted = mark.position;
  stream.batch.clear();
  stream.items = 0;
  return {};
}

base::Result<void> Follow::rest() {
  // Where no line could be read yet the format may be wrong: the mark stays before them.
  if (readability_.judge(options_.log.format)) {
    if (auto sent = send(true); !sent) return sent;
  }
  if (!again_ && !options_.once) signals_.wait(kPoll);
  return {};
}

base::Result<void> Follow::work() {
  while (!again_ && !signals_.stopped()) {
    std::string_view lines;
    const std::uint64_t begin = tail_->mark().position;
    const LogTail::Next next = tail_->next(lines);
    if (next != LogTail::Next::failed) {
      if (blind_) say(options_.file + " can be read again");
      blind_ = false;
      read_ = true;
    }
    switch (next) {
      case LogTail::Next::lines:
        if (auto taken = take_lines(lines, begin); !taken) return taken;
        if (totals_.lines >= kLinesJudged) {
          if (auto readable = readability_.judge(options_.log.format); !readable) return readable;
        }
        if (gathered() < kBatchBytesMax) break;
        if (auto sent = send(false); !sent) return sent;
        break;
      case LogTail::Next::too_long:
        ++totals_.lines;
        ++totals_.unparseable;
        break;
      case LogTail::Next::failed:
        // Told at the start it is for who started it. Later it may pass: a rotation is about to give it its rights.
        if (!read_ || options_.once) return tail_->error();
        if (!blind_) say(tail_->error().detail + "; trying until it can be read");
        blind_ = true;
        if (auto sent = rest(); !sent) return sent;
        break;
      case LogTail::Next::nothing:
        if (auto sent = rest(); !sent) return sent;
        if (!again_ && options_.once) return readability_.judge(options_.log.format);
        break;
    }
  }
  return {};
}

base::Result<void> Follow::run() {
  if (auto read = read_sites(); !read) return read;
  do {
    if (auto begun = begin(); !begun) return begun;
    if (tail_ == nullptr) return {};  // told to stop before the daemon was there
    if (auto worked = work(); !worked) return worked;
  } while (again_ && !signals_.stopped());
  return {};
}

int Follow::report(const base::Result<void>& outcome) {
  if (options_.daemon.json) {
    JsonText json;
    json.begin_object().member("file", options_.file).member("source", source_);
    totals_.write(json);
    json.end_object();
    terminal_.out << json.take() << '\n';
  } else if (totals_.lines > 0) {
    terminal_.out << totals_.table(filter_.description());
  }
  return outcome ? kDone : fail(terminal_, outcome.error());
}

int follow(const Options& options, Terminal& terminal) {
  auto format = options.log.parsed_format();
  if (!format) return fail(terminal, format.error());
  if (format->has_header())
    return fail(terminal,
                {base::Errc::invalid_config, "--format " + options.log.format +
                                                 ": a log with a header is not followed; `footfall import` reads it"});
  auto filter = options.log.parsed_filter();
  if (!filter) return fail(terminal, filter.error());
  Follow follow(options, *std::move(format), *std::move(filter), terminal);
  return follow.report(follow.run());
}

}  // namespace

void add_follow(CLI::App& app, Action& chosen) {
  CLI::App* command = app.add_subcommand(
      "follow", "count an access log into a running daemon while it is written; goes on where it was left");
  auto options = std::make_shared<Options>();
  command->add_option("FILE", options->file, "the log; its rotated files are found beside it")->required();
  options->log.declare_reading(*command);
  command->add_option("--site", options->site, "the site to count for; beside --host that of all other hosts");
  command
      ->add_option("--host", options->hosts,
                   "HOST=SITE: lines for this host count for that site; the format has to have the host "
                   "(vhost-combined, json, $host, %v)")
      ->take_all()
      ->expected(1);
  command->add_option(
      "--source", options->source,
      "the name under which the daemon remembers how far it got; default this machine's and the file's");
  command->add_flag("--from-start", options->from_start, "the first time: also what is in FILE already");
  command->add_flag("--once", options->once, "end when everything that is there was counted");
  command
      ->add_option("--rotate-wait", options->quiet_s, "seconds without a write after which a rotated file is complete")
      ->check(CLI::Range(0, 86'400))
      ->capture_default_str();
  options->daemon.declare(*command);
  command->callback(
      [options, &chosen] { chosen = [options](Terminal& terminal) { return follow(*options, terminal); }; });
}

}  // namespace footfall::cli
