// SPDX-License-Identifier: Apache-2.0
// A file of networks, as CDNs publish theirs: one a line ("10.0.0.0/8", "2001:db8::/32", "192.0.2.1"), white space
// around it; '#' begins a comment, empty lines are none.
//
// Errors     invalid_config, which names file and line, what is wrong and what to do. A file without a network is one:
//            it is what a download that failed leaves.
// Tested by tests/unit/base/cidr_file_test.cc.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/address.h"

namespace footfall::base {

inline constexpr std::size_t kCidrFileBytesMax = 1U << 20U;

Result<std::vector<Cidr>> read_cidr_file(const std::string& path);

}  // namespace footfall::base
