// SPDX-License-Identifier: Apache-2.0
#include "cpp/answer_reader.h"

#include <charconv>
#include <optional>

namespace footfall::client {
namespace {

constexpr std::string_view kLineEnd = "\r\n";

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// `name` is in lower case.
bool same(std::string_view text, std::string_view name) {
  if (text.size() != name.size()) return false;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (lower(text[i]) != name[i]) return false;
  }
  return true;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::optional<std::size_t> number(std::string_view text, int base) {
  std::size_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, value, base);
  if (error != std::errc() || stopped != end) return std::nullopt;
  return value;
}

// `at`: where the first chunk begins; then where the answer ends.
Read read_chunks(std::string_view bytes, std::size_t& at, std::string& joined) {
  joined.clear();
  while (true) {
    const std::size_t line_end = bytes.find(kLineEnd, at);
    if (line_end == std::string_view::npos) return bytes.size() - at > 256 ? Read::malformed : Read::more;
    const std::string_view line = bytes.substr(at, line_end - at);
    const auto size = number(trimmed(line.substr(0, line.find(';'))), 16);
    if (!size || *size > kAnswerBodyMax - joined.size()) return Read::malformed;
    at = line_end + kLineEnd.size();
    if (*size == 0) break;
    if (bytes.size() - at < *size + kLineEnd.size()) return Read::more;
    joined += bytes.substr(at, *size);
    if (bytes.substr(at + *size, kLineEnd.size()) != kLineEnd) return Read::malformed;
    at += *size + kLineEnd.size();
  }
  while (true) {  // trailers, then an empty line
    const std::size_t line_end = bytes.find(kLineEnd, at);
    if (line_end == std::string_view::npos) return bytes.size() - at > kAnswerHeadMax ? Read::malformed : Read::more;
    const bool last = line_end == at;
    at = line_end + kLineEnd.size();
    if (last) return Read::complete;
  }
}

}  // namespace

std::string_view Answer::field(std::string_view name) const {
  std::string_view rest = head;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find(kLineEnd));
    rest.remove_prefix(std::min(line.size() + kLineEnd.size(), rest.size()));
    const std::size_t colon = line.find(':');
    if (colon != std::string_view::npos && same(line.substr(0, colon), name)) return trimmed(line.substr(colon + 1));
  }
  return {};
}

Read read_answer(std::string_view bytes, bool ended, Answer& answer) {
  const Read unfinished = ended ? Read::malformed : Read::more;
  std::size_t begin = 0;
  while (true) {
    const std::string_view left = bytes.substr(begin);
    const std::size_t head_end = left.find("\r\n\r\n");
    if (head_end == std::string_view::npos) return left.size() > kAnswerHeadMax ? Read::malformed : unfinished;
    // "HTTP/1.1 200 OK"
    const std::string_view line = left.substr(0, left.find(kLineEnd));
    if (line.size() < 12 || !line.starts_with("HTTP/1.") || line[8] != ' ') return Read::malformed;
    const auto status = number(line.substr(9, 3), 10);
    if (!status || *status < 100) return Read::malformed;
    answer.status = static_cast<unsigned>(*status);
    answer.head = left.substr(line.size() + kLineEnd.size(), head_end - line.size());
    answer.keep_alive = !same(answer.field("connection"), "close") && line[7] == '1';
    begin += head_end + 4;
    if (answer.status >= 200 || answer.status == 101) break;
  }
  answer.body = {};
  if (answer.status == 204 || answer.status == 304) {
    answer.size = begin;
    return Read::complete;
  }
  if (same(answer.field("transfer-encoding"), "chunked")) {
    const Read read = read_chunks(bytes, begin, answer.joined);
    answer.body = answer.joined;
    answer.size = begin;
    return read == Read::more ? unfinished : read;
  }
  const std::string_view length = answer.field("content-length");
  if (length.empty()) {  // until the connection closes
    if (bytes.size() - begin > kAnswerBodyMax) return Read::malformed;
    if (!ended) return Read::more;
    answer.body = bytes.substr(begin);
    answer.size = bytes.size();
    answer.keep_alive = false;
    return Read::complete;
  }
  const auto size = number(length, 10);
  if (!size || *size > kAnswerBodyMax) return Read::malformed;
  if (bytes.size() - begin < *size) return unfinished;
  answer.body = bytes.substr(begin, *size);
  answer.size = begin + *size;
  return Read::complete;
}

}  // namespace footfall::client
