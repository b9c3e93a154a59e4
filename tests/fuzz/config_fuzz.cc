// SPDX-License-Identifier: Apache-2.0
// The configuration file, of any bytes, in a file in memory: it is refused with the place and a reason, or each of its
// keys is in force. What it accepts, written again as texts, reads the same, and so it does as flags.
#include <sys/mman.h>
#include <toml++/toml.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/errors.h"
#include "config.h"

namespace {

using footfall::Config;

void require(bool holds) {
  if (!holds) std::abort();
}

int memory_file() {
  static const int descriptor = memfd_create("footfalld.toml", MFD_CLOEXEC);
  require(descriptor >= 0);
  return descriptor;
}

std::string path() {
  return "/proc/self/fd/" + std::to_string(memory_file());
}

std::optional<Config> parsed(const std::vector<std::string>& words) {
  std::vector<const char*> arguments{"footfalld"};
  for (const std::string& word : words) arguments.push_back(word.c_str());
  try {
    auto config = footfall::parse_config(static_cast<int>(arguments.size()), arguments.data());
    require(config.has_value());
    return config;
  } catch (const footfall::base::Failure& failure) {
    const footfall::base::Error& error = failure.error();
    require(error.code == footfall::base::Errc::invalid_config);
    require(error.detail.starts_with(path() + ":") || error.detail.starts_with("--"));
    return std::nullopt;
  }
}

std::optional<Config> of_file(std::string_view text) {
  require(ftruncate(memory_file(), 0) == 0);
  require(pwrite(memory_file(), text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
  return parsed({"--config", path()});
}

std::string quoted(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out.append("\\").push_back(c);
    } else if (byte < 0x20 || byte == 0x7F) {
      out.append("\\u00").append({kHex[byte >> 4U], kHex[byte & 15U]});
    } else {
      out.push_back(c);
    }
  }
  return out + "\"";
}

bool plain(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == ':' ||
           c == '/' || c == '-';
  });
}

std::string text_of(const std::vector<footfall::http::ListenAddress>& addresses) {
  std::string out;
  for (const auto& a : addresses) {
    out.append(a.tls ? "tls " : "").append(a.unix_socket ? "unix " : "").append(a.name).append(" ").append(a.host);
    out.append(":").append(std::to_string(a.port)).append(" ").append(std::to_string(a.unix_mode)).append(";");
  }
  return out;
}

// What options with a parser of their own make of their values.
bool same(const Config& a, const Config& b) {
  const auto fields = [](const Config& c) {
    return std::tuple(c.given, text_of(c.listen), text_of(c.admin), text_of(c.metrics_listen), c.data_dir,
                      c.listen_mode, c.threads, c.durability, c.base_path, c.script_name, c.trusted_proxies.size(),
                      c.rate_limit, c.body_memory_max, c.segment_bytes, c.undo_days, c.drain_s, c.log_level,
                      c.take_over, c.accept_loss, c.insecure_admin, text_of(c.syslog.listen), c.redis.node);
  };
  return fields(a) == fields(b);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto config = of_file(text);
  if (!config) return 0;
  for (const auto& [key, value] : toml::parse(text)) require(config->given.contains(std::string(key.str())));

  std::string again;
  std::vector<std::string> flags;
  bool all_plain = true;
  for (const auto& [name, values] : config->given) {
    again.append(name).append(values.size() == 1 ? " = " : " = [");
    for (std::size_t i = 0; i < values.size(); ++i) again.append(i == 0 ? "" : ", ").append(quoted(values[i]));
    again.append(values.size() == 1 ? "\n" : "]\n");
    for (const std::string& value : values) flags.push_back("--" + name + "=" + value);
    all_plain = all_plain && !values.empty() && std::ranges::all_of(values, plain);
  }
  const auto written = of_file(again);
  require(written && same(*written, *config));
  if (!all_plain) return 0;
  const auto flagged = parsed(flags);
  require(flagged && same(*flagged, *config));
  return 0;
}
