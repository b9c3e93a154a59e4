// SPDX-License-Identifier: Apache-2.0
// The certificate that all listeners with TLS show: read at the start, by --check-config, and again at each reload.
//
// Tested by tests/integration/tls_test.py.
#pragma once

#include <memory>

#include "base/errors.h"
#include "base/tls.h"
#include "config.h"

namespace footfall {

// nullptr: no listener is with TLS. invalid_config names the option and where it was given, the file, what is
// wrong with it, and what to do.
base::Result<std::shared_ptr<const base::TlsContext>> read_certificates(const Config& config);

}  // namespace footfall
