// SPDX-License-Identifier: Apache-2.0
// The parts of an import that can be looked at without a daemon.
#pragma once

#include <string>
#include <string_view>

#include "logs/line.h"

namespace footfall::cli {

// The name under which a file is known to the daemon when none is given: its own, without its folder.
std::string source_of(const std::string& path);

// Appends one item of POST /v1/hits, with its newline.
void append_item(std::string& out, std::string_view site, const logs::Line& line);

}  // namespace footfall::cli
