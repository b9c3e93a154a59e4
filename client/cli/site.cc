// SPDX-License-Identifier: Apache-2.0
// footfall site add|list|show|set|remove: the registry of sites.
#include <CLI/CLI.hpp>
#include <memory>
#include <optional>

#include "cli/changes.h"
#include "cli/json_read.h"
#include "cli/json_text.h"
#include "cli/text.h"
#include "sites/settings.h"

namespace footfall::cli {
namespace {

// What is not given is left out: the daemon's default, or as it was.
struct SettingOptions {
  std::vector<std::string> hosts;
  std::optional<std::string> timezone, lang, grouping, visibility;
  std::optional<std::int32_t> window_s;
  std::optional<std::uint32_t> hits_per_second_max;
  std::optional<bool> strict_origin, count_bots;
  std::vector<std::string> exclude_addresses, exclude_paths;
  const CLI::Option* exclude_address_option = nullptr;  // given, if it counts: an empty list is one, too
  const CLI::Option* exclude_path_option = nullptr;

  void declare(CLI::App& command) {
    command.add_option("--host", hosts, "a host whose pages may count; may be repeated")->take_all()->expected(1);
    command.add_option("--timezone", timezone, "what a day is: an IANA name, as Asia/Ho_Chi_Minh");
    command.add_option("--lang", lang, "of the widget, such as vi or en");
    command.add_option("--grouping", grouping, "of digits in the widget")
        ->check(CLI::IsMember({"none", "comma", "dot", "space"}));
    command
        .add_option("--visibility", visibility, "who may read: counter (total, online, peak are public), full, private")
        ->check(CLI::IsMember({"counter", "full", "private"}));
    command.add_option("--window", window_s, "online: visitors of the last so many seconds")
        ->check(CLI::Range(15, 3600));
    command.add_option("--hits-per-second-max", hits_per_second_max, "that each node takes; 0 is no limit")
        ->check(CLI::Range(0U, sites::kHitsPerSecondMax));
    command.add_option("--strict-origin", strict_origin, "refuse pings without Origin or Referer")
        ->type_name("true|false");
    command.add_option("--count-bots", count_bots, "bots are in the total and online")->type_name("true|false");
    exclude_address_option =
        command
            .add_option(
                "--exclude-address", exclude_addresses,
                "refuse pings from this address or range (10.0.0.0/8); may be repeated, '' alone empties the list")
            ->take_all()
            ->expected(1);
    exclude_path_option =
        command
            .add_option(
                "--exclude-path", exclude_paths,
                "refuse pings of this page, or of all below (/admin/*); may be repeated, '' alone empties the list")
            ->take_all()
            ->expected(1);
  }

  bool any() const {
    return !hosts.empty() || timezone || lang || grouping || visibility || window_s || hits_per_second_max ||
           strict_origin || count_bots || exclude_address_option->count() > 0 || exclude_path_option->count() > 0;
  }

  void write(JsonText& json) const {
    const auto list = [&json](const char* key, const std::vector<std::string>& texts) {
      json.key(key).begin_array();
      for (const std::string& text : texts) {
        if (!text.empty()) json.value(std::string_view(text));
      }
      json.end_array();
    };
    if (!hosts.empty()) list("hosts", hosts);
    if (timezone) json.member("timezone", *timezone);
    if (lang) json.member("lang", *lang);
    if (grouping) json.member("grouping", *grouping);
    if (visibility) json.member("visibility", *visibility);
    if (window_s) json.member("window_s", *window_s);
    if (hits_per_second_max) json.member("hits_per_second_max", *hits_per_second_max);
    if (strict_origin) json.member("strict_origin", *strict_origin);
    if (count_bots) json.member("count_bots", *count_bots);
    if (exclude_address_option->count() > 0) list("exclude_addresses", exclude_addresses);
    if (exclude_path_option->count() > 0) list("exclude_paths", exclude_paths);
  }
};

struct Options {
  ChangeOptions change;
  SettingOptions settings;
  std::string site;

  std::string target() const { return "/v1/admin/sites/" + url_encoded(site); }
};

int add(const Options& options, Terminal& terminal) {
  JsonText body(JsonText::Layout::one_line);
  body.begin_object().member("name", options.site);
  options.settings.write(body);
  body.end_object();
  return make_change(options.change, terminal, "POST", "/v1/admin/sites", body.take(), "added " + options.site);
}

int set(const Options& options, Terminal& terminal) {
  JsonText body(JsonText::Layout::one_line);
  body.begin_object();
  options.settings.write(body);
  body.end_object();
  return make_change(options.change, terminal, "PUT", options.target(), body.take(), "changed " + options.site);
}

int remove(const Options& options, Terminal& terminal) {
  const std::string target = options.target() + (options.change.dry_run ? "?dry_run=true" : "");
  return make_change(options.change, terminal, "DELETE", target, {}, "removed " + options.site);
}

std::string joined(const JsonValue& list) {
  std::string out;
  for (const JsonValue& item : list.items()) out += (out.empty() ? "" : ", ") + printable(item.text());
  return out;
}

std::string list_text(const JsonValue& root) {
  using Align = Table::Align;
  const std::vector<JsonValue> sites = root["sites"].items();
  if (sites.empty()) return "no site yet; footfall site add NAME --host HOST adds one\n";
  Table table({Align::left, Align::left, Align::left, Align::left});
  table.add({"site", "time zone", "visibility", "hosts"});
  for (const JsonValue& site : sites) {
    table.add({printable(site.text("name")), printable(site.text("timezone")), printable(site.text("visibility")),
               joined(site["hosts"])});
  }
  return table.text();
}

std::string site_text(const JsonValue& site) {
  Table table({Table::Align::left, Table::Align::left});
  for (const char* key : {"name", "hosts", "timezone", "lang", "grouping", "visibility", "window_s", "strict_origin",
                          "count_bots", "hits_per_second_max", "exclude_addresses", "exclude_paths"}) {
    table.add({key, site[key].is_array() ? joined(site[key]) : printable(site[key].shown())});
  }
  return table.text();
}

int list(const Options& options, Terminal& terminal) {
  Daemon daemon(options.change.daemon, terminal);
  const auto answer = daemon.call(Daemon::Listener::admin, "GET", "/v1/admin/sites");
  return show_answer(options.change.daemon, terminal, answer, list_text);
}

int show(const Options& options, Terminal& terminal) {
  Daemon daemon(options.change.daemon, terminal);
  const auto answer = daemon.call(Daemon::Listener::admin, "GET", options.target());
  return show_answer(options.change.daemon, terminal, answer, site_text);
}

}  // namespace

void add_site(CLI::App& app, Action& chosen) {
  CLI::App* site = app.add_subcommand("site", "add, list, show, set and remove sites");
  site->require_subcommand(1);
  const auto subcommand = [&](const char* name, const char* what, int (*act)(const Options&, Terminal&), bool named,
                              bool settings) {
    CLI::App* command = site->add_subcommand(name, what);
    auto options = std::make_shared<Options>();
    if (named) command->add_option("SITE", options->site, "its name: a-z 0-9 . -")->required();
    if (settings) options->settings.declare(*command);
    if (act == list || act == show) {
      options->change.daemon.declare(*command);
    } else {
      options->change.declare(*command, false);
    }
    if (act == remove) options->change.declare_dry_run(*command);
    const bool needs_one = act == set;
    command->callback([options, act, needs_one, &chosen] {
      if (needs_one && !options->settings.any()) throw CLI::RequiredError("at least one setting");
      chosen = [options, act](Terminal& terminal) { return act(*options, terminal); };
    });
  };
  subcommand("add", "add a site", add, true, true);
  subcommand("list", "list the sites", list, false, false);
  subcommand("show", "show a site's settings", show, true, false);
  subcommand("set", "change settings; those that are not given stay", set, true, true);
  subcommand("remove", "remove a site; undo brings it back", remove, true, false);
}

}  // namespace footfall::cli
