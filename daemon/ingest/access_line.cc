// SPDX-License-Identifier: Apache-2.0
#include "ingest/access_line.h"

#include <cstring>
#include <optional>

#include "ingest/fields.h"
#include "ingest/native.h"

namespace footfall::ingest {
namespace {

std::string_view given(const std::optional<std::string_view>& text) {
  return text && *text != "-" ? *text : std::string_view();
}

}  // namespace

base::Result<void> read_access_line(const logs::Line& line, std::string_view site, Arena& arena, Item& item) {
  Fields fields;
  const auto set = [&fields](Key key, std::string_view value) { fields.values[static_cast<std::size_t>(key)] = value; };
  set(Key::site, site);
  set(Key::path, line.target.empty() ? "/" : line.target);
  set(Key::ref, given(line.referrer));
  if (auto read = read_ping(fields, arena, item.ping); !read) return read;
  item.at_s = line.time_s;
  item.agent = arena.copy(given(line.agent));
  item.has_address = parse_address(line.client, item.address);
  if (!item.has_address) {
    const std::string_view agent = line.agent.value_or(std::string_view());
    char* const visitor = arena.allocate(line.client.size() + 1 + agent.size());
    std::memcpy(visitor, line.client.data(), line.client.size());
    visitor[line.client.size()] = ' ';
    if (!agent.empty()) std::memcpy(visitor + line.client.size() + 1, agent.data(), agent.size());
    item.visitor = {visitor, line.client.size() + 1 + agent.size()};
  }
  return {};
}

}  // namespace footfall::ingest
