// SPDX-License-Identifier: Apache-2.0
// Countries: a client's address to the two letters of its country (ISO 3166-1), by a MaxMind DB file that the operator
// brings: GeoLite2 or GeoIP2, country or city, DB-IP lite, IPinfo lite. What is kept of an address is these letters.
//
// The file is mapped, so its pages are the kernel's to keep: replace it by renaming another over it, never in place.
// Read by libmaxminddb. Tested by tests/unit/lookup/countries_test.cc against a list of networks searched one by one.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/errors.h"

namespace footfall::lookup {

struct Country {
  std::string_view code;   // "VN", lives as long as the process; empty: unknown
  std::uint64_t hash = 0;  // base::table_hash of it
};

// Immutable after open; any thread.
class CountryDatabase {
 public:
  // invalid_config: it is missing, unreadable, or no such file; the sentence names it.
  static base::Result<std::shared_ptr<const CountryDatabase>> open(const std::string& path);
  // `address`: 16 bytes, IPv6 or IPv4-mapped. Unknown too where the file has no country for it.
  Country find(const std::uint8_t* address) const;
  // For the log: "GeoLite2-Country of 2026-11-24".
  const std::string& description() const;
  ~CountryDatabase();

 private:
  CountryDatabase();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace footfall::lookup
