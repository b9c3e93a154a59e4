// SPDX-License-Identifier: Apache-2.0
#include "base/cidr_file.h"

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <system_error>

namespace footfall::base {
namespace {

std::string_view trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r";
  const auto begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

Error wrong(const std::string& path, const std::string& what) {
  return {Errc::invalid_config, path + ": " + what};
}

}  // namespace

Result<std::vector<Cidr>> read_cidr_file(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error))
    return wrong(path, "is a directory; name a file with one network a line");
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    return wrong(path, "cannot be read (" + std::generic_category().message(errno) +
                           "); name a file that footfalld's user may read");
  }
  std::vector<Cidr> networks;
  std::string line;
  std::size_t bytes = 0;
  for (std::size_t number = 1; std::getline(in, line); ++number) {
    bytes += line.size() + 1;
    if (bytes > kCidrFileBytesMax) return wrong(path, "is larger than 1 MiB; is it a list of networks?");
    const std::string_view text = trim(std::string_view(line).substr(0, line.find('#')));
    if (text.empty()) continue;
    const Result<Cidr> cidr = parse_cidr(text);
    if (!cidr) {
      return wrong(path + ":" + std::to_string(number),
                   cidr.error().detail + "; write one network a line, and # before what is none");
    }
    networks.push_back(*cidr);
  }
  if (in.bad()) return wrong(path, "cannot be read to its end");
  if (networks.empty()) return wrong(path, "holds no network; write one a line, or leave the option out");
  return networks;
}

}  // namespace footfall::base
