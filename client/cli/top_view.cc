// SPDX-License-Identifier: Apache-2.0
#include "cli/top_view.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "cli/json_text.h"
#include "cli/text.h"

namespace footfall::cli {
namespace {

std::string with_places(double number, int places) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", places, number);
  return text;
}

// "3.2", "1,204"; nothing where it is not known.
std::string rate_text(const std::optional<double>& rate) {
  if (!rate) return "";
  return *rate < 100 ? with_places(*rate, 1) : grouped(static_cast<std::uint64_t>(std::llround(*rate)));
}

std::string milliseconds(double seconds) {
  return with_places(seconds * 1000, seconds < 0.01 ? 1 : 0) + " ms";
}

std::string duration(double seconds) {
  const auto s = static_cast<std::uint64_t>(std::max(seconds, 0.0));
  if (s < 120) return std::to_string(s) + " s";
  if (s < 7200) return std::to_string(s / 60) + " min";
  if (s < 172'800) return std::to_string(s / 3600) + " h";
  return std::to_string(s / 86'400) + " d " + std::to_string(s % 86'400 / 3600) + " h";
}

// As many as fit, in their order.
std::string joined(const std::vector<std::string>& parts, std::size_t columns_max) {
  std::string out;
  for (const std::string& part : parts) {
    const std::string more = out.empty() ? part : out + "  " + part;
    if (columns(more) > columns_max) break;
    out = more;
  }
  return out;
}

// The begin of UTF-8 text that takes no more.
std::string cut(const std::string& text, std::size_t columns_max) {
  std::size_t taken = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool begins = (static_cast<unsigned char>(text[i]) & 0xC0U) != 0x80U;
    if (begins && ++taken > columns_max) return text.substr(0, i);
  }
  return text;
}

std::string health(const DaemonState& daemon) {
  if (daemon.mismatches > 0) return "THE LEDGER DOES NOT BALANCE: " + grouped(daemon.mismatches) + " (see its log)";
  if (daemon.streams_failed > 0) return "THE DISK FAILS: pings are answered 503";
  if (!daemon.ready) return "NOT READY";
  if (daemon.shedding) return "OVERLOADED";
  return "the ledger balances";
}

std::vector<std::string> head_lines(const TopState& state, const std::string& url, const std::string& trouble,
                                    std::size_t width) {
  std::vector<std::string> out;
  if (!state.daemon) {
    out.push_back(cut("footfalld at " + url, width));
    if (trouble.empty()) out.push_back(cut("no metrics: " + printable(state.no_metrics), width));
  } else {
    const DaemonState& daemon = *state.daemon;
    out.push_back(
        cut("footfalld " + printable(daemon.version) + " at " + url + ", up " + duration(daemon.up_s), width));
    std::vector<std::string> parts;
    if (daemon.accepted_per_s) parts.push_back(rate_text(daemon.accepted_per_s) + " hits/s");
    if (daemon.rejected_per_s) parts.push_back(rate_text(daemon.rejected_per_s) + " rejected/s");
    parts.push_back(grouped(static_cast<std::uint64_t>(daemon.connections)) + " connections");
    parts.push_back(grouped(static_cast<std::uint64_t>(daemon.streams)) + " streams");
    if (daemon.cpu) parts.push_back(with_places(*daemon.cpu, 2) + " cores");
    parts.push_back(grouped(static_cast<std::uint64_t>(daemon.resident_bytes) >> 20U) + " MiB");
    out.push_back(joined(parts, width));
    parts = {health(daemon), "waiting " + milliseconds(daemon.queue_s)};
    if (daemon.sync_s) parts.push_back("sync " + milliseconds(*daemon.sync_s));
    parts.push_back("longest stall " + milliseconds(daemon.stall_s));
    std::string line = joined(parts, width);
    out.push_back(line.empty() ? cut(parts.front(), width) : line);
  }
  if (!trouble.empty()) out.push_back(cut("OLD NUMBERS: " + printable(trouble.substr(0, trouble.find('\n'))), width));
  return out;
}

struct Column {
  const char* name;
  std::string (*cell)(const SiteState&);
};
// In the order in which they are given up, the last first.
constexpr std::array<Column, 4> kColumns{{
    {"ONLINE", [](const SiteState& site) { return grouped(site.now.online); }},
    {"TODAY", [](const SiteState& site) { return grouped(site.now.today); }},
    {"TOTAL", [](const SiteState& site) { return grouped(site.now.total); }},
    {"HITS/S", [](const SiteState& site) { return rate_text(site.hits_per_s); }},
}};

std::string padded(const std::string& text, std::size_t width, bool right) {
  const std::string space(width - std::min(width, columns(text)), ' ');
  return right ? space + text : text + space;
}

// The names of the columns, and a line for each site from `first` on, `count` at most.
std::vector<std::string> table_lines(const std::vector<SiteState>& sites, std::size_t first, std::size_t count,
                                     std::size_t width) {
  constexpr std::size_t kNameMin = 12;
  const std::size_t end = std::min(sites.size(), first + count);
  // All sites' widths, not those alone that are shown: else the columns jump where one scrolls.
  std::size_t name_width = 4;
  std::array<std::size_t, kColumns.size()> widths{};
  for (std::size_t c = 0; c < kColumns.size(); ++c) widths[c] = columns(kColumns[c].name);
  for (const SiteState& site : sites) {
    name_width = std::max(name_width, columns(printable(site.now.site)));
    for (std::size_t c = 0; c < kColumns.size(); ++c) widths[c] = std::max(widths[c], columns(kColumns[c].cell(site)));
  }
  std::size_t shown = 0;
  std::size_t taken = 0;
  while (shown < kColumns.size() && taken + 2 + widths[shown] + std::min(name_width, kNameMin) <= width) {
    taken += 2 + widths[shown++];
  }
  name_width = std::min(name_width, width - std::min(width, taken));
  const auto line = [&](const std::string& name, const auto& cell) {
    std::string out = padded(cut(name, name_width), name_width, false);
    for (std::size_t c = 0; c < shown; ++c) out += "  " + padded(cell(kColumns[c]), widths[c], true);
    out.erase(out.find_last_not_of(' ') + 1);
    return out;
  };
  std::vector<std::string> out{line("SITE", [](const Column& column) { return std::string(column.name); })};
  for (std::size_t i = first; i < end; ++i) {
    out.push_back(line(printable(sites[i].now.site), [&](const Column& column) { return column.cell(sites[i]); }));
  }
  return out;
}

}  // namespace

View top_view(const TopState& state, const std::string& url, const std::string& trouble, ViewSize size,
              std::size_t wanted) {
  View view;
  view.lines = head_lines(state, url, trouble, size.columns);
  view.lines.emplace_back();
  const std::size_t taken = view.lines.size() + 1;  // and the names of the columns
  std::size_t room = size.rows > taken ? size.rows - taken : 0;
  const std::size_t all = state.sites.size();
  const bool foot = state.more > 0 || all > room || all == 0;
  if (foot && room > 0) --room;
  view.first = std::min(wanted, all - std::min(all, room));
  view.heading = view.lines.size();
  for (std::string& line : table_lines(state.sites, view.first, room, size.columns)) {
    view.lines.push_back(std::move(line));
  }
  if (foot) {
    const std::size_t last = std::min(all, view.first + room);
    std::string text = all == 0 ? "no site may be read: give a token of scope read (--token-file)"
                                : std::to_string(last - view.first) + " of " + grouped(all) + " sites";
    if (state.more > 0) text += "; " + grouped(state.more) + " more are not listed";
    view.lines.push_back(cut(text, size.columns));
  }
  if (view.lines.size() > size.rows) view.lines.resize(size.rows);
  view.heading = std::min(view.heading, view.lines.size());
  return view;
}

std::string top_json(const TopState& state, const std::string& url) {
  JsonText json;
  // Three places; null where it is not known.
  const auto number = [&json](const char* key, std::optional<double> value) {
    json.key(key);
    value ? json.number(*value, 3) : json.null();
  };
  json.begin_object().member("url", url).member("online", state.online).member("today", state.today);
  number("answered_ms", state.answered_s * 1000);
  json.key("daemon");
  if (!state.daemon) {
    json.null().member("no_metrics", state.no_metrics);
  } else {
    const DaemonState& daemon = *state.daemon;
    json.begin_object().member("version", daemon.version).member("ready", daemon.ready);
    json.member("ledger_mismatch", daemon.mismatches).member("journal_streams_failed", daemon.streams_failed);
    number("up_s", daemon.up_s);
    number("accepted_per_s", daemon.accepted_per_s);
    number("rejected_per_s", daemon.rejected_per_s);
    number("cores", daemon.cpu);
    number("queue_delay_ms", daemon.queue_s * 1000);
    number("sync_ms", daemon.sync_s ? std::optional<double>(*daemon.sync_s * 1000) : std::nullopt);
    number("stall_max_ms", daemon.stall_s * 1000);
    json.member("resident_bytes", static_cast<std::uint64_t>(daemon.resident_bytes))
        .member("descriptors", static_cast<std::uint64_t>(daemon.descriptors))
        .member("connections", static_cast<std::uint64_t>(daemon.connections))
        .member("streams", static_cast<std::uint64_t>(daemon.streams));
    json.end_object();
  }
  json.key("sites").begin_array();
  for (const SiteState& site : state.sites) {
    json.begin_object(JsonText::Layout::one_line).member("site", site.now.site).member("online", site.now.online);
    json.member("today", site.now.today).member("total", site.now.total);
    number("hits_per_s", site.hits_per_s);
    json.end_object();
  }
  json.end_array().member("more", state.more).end_object();
  return json.take();
}

}  // namespace footfall::cli
