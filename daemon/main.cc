// SPDX-License-Identifier: Apache-2.0
// footfalld: parse, build, start, wait, stop. Exit codes: 0, 1 (failed), 2 (usage or configuration).
#include <exception>
#include <iostream>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/errors.h"
#include "certificates.h"
#include "config.h"
#include "server.h"

int main(int argc, char** argv) {
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
    // Neither --help nor --version were asked for.
    footfall::Server server(*config, [=] { return footfall::parse_config(argc, argv).value(); }, {argv, argv + argc});
    server.start();
    server.wait_for_signal();
    server.stop();
    return 0;
  } catch (const footfall::base::Failure& failure) {
    std::cerr << "footfalld: " << footfall::base::to_string(failure.error()) << '\n';
    return failure.error().code == footfall::base::Errc::invalid_config ? 2 : 1;
  } catch (const std::exception& error) {
    std::cerr << "footfalld: " << error.what() << '\n';
    return 1;
  }
}
