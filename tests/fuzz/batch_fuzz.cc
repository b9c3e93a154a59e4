// SPDX-License-Identifier: Apache-2.0
// Batches of any bytes, as lines and as messages, packed and not. Each item is told once, good or bad, in order; what
// is found does not depend on how the bytes were split; and a line's fate does not depend on the lines around it. The
// first byte of the input chooses format and splits.
#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>

#include "ingest/batch_reader.h"

namespace {

using footfall::ingest::BatchFormat;
using footfall::ingest::BatchReader;

void require(bool holds) {
  if (!holds) std::abort();
}

// "+" for a good item, "-" for a bad one, and what became of the whole.
std::string fates(BatchFormat format, bool gzip, std::string_view body, std::size_t piece) {
  BatchReader reader(1U << 20U);
  reader.begin(format, gzip);
  for (std::size_t at = 0; at < body.size(); at += piece) reader.take(body.substr(at, piece));
  reader.finish();
  if (reader.failure() != BatchReader::Failure::none) {
    require(!reader.detail().empty());
    return "failed: " + reader.detail();
  }
  std::string out(reader.count(), '?');
  for (std::size_t n = 0; n < reader.good(); ++n) {
    const auto& item = reader.item(n);
    require(out.at(reader.index(n)) == '?');
    require(!item.ping.site.empty());
    require(item.ping.path.size() <= 1024);
    out[reader.index(n)] = '+';
  }
  for (const auto& [index, reason] : reader.unreadable()) {
    require(out.at(index) == '?');
    require(!reason.empty());
    out[index] = '-';
  }
  require(out.find('?') == std::string::npos);
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  if (size == 0) return 0;
  const void* const bytes = data + 1;
  const std::string body(static_cast<const char*>(bytes), size - 1);
  const BatchFormat format = (data[0] & 1U) != 0 ? BatchFormat::protobuf : BatchFormat::ndjson;
  const bool gzip = (data[0] & 2U) != 0;
  const std::string together = fates(format, gzip, body, std::max<std::size_t>(body.size(), 1));
  require(together == fates(format, gzip, body, 1U + (data[0] >> 2U)));
  if (gzip || format == BatchFormat::protobuf) return 0;
  std::string apart;
  for (std::size_t begin = 0; begin < body.size();) {
    const std::size_t end = std::min(body.find('\n', begin), body.size());
    apart +=
        fates(format, false, std::string_view(body).substr(begin, end - begin), std::max<std::size_t>(end - begin, 1));
    begin = end + 1;
  }
  require(together == apart);
  return 0;
}
