// SPDX-License-Identifier: Apache-2.0
#include "cli/daemon.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <ostream>

#include "base/hash.h"
#include "cli/json_read.h"
#include "cli/token.h"

namespace footfall::cli {
namespace {

base::Errc code_of(unsigned status) {
  switch (status) {
    case 401:
    case 403:
      return base::Errc::denied;
    case 404:
      return base::Errc::not_found;
    case 409:
    case 421:
      return base::Errc::conflict;
    case 413:
      return base::Errc::too_large;
    case 429:
      return base::Errc::unavailable;
    default:
      return status >= 500 ? base::Errc::unavailable : base::Errc::malformed;
  }
}

}  // namespace

void DaemonOptions::declare(CLI::App& command) {
  command.add_option("--url", url, "the daemon's public listener; http:// or https://HOST[:PORT]")
      ->envname("FOOTFALL_URL")
      ->capture_default_str();
  command.add_option("--admin", admin, "the daemon's admin listener; unix:/PATH for a socket")
      ->envname("FOOTFALL_ADMIN")
      ->capture_default_str();
  command
      .add_option("--ca-file", ca_file,
                  "for https: the authorities (PEM) that may have signed the certificate, instead of the system's")
      ->envname("FOOTFALL_CA_FILE");
  command.add_option("--token-file", token_file, "the file that holds the token")->envname("FOOTFALL_TOKEN_FILE");
  command.add_flag("--json", json, "print the daemon's answer");
}

base::Result<HttpClient*> Daemon::client(Listener listener) {
  std::unique_ptr<HttpClient>& client = listener == Listener::admin ? admin_ : open_;
  if (!client) {
    auto made = HttpClient::at(listener == Listener::admin ? options_.admin : options_.url,
                               {.timeout_s = timeout_s_, .ca_file = options_.ca_file});
    if (!made) return made.error();
    client = *std::move(made);
  }
  return client.get();
}

base::Result<HttpAnswer> Daemon::send(Listener listener, HttpRequest request) {
  auto to = client(listener);
  if (!to) return to.error();
  if (!token_looked_up_) {
    token_looked_up_ = true;
    if (auto token = find_token(options_.token_file, command_line_)) {
      secret_ = token->secret;
      token_path_ = token->path;
    } else if (listener == Listener::admin || !options_.token_file.empty()) {
      token_looked_up_ = false;
      return token.error();
    } else {
      no_token_ = token.error().detail;
    }
  }
  if (!secret_.empty()) request.fields.emplace_back("Authorization", "Bearer " + secret_);
  auto answer = (*to)->send(request);
  if (!answer && answer.error().code == base::Errc::unavailable) {
    return base::Error{
        answer.error().code,
        answer.error().detail +
            "\n  Is the daemon running? Start it with: footfalld --data-dir DIRECTORY\n  Is it elsewhere? " +
            (listener == Listener::admin ? "Say where with --admin or FOOTFALL_ADMIN"
                                         : "Say where with --url or FOOTFALL_URL")};
  }
  return answer;
}

base::Result<std::string> Daemon::metrics() {
  auto to = client(Listener::admin);
  if (!to) return to.error();
  HttpRequest request;
  request.target = "/metrics";
  auto answer = (*to)->send(request);
  if (!answer) return answer.error();
  if (answer->status != 200) return problem(Listener::admin, *answer);
  return std::move(answer->body);
}

base::Error Daemon::problem(Listener listener, const HttpAnswer& answer) const {
  std::string detail;
  JsonDocument document;
  if (document.parse(answer.body)) {
    detail = document.root().text("detail");
    if (detail.empty()) detail = document.root().text("title");
  }
  const std::string& address = listener == Listener::admin ? options_.admin : options_.url;
  if (detail.empty())
    detail = address + " answered with status " + std::to_string(answer.status) + "; is that footfalld?" +
             (address.starts_with("http://") ? " If it speaks TLS, name it with https://." : "");
  if (answer.status == 401 && !token_path_.empty()) detail += "\n  The token was read from " + token_path_;
  if ((answer.status == 401 || answer.status == 403) && !no_token_.empty())
    detail += "\n  Sent without a token: " + no_token_;
  return {code_of(answer.status), detail};
}

base::Result<std::string> Daemon::call(Listener listener, const std::string& method, const std::string& target,
                                       const std::string& json_body, const std::string& change_id) {
  HttpRequest request;
  request.method = method;
  request.target = target;
  request.body = json_body;
  if (!json_body.empty()) request.content_type = "application/json";
  if (!change_id.empty()) request.fields.emplace_back("Idempotency-Key", change_id);
  request.repeatable = method == "GET" || !change_id.empty();
  auto answer = send(listener, std::move(request));
  if (!answer) return answer.error();
  if (answer->status < 200 || answer->status > 299) return problem(listener, *answer);
  return std::move(answer->body);
}

int show_answer(const DaemonOptions& options, Terminal& terminal, const base::Result<std::string>& answer,
                const std::function<std::string(const JsonValue&)>& text) {
  if (!answer) return fail(terminal, answer.error());
  if (options.json) {
    terminal.out << *answer << '\n';
    return kDone;
  }
  JsonDocument document;
  if (!document.parse(*answer)) return fail(terminal, {base::Errc::malformed, "the daemon's answer is no JSON"});
  terminal.out << text(document.root());
  return kDone;
}

std::string url_encoded(std::string_view text) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
  std::string out;
  for (const char c : text) {
    if (kPlain.find(c) != std::string_view::npos) {
      out.push_back(c);
    } else {
      char escape[4];
      std::snprintf(escape, sizeof escape, "%%%02X", static_cast<unsigned>(static_cast<unsigned char>(c)));
      out += escape;
    }
  }
  return out;
}

std::string drawn_change_id() {
  char text[40];
  std::snprintf(text, sizeof text, "cli-%016llx%016llx", static_cast<unsigned long long>(base::random_u64()),
                static_cast<unsigned long long>(base::random_u64()));
  return text;
}

}  // namespace footfall::cli
