// SPDX-License-Identifier: Apache-2.0
// The names of what is ranked, as they stand in /top/ and in the history.
// Tested by tests/unit/counting/buckets_test.cc.
#include "counting/hit.h"

namespace footfall::counting {

std::string_view name_of(Dimension dimension) {
  switch (dimension) {
    case Dimension::page:
      return "pages";
    case Dimension::referrer:
      return "referrers";
    case Dimension::campaign:
      return "campaigns";
    case Dimension::country:
      return "countries";
    case Dimension::browser:
      return "browsers";
    case Dimension::system:
      return "systems";
    case Dimension::device:
      return "devices";
    case Dimension::event:
      return "events";
  }
  return {};
}

}  // namespace footfall::counting
