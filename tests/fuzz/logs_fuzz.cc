// SPDX-License-Identifier: Apache-2.0
// Access-log lines: any bytes are read or refused in each format, and what is read points into the line.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "logs/format.h"

namespace {

using footfall::logs::Format;
using footfall::logs::Line;

void check(bool holds) {
  if (!holds) std::abort();
}

bool inside(std::string_view part, std::string_view line) {
  return part.empty() || (part.data() >= line.data() && part.data() + part.size() <= line.data() + line.size());
}

// `copies`: what JSON escapes lies in a buffer of the format's own.
void read(Format& format, std::string_view text, bool copies = false) {
  Line line;
  if (!format.read(text, line)) return;
  check(line.status < 1000);
  check(inside(line.path(), line.target));
  if (copies) return;
  check(!line.host || inside(*line.host, text));
  check(inside(line.client, text) && inside(line.target, text));
  check(!line.referrer || inside(*line.referrer, text));
  check(!line.agent || inside(*line.agent, text));
}

Format named(std::string_view name) {
  auto format = Format::find(name);
  check(format.has_value());
  return *format;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // An own copy of each line, so that a read past its end is seen. The first line is tried as a format, too.
  static Format formats[] = {
      named("combined"), named("vhost-combined"),
      named(R"($remote_addr [$time_local] "$request" $status "$http_referer" "$http_user_agent")"),
      named("$time_iso8601 $remote_addr $request_method $request_uri $status"), named("%{msec}t %h %U%q %s \"%r\"")};
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const std::string first(rest.substr(0, rest.find('\n')));
  auto custom = Format::find(first);
  static Format json = named("json");
  Format columns = named("nasa-tsv");
  const bool has_columns = columns.read_header(first).has_value();
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n');
    const std::string line(rest.substr(0, end));
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    for (Format& format : formats) read(format, line);
    read(json, line, true);
    if (custom && !custom->has_header()) read(*custom, line, first == "json");
    if (has_columns) read(columns, line);
  }
  return 0;
}
