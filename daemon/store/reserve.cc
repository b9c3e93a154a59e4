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
  if (auto grown = (*file)->allocate(*size); !grown) {
    // Some file systems keep what they found before they found no more.
    if (bytes() > 0) {
      (void)(*file)->truncate(bytes());
    } else {
      (void)directory_.files().remove(path_);
    }
    return grown;
  }
  set(*size);
  return {};
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

}  // namespace footfall::store
