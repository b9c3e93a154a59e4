// SPDX-License-Identifier: Apache-2.0
#include "cli/batch_totals.h"

#include <vector>

#include "cli/json_read.h"
#include "cli/text.h"

namespace footfall::cli {
namespace {

constexpr std::size_t kReasonsMax = 20;  // distinct ones that are kept; others are counted together
constexpr std::string_view kUnnamed = "other reasons";

}  // namespace

base::Result<void> BatchTotals::note(std::string_view answer, std::size_t items) {
  JsonDocument document;
  if (!document.parse(answer)) return base::Error{base::Errc::malformed, "the daemon's answer is no JSON"};
  const JsonValue root = document.root();
  const auto add_reason = [this](std::string_view reason, std::uint64_t hits) {
    std::string name(reason);
    if (reasons.size() >= kReasonsMax && !reasons.contains(name)) name = kUnnamed;
    reasons[name] += hits;
  };
  sent += items;
  accepted += root.number("accepted");
  bots += root.number("bots");
  const std::uint64_t refused = root.number("rejected_total");
  rejected += refused;
  const std::vector<JsonValue> named = root["rejected"].items();
  for (const JsonValue& item : named) add_reason(item.text("reason"), 1);
  if (refused > named.size()) add_reason(kUnnamed, refused - named.size());
  return {};
}

void BatchTotals::write(JsonText& json) const {
  json.member("lines", lines).member("unparseable_lines", unparseable).member("skipped_lines", skipped);
  if (other_hosts > 0) json.member("other_hosts", other_hosts);
  json.member("sent", sent).member("accepted", accepted).member("bots", bots).member("rejected", rejected);
  json.key("reasons").begin_object();
  for (const auto& [reason, hits] : reasons) json.member(reason, hits);
  json.end_object();
}

std::string BatchTotals::table(std::string_view page_hits) const {
  Table table({Table::Align::right, Table::Align::left});
  table.add({grouped(lines), "lines, " + grouped(unparseable) + " of them unreadable"});
  if (skipped > 0) table.add({grouped(skipped), "lines skipped: counted before"});
  if (other_hosts > 0) table.add({grouped(other_hosts), "page hits of hosts that no --host names"});
  table.add({grouped(sent), "page hits sent (" + printable(page_hits) + ")"});
  table.add({grouped(accepted), "accepted"});
  if (bots > 0) {
    table.add({grouped(bots),
               "of them crawlers, counted apart (footfall site set SITE --count-bots true puts those to come into the "
               "total)"});
  }
  table.add({grouped(rejected), "rejected"});
  for (const auto& [reason, hits] : reasons) table.add({grouped(hits), "of them: " + printable(reason)});
  return table.text("  ");
}

}  // namespace footfall::cli
