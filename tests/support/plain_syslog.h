// SPDX-License-Identifier: Apache-2.0
// A syslog datagram read by regular expressions: the plain program that logs/syslog_message.h is compared with.
#pragma once

#include <re2/re2.h>

#include <memory>
#include <string>

namespace footfall::testing {

struct PlainSyslog {
  std::string fault;  // as name_of() says it
  std::string tag, line;
};

inline PlainSyslog read_plain_syslog(std::string datagram) {
  const auto expression = [](const char* pattern) {
    RE2::Options options;
    options.set_encoding(RE2::Options::EncodingLatin1);
    options.set_dot_nl(true);
    options.set_never_nl(false);
    return std::make_unique<RE2>(pattern, options);
  };
  static const auto ending = expression(R"([\n\r\x00]+\z)");
  static const auto priority = expression(R"(\A<(\d{1,3})>(.*)\z)");
  static const auto new_header = expression(
      R"(\A1 [^ ]+ [^ ]+ ([^ ]+) [^ ]+ [^ ]+ (?:-|(?:\[(?:[^\]"]|"(?:[^"\\]|\\.)*")*\])+)(?: (?:\xEF\xBB\xBF)?(.*))?\z)");
  static const auto stamp =
      expression(R"(\A(?:[A-Za-z]{3} [ \d]\d \d\d:\d\d:\d\d |\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[^ ]*(?: |\z))(.*)\z)");
  static const auto tagged = expression(R"(\A(?:[^ ]* )?([A-Za-z0-9_./-]+)(?:\[[^\[\] ]*\])?:(?: (.*)|\z))");
  static const auto tagged_first = expression(R"(\A([A-Za-z0-9_./-]+)(?:\[[^\[\] ]*\])?:(?: (.*)|\z))");
  static const auto spaces = expression(R"(\A +)");

  PlainSyslog out;
  RE2::Replace(&datagram, *ending, "");
  std::string rest = datagram;
  if (datagram.substr(0, 1) == "<") {
    std::string number;
    if (!RE2::FullMatch(datagram, *priority, &number, &rest) || std::stoi(number) > 191) return {"priority", {}, {}};
    if (rest.substr(0, 2) == "1 ") {
      if (!RE2::FullMatch(rest, *new_header, &out.tag, &out.line)) return {"header", {}, {}};
      if (out.tag == "-") out.tag.clear();
    } else {
      out.line = rest;
      std::string behind;
      if (RE2::FullMatch(rest, *stamp, &behind)) {
        out.line = behind;
        std::string line;
        if (RE2::PartialMatch(behind, *tagged_first, &out.tag, &line) ||
            RE2::PartialMatch(behind, *tagged, &out.tag, &line))
          out.line = line;
      }
    }
  } else {
    out.line = datagram;
  }
  RE2::Replace(&out.line, *spaces, "");
  if (out.line.empty()) return {"empty", {}, {}};
  out.fault = "none";
  return out;
}

}  // namespace footfall::testing
