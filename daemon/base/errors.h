// SPDX-License-Identifier: Apache-2.0
// Errors as values: one Errc for the whole program, and Result<T>, which holds a T or an Error.
//
// An Error is an Errc (what kind) and a detail (what, where, what to do), in a sentence that can be shown to the
// person who has to act. Start-up may throw (Failure); a running shard does not.
// Tested by tests/unit/base/errors_test.cc.
#pragma once

#include <boost/system/result.hpp>
#include <stdexcept>
#include <string>
#include <string_view>

namespace footfall::base {

enum class Errc {
  malformed,      // bytes that break their grammar
  too_large,      // a stated bound is exceeded
  not_found,      // no such site, page, file, change
  exists,         // the name is taken
  denied,         // no token, or not the scope
  conflict,       // the request contradicts the state
  io,             // a system call failed; the detail names file, call and errno's text
  no_room,        // the same, for lack of space: a full disk, a quota, a file size limit
  corrupt,        // a checksum or an invariant of stored bytes does not hold
  newer_format,   // written by a later release
  in_use,         // another process holds it
  unavailable,    // not now: draining, failed disk, overload
  invalid_config  // file, line and key are in the detail
};

// The sentence of an enumerator, without a full stop: "malformed input".
std::string_view describe(Errc code) noexcept;

struct Error {
  Errc code;
  std::string detail;  // for people; never holds a client address, an agent or a token
};

// "malformed input: <detail>"
std::string to_string(const Error& error);

// Thrown by Result<T>::value() and by start-up code only.
class Failure : public std::runtime_error {
 public:
  explicit Failure(Error error) : std::runtime_error(to_string(error)), error_(std::move(error)) {}
  const Error& error() const noexcept { return error_; }

 private:
  Error error_;
};

// Found by argument-dependent look-up from boost::system::result.
[[noreturn]] void throw_exception_from_error(const Error& error, const boost::source_location& where);

template <class T>
using Result = boost::system::result<T, Error>;

}  // namespace footfall::base
