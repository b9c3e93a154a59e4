// SPDX-License-Identifier: Apache-2.0
#include "cli/report.h"

#include <algorithm>

#include "cli/json_text.h"
#include "cli/text.h"
#include "cli/times.h"

namespace footfall::cli {
namespace {

using Align = Table::Align;
using Layout = JsonText::Layout;

void write_days(JsonText& json, std::string_view name, const std::vector<DayFindings>& days,
                std::uint64_t DayFindings::*what) {
  json.key(name).begin_object();
  for (const DayFindings& day : days) json.member(date_text(day.day), day.*what);
  json.end_object();
}

void write_top(JsonText& json, std::string_view name, const std::vector<std::pair<std::string, std::uint64_t>>& list) {
  json.key(name).begin_array();
  for (const auto& [text, count] : list) json.begin_array(Layout::one_line).value(text).value(count).end_array();
  json.end_array();
}

}  // namespace

std::string report_json(const Report& report) {
  const Findings& f = report.findings;
  JsonText json;
  json.begin_object();
  json.member("lines", report.lines).member("unparseable_lines", report.unparseable).member("page_hits", f.page_hits);
  json.member("distinct_clients", f.clients).member("distinct_visitors", f.visitors);
  write_days(json, "page_hits_per_day_utc", f.days, &DayFindings::page_hits);
  write_days(json, "unique_visitors_per_day_utc", f.days, &DayFindings::visitors);
  if (report.zone) {
    json.member("timezone", report.zone->name());
    write_days(json, "page_hits_per_day", f.local_days, &DayFindings::page_hits);
    write_days(json, "unique_visitors_per_day", f.local_days, &DayFindings::visitors);
  }
  json.key("online").begin_object();
  json.member("window_s", f.window_s).member("max", f.peak.online).key("max_first_at");
  f.page_hits > 0 ? json.value(f.peak.at_s) : json.null();
  json.key("samples").begin_array();
  for (const Sample& sample : f.samples) {
    json.begin_object(Layout::one_line).member("t", sample.at_s).member("online", sample.online).end_object();
  }
  json.end_array().end_object();
  write_top(json, "top_paths", f.paths);
  write_top(json, "top_referrers", f.referrers);
  json.key("busiest_second");
  if (f.page_hits > 0) {
    json.begin_object().member("t", f.busiest_s).member("page_hits", f.busiest_hits).end_object();
  } else {
    json.null();
  }
  json.end_object();
  return json.take() + "\n";
}

std::string report_text(const Report& report) {
  const Findings& f = report.findings;
  const std::string zone_name = report.zone ? report.zone->name() : "UTC";
  const auto time = [&](std::int64_t at_s) { return time_text(at_s, report.zone ? report.zone->offset_at(at_s) : 0); };

  std::string out = printable(report.source) + "\n";
  if (f.first_s) out += "  page hits from " + time(*f.first_s) + " to " + time(*f.last_s) + ", " + zone_name + "\n";
  Table counts({Align::right, Align::left});
  counts.add({grouped(report.lines), "lines, " + grouped(report.unparseable) + " of them unreadable"});
  counts.add({grouped(f.page_hits), "page hits (" + printable(report.filter) + ")"});
  counts.add({grouped(f.visitors), "distinct visitors (client and user agent)"});
  counts.add({grouped(f.clients), "distinct clients"});
  out += "\n" + counts.text("  ");

  out += "\nOnline: visitors with a page hit in the last " + std::to_string(f.window_s) + " s\n";
  Table online({Align::right, Align::left});
  if (f.page_hits > 0) online.add({grouped(f.peak.online), "at " + time(f.peak.at_s) + ", the most"});
  for (const Sample& sample : f.samples) online.add({grouped(sample.online), "at " + time(sample.at_s)});
  out += online.text("  ");
  if (f.page_hits == 0) return out;

  const std::vector<DayFindings>& days = report.zone ? f.local_days : f.days;
  std::uint64_t most = 1;
  for (const DayFindings& day : days) most = std::max(most, day.page_hits);
  Table table({Align::left, Align::right, Align::right, Align::left});
  table.add({"Days, " + zone_name, "page hits", "visitors", ""});
  for (const DayFindings& day : days) {
    constexpr std::uint64_t kBar = 40;
    const auto length = static_cast<std::size_t>(std::max<std::uint64_t>(1, day.page_hits * kBar / most));
    table.add({"  " + date_text(day.day), grouped(day.page_hits), grouped(day.visitors), std::string(length, '#')});
  }
  out += "\n" + table.text();
  out += "\nBusiest second\n  " + grouped(f.busiest_hits) + (f.busiest_hits == 1 ? " page hit at " : " page hits at ") +
         time(f.busiest_s) + "\n";

  const auto list = [&](const char* heading, const std::vector<std::pair<std::string, std::uint64_t>>& names) {
    if (names.empty()) return;
    Table rows({Align::right, Align::left});
    for (const auto& [name, count] : names) rows.add({grouped(count), printable(name)});
    out += std::string("\n") + heading + "\n" + rows.text("  ");
  };
  list("Top paths", f.paths);
  list("Top referrers", f.referrers);
  return out;
}

}  // namespace footfall::cli
