// SPDX-License-Identifier: Apache-2.0
// The elements of a page, read as a browser's parser would where a page is as authors write it: tags and their
// attributes in order, with comments and the text of scripts and styles passed over. No tree is built.
// Tested by tests/unit/client/html_test.cc.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace footfall::cli {

struct Element {
  std::string name;                                             // lower case
  std::vector<std::pair<std::string, std::string>> attributes;  // name, in lower case -> value, decoded
  bool in_noscript = false;

  bool has(std::string_view attribute) const;
  // Empty also where it is not there.
  std::string value(std::string_view attribute) const;
};

std::vector<Element> elements_of(std::string_view html);

}  // namespace footfall::cli
