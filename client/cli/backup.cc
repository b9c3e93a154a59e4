// SPDX-License-Identifier: Apache-2.0
// footfall backup: has a running daemon write a backup. footfall restore: makes a data directory from one, without a
// daemon.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>
#include <ostream>
#include <system_error>
#include <thread>

#include "cli/command.h"
#include "cli/daemon.h"
#include "cli/json_read.h"
#include "cli/json_text.h"
#include "cli/snapshot.h"
#include "cli/text.h"
#include "store/backup.h"

namespace footfall::cli {
namespace {

constexpr std::string_view kTarget = "/v1/admin/backup";

struct BackupOptions {
  DaemonOptions daemon;
  std::string file;
};

struct RestoreOptions {
  std::string file, directory;
  bool from_redis = false;
  RestoreFromRedis redis;
};

std::string content_line(const std::string& hash, std::int64_t as_of_s, std::uint64_t sites) {
  return "content hash " + hash + " as of second " + std::to_string(as_of_s) + "; " + grouped(sites) +
         (sites == 1 ? " site\n" : " sites\n");
}

int backup(const BackupOptions& options, Terminal& terminal) {
  using std::chrono::milliseconds;
  constexpr milliseconds kPauseMax{1000};
  std::error_code failed;
  const std::string path = std::filesystem::absolute(options.file, failed).lexically_normal().string();
  if (failed) return fail(terminal, {base::Errc::io, options.file + ": " + failed.message()});
  JsonText body(JsonText::Layout::one_line);
  body.begin_object().member("path", path).end_object();
  const std::string id = drawn_change_id();
  Daemon daemon(options.daemon, terminal);
  auto answer = daemon.call(Daemon::Listener::admin, "POST", std::string(kTarget), body.take(), id);
  for (milliseconds pause{50};; pause = std::min(2 * pause, kPauseMax)) {
    if (!answer) return fail(terminal, answer.error());
    JsonDocument document;
    if (!document.parse(*answer)) return fail(terminal, {base::Errc::malformed, "the daemon's answer is no JSON"});
    const JsonValue status = document.root();
    if (status.text("id") != id) {
      std::string told = "the daemon was started anew meanwhile: there is no backup at ";
      told.append(path).append("; remove ").append(path).append(".partial if it is there, and try again");
      return fail(terminal, {base::Errc::unavailable, std::move(told)});
    }
    const std::string state = status.text("state");
    if (state == "failed")
      return fail(terminal, {base::Errc::unavailable, "no backup was made: " + status.text("error")});
    if (state == "done") {
      return show_answer(options.daemon, terminal, answer, [&](const JsonValue& made) {
        return printable(path) + ": " + grouped(made.number("bytes")) +
               " bytes, written by the daemon on its host, for its own user to read\n" +
               content_line(made.text("hash"), made["as_of_s"].integer(), made.number("sites")) +
               "not in it: the admin token, and the salts of visitors. After a restore there is a new admin token, "
               "and\n"
               "today's visitors and those online are counted anew.\n";
      });
    }
    std::this_thread::sleep_for(pause);
    answer = daemon.call(Daemon::Listener::admin, "GET", std::string(kTarget));
  }
}

int restore(const RestoreOptions& options, Terminal& terminal) {
  const auto done =
      store::restore_backup(base::posix_file_system(), options.file, options.directory, counting::Limits{});
  if (!done) return fail(terminal, done.error());
  terminal.out << printable(options.directory) << " is a data directory of its own, incarnation " << done->incarnation
               << '\n'
               << content_line(done->backup.hash, done->backup.newest_s, done->backup.sites)
               << "Start it, as the user that owns it, with: footfalld --data-dir " << printable(options.directory)
               << "\nThat writes a new admin token to admin-token in it; today's visitors and those online are counted "
                  "anew.\n";
  return kDone;
}

}  // namespace

void add_backup(CLI::App& app, Action& chosen) {
  CLI::App* command =
      app.add_subcommand("backup", "have the daemon write all that it keeps into a file, while it counts");
  auto options = std::make_shared<BackupOptions>();
  command->add_option("FILE", options->file, "the file, on the daemon's host; absent yet")->required();
  options->daemon.declare(*command);
  command->callback(
      [options, &chosen] { chosen = [options](Terminal& terminal) { return backup(*options, terminal); }; });
}

void add_restore(CLI::App& app, Action& chosen) {
  CLI::App* command = app.add_subcommand("restore", "make a data directory from a backup");
  auto options = std::make_shared<RestoreOptions>();
  command->add_option("FILE", options->file, "what `footfall backup` wrote");
  command->add_option("DIR", options->directory, "the data directory to make; absent or empty");
  command->add_flag("--from-redis", options->from_redis,
                    "have a running daemon restore snapshots from Redis: totals become seeds of a new epoch");
  command->add_option("--site", options->redis.site, "with --from-redis: a site alone");
  command->add_option("--snapshot", options->redis.snapshot, "with --from-redis and --site: which one (latest)");
  command->add_flag("--dry-run", options->redis.dry_run,
                    "with --from-redis: say what would happen, and change nothing");
  options->redis.change.declare(*command, true);
  command->callback([options, &chosen] {
    if (options->from_redis == !options->directory.empty()) {
      throw CLI::RequiredError("FILE and DIR, or --from-redis");
    }
    if (options->redis.site.empty() && options->redis.snapshot != "latest") throw CLI::RequiredError("--site");
    chosen = [options](Terminal& terminal) {
      return options->from_redis ? restore_from_redis(options->redis, terminal) : restore(*options, terminal);
    };
  });
}

}  // namespace footfall::cli
