// SPDX-License-Identifier: Apache-2.0
// FaultFs: see fault_fs.h.
#include "support/fault_fs.h"

#include <algorithm>

#include "base/hash.h"
#include "support/crash_states.h"

namespace footfall::testing {
namespace {

using base::Errc;
using base::Error;
using base::Result;

Error absent(const std::string& path) {
  return {Errc::not_found, path};
}
Error broken(const std::string& what) {
  return {Errc::io, what + ": injected failure"};
}
Error full(const std::string& what) {
  return {Errc::no_room, what + ": no room left"};
}
std::string leaf(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

// Whoever changes something alone may change it in place.
template <class T>
T& own(std::shared_ptr<T>& shared) {
  if (shared.use_count() > 1) shared = std::make_shared<T>(*shared);
  return *shared;
}

}  // namespace

// ---- Disk ----

NodeId Disk::add(bool directory) {
  Node& node = nodes_.emplace_back();
  if (directory) {
    node.names = std::make_shared<Names>();
  } else {
    node.bytes = std::make_shared<Bytes>();
  }
  return static_cast<NodeId>(nodes_.size() - 1);
}

std::string& Disk::change_bytes(NodeId node) {
  Bytes& bytes = own(nodes_[node].bytes);
  bytes.hash = 0;
  return bytes.bytes;
}

Disk::Names& Disk::change_names(NodeId node) {
  return own(nodes_[node].names);
}

std::optional<NodeId> Disk::find(std::string_view path) const {
  NodeId at = kRoot;
  while (!path.empty()) {
    const std::size_t slash = std::min(path.find('/'), path.size());
    if (slash > 0) {
      if (!is_directory(at)) return std::nullopt;
      const auto entry = names(at).find(std::string(path.substr(0, slash)));
      if (entry == names(at).end()) return std::nullopt;
      at = entry->second;
    }
    path.remove_prefix(std::min(slash + 1, path.size()));
  }
  return at;
}

std::uint64_t Disk::hash(NodeId node) const {
  const base::SipKey key{1, 2};
  if (!is_directory(node)) {
    const Bytes& file = *nodes_[node].bytes;
    if (file.hash == 0) file.hash = base::siphash13(key, file.bytes) | 1U;
    return file.hash;
  }
  std::uint64_t sum = 3;
  for (const auto& [name, child] : names(node)) {
    sum = base::mix64(sum + base::siphash13(key, name));
    sum = base::mix64(sum + hash(child));
  }
  return sum;
}

// ---- Files ----

class FaultFs::OpenFile : public base::File {
 public:
  OpenFile(FaultFs& files, NodeId node, bool writable) : files_(files), node_(node), writable_(writable) {}

  Result<void> write_at(std::uint64_t offset, std::string_view bytes) override {
    if (!writable_) return broken("write to a file opened for reading");
    const std::lock_guard lock(files_.mutex_);
    const bool fails = files_.writes_left_ == 0;
    if (fails) {
      bytes = bytes.substr(0, bytes.size() / 2);
    } else if (files_.writes_left_ != UINT64_MAX) {
      --files_.writes_left_;
    }
    ++files_.writes_;
    if (!files_.take_room(node_, offset + bytes.size())) return full("write");
    std::string& content = files_.cache_.change_bytes(node_);
    const auto at = static_cast<std::size_t>(offset);
    if (content.size() < at + bytes.size()) content.resize(at + bytes.size(), '\0');
    std::copy(bytes.begin(), bytes.end(), content.begin() + static_cast<std::ptrdiff_t>(at));
    files_.note({DiskOp::Kind::write, node_, offset, std::make_shared<std::string>(bytes), {}});
    if (fails) return broken("write");
    return {};
  }
  Result<std::size_t> read_into(std::uint64_t offset, char* to, std::size_t size) override {
    const std::lock_guard lock(files_.mutex_);
    const std::string& content = files_.cache_.bytes(node_);
    if (offset >= content.size()) return std::size_t{0};
    return content.copy(to, size, static_cast<std::size_t>(offset));
  }
  Result<std::uint64_t> size() override {
    const std::lock_guard lock(files_.mutex_);
    return std::uint64_t{files_.cache_.bytes(node_).size()};
  }
  // To the byte: no file system knows better.
  Result<std::uint64_t> data_end() override {
    const std::lock_guard lock(files_.mutex_);
    const std::size_t last = files_.cache_.bytes(node_).find_last_not_of('\0');
    return last == std::string::npos ? std::uint64_t{0} : std::uint64_t{last + 1};
  }
  Result<void> truncate(std::uint64_t size) override {
    const std::lock_guard lock(files_.mutex_);
    if (!files_.take_room(node_, size)) return full("truncate");
    std::string& content = files_.cache_.change_bytes(node_);
    if (content.size() > size) files_.give_room(content.size() - size);
    content.resize(static_cast<std::size_t>(size), '\0');
    files_.note({DiskOp::Kind::resize, node_, size, nullptr, {}});
    return {};
  }
  Result<void> allocate(std::uint64_t size) override {
    const std::lock_guard lock(files_.mutex_);
    if (files_.writes_left_ == 0) return broken("fallocate");
    if (files_.cache_.bytes(node_).size() >= size) return {};
    if (!files_.take_room(node_, size)) return full("fallocate");
    files_.cache_.change_bytes(node_).resize(static_cast<std::size_t>(size), '\0');
    files_.note({DiskOp::Kind::grow, node_, size, nullptr, {}});
    return {};
  }
  Result<void> sync() override {
    const std::lock_guard lock(files_.mutex_);
    const bool succeeds = files_.take_sync();
    files_.note({succeeds ? DiskOp::Kind::sync : DiskOp::Kind::sync_fails, node_, 0, nullptr, {}});
    return succeeds ? Result<void>{} : broken("fdatasync");
  }

 protected:
  FaultFs& files_;
  NodeId node_;
  bool writable_;
};

class FaultFs::Lock final : public OpenFile {
 public:
  Lock(FaultFs& files, NodeId node) : OpenFile(files, node, true) {}
  ~Lock() override {
    const std::lock_guard lock(files_.mutex_);
    files_.locked_.erase(node_);
  }
};

// ---- FaultFs ----

void FaultFs::load(Disk disk) {
  begin_ = disk;
  cache_ = std::move(disk);
  log_.clear();
  locked_.clear();
}

void FaultFs::cut_power(std::mt19937_64& random) {
  load(random_power_cut(*this, random));
}

std::optional<NodeId> FaultFs::parent_of(const std::string& path) const {
  const auto parent = cache_.find(std::string_view(path).substr(0, path.rfind('/') + 1));
  return parent && cache_.is_directory(*parent) ? parent : std::nullopt;
}

// For a file to be `size` bytes long.
bool FaultFs::take_room(NodeId node, std::uint64_t size) {
  const std::uint64_t now = cache_.bytes(node).size();
  if (room_ == UINT64_MAX || size <= now) return true;
  if (size - now > room_) return false;
  room_ -= size - now;
  return true;
}

void FaultFs::give_room(std::uint64_t bytes) {
  if (room_ != UINT64_MAX) room_ += bytes;
}

NodeId FaultFs::make(NodeId parent, const std::string& name, bool directory) {
  const NodeId node = cache_.add(directory);
  cache_.change_names(parent)[name] = node;
  note({DiskOp::Kind::names, parent, 0, nullptr, {{name, node}}, directory});
  return node;
}

Result<std::unique_ptr<base::File>> FaultFs::open(const std::string& path, base::OpenMode mode) {
  const std::lock_guard lock(mutex_);
  auto node = cache_.find(path);
  if (!node) {
    const auto parent = parent_of(path);
    if (mode != base::OpenMode::create || !parent) return absent(path);
    node = make(*parent, leaf(path), false);
  }
  if (cache_.is_directory(*node)) return Error{Errc::io, path + " is a directory"};
  return std::unique_ptr<base::File>(std::make_unique<OpenFile>(*this, *node, mode != base::OpenMode::read));
}

Result<void> FaultFs::rename(const std::string& from, const std::string& to) {
  const std::lock_guard lock(mutex_);
  if (renames_fail_) return broken("rename " + from);
  const auto node = cache_.find(from);
  const auto parent = parent_of(from);
  if (!node || !parent) return absent(from);
  if (parent_of(to) != parent) return Error{Errc::io, "rename to another directory: not built in this test double"};
  Disk::Names& names = cache_.change_names(*parent);
  names.erase(leaf(from));
  names[leaf(to)] = *node;
  note({DiskOp::Kind::names, *parent, 0, nullptr, {{leaf(from), std::nullopt}, {leaf(to), *node}}});
  return {};
}

Result<void> FaultFs::remove(const std::string& path) {
  const std::lock_guard lock(mutex_);
  const auto parent = parent_of(path);
  const auto node = cache_.find(path);
  if (!parent || !node) return absent(path);
  if (!cache_.is_directory(*node)) give_room(cache_.bytes(*node).size());
  cache_.change_names(*parent).erase(leaf(path));
  note({DiskOp::Kind::names, *parent, 0, nullptr, {{leaf(path), std::nullopt}}});
  return {};
}

Result<bool> FaultFs::exists(const std::string& path) {
  const std::lock_guard lock(mutex_);
  return cache_.find(path).has_value();
}

Result<void> FaultFs::make_directory(const std::string& path) {
  const std::lock_guard lock(mutex_);
  if (cache_.find(path)) return {};
  const auto parent = parent_of(path);
  if (!parent) return absent(path);
  make(*parent, leaf(path), true);
  return {};
}

Result<std::vector<std::string>> FaultFs::list(const std::string& directory) {
  const std::lock_guard lock(mutex_);
  const auto node = cache_.find(directory);
  if (!node || !cache_.is_directory(*node)) return absent(directory);
  std::vector<std::string> out;
  for (const auto& [name, child] : cache_.names(*node)) out.push_back(name);
  return out;
}

bool FaultFs::take_sync() {
  if (syncs_left_ == 0) return false;
  if (syncs_left_ != UINT64_MAX) --syncs_left_;
  ++syncs_;
  return true;
}

Result<void> FaultFs::sync_directory(const std::string& path) {
  const std::lock_guard lock(mutex_);
  const auto node = cache_.find(path);
  if (!node) return absent(path);
  if (!take_sync()) return broken("fsync " + path);
  note({DiskOp::Kind::sync_names, *node, 0, nullptr, {}});
  return {};
}

Result<std::unique_ptr<base::File>> FaultFs::lock(const std::string& path) {
  if (auto file = open(path, base::OpenMode::create); !file) return file.error();
  const std::lock_guard lock(mutex_);
  const NodeId node = *cache_.find(path);
  if (!locked_.insert(node).second) return Error{Errc::in_use, path};
  return std::unique_ptr<base::File>(std::make_unique<Lock>(*this, node));
}

}  // namespace footfall::testing
