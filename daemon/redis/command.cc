// SPDX-License-Identifier: Apache-2.0
#include "redis/command.h"

#include <hiredis/hiredis.h>

#include <new>
#include <vector>

namespace footfall::redis {

void append_command(std::string& out, std::span<const std::string_view> words) {
  std::vector<const char*> texts;
  std::vector<std::size_t> sizes;
  texts.reserve(words.size());
  sizes.reserve(words.size());
  for (const std::string_view word : words) {
    texts.push_back(word.data() != nullptr ? word.data() : "");
    sizes.push_back(word.size());
  }
  char* bytes = nullptr;
  const auto size = redisFormatCommandArgv(&bytes, static_cast<int>(words.size()), texts.data(), sizes.data());
  if (size < 0) throw std::bad_alloc();
  out.append(bytes, static_cast<std::size_t>(size));
  redisFreeCommand(bytes);
}

std::string command(std::initializer_list<std::string_view> words) {
  std::string out;
  append_command(out, std::span(words.begin(), words.size()));
  return out;
}

std::string_view hiredis_version() {
  static const std::string version =
      std::to_string(HIREDIS_MAJOR) + "." + std::to_string(HIREDIS_MINOR) + "." + std::to_string(HIREDIS_PATCH);
  return version;
}

std::string_view name_of_command(std::string_view bytes) {
  for (int line = 0; line < 2; ++line) {  // *N, $SIZE
    const std::size_t end = bytes.find('\n');
    if (end == std::string_view::npos) return {};
    bytes.remove_prefix(end + 1);
  }
  return bytes.substr(0, bytes.find('\r'));
}

}  // namespace footfall::redis
