// SPDX-License-Identifier: Apache-2.0
// footfall token add|list|remove|recover: who may do what. A secret is shown once, when its token is added; to replace
// one, add another, give it to whoever uses it, and remove the old one.
#include <CLI/CLI.hpp>
#include <array>
#include <charconv>
#include <memory>

#include "base/file_system.h"
#include "cli/changes.h"
#include "cli/json_read.h"
#include "cli/json_text.h"
#include "cli/text.h"
#include "store/token_request.h"

namespace footfall::cli {
namespace {

struct Options {
  ChangeOptions change;
  std::string id, site, expires_at, out;
  std::vector<std::string> scopes;
  std::uint64_t expires_in_s = 0;
  std::string data_dir = "/var/lib/footfall";
};

std::string joined(const JsonValue& list) {
  std::string out;
  for (const JsonValue& item : list.items()) out += (out.empty() ? "" : ",") + printable(item.text());
  return out;
}

int add(const Options& options, Terminal& terminal) {
  base::FileSystem& files = base::posix_file_system();
  if (!options.out.empty()) {
    const base::Result<bool> there = files.exists(options.out);
    if (!there) return fail(terminal, there.error());
    if (*there) return fail(terminal, {base::Errc::exists, options.out + " is there already; name another file"});
  }
  JsonText body(JsonText::Layout::one_line);
  body.begin_object().member("id", options.id).key("scopes").begin_array();
  for (const std::string& scope : options.scopes) body.value(std::string_view(scope));
  body.end_array();
  if (!options.site.empty()) body.member("site", options.site);
  if (!options.expires_at.empty()) body.member("expires_at", options.expires_at);
  if (options.expires_in_s > 0) body.member("expires_in_s", options.expires_in_s);
  if (!options.change.reason.empty()) body.member("reason", options.change.reason);
  body.end_object();
  const std::string change_id = options.change.id.empty() ? drawn_change_id() : options.change.id;
  Daemon daemon(options.change.daemon, terminal);
  const auto answer = daemon.call(Daemon::Listener::admin, "POST", "/v1/admin/tokens", body.take(), change_id);
  if (!answer) return fail(terminal, answer.error());
  JsonDocument document;
  const std::string secret = document.parse(*answer) ? document.root().text("secret") : std::string();
  const std::string anew = "remove it, and add it again: footfall token remove " + shell_quoted(options.id);
  if (secret.empty())
    return fail(terminal, {base::Errc::conflict,
                           "the token was added before under this id, and its secret is not told again; " + anew});
  if (options.out.empty() || options.change.daemon.json) {
    return show_answer(options.change.daemon, terminal, answer, [&](const JsonValue&) { return secret + "\n"; });
  }
  if (const base::Result<void> written = base::replace_file(files, options.out, secret + "\n"); !written)
    return fail(terminal, {written.error().code,
                           written.error().detail + "\n  The token is there, but its secret is lost; " + anew});
  terminal.out << "the token " << options.id << " is in " << printable(options.out) << '\n';
  return kDone;
}

std::string list_text(const JsonValue& root) {
  using Align = Table::Align;
  Table table({Align::left, Align::left, Align::left, Align::left});
  table.add({"token", "scopes", "site", "expires"});
  for (const JsonValue& token : root["tokens"].items()) {
    const std::string at = token["expires_at"].present() ? printable(token.text("expires_at")) : "never";
    table.add({printable(token.text("id")), joined(token["scopes"]),
               token["site"].present() ? printable(token.text("site")) : "all",
               at + (token["expired"].yes() ? " (expired)" : "")});
  }
  return table.text();
}

int list(const Options& options, Terminal& terminal) {
  Daemon daemon(options.change.daemon, terminal);
  const auto answer = daemon.call(Daemon::Listener::admin, "GET", "/v1/admin/tokens");
  return show_answer(options.change.daemon, terminal, answer, list_text);
}

int remove(const Options& options, Terminal& terminal) {
  const std::string target =
      "/v1/admin/tokens/" + url_encoded(options.id) + (options.change.dry_run ? "?dry_run=true" : "");
  return make_change(options.change, terminal, "DELETE", target, {}, "removed token " + options.id);
}

int recover(const Options& options, Terminal& terminal) {
  const auto directory = store::DataDirectory::open_existing(base::posix_file_system(), options.data_dir);
  if (!directory) return fail(terminal, directory.error());
  if (const base::Result<void> asked = store::request_token(**directory); !asked) return fail(terminal, asked.error());
  if (options.change.daemon.json) {
    JsonText json;
    json.begin_object().member("token_file", options.data_dir + "/admin-token").end_object();
    terminal.out << json.take() << '\n';
    return kDone;
  }
  terminal.out << "the next start of footfalld on " << printable(options.data_dir)
               << " writes a new admin token to admin-token in it\n"
                  "tokens that there are stay in force: look at them with footfall token list, and remove those that "
                  "were lost\n";
  return kDone;
}

// "90d", "12h", "30m", "45s": seconds; an empty answer: well.
std::string read_duration(const std::string& text, std::uint64_t& seconds) {
  constexpr std::string_view kUnits = "smhd";
  constexpr std::array<std::uint64_t, 4> kSeconds{1, 60, 3600, 86'400};
  const std::size_t unit = text.empty() ? std::string_view::npos : kUnits.find(text.back());
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size() - (text.empty() ? 0 : 1);
  const auto [stopped, error] = std::from_chars(text.data(), end, number);
  if (unit == std::string_view::npos || error != std::errc() || stopped != end || number == 0 || number > 1'000'000)
    return "give a number and s, m, h or d, such as 90d";
  seconds = number * kSeconds.at(unit);
  return {};
}

void declare_add(CLI::App& command, Options& options) {
  command.add_option("ID", options.id, "the token's name: A-Z a-z 0-9 . _ : -")->required();
  command
      .add_option("--scope", options.scopes,
                  "what it may do; may be repeated: ingest, read, seed, reset, config, operate, restore, tokens")
      ->take_all()
      ->expected(1)
      ->required();
  command.add_option("--site", options.site, "a site alone");
  CLI::Option* at = command.add_option("--expires-at", options.expires_at,
                                       "when it is of no use any more: 2030-01-31, or 2030-01-31T12:00:00Z");
  command
      .add_option_function<std::string>(
          "--expires-in",
          [&options](const std::string& text) {
            if (const std::string wrong = read_duration(text, options.expires_in_s); !wrong.empty())
              throw CLI::ValidationError("--expires-in", wrong);
          },
          "the same, from now on: 90d, 12h")
      ->excludes(at);
  command.add_option("--out", options.out, "write the secret to this new file, 0600, in place of showing it");
  options.change.declare(command, true);
}

}  // namespace

void add_token(CLI::App& app, Action& chosen) {
  CLI::App* token = app.add_subcommand("token", "add, list and remove tokens; recover where none works any more");
  token->require_subcommand(1);
  const auto subcommand = [&](const char* name, const char* what, int (*act)(const Options&, Terminal&),
                              const std::shared_ptr<Options>& options) {
    CLI::App* command = token->add_subcommand(name, what);
    command->callback(
        [options, act, &chosen] { chosen = [options, act](Terminal& terminal) { return act(*options, terminal); }; });
    return command;
  };
  const auto added = std::make_shared<Options>();
  declare_add(*subcommand("add", "add a token, and show its secret, once", add, added), *added);
  const auto listed = std::make_shared<Options>();
  listed->change.daemon.declare(*subcommand("list", "list the tokens; never their secrets", list, listed));
  const auto removed = std::make_shared<Options>();
  CLI::App* remove_command = subcommand("remove", "remove a token; undo brings it back", remove, removed);
  remove_command->add_option("ID", removed->id, "the token's name")->required();
  removed->change.declare(*remove_command, false);
  removed->change.declare_dry_run(*remove_command);
  const auto recovered = std::make_shared<Options>();
  CLI::App* recover_command =
      subcommand("recover", "have the next start of a stopped daemon make a new admin token", recover, recovered);
  recover_command->add_option("--data-dir", recovered->data_dir, "of the daemon, which does not run")
      ->capture_default_str();
  recover_command->add_flag("--json", recovered->change.daemon.json, "print one JSON object");
}

}  // namespace footfall::cli
