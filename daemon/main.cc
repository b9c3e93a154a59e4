// SPDX-License-Identifier: Apache-2.0
// footfalld: parse, build, start, wait, stop. Exit codes: 0, 1 (failed), 2 (usage or configuration).
#include <chrono>
#include <exception>
#include <iostream>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/errors.h"
#include "base/log_line.h"
#include "certificates.h"
#include "config.h"
#include "server.h"

namespace {

// Why it ends, where the log's lines are.
void complain(footfall::base::log::Format format, const std::string& why) {
  using footfall::base::log::Format;
  using footfall::base::log::Level;
  if (format == Format::text) {
    std::cerr << "footfalld: " << why << '\n';
    return;
  }
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const std::int64_t now_ms = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
  std::cerr << to_text({now_ms, Level::error, "start_failed", why, 0}, format);
}

}  // namespace

int main(int argc, char** argv) {
  footfall::base::log::Format format = footfall::base::log::Format::text;  // until the configuration is read
  try {
    const std::optional<footfall::Config> config = footfall::parse_config(argc, argv);
    if (!config) return 0;
    if (config->check_only) {
      if (const auto tls = footfall::read_certificates(*config).value()) {
        const std::string warning = tls->warning(footfall::base::SystemClock().utc_s());
        if (!warning.empty()) std::cerr << "footfalld: warning: " << warning << '\n';
      }
      std::cout << "the configuration is right\n";
      return 0;
    }
    format = config->log_format;
    // Neither --help nor --version were asked for.
    footfall::Server server(*config, [=] { return footfall::parse_config(argc, argv).value(); }, {argv, argv + argc});
    server.start();
    server.wait_for_signal();
    server.stop();
    return 0;
  } catch (const footfall::base::Failure& failure) {
    complain(format, footfall::base::to_string(failure.error()));
    return failure.error().code == footfall::base::Errc::invalid_config ? 2 : 1;
  } catch (const std::exception& error) {
    complain(format, error.what());
    return 1;
  }
}
