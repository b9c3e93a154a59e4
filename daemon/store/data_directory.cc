// SPDX-License-Identifier: Apache-2.0
// DataDirectory: META is lines of text, so that people can read it; its last line is a checksum of the others.
//
//   footfall 1
//   incarnation 0f1e...            32 hex digits
//   restored-from 0a1b...          the same, where it was made from a backup
//   slot 1a2b...                   under which other nodes are told of it, where they are
//   ticket 2a3b...                 what the last stop left
//   crc32c 89abcdef
// Tested by tests/unit/store/data_directory_test.cc.
#include "store/data_directory.h"

#include <algorithm>
#include <charconv>

#include "base/hash.h"
#include "base/hex.h"

namespace footfall::store {
namespace {

using base::Errc;
using base::Error;

constexpr std::string_view kFirstLine = "footfall ";
constexpr std::uint32_t kDirectoryVersion = 1;
constexpr std::string_view kIncarnation = "incarnation ";
constexpr std::string_view kRestoredFrom = "restored-from ";
constexpr std::string_view kSlot = "slot ";
constexpr std::string_view kTicket = "ticket ";

std::string checksum_line(std::string_view lines) {
  std::string out = "crc32c ";
  base::append_hex_number(out, base::crc32c(lines));
  return out + "\n";
}

struct Meta {
  journal::Incarnation incarnation{};
  std::optional<journal::Incarnation> restored_from, slot, ticket;
};

std::string meta_text(const Meta& meta) {
  std::string lines = std::string(kFirstLine) + std::to_string(kDirectoryVersion) + "\n";
  lines.append(kIncarnation).append(base::to_text(meta.incarnation)).append("\n");
  const auto add = [&lines](std::string_view key, const std::optional<journal::Incarnation>& id) {
    if (id) lines.append(key).append(base::to_text(*id)).append("\n");
  };
  add(kRestoredFrom, meta.restored_from);
  add(kSlot, meta.slot);
  add(kTicket, meta.ticket);
  return lines + checksum_line(lines);
}

base::Result<Meta> parse_meta(std::string_view text, const std::string& path) {
  const Error damaged{Errc::corrupt, path + " is damaged; put it back from a backup of the directory"};
  if (!text.starts_with(kFirstLine)) return damaged;
  std::uint32_t version = 0;
  const char* begin = text.data() + kFirstLine.size();
  const auto [end, error] = std::from_chars(begin, text.data() + text.size(), version);
  if (error != std::errc{} || end == text.data() + text.size() || *end != '\n') return damaged;
  if (version > kDirectoryVersion) {  // whatever that format checks, and how
    return Error{Errc::newer_format, path + " says format " + std::to_string(version) +
                                         ", and this release knows formats up to " + std::to_string(kDirectoryVersion) +
                                         "; start the release that wrote it"};
  }
  const std::size_t last = text.rfind("crc32c ");
  if (last == std::string_view::npos || text.substr(last) != checksum_line(text.substr(0, last))) return damaged;
  const std::string_view lines = text.substr(0, last);
  const auto named = [lines](std::string_view key) {
    const std::size_t at = lines.find(key);
    return at == std::string_view::npos
               ? std::nullopt
               : base::parse_incarnation(lines.substr(at + key.size(), 2 * sizeof(base::Incarnation)));
  };
  const auto incarnation = named(kIncarnation);
  if (!incarnation) return damaged;
  return Meta{*incarnation, named(kRestoredFrom), named(kSlot), named(kTicket)};
}

std::string parent_directory(std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  const std::size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return ".";
  return slash == 0 ? "/" : std::string(path.substr(0, slash));
}

Error unusable(const std::string& path, const Error& cause) {
  return Error{cause.code, "cannot use " + path + " as the data directory: " + cause.detail +
                               (cause.code == Errc::no_room ? "; make room on its file system"
                                                            : "; make it writable for the user that runs footfalld") +
                               ", or name another directory"};
}

}  // namespace

base::Result<std::unique_ptr<DataDirectory>> DataDirectory::open(
    base::FileSystem& files, const std::string& path, const std::optional<journal::Incarnation>& restored_from) {
  std::unique_ptr<DataDirectory> directory(new DataDirectory(files, path));
  directory->restored_from_ = restored_from;
  const auto there = files.exists(path);
  if (!there) return unusable(path, there.error());
  if (auto made = files.make_directory(path); !made) return unusable(path, made.error());
  if (auto named = directory->keep_name(*there); !named) return named.error();
  if (auto locked = directory->lock(); !locked) return locked.error();
  if (auto ready = directory->read_or_make_meta(); !ready) return ready.error();
  for (const char* part : {"journal", "checkpoint"}) {
    if (auto made = files.make_directory(directory->file(part)); !made) return unusable(path, made.error());
  }
  if (auto synced = files.sync_directory(path); !synced) return unusable(path, synced.error());
  return directory;
}

base::Result<std::unique_ptr<DataDirectory>> DataDirectory::open_existing(base::FileSystem& files,
                                                                          const std::string& path) {
  return read(files, path, true);
}

base::Result<std::unique_ptr<DataDirectory>> DataDirectory::open_beside(base::FileSystem& files,
                                                                        const std::string& path) {
  return read(files, path, false);
}

base::Result<std::unique_ptr<DataDirectory>> DataDirectory::read(base::FileSystem& files, const std::string& path,
                                                                 bool lock) {
  std::unique_ptr<DataDirectory> directory(new DataDirectory(files, path));
  const std::string meta = directory->file("META");
  auto there = files.exists(meta);
  if (!there) return unusable(path, there.error());
  if (!*there) {
    return Error{Errc::not_found, path +
                                      " is no data directory: there is no META in it; name the directory that "
                                      "footfalld was given as --data-dir"};
  }
  auto ever_used = files.exists(directory->file("LOCK"));
  if (!ever_used) return unusable(path, ever_used.error());
  if (*ever_used && lock) {
    if (auto locked = directory->lock(); !locked) return locked.error();
  }
  if (auto ready = directory->read_or_make_meta(); !ready) return ready.error();
  return directory;
}

// Makes its name in the directory above durable, which a power cut would take with all that is below. What was there is
// its maker's, and the directory above may be closed to us; but the maker may be a first start that was cut short.
base::Result<void> DataDirectory::keep_name(bool was_there) {
  const auto begun = files_.exists(file("META"));
  if (!begun) return unusable(path_, begun.error());
  if (*begun) return {};
  const std::string parent = parent_directory(path_);
  const auto synced = files_.sync_directory(parent);
  if (synced || was_there) return {};
  return Error{synced.error().code, path_ + " was made, but its name cannot be kept over a power cut: " +
                                        synced.error().detail + "; let the user that runs footfalld read " + parent};
}

base::Result<void> DataDirectory::lock() {
  auto lock = files_.lock(file("LOCK"));
  if (!lock) {
    if (lock.error().code != Errc::in_use) return unusable(path_, lock.error());
    return Error{Errc::in_use, "another process uses the data directory " + path_ +
                                   "; stop that footfalld first, or name another directory"};
  }
  lock_ = std::move(*lock);
  return {};
}

base::Result<void> DataDirectory::read_or_make_meta() {
  const std::string meta = file("META");
  auto text = base::read_file(files_, meta, 4096);
  if (text) {
    auto parsed = parse_meta(*text, meta);
    if (!parsed) return parsed.error();
    incarnation_ = parsed->incarnation;
    restored_from_ = parsed->restored_from;
    slot_ = parsed->slot;
    ticket_ = parsed->ticket;
    return {};
  }
  auto there = files_.exists(meta);
  if (!there) return unusable(path_, there.error());
  if (*there) return unusable(path_, text.error());
  for (const char* part : {"journal", "checkpoint"}) {
    auto names = files_.list(file(part));
    if (names && !names->empty()) {
      return Error{Errc::corrupt,
                   meta + " is missing, but " + file(part) +
                       " holds data; put META back from a backup, or move the directory away to begin anew"};
    }
  }
  base::random_bytes(incarnation_.data(), incarnation_.size());
  fresh_ = true;
  if (auto written = write_meta(std::nullopt, std::nullopt); !written) return unusable(path_, written.error());
  return {};
}

base::Result<void> DataDirectory::write_meta(const std::optional<journal::Incarnation>& slot,
                                             const std::optional<journal::Incarnation>& ticket) {
  return base::replace_file(files_, file("META"), meta_text({incarnation_, restored_from_, slot, ticket}));
}

base::Result<void> DataDirectory::set_slot(const journal::Incarnation& slot,
                                           const std::optional<journal::Incarnation>& ticket) {
  if (auto written = write_meta(slot, ticket); !written) return written;
  slot_ = slot;
  ticket_ = ticket;
  return {};
}

std::string DataDirectory::incarnation_text() const {
  return base::to_text(incarnation_);
}

std::string DataDirectory::stream_directory(journal::StreamId stream) const {
  return journal_directory() + "/" + journal::directory_name(stream);
}

}  // namespace footfall::store
