// SPDX-License-Identifier: Apache-2.0
// Randomness from the system's generator, and the process's key for in-memory tables. See hash.h.
#include <sys/random.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>

#include "base/hash.h"

namespace footfall::base {

void random_bytes(void* out, std::size_t size) noexcept {
  auto* at = static_cast<unsigned char*>(out);
  while (size > 0) {
    const ssize_t got = getrandom(at, size, 0);
    if (got < 0) {
      if (errno == EINTR) continue;
      std::abort();  // nothing that needs a key may go on without one
    }
    at += got;
    size -= static_cast<std::size_t>(got);
  }
}

std::uint64_t random_u64() noexcept {
  std::uint64_t v = 0;
  random_bytes(&v, sizeof v);
  return v;
}

SipKey process_key() noexcept {
  static const SipKey key{random_u64(), random_u64()};
  return key;
}

}  // namespace footfall::base
