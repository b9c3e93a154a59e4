// SPDX-License-Identifier: Apache-2.0
#include "redis/address.h"

namespace footfall::redis {

std::string to_string(const Address& address) {
  if (address.is_unix()) return address.host;
  const bool v6 = address.host.find(':') != std::string::npos;
  return (v6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

}  // namespace footfall::redis
