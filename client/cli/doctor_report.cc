// SPDX-License-Identifier: Apache-2.0
#include "cli/doctor_report.h"

#include <algorithm>

#include "cli/json_text.h"
#include "cli/text.h"

namespace footfall::cli {
namespace {

const char* name_of(Health health) {
  switch (health) {
    case Health::ok:
      return "ok";
    case Health::warning:
      return "warning";
    case Health::wrong:
      return "wrong";
    case Health::skipped:
      break;
  }
  return "skipped";
}

}  // namespace

bool DoctorReport::well() const {
  return std::none_of(findings_.begin(), findings_.end(),
                      [](const Finding& finding) { return finding.health == Health::wrong; });
}

std::string DoctorReport::text() const {
  std::string out;
  std::size_t warnings = 0;
  std::size_t faults = 0;
  for (const Finding& finding : findings_) {
    std::string line = name_of(finding.health);
    line.resize(9, ' ');
    line += finding.check;
    line.resize(std::max<std::size_t>(line.size() + 1, 21), ' ');
    out += line + printable_lines(finding.found) + "\n";
    if (!finding.todo.empty()) out += std::string(21, ' ') + "-> " + printable_lines(finding.todo) + "\n";
    if (finding.health == Health::warning) ++warnings;
    if (finding.health == Health::wrong) ++faults;
  }
  return out + "\n" + (faults > 0 ? std::to_string(faults) + " wrong, " : "nothing is wrong, ") +
         std::to_string(warnings) + (warnings == 1 ? " warning\n" : " warnings\n");
}

std::string DoctorReport::json(const std::string& url, const std::string& endpoint, const std::string& site) const {
  JsonText json;
  json.begin_object().member("url", url).member("endpoint", endpoint).member("site", site).member("ok", well());
  json.key("checks").begin_array();
  for (const Finding& finding : findings_) {
    json.begin_object(JsonText::Layout::one_line)
        .member("check", finding.check)
        .member("state", name_of(finding.health));
    json.member("found", finding.found).member("todo", finding.todo).end_object();
  }
  json.end_array().end_object();
  return json.take();
}

}  // namespace footfall::cli
