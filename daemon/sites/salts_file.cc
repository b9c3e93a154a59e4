// SPDX-License-Identifier: Apache-2.0
// The file of salts: see salts_file.h.
#include "sites/salts_file.h"

#include <string.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/bytes.h"
#include "base/hash.h"

namespace footfall::sites {
namespace {

using base::Errc;
using base::Error;

constexpr std::string_view kMagic = "FFSALT";  // then the version, a digit, and a line feed
constexpr char kVersion = '1';
constexpr std::size_t kFileBytes = 8 + 8 + 32 + 4;
constexpr std::size_t kSumBytes = 4;  // the last ones, in all later versions
constexpr std::size_t kFileBytesMax = 4096;
constexpr std::int64_t kLatestZone_s = 43'200;  // UTC-12
constexpr std::int64_t kWindowAndSlack_s = 3600 + 60;

// The bytes of a file, overwritten when they go.
struct Secret {
  explicit Secret(std::string taken) : bytes(std::move(taken)) {}
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret() { explicit_bzero(bytes.data(), bytes.size()); }
  std::string bytes;
};

Error damaged(const std::string& path, const std::string& what) {
  return Error{Errc::corrupt,
               path + " is damaged: " + what +
                   "; put it back, or remove it, and today's visitors and those online are counted anew"};
}

base::Result<void> refuse_if_others_may_read(const std::string& path) {
  struct stat status {};
  // The file system of a test has no such file: then there is nothing to check.
  if (::stat(path.c_str(), &status) != 0 || (status.st_mode & (S_IRWXG | S_IRWXO)) == 0) return {};
  return Error{Errc::denied, path + ": others may read the salts; chmod 600 it"};
}

}  // namespace

SaltsState::~SaltsState() {
  explicit_bzero(key.data(), key.size());
}

base::Result<SaltsState> read_salts(base::FileSystem& files, const std::string& path) {
  auto read = base::read_file(files, path, kFileBytesMax);
  if (!read && read.error().code == Errc::too_large) return damaged(path, "it is much too long");
  if (!read) return read.error();
  const Secret file(*std::move(read));
  if (const auto fine = refuse_if_others_may_read(path); !fine) return fine.error();

  const std::string_view bytes = file.bytes;
  const auto wrong_size = [&] {
    return damaged(
        path, "it has " + std::to_string(bytes.size()) + " bytes, and there should be " + std::to_string(kFileBytes));
  };
  if (bytes.size() < kMagic.size() + 2 + kSumBytes) return wrong_size();
  if (!bytes.starts_with(kMagic)) return damaged(path, "it does not begin as a file of salts does");
  const std::size_t sum_at = bytes.size() - kSumBytes;
  const std::uint32_t sum = base::ByteReader(bytes.substr(sum_at)).u32();
  const bool sum_holds = sum == base::crc32c(bytes.substr(0, sum_at));
  const char version = bytes[kMagic.size()];
  if (sum_holds && version > kVersion && version <= '9') {
    return Error{Errc::newer_format, path + " is of format " + version + ", and this release knows formats up to " +
                                         kVersion + "; start the release that wrote it"};
  }
  if (bytes.size() != kFileBytes) return wrong_size();
  if (!sum_holds) return damaged(path, "its checksum does not hold");

  base::ByteReader in(bytes.substr(kMagic.size()));
  const bool known = in.u8() == kVersion && in.u8() == '\n';
  const auto day = static_cast<std::int64_t>(in.u64());
  const std::string_view key = in.raw(SaltsState{}.key.size());
  if (!known || day < INT32_MIN || day > INT32_MAX) return damaged(path, "it breaks its grammar");
  SaltsState state;
  state.day = static_cast<counting::Day>(day);
  std::copy(key.begin(), key.end(), state.key.begin());
  return state;
}

base::Result<void> write_salts(base::FileSystem& files, const std::string& path, const SaltsState& state) {
  Secret file({});
  file.bytes.reserve(kFileBytes);  // no copy is left behind
  base::ByteWriter out(file.bytes);
  out.raw(kMagic);
  out.u8(kVersion);
  out.u8('\n');
  out.u64(static_cast<std::uint64_t>(std::int64_t{state.day}));
  for (const std::uint8_t byte : state.key) out.u8(byte);
  out.u32(base::crc32c(file.bytes));
  return base::replace_file(files, path, file.bytes);
}

counting::Day oldest_salt_day(std::int64_t now_s) {
  return static_cast<counting::Day>(counting::floor_div(now_s - kLatestZone_s - kWindowAndSlack_s, 86'400));
}

bool is_of_the_future(counting::Day day, std::int64_t now_s) {
  return day > oldest_salt_day(now_s) + 1;
}

}  // namespace footfall::sites
