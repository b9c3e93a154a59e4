// SPDX-License-Identifier: Apache-2.0
// Pings of any bytes: none is a crash, and what is accepted keeps the promises of its fields.
//
// The first byte chooses method and content type; then come path/query, body, Origin, Referer and Purpose, split at
// newlines in that order (the body last, as it may hold newlines of its own).
#include <cstdlib>
#include <string>
#include <string_view>

#include "ingest/native.h"
#include "ingest/text.h"

namespace {

using footfall::ingest::Arena;

void require(bool holds) {
  if (!holds) std::abort();
}

void require_text(std::string_view text) {
  while (!text.empty()) {
    const std::size_t size = footfall::ingest::utf8_character(text);
    require(size != 0 && !footfall::ingest::is_control(text.substr(0, size)));
    text.remove_prefix(size);
  }
}

std::string_view next_line(std::string_view& rest) {
  const std::string_view line = rest.substr(0, rest.find('\n'));
  rest.remove_prefix(line.size() == rest.size() ? rest.size() : line.size() + 1);
  return line;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using footfall::http::Field;
  if (size == 0) return 0;
  const void* const bytes = data + 1;
  std::string_view rest(static_cast<const char*>(bytes), size - 1);
  constexpr std::string_view kTypes[] = {"", "text/plain", "application/json", "application/x-www-form-urlencoded",
                                         "image/gif"};
  footfall::http::Request request;
  request.method = (data[0] & 1U) != 0 ? footfall::http::Method::post : footfall::http::Method::get;
  request.path = "/hit";
  const auto header = [&request](Field field, std::string_view value) {
    if (value.empty()) return;
    request.fields[static_cast<std::size_t>(field)] = value;
    request.present |= 1U << static_cast<unsigned>(field);
  };
  header(Field::content_type, kTypes[(data[0] >> 1U) % std::size(kTypes)]);
  request.query = next_line(rest);
  header(Field::origin, next_line(rest));
  header(Field::referer, next_line(rest));
  header(Field::sec_purpose, next_line(rest));
  const std::string body(rest);  // memory that ends with the body
  request.body = body;

  Arena arena;
  const auto parsed = footfall::ingest::parse_native(request, arena);
  if (parsed) {
    const footfall::ingest::Ping& ping = parsed.value();
    require(!ping.site.empty());
    require(ping.path.size() <= footfall::ingest::kPathMax);
    require(ping.referrer.size() <= footfall::ingest::kReferrerMax);
    require(ping.campaign.size() <= footfall::ingest::kLabelMax && ping.event.size() <= footfall::ingest::kLabelMax);
    require(ping.path.empty() || ping.path.front() == '/');
    for (const std::string_view text : {ping.path, ping.referrer, ping.campaign, ping.event}) require_text(text);
    if (!ping.path.empty()) {
      std::string_view again;
      require(footfall::ingest::normalise_path(ping.path, arena, again) && again == ping.path);
    }
    if (!ping.referrer.empty()) {
      std::string_view host;
      require(footfall::ingest::normalise_referrer(ping.referrer, arena, host) == ping.referrer);
    }
  } else {
    require(!parsed.error().detail.empty());
  }
  return 0;
}
