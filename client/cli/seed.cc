// SPDX-License-Identifier: Apache-2.0
// footfall seed: corrects a total.
#include <CLI/CLI.hpp>
#include <charconv>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <system_error>

#include "cli/changes.h"
#include "cli/json_text.h"

namespace footfall::cli {
namespace {

struct Options {
  ChangeOptions change;
  std::string site, page;
  std::optional<std::uint64_t> total;
  std::optional<std::int64_t> add;
};

// A number as it stands: CLI11 takes the greatest for one beyond it, and 010 for 8.
template <class Number>
CLI::Option* add_number(CLI::App& command, const std::string& name, std::optional<Number>& out, std::string help) {
  const auto read = [&out, name](const std::string& text) {
    const std::size_t sign = text.starts_with('+') ? 1 : 0;
    Number number{};
    const char* const end = text.data() + text.size();
    const auto [stopped, error] = std::from_chars(text.data() + sign, end, number);
    if (error != std::errc{} || stopped != end) {
      throw CLI::ValidationError(name, "'" + text + "' is not a whole number from " +
                                           std::to_string(std::numeric_limits<Number>::min()) + " to " +
                                           std::to_string(std::numeric_limits<Number>::max()));
    }
    out = number;
  };
  return command.add_option_function<std::string>(name, read, std::move(help))->type_name("N");
}

int seed(const Options& options, Terminal& terminal) {
  JsonText body(JsonText::Layout::one_line);
  body.begin_object();
  if (options.total) body.member("total", *options.total);
  if (options.add) body.member("add", *options.add);
  if (!options.page.empty()) body.member("page", options.page);
  if (!options.change.reason.empty()) body.member("reason", options.change.reason);
  body.end_object();
  return make_change(options.change, terminal, "POST", "/v1/admin/sites/" + url_encoded(options.site) + "/seed",
                     body.take(), "seeded " + options.site + options.page);
}

}  // namespace

void add_seed(CLI::App& app, Action& chosen) {
  CLI::App* command = app.add_subcommand("seed", "correct a total, as when a site brings one along");
  auto options = std::make_shared<Options>();
  command->add_option("SITE", options->site)->required();
  CLI::Option* total =
      add_number(*command, "--total", options->total, "make the total this number; the difference is fixed now");
  CLI::Option* add = add_number(*command, "--add", options->add, "add this, or take it off if it is negative");
  total->excludes(add);
  command->add_option("--page", options->page, "a page alone, by its path; the site's total stays");
  options->change.declare(*command, true);
  command->callback([options, &chosen] {
    if (!options->total && !options->add) throw CLI::RequiredError("--total or --add");
    chosen = [options](Terminal& terminal) { return seed(*options, terminal); };
  });
}

}  // namespace footfall::cli
