// SPDX-License-Identifier: Apache-2.0
// How footfall top looks: lines for a terminal of so many columns and rows, and JSON.
//
//   footfalld 0.1.0 at http://127.0.0.1:8080, up 3 d 4 h
//   1,204 hits/s  3 rejected/s  512 connections  12 streams  0.31 cores  48 MiB
//   waiting 0.0 ms  sync 1.2 ms  longest stall 14 ms  the ledger balances
//
//   SITE           ONLINE   TODAY       TOTAL  HITS/S
//   example.vn         48   1,204  41,450,791     3.2
//
// No line is wider than the terminal: columns that find no room are left out, the least told first; the name of a site
// gets what is left. Where there are more sites than rows it says how many.
// Tested by tests/unit/client/top_test.cc.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "cli/top_reading.h"

namespace footfall::cli {

struct ViewSize {
  std::size_t columns = 80, rows = 24;
};

struct View {
  std::vector<std::string> lines;  // at most as many as there are rows
  std::size_t heading = 0;         // the line that names the columns
  std::size_t first = 0;           // the site that is shown first, which is `wanted` where that leaves no row empty
};

// `url`: where the daemon is. `trouble`: what is wrong with it now, so that the numbers are old; empty: nothing.
View top_view(const TopState& state, const std::string& url, const std::string& trouble, ViewSize size,
              std::size_t wanted);

std::string top_json(const TopState& state, const std::string& url);

}  // namespace footfall::cli
