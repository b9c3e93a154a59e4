// SPDX-License-Identifier: Apache-2.0
// Reads the two lists of agent patterns: uap-core's regexes.yaml and device-detector's bots.yml.
//
// Not a YAML reader: both keep to a subset of a section line, "- regex:" that begins an entry, and indented "key:
// value" lines, values being plain, 'quoted' ('' is a quote) or "quoted" (backslash escapes). All else is passed over.
//
//   user_agent_parsers:                             a section
//     - regex: '(Collector|Explorer)-(?:Android)'   an entry
//       regex_flag: 'i'
//       family_replacement: '$1 for ArcGIS'
//
// Tested by tests/unit/lookup/pattern_list_test.cc.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace footfall::lookup {

struct PatternEntry {
  std::string section;  // "user_agent_parsers"; empty in bots.yml
  std::string regex;
  std::string replacement;  // of family, os or device; $1 is the first group; empty: the first group alone
  bool ignore_case = false;
};

std::vector<PatternEntry> read_pattern_list(std::string_view text);

// Lines "- regex: ..." of the bots.yml that was installed when this was built; empty if none was.
std::string_view built_in_crawler_list();

}  // namespace footfall::lookup
