// SPDX-License-Identifier: Apache-2.0
#include "lookup/countries.h"

#include <maxminddb.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <system_error>

#include "base/hash.h"

namespace footfall::lookup {
namespace {

constexpr std::size_t kLetters = 26;
constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

// All codes that there can be, so that what is found in a file needs no memory of its own.
struct Codes {
  std::array<std::array<char, 2>, kLetters * kLetters> letters;
  std::array<std::uint64_t, kLetters * kLetters> hashes;
  Codes() {
    for (std::size_t i = 0; i < letters.size(); ++i) {
      letters[i] = {static_cast<char>('A' + i / kLetters), static_cast<char>('A' + i % kLetters)};
      hashes[i] = base::table_hash({letters[i].data(), 2});
    }
  }
};

bool is_letter(char c) {
  return c >= 'A' && c <= 'Z';
}

Country country_of(std::string_view code) {
  static const Codes codes;
  if (code.size() != 2 || !is_letter(code[0]) || !is_letter(code[1])) return {};
  const std::size_t i = static_cast<std::size_t>(code[0] - 'A') * kLetters + static_cast<std::size_t>(code[1] - 'A');
  return {{codes.letters[i].data(), 2}, codes.hashes[i]};
}

// Where the files say it: in MaxMind's and DB-IP's a map, in IPinfo's a text beside others.
constexpr std::array<std::array<const char*, 3>, 3> kPlaces{
    {{"country", "iso_code", nullptr}, {"country_code", nullptr, nullptr}, {"country", nullptr, nullptr}}};

std::string date_text(std::uint64_t at_s) {
  const auto second = static_cast<std::time_t>(at_s);
  std::tm utc{};
  gmtime_r(&second, &utc);
  std::array<char, 16> text{};
  return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%d", &utc)};
}

sockaddr_storage socket_address(const std::uint8_t* address) {
  sockaddr_storage out{};
  if (std::equal(kMapped.begin(), kMapped.end(), address)) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(out);
    v4.sin_family = AF_INET;
    std::memcpy(&v4.sin_addr, address + kMapped.size(), sizeof v4.sin_addr);
  } else {
    auto& v6 = reinterpret_cast<sockaddr_in6&>(out);
    v6.sin6_family = AF_INET6;
    std::memcpy(&v6.sin6_addr, address, sizeof v6.sin6_addr);
  }
  return out;
}

}  // namespace

struct CountryDatabase::Impl {
  MMDB_s file{};
  std::string description;
  ~Impl() {
    if (file.filename != nullptr) MMDB_close(&file);
  }
};

CountryDatabase::CountryDatabase() : impl_(std::make_unique<Impl>()) {}

CountryDatabase::~CountryDatabase() = default;

base::Result<std::shared_ptr<const CountryDatabase>> CountryDatabase::open(const std::string& path) {
  std::shared_ptr<CountryDatabase> out(new CountryDatabase);
  MMDB_s& file = out->impl_->file;
  errno = 0;
  const int status = MMDB_open(path.c_str(), MMDB_MODE_MMAP, &file);
  if (status != MMDB_SUCCESS) {
    const std::string why = (status == MMDB_FILE_OPEN_ERROR || status == MMDB_IO_ERROR) && errno != 0
                                ? std::generic_category().message(errno)
                                : MMDB_strerror(status);
    file = {};  // the library has freed what it held
    return base::Error{base::Errc::invalid_config, "the country database " + path + " cannot be read: " + why +
                                                       "; it must be a MaxMind DB file (.mmdb)"};
  }
  out->impl_->description = std::string(file.metadata.database_type) + " of " + date_text(file.metadata.build_epoch);
  return std::shared_ptr<const CountryDatabase>(std::move(out));
}

Country CountryDatabase::find(const std::uint8_t* address) const {
  const sockaddr_storage at = socket_address(address);
  int error = MMDB_SUCCESS;
  MMDB_lookup_result_s found = MMDB_lookup_sockaddr(&impl_->file, reinterpret_cast<const sockaddr*>(&at), &error);
  if (error != MMDB_SUCCESS || !found.found_entry) return {};
  for (const auto& place : kPlaces) {
    MMDB_entry_data_s data;
    if (MMDB_aget_value(&found.entry, &data, place.data()) != MMDB_SUCCESS) continue;
    if (!data.has_data || data.type != MMDB_DATA_TYPE_UTF8_STRING) continue;
    return country_of({data.utf8_string, data.data_size});
  }
  return {};
}

const std::string& CountryDatabase::description() const {
  return impl_->description;
}

}  // namespace footfall::lookup
