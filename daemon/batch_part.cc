// SPDX-License-Identifier: Apache-2.0
#include "batch_part.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "api/text.h"
#include "sites/imports.h"

namespace footfall {
namespace {

constexpr std::size_t kSourceMax = 200;  // of a follower, whose source no change has named and checked

base::Error malformed(std::string what) {
  return {base::Errc::malformed, std::move(what)};
}

bool read_number(const std::string& text, std::uint64_t& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc{} && end == text.data() + text.size();
}

bool printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != '\x7F'; });
}

}  // namespace

base::Result<BatchPart> read_batch_part(std::string_view query) {
  BatchPart part;
  part.source = api::query_value(query, "source").value_or("");
  if (part.source.empty()) return part;
  if (!read_number(api::query_value(query, "position").value_or(""), part.position) || part.position == 0)
    return malformed("position: a whole number from 1 is needed beside source");
  const std::optional<std::string> mark = api::query_value(query, "mark");
  const std::optional<std::string> after = api::query_value(query, "after");
  if (!mark && !after) return part;
  if (!mark || mark->empty() || mark->size() > sites::kMarkMax || !printable(*mark))
    return malformed("mark: a follower says beside after where the position is, in 1 to " +
                     std::to_string(sites::kMarkMax) + " printable bytes");
  if (!after || !read_number(*after, part.after) || part.after >= part.position)
    return malformed(
        "after: a whole number below position is needed beside mark: where the part begins, 0 for the first");
  if (part.source.size() > kSourceMax || !printable(part.source))
    return malformed("source: a name of 1 to " + std::to_string(kSourceMax) + " printable bytes");
  part.site = api::query_value(query, "site").value_or("");
  if (part.site.empty()) return malformed("site: a part of a log that is followed names its site");
  part.mark = *mark;
  return part;
}

}  // namespace footfall
