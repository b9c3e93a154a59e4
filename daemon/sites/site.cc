// SPDX-License-Identifier: Apache-2.0
// Site: forgetting what a stream has defined.
// Tested by tests/unit/sites/site_test.cc.
#include "sites/site.h"

namespace footfall::sites {

void Site::clear_definitions(unsigned stream) {
  const std::uint64_t kept = ~(std::uint64_t{1} << stream);
  for (std::uint64_t& marks : page_defined_in_) marks &= kept;
  for (std::uint64_t& marks : label_defined_in_) marks &= kept;
}

}  // namespace footfall::sites
