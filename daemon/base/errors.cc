// SPDX-License-Identifier: Apache-2.0
// The sentences of errors, and the exception that start-up code may throw. See errors.h.
#include "base/errors.h"

namespace footfall::base {

std::string_view describe(Errc code) noexcept {
  switch (code) {
    case Errc::malformed:
      return "malformed input";
    case Errc::too_large:
      return "a bound is exceeded";
    case Errc::not_found:
      return "not found";
    case Errc::exists:
      return "exists already";
    case Errc::denied:
      return "not permitted";
    case Errc::conflict:
      return "conflicts with the present state";
    case Errc::io:
      return "a system call failed";
    case Errc::no_room:
      return "there is no room on the disk";
    case Errc::corrupt:
      return "stored bytes are damaged";
    case Errc::newer_format:
      return "written by a later release";
    case Errc::in_use:
      return "in use by another process";
    case Errc::unavailable:
      return "not available now";
    case Errc::invalid_config:
      return "invalid configuration";
  }
  return "unknown error";
}

std::string to_string(const Error& error) {
  std::string out{describe(error.code)};
  if (!error.detail.empty()) out.append(": ").append(error.detail);
  return out;
}

void throw_exception_from_error(const Error& error, const boost::source_location& /*where*/) {
  throw Failure(error);
}

}  // namespace footfall::base
