// SPDX-License-Identifier: Apache-2.0
// Daemon: footfalld, as the commands see it: its two listeners, the token, and errors as sentences.
// Tested by tests/unit/client/daemon_test.cc against a small server of its own.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/errors.h"
#include "cli/command.h"
#include "cli/http_client.h"

namespace CLI {
class App;
}

namespace footfall::cli {

struct DaemonOptions {
  std::string url = "http://127.0.0.1:8080";
  std::string admin = "http://127.0.0.1:8081";
  std::string ca_file;  // PEM; empty: the system's
  std::string token_file;
  bool json = false;

  void declare(CLI::App& command);
};

// Errors     those of a request: unavailable (with how to start the daemon), denied, not_found, conflict, malformed
// ...,
//            with the daemon's own words.
// Threading  one thread.
class Daemon {
 public:
  enum class Listener { open, admin };  // open: the public one

  Daemon(const DaemonOptions& options, const Terminal& terminal, unsigned timeout_s = 60)
      : options_(options), command_line_(terminal.command_line), timeout_s_(timeout_s) {}

  // One request. To the admin listener always with the token; to the public one with it if there is one. The answer's
  // status is 2xx. `change_id` is sent as Idempotency-Key, if it is not empty.
  base::Result<std::string> call(Listener listener, const std::string& method, const std::string& target,
                                 const std::string& json_body = {}, const std::string& change_id = {});
  // The same with any answer of the daemon as a value: for those who act on the status.
  base::Result<HttpAnswer> send(Listener listener, HttpRequest request);

  // GET /metrics of the admin listener, which needs no token.
  base::Result<std::string> metrics();

  // What a problem answer says.
  base::Error problem(Listener listener, const HttpAnswer& answer) const;

 private:
  base::Result<HttpClient*> client(Listener listener);

  DaemonOptions options_;
  std::string command_line_;
  unsigned timeout_s_;
  std::unique_ptr<HttpClient> open_, admin_;
  std::string secret_, token_path_;
  std::string no_token_;  // why there is none
  bool token_looked_up_ = false;
};

class JsonValue;

// Shows an answer: an error's sentence, with --json the answer as it came, else what `text` makes of it.
int show_answer(const DaemonOptions& options, Terminal& terminal, const base::Result<std::string>& answer,
                const std::function<std::string(const JsonValue&)>& text);

// Percent-encodes what may not stand in a path segment or a query value.
std::string url_encoded(std::string_view text);
// "cli-" and 32 hex digits: the id of a change, drawn here so that sending it again does it once.
std::string drawn_change_id();

}  // namespace footfall::cli
