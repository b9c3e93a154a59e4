// SPDX-License-Identifier: Apache-2.0
#include "certificates.h"

#include <utility>

namespace footfall {

base::Result<std::shared_ptr<const base::TlsContext>> read_certificates(const Config& config) {
  if (config.tls_certificate.empty()) return std::shared_ptr<const base::TlsContext>();
  auto context = base::TlsContext::for_servers(config.tls_certificate, config.tls_key);
  if (!context) {
    base::Error error = context.error();
    const bool of_key = config.tls_key != config.tls_certificate && error.detail.rfind(config.tls_key + ": ", 0) == 0;
    error.detail = origin_of(config, of_key ? "tls-key" : "tls-certificate") + ": " + error.detail;
    return error;
  }
  return std::shared_ptr<const base::TlsContext>(std::make_shared<base::TlsContext>(*std::move(context)));
}

}  // namespace footfall
