// SPDX-License-Identifier: Apache-2.0
#include "logs/format.h"

#include <utility>

namespace footfall::logs {

base::Result<Format> Format::find(std::string_view name_or_string) {
  Format format;
  if (name_or_string == "nasa-tsv") {
    format.format_ = TsvFormat{};
  } else if (name_or_string == "vhost-combined") {
    format.format_ = VhostFormat{};
  } else if (name_or_string == "json") {
    format.format_ = JsonFormat{};
  } else if (name_or_string != "combined" && name_or_string != "common" && name_or_string != "clf") {
    auto custom = CustomFormat::compile(name_or_string);
    if (!custom) return custom.error();
    format.format_ = *std::move(custom);
  }
  return format;
}

base::Result<void> Format::read_header(std::string_view line) {
  return std::get<TsvFormat>(format_).read_header(line);
}

bool Format::read_other(std::string_view line, Line& out) {
  if (auto* tsv = std::get_if<TsvFormat>(&format_)) return tsv->read(line, out);
  if (auto* vhost = std::get_if<VhostFormat>(&format_)) return vhost->read(line, out);
  if (auto* json = std::get_if<JsonFormat>(&format_)) return json->read(line, out);
  return std::get<CustomFormat>(format_).read(line, out);
}

}  // namespace footfall::logs
