// SPDX-License-Identifier: Apache-2.0
#include "store/set_aside.h"

#include <algorithm>
#include <memory>

#include "journal/writer.h"

namespace footfall::store {
namespace {

using base::Result;

constexpr std::size_t kCopiedAtOnce = 1U << 20U;
// Of the segment that is begun behind the cut: the stream's writer, if it still has one, begins another.
constexpr std::uint64_t kMarkerBytes = 64U << 10U;

// A name in journal/damaged that no earlier loss has taken.
Result<std::string> free_name(const DataDirectory& directory, journal::StreamId stream, std::uint64_t number) {
  const std::string stem = directory.damaged_directory() + "/" + journal::directory_name(stream) + "-";
  std::string name = stem + journal::segment_name(number);
  for (int i = 2;; ++i) {
    const auto taken = directory.files().exists(name);
    if (!taken) return taken.error();
    if (!*taken) return name;
    name = stem + journal::segment_name(number) + "." + std::to_string(i);
  }
}

Result<void> copy(base::FileSystem& files, const std::string& from, const std::string& to) {
  auto in = files.open(from, base::OpenMode::read);
  if (!in) return in.error();
  auto out = files.open(to, base::OpenMode::create);
  if (!out) return out.error();
  for (std::uint64_t at = 0;;) {
    const auto bytes = (*in)->read_at(at, kCopiedAtOnce);
    if (!bytes) return bytes.error();
    if (bytes->empty()) return (*out)->sync();
    if (auto r = (*out)->write_at(at, *bytes); !r) return r;
    at += bytes->size();
  }
}

Result<void> set_aside(const DataDirectory& directory, const LostTail& lost, const journal::Position& end) {
  base::FileSystem& files = directory.files();
  const std::string path = directory.stream_directory(lost.stream);
  if (lost.loss.begun) {
    const auto to = free_name(directory, lost.stream, *lost.loss.begun);
    if (!to) return to.error();
    if (auto r = copy(files, path + "/" + journal::segment_name(*lost.loss.begun), *to); !r) return r;
  }
  for (auto number = lost.loss.segments.rbegin(); number != lost.loss.segments.rend(); ++number) {
    const auto to = free_name(directory, lost.stream, *number);
    if (!to) return to.error();
    if (auto r = files.rename(path + "/" + journal::segment_name(*number), *to); !r) return r;
    if (auto r = files.sync_directory(directory.damaged_directory()); !r) return r;
  }
  journal::WriterOptions options;
  options.directory = path;
  options.stream = lost.stream;
  options.incarnation = directory.incarnation();
  options.segment_bytes = kMarkerBytes;
  const auto writer = journal::Writer::open(files, options, end);
  return writer ? Result<void>() : writer.error();
}

}  // namespace

Result<void> set_aside(const DataDirectory& directory, const RecoveredState& state) {
  if (state.lost.empty()) return {};
  base::FileSystem& files = directory.files();
  if (auto r = files.make_directory(directory.damaged_directory()); !r) return r;
  if (auto r = files.sync_directory(directory.journal_directory()); !r) return r;
  for (const LostTail& lost : state.lost) {
    const auto end = state.positions.find(lost.stream);
    if (auto r = set_aside(directory, lost, end == state.positions.end() ? journal::Position{} : end->second); !r) {
      return r;
    }
  }
  return files.sync_directory(directory.damaged_directory());
}

}  // namespace footfall::store
