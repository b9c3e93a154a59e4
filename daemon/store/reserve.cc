// SPDX-License-Identifier: Apache-2.0
// Reserve: see reserve.h. Nothing of it is synced but the renames around a checkpoint: a crash that loses it loses
// room.
#include "store/reserve.h"

#include <algorithm>
#include <memory>

#include "store/checkpoint.h"

namespace footfall::store {
namespace {

using base::Errc;
using base::OpenMode;
using base::Result;

constexpr std::uint64_t kStepBytes = 4096;
constexpr std::uint64_t kSmallSegmentBytes = 64U << 10U;

Result<std::uint64_t> size_of(base::FileSystem& files, const std::string& path) {
  auto file = files.open(path, OpenMode::read);
  if (!file) return file.error();
  return (*file)->size();
}

}  // namespace

Reserve::Reserve(const DataDirectory& directory, std::uint64_t fixed)
    : directory_(directory), path_(directory.file("checkpoint/reserve")), fixed_(fixed) {
  if (const auto size = size_of(directory.files(), path_)) set(*size);
}

Result<std::uint64_t> Reserve::wanted() const {
  const auto numbers = list_checkpoints(directory_);
  if (!numbers) return numbers.error();
  if (numbers->empty()) return fixed_;
  const auto newest = size_of(directory_.files(), checkpoint_path(directory_, numbers->back()));
  if (!newest) return newest.error();
  return fixed_ + *newest + *newest / 4;
}

Result<void> Reserve::take() {
  const auto size = wanted();
  if (!size) return size.error();
  if (bytes() >= *size) return {};
  auto file = directory_.files().open(path_, OpenMode::create);
  if (!file) return file.error();
  auto grown = (*file)->allocate(*size);
  if (grown) {
    set(*size);
    return grown;
  }
  // As much as there is.
  for (std::uint64_t more = (*size - bytes()) / 2; more >= kStepBytes; more /= 2) {
    // Some file systems keep what they found before they found no more.
    (void)(*file)->truncate(bytes());
    if ((*file)->allocate(bytes() + more)) set(bytes() + more);
  }
  (void)(*file)->truncate(bytes());
  return grown;
}

bool Reserve::give(std::uint64_t bytes) {
  if (this->bytes() == 0) return false;
  auto file = directory_.files().open(path_, OpenMode::read_write);
  if (!file) return false;
  const std::uint64_t left = this->bytes() - std::min(bytes, this->bytes());
  if (!(*file)->truncate(left)) return false;
  set(left);
  return true;
}

Result<void> Reserve::lend(const std::string& path) {
  lent_ = bytes();
  if (lent_ == 0) return {};
  if (auto renamed = directory_.files().rename(path_, path); !renamed) return renamed;
  set(0);
  // Before the file gets its next name: no device may see it under both.
  return directory_.files().sync_directory(directory_.file("checkpoint"));
}

Result<void> Reserve::put_back(const std::string& path) {
  if (lent_ == 0) {
    auto removed = directory_.files().remove(path);
    return removed || removed.error().code == Errc::not_found ? Result<void>() : removed;
  }
  auto file = directory_.files().open(path, OpenMode::read_write);
  if (!file) return file.error();
  auto size = (*file)->size();
  if (!size) return size.error();
  if (*size > lent_) {
    if (auto cut = (*file)->truncate(lent_); !cut) return cut;
  }
  if (auto renamed = directory_.files().rename(path, path_); !renamed) return renamed;
  set(std::min(*size, lent_));
  return {};
}

Result<void> begin_segment(journal::Writer& control, Reserve& reserve, const std::function<Result<void>()>& begin) {
  Result<void> begun = begin();
  if (begun || begun.error().code != Errc::no_room || !reserve.give(kSmallSegmentBytes)) return begun;
  const std::uint64_t whole = control.segment_bytes();
  control.set_segment_bytes(std::min(whole, kSmallSegmentBytes));
  begun = begin();
  control.set_segment_bytes(whole);
  return begun;
}

Result<std::uint64_t> close_control_segment(journal::Writer& control, Reserve& reserve) {
  std::uint64_t segment = 0;
  const Result<void> begun = begin_segment(control, reserve, [&]() -> Result<void> {
    const Result<journal::Position> rolled = control.roll();
    if (!rolled) return rolled.error();
    segment = rolled->segment;
    return {};
  });
  if (begun) return segment;
  const journal::Position closed = control.last_closed(control.durable_through());
  if (!control.failed() || closed.sequence < control.durable_through()) return begun.error();
  return closed.segment;
}

}  // namespace footfall::store
