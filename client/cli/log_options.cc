// SPDX-License-Identifier: Apache-2.0
#include "cli/log_options.h"

#include <CLI/CLI.hpp>

namespace footfall::cli {

void LogOptions::declare(CLI::App& command) {
  command.add_option("FILE", files, "access logs, plain or gzipped; - is standard input. Several are one log")
      ->required();
  declare_reading(command);
}

void LogOptions::declare_reading(CLI::App& command) {
  command
      .add_option("--format", format,
                  "combined (also reads Common, and what is appended to either), vhost-combined, json, nasa-tsv, or "
                  "the server's own: nginx's log_format or Apache's LogFormat string")
      ->capture_default_str();
  command
      .add_option(
          "--filter", filter,
          "which lines are page hits: method=GET,HEAD status=2xx,304 path=/news/*,!*.png agent=!*bot*; what is not "
          "named stays method=GET status=2xx,304")
      ->take_all()
      ->expected(1);
}

base::Result<logs::Filter> LogOptions::parsed_filter() const {
  base::Result<logs::Filter> parsed = logs::Filter::parse(filter);
  if (!parsed) return base::Error{parsed.error().code, "--filter: " + parsed.error().detail};
  return parsed;
}

}  // namespace footfall::cli
