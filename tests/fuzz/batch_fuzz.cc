// SPDX-License-Identifier: Apache-2.0
// Batches of any bytes: each line that is not blank is told once, good or bad, in order; and a line's fate does not
// depend on the lines around it.
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/batch.h"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

// "+" for a good line, "-" for a bad one.
std::string fates(const std::string& body) {
  footfall::ingest::Arena arena;
  std::string out;
  footfall::ingest::parse_ndjson(
      body, arena,
      [&out](std::size_t index, const footfall::ingest::Item& item) {
        require(index == out.size());
        require(!item.ping.site.empty());
        require(item.ping.path.size() <= 1024);
        out += '+';
      },
      [&out](std::size_t index, std::string_view reason) {
        require(index == out.size());
        require(!reason.empty());
        out += '-';
      });
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const void* const bytes = data;
  const std::string body(static_cast<const char*>(bytes), size);
  const std::string together = fates(body);
  std::string apart;
  for (std::size_t begin = 0; begin < body.size();) {
    const std::size_t end = std::min(body.find('\n', begin), body.size());
    apart += fates(body.substr(begin, end - begin));
    begin = end + 1;
  }
  require(together == apart);
  return 0;
}
