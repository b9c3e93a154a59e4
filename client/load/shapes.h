// SPDX-License-Identifier: Apache-2.0
// Shapes: the header fields that browsers send with a ping, 300 to 900 bytes with all else: what they name, in which
// order, how long it is. Made after what these browsers send; the cookies are invented.
// tests/bench/browsers.py reads them, too. Tested by tests/unit/load/traffic_test.cc.
#pragma once

#include <span>
#include <string_view>

namespace footfall::load {

struct Shape {
  std::string_view name;    // as --shape takes it
  std::string_view agent;   // its User-Agent
  std::string_view fields;  // the others, complete lines: all but Host, User-Agent, Referer, Origin and Content-*
};

std::span<const Shape> shapes();

}  // namespace footfall::load
