// SPDX-License-Identifier: Apache-2.0
// The parts of an import that can be looked at without a daemon.
#pragma once

#include <string>
#include <string_view>

#include "logs/line.h"

namespace footfall::cli {

// The name under which a file is known to the daemon when none is given: its own, without its folder, and a hash of its
// first line. So a log that has grown goes on where it was, and next week's log of the same name is another.
std::string source_of(const std::string& path, std::string_view first_line);

// Appends one item of POST /v1/hits, with its newline.
void append_item(std::string& out, std::string_view site, const logs::Line& line);

}  // namespace footfall::cli
